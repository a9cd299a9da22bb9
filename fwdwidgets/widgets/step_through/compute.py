"""What a step did to its input: which values it changed, and which it set to zero."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

from fwdwidgets.display import as_float, grid
from fwdwidgets.trace import ForwardTrace, Shape, Step

INPUT = "input"
"""The name of what the model got."""
FEW = 12
"""Up to so many values of a row are printed as numbers as well."""
_VIEWS = frozenset(
    "getitem view reshape flatten unflatten squeeze unsqueeze select narrow transpose permute t T "
    "mT movedim swapaxes expand expand_as view_as chunk split unbind diagonal detach contiguous "
    "unfold data real imag".split()
)
"""Operations whose output may be a window on the memory of their first operand."""


@dataclass(frozen=True)
class Operand:
    """A tensor that a step took, and that an earlier step made or the model got.

    Attributes:
        name: of the step that made it, or `INPUT`.
        shape: its shape.
        value: as it was when the step took it; None where that was not recorded, for it was
            written to through another view of its memory.
    """

    name: str
    shape: Shape
    value: Tensor | None


def find_operands(trace: ForwardTrace, index: int, batch: Tensor) -> tuple[Operand, ...]:
    """What a step took from earlier steps and from the model's input; weights are left out.

    Args:
        trace: the forward pass.
        index: of the step in `trace.steps`.
        batch: what the model got, its one input.
    """
    step = trace.steps[index]
    number = {other.name: i for i, other in enumerate(trace)}
    found: list[Operand] = []
    for shape, parent, given in zip(step.input_shapes, step.parents, step.given, strict=True):
        if given:
            found.append(Operand(INPUT, shape, None if _was_written(trace, None, index) else batch))
        if parent is None:
            continue
        made = trace[parent]
        fits = (v for v in made.values if tuple(v.shape) == shape)
        value = None if _was_written(trace, number[parent], index) else next(fits, None)
        found.append(Operand(parent, shape, value))
    return tuple(found)


def _was_written(trace: ForwardTrace, made: int | None, taken: int) -> bool:
    """Whether a step between two others wrote into the memory of what the first one made."""
    between = [s for s in trace.steps[(-1 if made is None else made) + 1 : taken] if s.mutates]
    if not between:
        return False
    root = None if made is None else _root(trace, trace.steps[made])
    return any(_root(trace, step) == root for step in between)


def _root(trace: ForwardTrace, step: Step) -> str | None:
    """The step that made the memory in which the value of a step may stand; None: the input."""
    while step.op in _VIEWS or step.mutates:
        parent = step.parents[0] if step.parents else None
        if parent is None:
            return None
        step = trace[parent]
    return step.name


@dataclass(frozen=True)
class Change:
    """The values of a step's output against those of its input.

    Attributes:
        difference: output minus input, of their shape; zero where a value stayed as it was, NaN
            included. None where the shapes differ.
        taken: how many values the input has.
        total: how many values the output has.
        changed: how many of them are other values than in the input; None where shapes differ.
        zeroed: how many are zero and were not; None where shapes differ.
        moved: whether the same values stand, in the same order, in another shape.
    """

    difference: Tensor | None
    taken: int
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
        return Change(None, old.numel(), total, None, None, bool(moved))
    wide = torch.promote_types(old.dtype, new.dtype)
    old, new = old.to(wide), new.to(wide)
    same = _same(old, new)
    difference = torch.where(same, torch.zeros((), dtype=wide), new - old)
    zeroed = int(((new == 0) & (old != 0)).sum())
    return Change(difference, total, total, total - int(same.sum()), zeroed, False)


@dataclass(frozen=True, eq=False)
class Look:
    """A look at one step, and at one of the tensors that it took.

    Attributes:
        trace: the forward pass.
        index: of the step in `trace.steps`.
        operands: what it took of earlier steps and of the model's input.
        chosen: which of these, from 0.
    """

    trace: ForwardTrace
    index: int
    operands: tuple[Operand, ...]
    chosen: int = 0

    @property
    def step(self) -> Step:
        """The step."""
        return self.trace.steps[self.index]

    @property
    def operand(self) -> Operand | None:
        """The chosen of the operands; None where the step took none."""
        return self.operands[self.chosen] if self.operands else None

    @property
    def before(self) -> Tensor | None:
        """What the step took; None where it took nothing, or where that is not known."""
        return self.operand.value if self.operand else None

    @property
    def after(self) -> Tensor | None:
        """What it gave; None where it failed."""
        return self.step.value

    @cached_property
    def change(self) -> Change | None:
        """From what it took to what it gave; None where one of them is not known."""
        if self.before is None or self.after is None:
            return None
        return compare(self.before, self.after)

    @property
    def numbers(self) -> dict[str, list[float]]:
        """The values of a short row that it `takes` or `gives`."""
        return {"takes": _short_row(self.before), "gives": _short_row(self.after)}

    @property
    def weights(self) -> list[Shape]:
        """The shapes of what it took of the model's own."""
        shapes = list(self.step.input_shapes)
        for operand in self.operands:
            shapes.remove(operand.shape)
        return shapes

    @property
    def pages(self) -> int:
        """How many pages the larger of both values has."""
        shapes = [self.operand.shape if self.operand else None, self.step.shape]
        return max([1, *(grid(shape).pages for shape in shapes if shape is not None)])


def _short_row(value: Tensor | None) -> list[float]:
    """The values of a row of a few numbers; of any other value, none."""
    if value is None or not 0 < value.numel() <= FEW:
        return []
    if value.numel() != max(value.shape, default=1):
        return []
    return [float(number) for number in as_float(value).flatten()]


def _same(old: Tensor, new: Tensor) -> Tensor:
    """Where two tensors hold the same number; NaN is the same as NaN."""
    return (old == new) | (old.isnan() & new.isnan())
