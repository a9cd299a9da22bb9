"""What one number of a forward pass is made of."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from fwdwidgets.explain.call import Call, NotTakenApart
from fwdwidgets.explain.index import Index
from fwdwidgets.explain.related import related
from fwdwidgets.explain.relation import Made, Region, Relation
from fwdwidgets.explain.terms import Terms
from fwdwidgets.trace import ForwardTrace

TOLERANCE = 1e-5
"""How far a float32 number may be from what its terms give, relative to the size of the terms."""
_EPS = torch.finfo(torch.float32).eps


class Explanation:
    """One number of a step, and what it is made of.

    Attributes:
        step: the name of the step.
        index: the cell of its output, one position per axis.
        output: which of the step's outputs, from 0.
        how: how the cells are combined, in a word: `sum`, `largest`, `copied`, ...; `""` if the
            explanation is opaque.
        status: `exact`: the terms give the number; `opaque`: the step is not taken apart, and
            `inputs` holds all cells of its operands.
        note: why it is opaque; `""` otherwise.
        value: the number that the step recorded.
        terms: the terms that the number is made of.
        formula: the formula in LaTeX, with the numbers filled in.
        code: a line of PyTorch that computes the number from `names`; `""` if opaque.
        inputs: by operand name, the region of the operand that the number was made of.
        parts: by operand name, what some of the terms are made of: for the gates of an LSTM, the
            terms that add up to what goes into the gate's sigmoid or tanh.
        names: the operands in `code`, as they were when the step ran.
        sources: by operand name, where it comes from: `trace["relu"].value`,
            `model.conv1.weight`; `""` if that cannot be written in one expression.
    """

    def __init__(
        self,
        trace: ForwardTrace,
        step: str,
        index: Index,
        output: int = 0,
        relation: Relation | None = None,
        made: Made | None = None,
        note: str = "",
        call: Call | None = None,
    ) -> None:
        """Made by `explain`."""
        self.step, self.index, self.output = step, index, output
        self.note, self._relation = note, relation
        self._value = trace[step].values[output]
        self.value: float = self._value[index].item()
        self.status = "opaque" if made is None else "exact"
        self.how = relation.how if relation is not None else ""
        self.terms = Terms() if made is None else made.terms
        self.formula = "" if made is None else made.formula
        self.code = "" if made is None else made.code
        self.inputs = _whole(call) if made is None else made.inputs
        self.parts: dict[str, Terms] = {} if made is None else dict(made.parts)
        self.names: dict[str, Any] = {} if call is None else call.names()
        self.sources = {} if call is None else _sources(trace, call)

    def check(self) -> None:
        """Compute the number again in float64 from the recorded operands, and compare.

        Raises:
            ArithmeticError: they differ by more than 1e-5 of the size of the terms.
            ValueError: the step is not taken apart, so there is nothing to check.
        """
        if self._relation is None:
            raise ValueError(f"{self.step} is not taken apart: {self.note}")
        problem = _problem(self._relation.made(self.index), self.value, self._value)
        if problem:
            raise ArithmeticError(f"{self.step}{list(self.index)}: {problem}")

    def __repr__(self) -> str:
        head = f"{self.step}{list(self.index)} = {self.value:.6g}"
        if self.status == "opaque":
            return f"{head}, opaque: {self.note}"
        return f"{head}, {self.how} of {len(self.terms)} terms: {self.code}"


def explain(
    trace: ForwardTrace, step: str | int, index: int | Sequence[int], *, output: int = 0
) -> Explanation:
    """Say what one number of a forward pass is made of.

    Every explanation is checked first: if its terms do not give the recorded number, it is opaque
    and its note says so.

    Args:
        trace: what `trace_forward` or a `Tracer` returned.
        step: the name of a step, or its position in `trace.steps`.
        index: the cell of its value, one position per axis; negative ones count from the end.
        output: which of its values, for a step that returned several tensors.

    Returns:
        The explanation: its terms, formula and code, or the reason why there are none.

    Raises:
        KeyError: the trace has no such step.
        IndexError: the step has no such cell or output.
        RuntimeError: the operands are not known; see `ForwardTrace.operation`.

    Example:
        >>> trace = fw.trace_forward(nn.Linear(2, 1), torch.ones(1, 2))
        >>> fw.explain(trace, "linear", (0, 0)).code
        'input[0] @ weight[0] + bias[0]'
    """
    found = trace[step]
    if not 0 <= output < len(found.values):
        raise IndexError(f"output={output}: {found.name} has {len(found.values)} outputs")
    value = found.values[output]
    cell = cell_of(found.name, index, tuple(value.shape))
    call: Call | None = None
    try:
        call = Call(found.op, trace.operation(found.name), found.values, output)
        relation = related(call)
        made = relation.made(cell)
        problem = _problem(made, value[cell].item(), value)
        if problem:
            raise NotTakenApart(problem)
    except NotTakenApart as reason:
        return Explanation(trace, found.name, cell, output, note=str(reason), call=call)
    return Explanation(trace, found.name, cell, output, relation, made, call=call)


def cell_of(name: str, index: int | Sequence[int], shape: tuple[int, ...]) -> Index:
    """A cell with its positions counted from the start; IndexError if there is no such cell."""
    given = (index,) if isinstance(index, int) else tuple(int(i) for i in index)
    if len(given) != len(shape):
        raise IndexError(f"index={given}: {name} has {len(shape)} axes, its shape is {shape}")
    if not all(-size <= i < size for i, size in zip(given, shape, strict=True)):
        raise IndexError(f"index={given} is no cell of {name}, whose shape is {shape}")
    return tuple(i % size for i, size in zip(given, shape, strict=True))


def _problem(made: Made, value: float, tensor: Tensor) -> str:
    """Why the computed result is not the recorded number; `""` if it is."""
    if made.result == value or (made.result != made.result and value != value):
        return ""
    tolerance = TOLERANCE
    if tensor.is_floating_point():
        tolerance *= max(1.0, torch.finfo(tensor.dtype).eps / _EPS)
    else:
        tolerance = 0.0
    difference = abs(made.result - value)
    # A float32 below the smallest normal number is often flushed to zero.
    smallest = torch.finfo(torch.float32).tiny
    if difference <= tolerance * max(abs(value), made.scale) + (smallest if tolerance else 0):
        return ""
    return f"its terms give {made.result!r}, and it is {value!r}"


def _whole(call: Call | None) -> dict[str, Region]:
    """All cells of all operands."""
    found: dict[str, Region] = {}
    for number, (_, tensor) in enumerate(() if call is None else call.operands()):
        named = [n for n, own in call.tensors.items() if own is tensor] if call else []
        name = named[0] if named else f"operand {number}"
        positions = tuple(tuple(range(size)) for size in tensor.shape)
        found[name] = Region(name, tuple(tensor.shape), positions)
    return found


def _sources(trace: ForwardTrace, call: Call) -> dict[str, str]:
    """Where each operand comes from, as a learner would write it; `""` if it cannot be written."""
    found: dict[str, str] = {}
    for name in call.tensors:
        owner = call.owners.get(name)
        if isinstance(owner, tuple):
            step, output = owner
            tail = "value" if output == 0 else f"values[{output}]"
            found[name] = f'trace["{trace.steps[step].name}"].{tail}'
        elif isinstance(owner, str):
            found[name] = f"model.{owner}" if owner else ""
        elif owner is not None:
            found[name] = "x" if len(trace.inputs) == 1 else f"inputs[{owner}]"
        elif name not in call.constants:
            found[name] = ""
    return found
