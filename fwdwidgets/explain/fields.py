"""What a cell can see and what a patch of the input can reach, followed step by step."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from fwdwidgets.explain.call import Call, NotTakenApart
from fwdwidgets.explain.explanation import cell_of
from fwdwidgets.explain.masks import box_of, either, one
from fwdwidgets.explain.related import related
from fwdwidgets.trace import ForwardTrace, Owner

Box = tuple[slice, ...]


@dataclass(frozen=True, eq=False)
class Field:
    """The cells of the inputs that can reach one cell of a step.

    Attributes:
        step: the step.
        index: the cell of its value.
        inputs: for each input of the model, a mask of the cells that the cell can see.
        steps: for each step on the way, a mask of the cells of its first value.
        status: `exact`, or `bound` if a step is not taken apart or an operand was written to
            through a view: the step then counts as seeing every cell.
    """

    step: str
    index: tuple[int, ...]
    inputs: tuple[Tensor, ...]
    steps: dict[str, Tensor]
    status: str

    @property
    def mask(self) -> Tensor:
        """The mask of the first input."""
        return self.inputs[0]

    @property
    def box(self) -> Box:
        """The smallest box around the cells of the first input."""
        return box_of(self.mask)


@dataclass(frozen=True, eq=False)
class Cone:
    """The cells of later steps that a change of some cells of the input can reach.

    Attributes:
        steps: for each step, a mask of the cells of its first value.
        status: `exact`, or `bound` if a step that is not taken apart counts as reaching every cell.
    """

    steps: dict[str, Tensor]
    status: str


def receptive_field(trace: ForwardTrace, step: str | int, index: int | Sequence[int]) -> Field:
    """The cells of the model's input that could have changed one number of a step.

    Which cells did matter for this input is another question, answered by the gradient: a ReLU
    that gave zero, or a cell that max pooling did not pick, is in the field with gradient zero.

    Args:
        trace: of `trace_forward` or a `Tracer`.
        step: the name of a step, or its place.
        index: the cell of its value.

    Raises:
        KeyError: there is no such step.
        IndexError: there is no such cell.
    """
    found = trace[step]
    value = found.value
    if value is None:
        raise IndexError(f"{found.name} has no value")
    cell = cell_of(found.name, index, tuple(value.shape))
    last = trace.steps.index(found)
    masks: dict[tuple[int, int], Tensor] = {(last, 0): one(tuple(value.shape), cell)}
    inputs: dict[int, Tensor] = {}
    exact, lost = True, False
    for number in range(last, -1, -1):
        outputs = [key for key in masks if key[0] == number]
        for key in outputs:
            seen, sure = _back(trace, number, key[1], masks[key])
            exact = exact and sure
            for owner, mask in seen:
                _join(masks, inputs, owner, mask)
                # What was written to a part of it may have come from anywhere.
                lost = lost or (owner is None and bool(mask.any()))
    steps = {trace.steps[n].name: mask for (n, o), mask in sorted(masks.items()) if o == 0}
    none = [torch.tensor(lost).expand(tensor.shape) for tensor in trace.inputs]
    if lost:
        inputs, exact = {}, False
    given = tuple(inputs.get(number, mask) for number, mask in enumerate(none))
    return Field(found.name, cell, given, steps, "exact" if exact else "bound")


def reach(trace: ForwardTrace, patch: Tensor, number: int = 0) -> Cone:
    """The cells of each step that a change of the marked cells of an input can reach.

    Args:
        trace: of `trace_forward` or a `Tracer`.
        patch: a mask in the shape of the input.
        number: which of the model's inputs.

    Raises:
        ValueError: the mask has another shape.
    """
    if not 0 <= number < len(trace.inputs):
        raise ValueError(f"number={number}: the model was given {len(trace.inputs)} tensors")
    if patch.shape != trace.inputs[number].shape:
        shape = tuple(trace.inputs[number].shape)
        raise ValueError(f"patch has the shape {tuple(patch.shape)}, the input {shape}")
    masks: dict[tuple[int, int], Tensor] = {}
    exact = True
    for place, step in enumerate(trace.steps):
        if step.error is not None:
            break
        operation = trace.operation(place)
        for output, value in enumerate(step.values):
            call = Call(step.op, operation, step.values, output)
            found = torch.zeros((), dtype=torch.bool).expand(value.shape)
            try:
                relation = related(call)
            except NotTakenApart:
                whole = [_known(o, masks, number, patch) for o, _ in call.operands()]
                if any(mask is not None and bool(mask.any()) for mask in whole):
                    found, exact = ~found, False
            else:
                for name, tensor in call.tensors.items():
                    owner = call.owners.get(name)
                    mask = _known(owner, masks, number, patch)
                    if mask is None and owner is None and name not in call.constants and masks:
                        mask, exact = torch.ones(tensor.shape, dtype=torch.bool), False
                    if mask is not None and bool(mask.any()):
                        found = either(found, relation.forth(name, mask))
            masks[place, output] = found
    steps = {trace.steps[n].name: mask for (n, o), mask in masks.items() if o == 0}
    return Cone(steps, "exact" if exact else "bound")


def mattered(
    trace: ForwardTrace, step: str | int, index: int | Sequence[int]
) -> tuple[Tensor, ...]:
    """For each input, a mask of the cells that mattered for one number: nonzero gradient."""
    found = trace[step]
    if found.value is None:
        raise IndexError(f"{found.name} has no value")
    cell = cell_of(found.name, index, tuple(found.value.shape))
    return tuple(gradient != 0 for gradient in trace.gradient(found.name, cell))


def _back(
    trace: ForwardTrace, number: int, output: int, mask: Tensor
) -> tuple[list[tuple[Owner, Tensor]], bool]:
    """The masks of the operands that the marked cells of a step read; whether they are exact."""
    step = trace.steps[number]
    call = Call(step.op, trace.operation(number), step.values, output)
    try:
        relation = related(call)
    except NotTakenApart:
        whole = bool(mask.any())
        operands = call.operands()
        return [(o, torch.tensor(whole).expand(t.shape)) for o, t in operands], not (
            whole and operands
        )
    found = relation.back(mask)
    return [
        (call.owners.get(name), seen) for name, seen in found.items() if name not in call.constants
    ], True


def _join(
    masks: dict[tuple[int, int], Tensor],
    inputs: dict[int, Tensor],
    owner: Owner,
    mask: Tensor,
) -> None:
    """Add a mask to those of the step or input that owns the value."""
    if isinstance(owner, tuple):
        masks[owner] = either(masks.get(owner), mask)
    elif isinstance(owner, int):
        inputs[owner] = either(inputs.get(owner), mask)


def _known(
    owner: Owner,
    masks: dict[tuple[int, int], Tensor],
    number: int,
    patch: Tensor,
) -> Tensor | None:
    """The cells of an operand that a change has reached; None if it cannot have reached any."""
    if isinstance(owner, tuple):
        return masks.get(owner)
    return patch if owner == number else None
