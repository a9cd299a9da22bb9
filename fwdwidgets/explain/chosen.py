"""The largest, or the smallest, of some cells."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from fwdwidgets.explain import latex
from fwdwidgets.explain.call import Call
from fwdwidgets.explain.index import Access, Index
from fwdwidgets.explain.relation import Made, Relation
from fwdwidgets.explain.terms import Block, Terms


class Largest(Relation):
    """The largest of the cells of an operand; the others have weight 0.

    Args:
        call: the operation.
        access: the cells.
        over: the lengths of the axes that are searched.
        smallest: pick the smallest instead.
        place: the result is the position of that cell, not its number.
    """

    how = "largest"

    def __init__(
        self,
        call: Call,
        access: Access,
        over: Sequence[int],
        smallest: bool = False,
        place: bool = False,
    ) -> None:
        super().__init__(call, [access], over)
        self.word, self.place = ("min" if smallest else "max"), place

    def made(self, index: Index) -> Made:
        """See `Relation`."""
        (cells,) = self.cells(index)
        values = cells.values.reshape(-1)
        best = int(values.argmin() if self.word == "min" else values.argmax())
        recorded = int(self.call.value[index]) if self.place else best
        if 0 <= recorded < len(values) and values[recorded] == values[best]:
            best = recorded  # among equal cells PyTorch may choose another
        picked = torch.zeros(len(values), dtype=torch.float64)
        picked[best] = 1
        product = torch.where(picked > 0, values, picked)
        places = cells.index.reshape(len(values), -1)
        result = float(best) if self.place else values[best].item()
        shown = [
            r"\ldots" if i is None else latex.number(values[i].item())
            for i in latex.chosen([float(n == best) for n in range(len(values))], shown=9)
        ]
        name = f"arg{self.word}" if self.place else f"a{self.word}"
        return Made(
            result,
            abs(result),
            Terms([Block(self.accesses[0].operand, places, values, picked, product)]),
            rf"\operatorname{{{'arg' if self.place else ''}{self.word}}}({', '.join(shown)}) = "
            f"{latex.number(result)}",
            f"{cells.code}.{name}()",
            self.regions([cells]),
        )
