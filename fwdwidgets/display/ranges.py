"""Tensors as floats, and the ranges of their colours and axes; only PyTorch, static shapes."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor


def as_float(value: Tensor) -> Tensor:
    """`value` on the CPU as floats that hold its numbers exactly; for complex, the magnitude.

    Returns:
        float64 for float64, int32 and int64 (exact below 2^53), float32 for everything smaller.
    """
    if value.layout is not torch.strided:
        value = value.to_dense()
    if value.is_complex():
        value = value.abs()
    wide = value.dtype in (torch.float64, torch.int32, torch.int64)
    return value.to("cpu", torch.float64 if wide else torch.float32)


def symmetric_range(value: Tensor) -> Tensor:
    """Colour range of activations: zero in the middle, the largest finite magnitude at the ends.

    Args:
        value: the whole layer, so that its pages share one scale.

    Returns:
        `(2,)`: low and high; -1 and 1 for a layer of zeros.
    """
    value = as_float(value)
    if value.numel() == 0:
        return value.new_tensor([-1.0, 1.0])
    largest = torch.where(value.isfinite(), value.abs(), 0.0).max()
    largest = torch.where(largest > 0, largest, 1.0)
    return torch.stack([-largest, largest])


def full_range(value: Tensor) -> Tensor:
    """Colour range of an input: its smallest and largest finite value, `(2,)`, never equal.

    A smallest value within a thousandth of zero counts as 0, as in pictures made by a sigmoid.
    """
    value = as_float(value)
    if value.numel() == 0:
        return value.new_tensor([0.0, 1.0])
    low = torch.where(value.isfinite(), value, math.inf).min()
    high = torch.where(value.isfinite(), value, -math.inf).max()
    high = torch.where(high > low, high, low + 1)
    low = torch.where(low.abs() < (high - low) / 1000, torch.zeros_like(low), low)
    return torch.where(low.isfinite(), torch.stack([low, high]), low.new_tensor([0.0, 1.0]))


def ticks(ends: Tensor) -> Tensor:
    """The numbers on a colour scale: its ends `(2,)` and the middle between them, `(3,)`."""
    return torch.stack([ends[0], ends.mean(), ends[1]])


def bar_range(values: Tensor) -> Tensor:
    """The range of the axis of bars, `(2,)`: zero and all finite values, with room at both ends."""
    low, high = _span_with_zero(values)
    high = torch.where(as_float(values).isfinite().any(), high, high + 1)
    room = torch.where(high > low, high - low, 1.0) * 0.06
    return torch.stack([low - room, high + room])


def value_range(values: Tensor) -> Tensor:
    """The range of an axis with names at its side, `(2,)`: zero and all finite values, never empty.

    There is room beyond the values, and none beyond zero.
    """
    low, high = _span_with_zero(values)
    room = (high - low) * 0.04
    low = torch.where(low < 0, low - room, low)
    return torch.stack([low, torch.where(high > 0, high + room, (low == 0).to(high.dtype))])


def _span_with_zero(values: Tensor) -> tuple[Tensor, Tensor]:
    """The smallest and the largest of zero and all finite values."""
    values = as_float(values).reshape(-1)
    known = torch.where(values.isfinite(), values, 0.0)
    known = F.pad(known, (0, 1))  # zero itself
    return known.min(), known.max()
