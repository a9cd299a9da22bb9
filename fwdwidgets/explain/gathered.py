"""A number that is a function of many cells: softmax, norms, products, variances, losses."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from torch import Tensor

from fwdwidgets.explain import latex
from fwdwidgets.explain.call import Call
from fwdwidgets.explain.index import Access, Index
from fwdwidgets.explain.relation import Cells, Made, Relation
from fwdwidgets.explain.terms import Block, Terms


@dataclass(frozen=True, eq=False)
class Result:
    """What a function of many cells gives.

    Attributes:
        result: the number.
        products: what each cell of the first access contributes, in the shape of its values.
        formula: LaTeX; the terms that are shown are put in place of `<terms>`, joined by `join`.
        code: a line of PyTorch.
        weights: what each cell is multiplied by; None if it goes through a function.
        term: LaTeX of one term, with `<x>` for its number (`<n>` without brackets), `<w>` for its
            weight and `<p>` for its product.
        join: what stands between the terms.
        scale: how large the numbers were, if the terms do not show it.
    """

    result: float
    products: Tensor
    formula: str
    code: str
    weights: Tensor | None = None
    term: str = "<x>"
    join: str = " + "
    scale: float = 0.0


Function = Callable[[Index, Sequence[Cells]], Result]


class Gathered(Relation):
    """A function of all cells that the accesses find.

    Args:
        call: the operation.
        how: how they are combined, in a word.
        accesses: the cells; the terms are those of the first.
        over: the lengths of what is run over.
        function: takes the output cell and what each access finds, and gives the result.
    """

    how = "function"

    def __init__(
        self,
        call: Call,
        how: str,
        accesses: Sequence[Access],
        over: Sequence[int],
        function: Function,
    ) -> None:
        super().__init__(call, accesses, over)
        self.how, self.function = how, function  # type: ignore[misc]

    def made(self, index: Index) -> Made:
        """See `Relation`."""
        cells = self.cells(index)
        found = self.function(index, cells)
        values = cells[0].values.expand(found.products.shape).reshape(-1)
        places = cells[0].index.expand(*found.products.shape, cells[0].index.shape[-1])
        products = found.products.reshape(-1).double()
        weights = None if found.weights is None else found.weights.reshape(-1).double()
        block = Block(
            self.accesses[0].operand, places.reshape(len(values), -1), values, weights, products
        )
        shown = []
        # In a loss over classes, only the terms of the true classes are not zero.
        some = products.nonzero()[:, 0].tolist() if self.how == "loss" else range(len(values))
        for place in latex.chosen(products[list(some)].tolist()):
            i = None if place is None else some[place]
            text = r"\cdots" if i is None else found.term
            if i is not None:
                text = text.replace("<x>", latex.inner(values[i].item()))
                text = text.replace("<n>", latex.number(values[i].item()))
                text = text.replace("<p>", latex.inner(products[i].item()))
                text = text.replace(
                    "<w>", latex.inner(1.0 if weights is None else weights[i].item())
                )
            shown.append(text)
        formula = found.formula.replace("<terms>", found.join.join(shown))
        return Made(
            found.result,
            max(abs(found.result), products.abs().sum().item(), found.scale),
            Terms([block]),
            f"{formula} = {latex.number(found.result)}",
            found.code,
            self.regions(cells),
        )
