"""What a step did to its input: which values it changed, and which it set to zero."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from fwdwidgets.display import as_float


@dataclass(frozen=True)
class Change:
    """The values of a step's output against those of its input.

    Attributes:
        difference: output minus input, of their shape; zero where a value stayed as it was, NaN
            included. None where the shapes differ.
        total: how many values the output has.
        changed: how many of them are other values than in the input; None where shapes differ.
        zeroed: how many are zero and were not; None where shapes differ.
        moved: whether the same values stand, in the same order, in another shape.
    """

    difference: Tensor | None
    total: int
    changed: int | None
    zeroed: int | None
    moved: bool


def compare(before: Tensor, after: Tensor) -> Change:
    """Compare input and output of a step, any two tensors of numbers or truth values.

    Example:
        >>> compare(torch.tensor([-2.0, 0.0, 3.0]), torch.tensor([0.0, 0.0, 3.0])).zeroed
        1
    """
    old, new = as_float(before), as_float(after)
    total = new.numel()
    if old.shape != new.shape:
        moved = old.numel() == total and _same(old.reshape(-1), new.reshape(-1)).all().item()
        return Change(None, total, None, None, bool(moved))
    wide = torch.promote_types(old.dtype, new.dtype)
    old, new = old.to(wide), new.to(wide)
    same = _same(old, new)
    difference = torch.where(same, torch.zeros((), dtype=wide), new - old)
    zeroed = int(((new == 0) & (old != 0)).sum())
    return Change(difference, total, total - int(same.sum()), zeroed, False)


def describe(change: Change, op: str) -> str:
    """A change in a sentence: `relu set 61 of 120 values to zero, the other 59 stayed ...`."""
    of = f"{change.total:,} {'value' if change.total == 1 else 'values'}"
    if change.total == 0:
        return "The output has no values."
    if change.changed is None or change.zeroed is None:
        return (
            f"{op} changed the shape only: the same {of}, in the same order."
            if (change.moved)
            else ""
        )
    if change.changed == 0:
        return f"{op} changed no value: all {of} are as before."
    if change.zeroed == 0:
        return f"{op} changed {change.changed:,} of {of}."
    other = change.changed - change.zeroed
    zeros = f"{op} set {change.zeroed:,} of {of} to zero"
    rest = change.total - change.changed
    if other == 0:
        return f"{zeros}; the other {rest:,} stayed as they were."
    return f"{zeros} and changed {other:,} others; {rest:,} stayed as they were."


def _same(old: Tensor, new: Tensor) -> Tensor:
    """Where two tensors hold the same number; NaN is the same as NaN."""
    return (old == new) | (old.isnan() & new.isnan())
