"""The values from which an operation made NaN or infinity."""

from __future__ import annotations

import torch
from torch import Tensor

from fwdwidgets.trace import Step
from fwdwidgets.widgets.what_went_wrong import words

_SHOWN = 3
"""At most this many values that became NaN or infinite are written out."""
_MIXING = ("linear", "matmul", "mm", "bmm", "batch_norm", "layer_norm", "group_norm", "where")
"""Operations whose operands may have the result's shape although each value is made of many."""


def explain_values(step: Step, operands: list[Tensor]) -> str:
    """The values from which an operation made NaN or infinity.

    Args:
        step: whose value holds some.
        operands: what went into it, parameters included.

    Returns:
        `at (0, 2): log(0) = -inf` for some of them where each value is made of one value of each
        operand, else the ranges of the operands; an empty text without operands.
    """
    value = step.value
    if value is None or not operands:
        return ""
    bad = {n: tuple(o.shape) for n, o in enumerate(operands, 1) if not is_finite(o)}
    pointwise = step.op not in _MIXING and not step.op.startswith("conv")
    if pointwise and all(_stretches(operand, value) for operand in operands):
        rows = (~value.isfinite()).nonzero()[:_SHOWN].tolist()
        made = [_made(step.op, tuple(row), operands, value) for row in rows]
        return words.say_values(bad, made, int((~value.isfinite()).sum()))
    ranges = [
        (tuple(o.shape), o.min().item(), o.max().item())
        for o in operands
        if o.numel() and not o.is_complex() and is_finite(o)
    ]
    return words.say_ranges(bad, ranges)


def _made(op: str, place: tuple[int, ...], operands: list[Tensor], value: Tensor) -> str:
    given = [operand.expand(value.shape)[place].item() for operand in operands]
    return words.say_value(op, place, given, value[place].item())


def _stretches(operand: Tensor, value: Tensor) -> bool:
    try:
        operand.expand(value.shape)
    except RuntimeError:
        return False
    return True


def is_finite(tensor: Tensor) -> bool:
    """Whether a tensor holds no NaN and no infinity; of a sparse one that is taken for granted."""
    if tensor.layout is not torch.strided or not tensor.is_floating_point():
        return True
    return bool(tensor.isfinite().all())
