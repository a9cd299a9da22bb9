"""Masks of cells, kept thin: an axis along which all cells are alike takes no memory."""

from __future__ import annotations

import torch
from torch import Tensor


def thin(mask: Tensor) -> Tensor:
    """The mask with length 1 on each axis along which it was expanded."""
    for axis, stride in enumerate(mask.stride()):
        if stride == 0 and mask.shape[axis] > 1:
            mask = mask.narrow(axis, 0, 1)
    return mask


def either(first: Tensor | None, second: Tensor) -> Tensor:
    """Where either of two masks of the same shape is set; the second if there is no first."""
    if first is None or first is second:
        return second
    return (thin(first) | thin(second)).expand(second.shape)


def through(mask: Tensor, axis: int, matrix: Tensor) -> Tensor:
    """A mask whose axis has gone through a relation of 0 and 1, (from, to).

    An axis of length 1 stands for one along which all are alike.
    """
    if mask.shape[axis] == 1:
        seen = matrix.any(0)
        return mask & seen.view([-1 if d == axis else 1 for d in range(mask.dim())])
    moved = mask.movedim(axis, -1).to(matrix.dtype) @ matrix
    return (moved > 0).movedim(-1, axis)


def box_of(mask: Tensor) -> tuple[slice, ...]:
    """The smallest box around the marked cells; empty slices where there are none."""
    found = []
    own = thin(mask)
    for axis, size in enumerate(mask.shape):
        others = [d for d in range(mask.dim()) if d != axis]
        seen = own.any(others) if others else own
        places = seen.expand(size).nonzero()[:, 0]
        if not len(places):
            return tuple(slice(0, 0) for _ in mask.shape)
        found.append(slice(int(places[0]), int(places[-1]) + 1))
    return tuple(found)


def one(shape: tuple[int, ...], cell: tuple[int, ...]) -> Tensor:
    """A mask of one cell."""
    mask = torch.zeros(shape, dtype=torch.bool)
    mask[cell] = True
    return mask
