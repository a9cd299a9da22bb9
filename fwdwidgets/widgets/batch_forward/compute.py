"""Many samples in one forward pass: their answers and confusions, and one of them alone.

A row of a batch should not depend on the rows beside it. `run_batch` runs the batch, runs one of
its samples alone as well, and tells where and why they differ.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from fwdwidgets.advice import check_output, explain_failure
from fwdwidgets.data import Sample, device_of
from fwdwidgets.networks import Answer, Forward, read_answer
from fwdwidgets.trace import ForwardTrace
from fwdwidgets.widgets.batch_forward.alone import Alone, compare

MAX_BYTES = 2**29
"""The most bytes for the values of all steps of a batch; a larger batch is refused."""


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
                "Use x.shape[0] for the batch size, or x.flatten(1), instead of a fixed number."
            )
        return BatchRun(inputs, trace, (), failure, None)
    answers = tuple([read_answer(trace, index) for index in range(len(inputs))])
    return BatchRun(inputs, trace, answers, "", compare(alone, trace, row))


def look_at(forward: Forward, run: BatchRun, row: int) -> BatchRun:
    """Take another sample of a batch that has been run, and run that one alone."""
    if run.trace is None or run.failure:
        return run
    alone = forward.trace(run.inputs[row : row + 1])
    return replace(run, alone=compare(alone, run.trace, row))


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
