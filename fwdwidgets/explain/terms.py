"""What an output cell is made of, term by term; kept as tensors until a term is looked at."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import overload

import torch
from torch import Tensor

from fwdwidgets.explain.index import Index


@dataclass(frozen=True)
class Term:
    """One cell of an operand, and what it adds.

    Attributes:
        operand: the name of the operand.
        index: the cell in it.
        value: the number there.
        weight: what it is multiplied by; None if it goes through a function.
        product: what it contributes.
        weight_operand: the operand that the weight comes from; None if the weight is computed.
        weight_index: the cell of the weight in that operand.
    """

    operand: str
    index: Index
    value: float
    weight: float | None
    product: float
    weight_operand: str | None = None
    weight_index: Index | None = None


@dataclass(frozen=True, eq=False)
class Block:
    """Many terms of one operand: each tensor holds one number per term, each index one row."""

    operand: str
    index: Tensor  # (terms, axes)
    value: Tensor  # (terms)
    weight: Tensor | None
    product: Tensor
    weight_operand: str | None = None
    weight_index: Tensor | None = None


class Terms(Sequence[Term]):
    """The terms in order; each `Term` is made when it is looked at."""

    def __init__(self, blocks: Sequence[Block] = ()) -> None:
        """Take them as blocks, one after another."""
        self.blocks = tuple(block for block in blocks if block.value.numel())

    def __len__(self) -> int:
        return sum(block.value.numel() for block in self.blocks)

    @overload
    def __getitem__(self, place: int) -> Term: ...
    @overload
    def __getitem__(self, place: slice) -> list[Term]: ...
    def __getitem__(self, place: int | slice) -> Term | list[Term]:
        if isinstance(place, slice):
            return [self[i] for i in range(*place.indices(len(self)))]
        left = place + len(self) if place < 0 else place
        for block in self.blocks:
            if 0 <= left < block.value.numel():
                return _term(block, left)
            left -= block.value.numel()
        raise IndexError(f"term {place} of {len(self)}")

    @property
    def products(self) -> Tensor:
        """What each term contributes, (terms), float64."""
        return torch.cat([torch.zeros(0).double(), *[block.product for block in self.blocks]])

    @property
    def largest(self) -> Term | None:
        """The term with the largest contribution of either sign; None if there are no terms."""
        return self[int(self.products.abs().argmax())] if len(self) else None


def _term(block: Block, i: int) -> Term:
    return Term(
        block.operand,
        tuple(block.index[i].tolist()),
        block.value[i].item(),
        None if block.weight is None else block.weight[i].item(),
        block.product[i].item(),
        block.weight_operand,
        None if block.weight_index is None else tuple(block.weight_index[i].tolist()),
    )
