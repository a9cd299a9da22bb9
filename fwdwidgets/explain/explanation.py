"""What one number of a forward pass is made of."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from fwdwidgets.explain.call import Call, NotTakenApart
from fwdwidgets.explain.index import Index
from fwdwidgets.explain.relation import Made, Region, Relation
from fwdwidgets.explain.table import related
from fwdwidgets.explain.terms import Terms
from fwdwidgets.trace import ForwardTrace

TOLERANCE = 1e-5
"""How far a number may be from what its terms give, relative to the size of these; for float32."""
_EPS = torch.finfo(torch.float32).eps


class Explanation:
    """One number of a step, and what it is made of.

    Attributes:
        step: the name of the step.
        index: the cell of its output.
        output: which of its outputs.
        how: how the cells are combined, in a word: `sum`, `largest`, `copied`, ...; `""` of an
            opaque one.
        status: `exact`: the terms give the number; `opaque`: the step is not taken apart, and
            `inputs` are all cells of its operands.
        note: why it is opaque; `""` otherwise.
        value: the step's own recorded number.
        terms: what it is made of.
        formula: in LaTeX, with the numbers.
        code: a line of PyTorch that gives the number, with the names in `names`; `""` of an
            opaque one.
        inputs: the region of each operand that it was made of, by its name.
        parts: what some of the terms are made of, by their operand: the gates of an LSTM, whose
            terms add up to what goes into the sigmoid or tanh of the gate.
        names: the operands in `code`, as they were when the step ran.
        sources: for each operand where it comes from: `trace["relu"].value`, `model.conv1.weight`.
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
        """Compute the number once more, in float64 from the recorded operands, and compare.

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

    Nothing is said that was not checked: an explanation whose terms do not give the number is
    opaque, and its note says so.

    Args:
        trace: of `trace_forward` or a `Tracer`.
        step: the name of a step, or its place.
        index: the cell of its value; negative numbers count from the end.
        output: which of its values, where it gave several.

    Returns:
        The explanation.

    Raises:
        KeyError: there is no such step.
        IndexError: there is no such cell, or no such output.
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
    """A cell by numbers from the start; refused with a sentence where there is none."""
    given = (index,) if isinstance(index, int) else tuple(int(i) for i in index)
    if len(given) != len(shape):
        raise IndexError(f"index={given}: {name} has {len(shape)} axes, its shape is {shape}")
    if not all(-size <= i < size for i, size in zip(given, shape, strict=True)):
        raise IndexError(f"index={given} is no cell of {name}, whose shape is {shape}")
    return tuple(i % size for i, size in zip(given, shape, strict=True))


def _problem(made: Made, value: float, tensor: Tensor) -> str:
    """Why what was computed is not the number; `""` where it is."""
    if made.result == value or (made.result != made.result and value != value):
        return ""
    tolerance = TOLERANCE
    if tensor.is_floating_point():
        tolerance *= max(1.0, torch.finfo(tensor.dtype).eps / _EPS)
    else:
        tolerance = 0.0
    difference = abs(made.result - value)
    # A float32 below its smallest normal number is often made a zero.
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
    """Where each operand comes from, as a learner would write it; `""` where there is no word."""
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
