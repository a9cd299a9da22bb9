"""How many bytes a forward pass takes, by step and in total, and how large a batch fits.

Bytes are measured, not guessed: two small batches run, every new piece of memory is counted while
it is alive, and what they need grows with the batch in a straight line.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from torch import nn

from fwdwidgets.trace import ForwardTrace, Inputs, rerun
from fwdwidgets.widgets.what_went_wrong.meter import bytes_alive, distinct_bytes

_FEW, _MORE = 2, 3
"""Two batches of different size; one sample alone is not enough for BatchNorm in train mode."""


@dataclass(frozen=True)
class Fit:
    """What one batch needs, compared with the available memory.

    Attributes:
        needed: bytes.
        fits: whether that is no more than there is.
        largest: the largest batch that fits, 0 where none; None: any fits.
    """

    needed: int
    fits: bool
    largest: int | None


@dataclass(frozen=True)
class Need:
    """Bytes over the batch size: the highest of some straight lines, one a moment of the run.

    Attributes:
        lines: fixed bytes, and bytes a sample, of each of them.
    """

    lines: tuple[tuple[float, float], ...]

    def at(self, batch: int) -> int:
        """Bytes for a batch."""
        return round(max(fixed + slope * batch for fixed, slope in self.lines))

    def largest(self, budget: int) -> int | None:
        """The largest batch whose bytes are at most `budget`, 0 where none; None: any fits."""
        limits = [(budget - fixed) // slope for fixed, slope in self.lines if slope > 0]
        if self.at(0) > budget:
            return 0
        return int(min(limits)) if limits else None

    def fit(self, batch: int, budget: int) -> Fit:
        """What a batch needs beside a budget of bytes."""
        needed = self.at(batch)
        return Fit(needed, needed <= budget, self.largest(budget))


@dataclass(frozen=True)
class Memory:
    """What a model needs, in bytes.

    Attributes:
        weights: parameters and buffers.
        steps: the result of each step, by its name.
        inference: all that is alive at once without gradients: weights, inputs, results.
        training: the same for one forward and backward pass: also what autograd keeps, and the
            gradients; None where there is no backward pass.
    """

    weights: int
    steps: dict[str, Need]
    inference: Need
    training: Need | None

    def sizes(self, batch: int) -> dict[str, int]:
        """Bytes of the result of each step, for a batch."""
        return {name: need.at(batch) for name, need in self.steps.items()}


def result_sizes(trace: ForwardTrace) -> dict[str, int]:
    """Bytes of the result of each step as it ran, by the name of the step."""
    return {step.name: _bytes(step.values) for step in trace if step.values}


def measure_memory(model: nn.Module, inputs: Inputs, trace: ForwardTrace) -> Memory | None:
    """Measure what a model needs for batches like `inputs`; it is left as found.

    Args:
        model: any module that runs on them.
        inputs: with a batch axis, of at least one sample.
        trace: its forward pass on these inputs; of one that ran out of memory, steps are known by
            the small batches alone.

    Returns:
        The bytes, or None where the inputs have no batch axis or the model does not run on two and
        on three of their samples.
    """
    if not inputs.batch:
        return None
    few, more = inputs.rows(_FEW), inputs.rows(_MORE)
    passes = [rerun(model, rows)[0] for rows in (few, more)]
    if any(one.error is not None for one in passes):
        return None
    held = distinct_bytes([*model.parameters(), *model.buffers()])
    grown = [_bytes(rows.tensors()) for rows in (few, more)]
    base = sum(held.values())
    runs = [
        [[base + given + new for new in bytes_alive(model, rows, learn)] for learn in (False, True)]
        for rows, given in zip((few, more), grown, strict=True)
    ]
    (predicted, learned), (predicted_more, learned_more) = runs
    return Memory(
        weights=base,
        steps=_steps(trace if trace.error is None else passes[0], inputs.batch, passes),
        inference=_need(predicted, predicted_more),
        training=_need(learned, learned_more) if learned else None,
    )


def _steps(trace: ForwardTrace, batch: int, passes: list[ForwardTrace]) -> dict[str, Need]:
    needs = {}
    for step in trace:
        if not step.values:
            continue
        size = _bytes(step.values)
        if all(step.name in one for one in passes):
            few, more = (_bytes(one[step.name].values) for one in passes)
            needs[step.name] = _need([few], [more])
        elif step.shape and step.shape[0] == batch:  # a branch that only these samples take
            needs[step.name] = Need(((0, size / batch),))
        else:
            needs[step.name] = Need(((size, 0),))
    return needs


def _need(few: list[int], more: list[int]) -> Need:
    """The lines through what was alive at each moment of two runs."""
    if len(few) != len(more):  # they took other paths: the two peaks alone compare
        few, more = [max(few)], [max(more)]
    lines = set()
    for low, high in zip(few, more, strict=True):
        slope = (high - low) / (_MORE - _FEW)
        lines.add((low - slope * _FEW, slope))
    return Need(tuple(sorted(line for line in lines if not _below(line, lines))))


def _below(line: tuple[float, float], lines: set[tuple[float, float]]) -> bool:
    """Whether another line is nowhere lower than this one."""
    return any(one != line and one[0] >= line[0] and one[1] >= line[1] for one in lines)


def _bytes(tensors: Any) -> int:
    return sum(t.numel() * t.element_size() for t in tensors)
