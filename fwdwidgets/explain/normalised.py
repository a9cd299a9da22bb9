"""A number minus a mean, divided by a standard deviation, then scaled and shifted."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from fwdwidgets.explain import latex
from fwdwidgets.explain.call import Call
from fwdwidgets.explain.index import Access, Index
from fwdwidgets.explain.relation import Cells, Made, Relation
from fwdwidgets.explain.terms import Block, Terms


class Normalised(Relation):
    """`(x - mean) / sqrt(var + eps) * weight + bias`.

    The terms add up to the number: the input cell, the mean and the bias, each with what it is
    multiplied by. A mean over cells of the input is one term, whose index is that of the cell.

    Args:
        call: the operation.
        cell: the input cell.
        group: the cells whose mean and variance are taken; None if these are operands.
        over: the lengths of what is run over.
        statistics: mean and variance as operands.
        learned: the operands `"weight"` and `"bias"`, if the call has them.
        eps: what is added to the variance.
        centred: whether the mean is subtracted; if not, the mean square is used instead of the
            variance.
    """

    how = "normalised"

    def __init__(
        self,
        call: Call,
        cell: Access,
        eps: float,
        group: Access | None = None,
        over: Sequence[int] = (),
        statistics: Sequence[Access] = (),
        learned: Sequence[Access] = (),
        centred: bool = True,
    ) -> None:
        group_or_not = [] if group is None else [group]
        super().__init__(call, [cell, *group_or_not, *statistics, *learned], over)
        self.eps, self.centred, self.grouped = eps, centred, group is not None

    def made(self, index: Index) -> Made:
        """See `Relation`."""
        cells = self.cells(index)
        named = {a.operand: c for a, c in zip(self.accesses[1:], cells[1:], strict=True)}
        one = cells[0].values.reshape(())
        mean, var, spread, code = self._statistics(cells)
        inverse = (var + self.eps).rsqrt()
        factor, bias = inverse, None
        if "weight" in named:
            factor = factor * named["weight"].values.reshape(())
            code += f" * {named['weight'].code}"
        if "bias" in named:
            bias = named["bias"].values.reshape(1)
            code += f" + {named['bias'].code}"
        own, place = factor.reshape(1), cells[0].index.reshape(1, -1)
        blocks = [Block("input", place, one.reshape(1), own, one * own)]
        if self.centred:
            name = "mean of input" if self.grouped else "running_mean"
            at = place if self.grouped else cells[1].index.reshape(1, -1)
            blocks.append(Block(name, at, mean.reshape(1), -own, -own * mean))
        if bias is not None:
            at = named["bias"].index.reshape(1, -1)
            blocks.append(Block("bias", at, bias, torch.ones(1).double(), bias))
        terms = Terms(blocks)
        result = terms.products.sum().item()
        top = latex.number(one.item())
        if self.centred:
            top += f" - {latex.inner(mean.item())}"
        formula = (
            rf"\frac{{{top}}}{{\sqrt{{{latex.number(var.item())} + {latex.number(self.eps)}}}}}"
        )
        if "weight" in named:
            formula += rf" \cdot {latex.inner(named['weight'].values.item())}"
        if bias is not None:
            formula += f" + {latex.inner(bias.item())}"
        return Made(
            result,
            terms.products.abs().sum().item() + (factor * spread).abs().item(),
            terms,
            f"{formula} = {latex.number(result)}",
            code,
            self.regions(cells),
        )

    def _statistics(
        self, cells: Sequence[Cells]
    ) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor, str]:
        """Mean, variance, the size of the cells they are taken from, and the code so far."""
        if not self.grouped:
            mean, var = cells[1].values.reshape(()), cells[2].values.reshape(())
            code = f"({cells[0].code} - {cells[1].code}) / ({cells[2].code} + {self.eps}).sqrt()"
            return mean, var, mean.abs(), code
        group, text = cells[1].values, cells[1].code
        spread = group.abs().max()
        if not self.centred:
            square = group.square().mean()
            code = f"{cells[0].code} / ({text}.square().mean() + {self.eps}).sqrt()"
            return square.new_zeros(()), square, spread, code
        mean, var = group.mean(), group.var(correction=0)
        code = f"({cells[0].code} - {text}.mean()) / ({text}.var(correction=0) + {self.eps}).sqrt()"
        return mean, var, spread, code
