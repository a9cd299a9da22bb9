"""Many samples in one forward pass: their answers and confusions, and one of them alone.

A row of a batch should not depend on the rows beside it. `run_batch` runs the batch, runs one of
its samples alone as well, and tells where and why the two part.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
import torch.nn.functional as F
from torch import Tensor

from fwdwidgets import display
from fwdwidgets.advice import check_output, explain_failure
from fwdwidgets.data import Sample, device_of
from fwdwidgets.networks import Answer, Forward, read_answer
from fwdwidgets.trace import ForwardTrace, Step

MAX_BYTES = 2**29
"""The values of all steps of a batch may take so many bytes; a larger batch is refused."""


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


@dataclass(frozen=True, eq=False)
class BatchRun:
    """One forward pass of a batch.

    Attributes:
        inputs: `(N, ...)`, what the network got.
        trace: all its steps; None where the batch was refused.
        answers: what each row of the output says; empty where there is a failure.
        failure: a sentence that says why there are no answers, or an empty text.
        alone: one sample by itself; None where there is a failure.
    """

    inputs: Tensor
    trace: ForwardTrace | None
    answers: tuple[Answer, ...]
    failure: str
    alone: Alone | None


def collate(samples: Sequence[Sample]) -> Tensor:
    """Put the inputs of samples into one batch, `(N, ...)`, as a DataLoader would.

    Raises:
        ValueError: the inputs are not of one shape.
    """
    first = samples[0]
    for sample in samples:
        if sample.input.shape != first.input.shape:
            raise ValueError(
                f"sample {sample.index} has the shape {tuple(sample.input.shape)} and sample "
                f"{first.index} {tuple(first.input.shape)}: a batch is one tensor, so its samples "
                "need one shape. Resize or pad them in the dataset, or choose size=1."
            )
    return torch.stack([sample.input for sample in samples])


def run_batch(forward: Forward, samples: Sequence[Sample], row: int) -> BatchRun:
    """Run the network once on a batch of samples, and once on one of them alone.

    Args:
        forward: the network; its weights are chosen already.
        samples: at least one.
        row: which of them is run alone, 0 to N - 1.

    Raises:
        ValueError: the samples are not of one shape.
    """
    assert forward.network is not None, "use_seed comes first"
    inputs = collate(samples)
    inputs = inputs.to(device_of(forward.network))
    alone = forward.trace(inputs[row : row + 1])
    refusal = _refuse(alone, len(inputs))
    if refusal:
        return BatchRun(inputs, None, (), refusal, None)
    trace = forward.trace(inputs)
    failure = explain_failure(trace) if trace.error else _check_rows(trace.output, len(inputs))
    if failure:
        if alone.error is None and not check_output(alone.output) and len(inputs) > 1:
            failure += (
                " One sample alone goes through: this forward is made for a batch of 1. "
                "Use x.shape[0] for the batch size, or x.flatten(1), in place of a fixed number."
            )
        return BatchRun(inputs, trace, (), failure, None)
    answers = tuple([read_answer(trace, index) for index in range(len(inputs))])
    return BatchRun(inputs, trace, answers, "", _compare(alone, trace, row))


def look_at(forward: Forward, run: BatchRun, row: int) -> BatchRun:
    """Take another sample of a batch that has been run, and run that one alone."""
    if run.trace is None or run.failure:
        return run
    alone = forward.trace(run.inputs[row : row + 1])
    return replace(run, alone=_compare(alone, run.trace, row))


def _refuse(alone: ForwardTrace, count: int) -> str:
    """Say that a batch is too large to be recorded, judged by one sample of it."""
    each = sum(value.nbytes for step in alone for value in step.values)
    if each * count <= MAX_BYTES or count == 1:
        return ""
    return (
        f"size={count} is too large for this network: its steps hold {each / 2**20:,.0f} MB a "
        f"sample, so this batch would take {each * count / 2**30:.2g} GB. "
        f"Choose size={max(1, MAX_BYTES // each)} or less."
    )


def _check_rows(output: object, count: int) -> str:
    """Say why an output has no row of classes for each sample, or an empty text."""
    if not isinstance(output, Tensor) or output.dim() != 2 or len(output) == count:
        return check_output(output[:1] if isinstance(output, Tensor) and output.dim() else output)
    return (
        f"The model returned a tensor of shape {tuple(output.shape)}, {len(output)} rows for "
        f"{count} samples: a reshape moved the batch axis. Keep it first: x.flatten(1), or "
        "x.reshape(x.shape[0], -1)."
    )


# --- one alone ------------------------------------------------------------------------------------


def _compare(alone: ForwardTrace, batch: ForwardTrace, row: int) -> Alone:
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
                f"{many.name} in place of {one.name}."
            )
        if one.value is None or many.value is None:
            continue
        ours = many.value
        if one.value.shape[1:] == ours.shape[1:] and one.value.shape != ours.shape:
            if len(one.value) != 1 or len(ours) <= row:
                continue  # the batch axis is folded into another one here
            ours = ours[row : row + 1]
        if one.value.shape == ours.shape and _difference(one.value, ours) > _rounding(ours):
            return many.name, _why(many)
    return "", "No step mixes the rows: rounding grew from step to step."


def _why(step: Step) -> str:
    first = f"The first step that differs is {step.name}"
    if step.op == "batch_norm":
        return (
            f"{first}: BatchNorm in train mode takes mean and variance over the whole batch, so "
            "the other rows change this one. In eval mode it takes its running statistics."
        )
    if "dropout" in step.op:
        return (
            f"{first}: dropout in train mode zeroes values at random, and draws other zeros for "
            "a batch than for one sample. In eval mode it does nothing."
        )
    if step.op in ("softmax", "log_softmax"):
        return f"{first}: it runs along the batch axis. Use dim=1, the axis of the classes."
    source = f", {' '.join(step.source.split())}," if step.source else ""
    return (
        f"{first}{source} which mixes the rows of the batch or draws random numbers. "
        "Let each row keep to itself: work along dim=1 and later axes."
    )


def _difference(one: Tensor, other: Tensor) -> float:
    """The largest absolute difference; where both hold the same, NaN included, there is none."""
    a, b = display.as_float(one).double(), display.as_float(other).double()
    same = (a == b) | (a.isnan() & b.isnan())
    return float((a - b).abs().nan_to_num(math.inf).masked_fill(same, 0).amax()) if len(a) else 0.0


def _rounding(value: Tensor) -> float:
    """The largest difference that is put down to rounding: sqrt(eps) of the magnitude."""
    if not value.is_floating_point():
        return 0.0
    finite = display.as_float(value).nan_to_num(0, 0, 0).abs()
    largest = float(finite.max()) if finite.numel() else 0.0
    return math.sqrt(torch.finfo(value.dtype).eps) * largest


# --- pictures and confusion -----------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class Tiles:
    """The inputs of a batch as one picture, a tile a sample, NaN in the gaps.

    Attributes:
        z: `(rows, columns)` of cells.
        tile: height and width of one tile.
        tiles: rows and columns of tiles, filled row by row; the last may be missing.
        note: what was done to the inputs to draw them, or an empty text.
    """

    z: Tensor
    tile: tuple[int, int]
    tiles: tuple[int, int]
    note: str


def tile_inputs(inputs: Tensor, aspect: float, cells: int = display.MAX_CELLS) -> Tiles:
    """Lay out a batch as one picture.

    Args:
        inputs: `(N, ...)`. Of `(N, C, H, W)` the mean of the channels is drawn, a vector as a
            strip; what is too large is shrunk by averaging.
        aspect: width over height of the panel that the picture should fill.
        cells: how many cells the tiles may have together.
    """
    values = display.as_float(inputs)
    count, notes = len(values), []
    if values.dim() < 3:
        values = values.reshape(count, 1, -1)
    if values.dim() > 3:
        values = values.flatten(1, -3)  # (N, channels, H, W)
        if values.shape[1] > 1:
            notes.append(f"mean of {values.shape[1]} channels")
        values = values.mean(dim=1)
    height, width = values.shape[1:]
    shrink = math.sqrt(max(1.0, count * height * width / cells))
    if shrink > 1:
        height, width = max(1, int(height / shrink)), max(1, int(width / shrink))
        values = F.adaptive_avg_pool2d(values, (height, width))
        notes.append(f"shrunk to {height} x {width}")
    rows, columns = display.tiling(count, height, width, aspect)
    where = display.Grid(
        "mosaic", "sample", count, height, width, (0, 0, 0), (count, height, width),
        (rows, columns), 0, 1,
    )  # fmt: skip
    return Tiles(display.arrange(values, where), (height, width), (rows, columns), ", ".join(notes))


def confusion(
    labels: Sequence[int | None], predictions: Sequence[int | None], classes: int
) -> Tensor:
    """Count how often each class was taken for which.

    Args:
        labels: the true class of each sample; None is left out.
        predictions: the predicted class of each; None is left out.
        classes: how many there are.

    Returns:
        int64 `(classes, classes)`: row the label, column the prediction; what is right stands
        on the diagonal.
    """
    counts = torch.zeros(classes, classes, dtype=torch.int64)
    for label, prediction in zip(labels, predictions, strict=True):
        if label is not None and prediction is not None:
            counts[label, prediction] += 1
    return counts
