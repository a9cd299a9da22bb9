"""One sample of a batch, run alone: where and why the results differ."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from fwdwidgets import display
from fwdwidgets.advice import check_output, explain_failure
from fwdwidgets.trace import ForwardTrace
from fwdwidgets.widgets.batch_forward.words import explain_step


@dataclass(frozen=True, eq=False)
class Alone:
    """One sample of a batch, run alone and compared with its row of the batch.

    Attributes:
        row: which sample of the batch, from 0.
        equal: whether every number is the same, bit for bit (two NaN count as the same).
        close: whether they differ by rounding at most: no more than sqrt(eps) of the largest
            magnitude of the row, eps being that of the output's dtype.
        difference: the largest absolute difference; infinity where one of the two is not finite,
            None where there is nothing to compare.
        step: the first step that differs by more than rounding, or an empty text.
        sentence: what a learner reads.
    """

    row: int
    equal: bool
    close: bool
    difference: float | None
    step: str
    sentence: str


def compare(alone: ForwardTrace, batch: ForwardTrace, row: int) -> Alone:
    """Compare the trace of one sample alone with its row in the trace of the batch."""
    about = f"Row {row} alone"
    failure = explain_failure(alone) if alone.error else check_output(alone.output)
    if failure:
        return Alone(row, False, False, None, "", f"{about} does not go through: {failure}")
    one, many = alone.output[0], batch.output[row]
    if one.shape != many.shape:
        shapes = f"{tuple(one.shape)} and {tuple(many.shape)}"
        return Alone(row, False, False, None, "", f"{about} and in the batch: shapes {shapes}.")
    difference = _difference(one, many)
    if difference == 0:
        told = f"{about} and in the batch: the same {one.numel()} numbers, bit for bit."
        return Alone(row, True, True, difference, "", told)
    if difference <= _rounding(many):
        told = (
            f"{about} and in the batch: the same up to {difference:.1e}, which is rounding; "
            "for one row PyTorch adds in another order."
        )
        return Alone(row, False, True, difference, "", told)
    step, why = _first_difference(alone, batch, row)
    told = f"{about} and in the batch: not the same, they differ by up to {difference:.3g}. {why}"
    return Alone(row, False, False, difference, step, told)


def _first_difference(alone: ForwardTrace, batch: ForwardTrace, row: int) -> tuple[str, str]:
    """The first step at which the batch treats a row otherwise than alone, and why."""
    for one, many in zip(alone, batch, strict=False):
        if one.op != many.op:
            return many.name, (
                f"The batch takes another path through forward() than row {row} alone: "
                f"{many.name} instead of {one.name}."
            )
        if one.value is None or many.value is None:
            continue
        ours = many.value
        if one.value.shape[1:] == ours.shape[1:] and one.value.shape != ours.shape:
            if len(one.value) != 1 or len(ours) <= row:
                continue  # the batch axis is folded into another one here
            ours = ours[row : row + 1]
        if one.value.shape == ours.shape and _difference(one.value, ours) > _rounding(ours):
            return many.name, explain_step(many)
    return "", "No step mixes the rows: rounding grew from step to step."


def _difference(one: Tensor, other: Tensor) -> float:
    """The largest absolute difference; where both hold the same, NaN included, there is none."""
    a, b = display.as_float(one).double(), display.as_float(other).double()
    same = (a == b) | (a.isnan() & b.isnan())
    return float((a - b).abs().nan_to_num(math.inf).masked_fill(same, 0).amax()) if len(a) else 0.0


def _rounding(value: Tensor) -> float:
    """The largest difference that counts as rounding: sqrt(eps) of the magnitude."""
    if not value.is_floating_point():
        return 0.0
    finite = display.as_float(value).nan_to_num(0, 0, 0).abs()
    largest = float(finite.max()) if finite.numel() else 0.0
    return math.sqrt(torch.finfo(value.dtype).eps) * largest
