"""Sums of products: convolutions, matrix products, means, additions."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from string import ascii_lowercase

import torch
from torch import Tensor

from fwdwidgets.explain import latex
from fwdwidgets.explain.call import Call
from fwdwidgets.explain.index import Access, Index
from fwdwidgets.explain.relation import Cells, Made, Relation
from fwdwidgets.explain.terms import Block, Terms

Coefficient = Callable[[Index], float | Tensor]
"""What each product of an output cell is multiplied by: one number, or one for each combination of
the summed positions, before those outside the operand are left out."""


class Sum(Relation):
    """Products of the factors' cells, each with a coefficient, and what is added to their sum.

    Args:
        call: the operation.
        factors: whose cells are multiplied.
        over: the lengths of what is run over.
        plus: operands that add one cell each, with the factor of that cell.
        coefficient: see `Coefficient`; 1 where it is None.
    """

    how = "sum"

    def __init__(
        self,
        call: Call,
        factors: Sequence[Access] = (),
        over: Sequence[int] = (),
        plus: Sequence[tuple[Access, float]] = (),
        coefficient: Coefficient | None = None,
    ) -> None:
        super().__init__(call, [*factors, *[access for access, _ in plus]], over)
        self.factors, self.coefficient = len(factors), coefficient
        self.weights = [weight for _, weight in plus]

    def made(self, index: Index) -> Made:
        """See `Relation`."""
        cells = self.cells(index)
        factors, plus = cells[: self.factors], cells[self.factors :]
        blocks, codes = list[Block](), list[str]()
        if factors:
            block, code = self._products(factors, index)
            blocks.append(block)
            codes.append(code)
        for access, own, weight in zip(
            self.accesses[self.factors :], plus, self.weights, strict=True
        ):
            value = own.values.reshape(1)
            weights = torch.full((1,), float(weight), dtype=torch.float64)
            place = own.index.reshape(1, -1)
            blocks.append(Block(access.operand, place, value, weights, value * weight))
            codes.append(own.code if weight == 1 else f"{_factor(weight)} * {own.code}")
        terms = Terms(blocks)
        products = terms.products
        result = products.sum().item()
        return Made(
            result,
            products.abs().sum().item(),
            terms,
            _formula(blocks, result),
            " + ".join(codes).replace(" + -1 * ", " - "),
            self.regions(cells),
        )

    def _products(self, factors: list[Cells], index: Index) -> tuple[Block, str]:
        sizes = [f.values.shape for f in factors]
        shape = torch.broadcast_shapes(*sizes)  # type: ignore[no-untyped-call]
        spread = [f.values.expand(shape) for f in factors]
        code = _code(self.accesses[: self.factors], factors)
        weight, by, where = torch.ones(shape, dtype=torch.float64), None, None
        for other in spread[1:]:
            weight = weight * other
        if self.coefficient is not None:
            given = self.coefficient(index)
            if isinstance(given, Tensor):
                given = given[self._kept(index)].double()
                code = f"({factors[0].code} * {_numbers(given)}).sum()"
                weight = weight * given.reshape(shape)
            else:
                count = round(1 / given) if given else 0
                exact = count and 1 / count == given
                code += f" / {count}" if exact and count != 1 else f" * {given!r}"
                weight = weight * given
        elif len(factors) == 2:
            by = self.accesses[1].operand
            at = factors[1].index
            where = at.expand(*shape, at.shape[-1]).reshape(-1, at.shape[-1])
        first = factors[0]
        place = first.index.expand(*shape, first.index.shape[-1])
        return Block(
            self.accesses[0].operand,
            place.reshape(-1, place.shape[-1]),
            spread[0].reshape(-1),
            weight.reshape(-1),
            (spread[0] * weight).reshape(-1),
            by,
            where,
        ), code

    def _kept(self, index: Index) -> tuple[Tensor, ...]:
        """For each summed axis, the positions that lie within every operand, as an index."""
        kept = [torch.ones(size, dtype=torch.bool) for size in self.over]
        for access in self.accesses:
            for axis, vector in zip(access.axes, access.at(index, self.over), strict=True):
                if axis.over is not None and axis.table is not None:
                    kept[axis.over] &= vector >= 0
        return torch.meshgrid(*[k.nonzero()[:, 0] for k in kept], indexing="ij")


def _code(accesses: Sequence[Access], factors: Sequence[Cells]) -> str:
    """The sum of products as a line: `(a * b).sum()`, `a @ b`, or an einsum."""
    orders = [[axis.over for axis in access.axes if axis.over is not None] for access in accesses]
    codes = [own.code for own in factors]
    if len(codes) == 1:
        return f"{codes[0]}.sum()" if orders[0] else codes[0]
    if all(not order for order in orders):
        return " * ".join(codes)
    if len(codes) == 2 and orders[0] == orders[1]:
        return f"{codes[0]} @ {codes[1]}" if len(orders[0]) == 1 else f"({' * '.join(codes)}).sum()"
    letters = ",".join("".join(ascii_lowercase[o or 0] for o in order) for order in orders)
    return f'torch.einsum("{letters}->", {", ".join(codes)})'


def _factor(weight: float) -> str:
    return f"{int(weight)}" if weight == int(weight) else repr(weight)


def _numbers(values: Tensor) -> str:
    return f"torch.tensor({values.tolist()})"


def _formula(blocks: Sequence[Block], result: float) -> str:
    parts: list[str] = []
    for block in blocks:
        for i in latex.chosen(block.product.tolist()):
            if i is None:
                parts.append(r"\cdots")
                continue
            value = latex.inner(block.value[i].item())
            weight = 1.0 if block.weight is None else block.weight[i].item()
            one = weight == 1 and block.weight_operand is None
            parts.append(value if one else rf"{value} \cdot {latex.inner(weight)}")
    return f"{latex.added(parts)} = {latex.number(result)}"
