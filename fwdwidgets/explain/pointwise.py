"""Cell by cell: the number is a function of one cell of each operand."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import isfinite

import torch
from torch import Tensor

from fwdwidgets.explain import latex
from fwdwidgets.explain.call import Call
from fwdwidgets.explain.index import Access, Index
from fwdwidgets.explain.relation import Made, Relation, broadcasting
from fwdwidgets.explain.terms import Block, Terms

Weigh = Callable[..., float]
"""Takes the operands' numbers and gives what the first of them is multiplied by."""


class Pointwise(Relation):
    """A function of the cells at one place, one of each operand.

    Args:
        call: the operation.
        operands: their names; they are broadcast.
        code: a line with `<input>`, `<other>`, ... for the cells, and for other arguments.
        formula: LaTeX with the same names, for their numbers.
        function: takes the numbers in float64 and gives the result; None for the operation itself.
        weigh: see `Weigh`; None if the first operand goes through a function.
        scaled_by: the operand that is the weight, as in `input * other`.
        accesses: which cells of each operand are read, if they are not broadcast.
    """

    how = "function"

    def __init__(
        self,
        call: Call,
        operands: Sequence[str],
        code: str,
        formula: str,
        function: Callable[..., Tensor] | None = None,
        weigh: Weigh | None = None,
        scaled_by: str | None = None,
        accesses: Sequence[Access] = (),
    ) -> None:
        found = {name: broadcasting(call, name) for name in operands}
        found.update({access.operand: access for access in accesses})
        super().__init__(call, list(found.values()))
        self.operands, self.code, self.formula = operands, code, formula
        self.function, self.weigh, self.scaled_by = function, weigh, scaled_by

    def made(self, index: Index) -> Made:
        """See `Relation`."""
        cells = dict(zip(self.operands, self.cells(index), strict=True))
        values = {name: own.values.reshape(()) for name, own in cells.items()}
        if self.function is None:
            result = self._again(values)
        else:
            result = self.function(*values.values()).double().item()
        numbers = {name: value.item() for name, value in values.items()}
        places = {name: own.index.reshape(1, -1) for name, own in cells.items()}
        blocks = []
        if self.weigh is not None:
            weight = torch.tensor([self.weigh(*numbers.values())], dtype=torch.float64)
            first, value = self.operands[0], values[self.operands[0]].reshape(1)
            by = self.scaled_by
            place = None if by is None else places[by]
            blocks = [Block(first, places[first], value, weight, value * weight, by, place)]
        else:
            whole = torch.tensor([result], dtype=torch.float64)
            for name, value in values.items():
                blocks.append(Block(name, places[name], value.reshape(1), None, whole))
        others = {k: v for k, v in self.call.arguments.items() if k not in cells}
        formula = _fill(self.formula, {n: latex.inner(v) for n, v in numbers.items()})
        shown = {k: latex.inner(v) for k, v in others.items() if type(v) in (int, float)}
        code = _fill(self.code, {n: own.code for n, own in cells.items()})
        return Made(
            result,
            max([abs(v) for v in (result, *numbers.values()) if isfinite(v)], default=0.0),
            Terms(blocks),
            f"{_fill(formula, shown)} = {latex.number(result)}",
            _fill(code, {name: repr(value) for name, value in others.items()}),
            self.regions(list(cells.values())),
        )

    def _again(self, values: dict[str, Tensor]) -> float:
        """The operation itself on the numbers, in float64 where they were floats."""
        given = {}
        for name, value in values.items():
            if name not in self.call.constants:
                own = self.call.tensors[name]
                given[name] = value if own.is_floating_point() else value.to(own.dtype)
        result = self.call.again(given)
        assert isinstance(result, Tensor)
        return result.double().item()


def _fill(text: str, values: dict[str, str]) -> str:
    for name, value in values.items():
        text = text.replace(f"<{name}>", value)
    return text
