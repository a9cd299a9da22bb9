"""What goes into the gates of a recurrent layer: sums of products, term by term."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from fwdwidgets.explain.terms import Block, Terms


@dataclass(frozen=True, eq=False)
class Row:
    """One row of one gate, at one time; all float64.

    Attributes:
        below: the name of what the layer reads.
        place: where in it, without the feature.
        x: what is read there, (features).
        h: the state before, (hidden).
        row: the row of the gate and unit in each weight.
        params: what the layer learned: two weights, and two biases or none.
        first: the number of the first of them among all `params`.
    """

    below: str
    place: tuple[int, ...]
    x: Tensor
    h: Tensor
    row: int
    params: Sequence[Tensor]
    first: int

    def terms(self, factor: float = 1.0) -> Terms:
        """The terms of the sum; those of the state are first multiplied by `factor`."""
        blocks = [
            self._products(self.below, self.place, self.x, 0, 1.0),
            self._products("h before", (), self.h, 1, factor),
        ]
        for number in range(2, len(self.params)):
            value = self.params[number][self.row].reshape(1)
            weight = torch.full_like(value, factor if number == 3 else 1.0)
            name, index = f"params[{self.first + number}]", torch.tensor([[self.row]])
            blocks.append(Block(name, index, value, weight, value * weight))
        return Terms(blocks)

    def _products(
        self, name: str, place: tuple[int, ...], values: Tensor, number: int, factor: float
    ) -> Block:
        count = torch.arange(len(values)).view(-1, 1)
        index = torch.cat([torch.tensor([place] * len(values)).view(len(values), -1), count], 1)
        weight = self.params[number][self.row] * factor
        where = torch.cat([torch.full_like(count, self.row), count], 1)
        by = f"params[{self.first + number}]"
        return Block(name, index.long(), values, weight, values * weight, by, where)
