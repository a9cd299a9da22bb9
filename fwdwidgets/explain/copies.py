"""Copies: an output cell is a cell of an operand, and nothing is computed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor

from fwdwidgets.explain import latex
from fwdwidgets.explain.call import Call, NotTakenApart
from fwdwidgets.explain.index import Access, Index
from fwdwidgets.explain.masks import thin
from fwdwidgets.explain.relation import Made, Region, Relation
from fwdwidgets.explain.terms import Block, Terms


class Copy(Relation):
    """Which cell each output cell is copied from.

    The index arithmetic is PyTorch's own: the operation runs again on tensors in which each cell
    holds its own number, and the result shows where each cell went.

    Args:
        call: the operation.
        operands: the names of the operands that cells may be copied from.
        run: runs the operation on the numbered tensors; by default `call.again`.
        fill: the number in output cells that are not copied.
        asked: operands that say where to look (indices), and how an output cell finds its cell
            in them.
    """

    how = "copied"

    def __init__(
        self,
        call: Call,
        operands: Sequence[str],
        run: Callable[[dict[str, Tensor]], Any] | None = None,
        fill: float = 0.0,
        asked: Sequence[Access] = (),
    ) -> None:
        over = {
            axis.over: call.tensors[access.operand].shape[place]
            for access in asked
            for place, axis in enumerate(access.axes)
            if axis.over is not None
        }
        super().__init__(call, asked, [over[number] for number in sorted(over)])
        self.operands, self.fill = list(operands), fill
        numbers, start = dict[str, Tensor](), 1
        self.starts: dict[str, int] = {}
        for name in self.operands:
            tensor = call.tensors[name]
            self.starts[name] = start
            count = torch.arange(start, start + tensor.numel(), dtype=torch.float64)
            numbers[name] = count.view(tensor.shape)
            start += tensor.numel()
        made = (run or call.again)(numbers)
        if isinstance(made, tuple | list):
            made = made[call.output]
        if tuple(made.shape) != call.shape:
            raise NotTakenApart(f"{call.op} moved cells in a way without a rule")
        self.places = made.long()  # 0: not copied
        self.count = start

    def made(self, index: Index) -> Made:
        """See `Relation`."""
        place = int(self.places[index])
        regions = self.regions(self.cells(index))
        for name in reversed(self.operands):
            if place and place >= self.starts[name]:
                break
        else:
            code = f"torch.tensor({self.fill!r})"
            return Made(self.fill, 0.0, Terms(), latex.number(self.fill), code, regions)
        tensor = self.call.tensors[name]
        where = torch.unravel_index(torch.tensor(place - self.starts[name]), tensor.shape)
        cell = tuple(int(i) for i in where)
        value = tensor[cell].double().reshape(1)
        text = f"[{', '.join(map(str, cell))}]" if cell else ""
        block = Block(name, torch.tensor([cell]), value, torch.ones(1).double(), value)
        regions[name] = Region(name, tuple(tensor.shape), tuple((i,) for i in cell))
        return Made(
            value.item(),
            0.0,
            Terms([block]),
            rf"\mathrm{{{name.replace('_', ' ')}}}_{{{', '.join(map(str, cell))}}}"
            f" = {latex.number(value.item())}",
            self.call.text(name) + text,
            regions,
        )

    def back(self, mask: Tensor) -> dict[str, Tensor]:
        """See `Relation`."""
        seen = torch.zeros(self.count, dtype=torch.bool)
        seen[self.places if bool(thin(mask).all()) else self.places[mask]] = True
        found = super().back(mask)
        for name in self.operands:
            tensor, start = self.call.tensors[name], self.starts[name]
            found[name] = seen[start : start + tensor.numel()].view(tensor.shape)
        return found

    def forth(self, operand: str, mask: Tensor) -> Tensor:
        """See `Relation`."""
        if operand not in self.starts:
            return super().forth(operand, mask)
        marked = torch.zeros(self.count, dtype=torch.bool)
        start = self.starts[operand]
        marked[start : start + mask.numel()] = mask.reshape(-1)
        return marked[self.places]
