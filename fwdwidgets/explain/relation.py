"""How the cells of an output are made of the cells of the operands: what a rule returns."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import ClassVar, NamedTuple

import torch
from torch import Tensor

from fwdwidgets.explain.call import Call, NotTakenApart
from fwdwidgets.explain.index import Access, Index, broadcast, written
from fwdwidgets.explain.masks import either
from fwdwidgets.explain.terms import Terms


class Region(NamedTuple):
    """The cells of an operand that one output cell is made of: a product of positions.

    Attributes:
        operand: its name.
        shape: of the operand.
        positions: on each axis, in the order of their first use, without repetition.
    """

    operand: str
    shape: tuple[int, ...]
    positions: tuple[tuple[int, ...], ...]

    @property
    def box(self) -> tuple[slice, ...]:
        """The smallest box around them; empty slices where there are none."""
        return tuple(slice(min(p), max(p) + 1) if p else slice(0, 0) for p in self.positions)


class Made(NamedTuple):
    """What one output cell is made of.

    Attributes:
        result: the number, computed in float64 from the terms.
        scale: the size of the numbers it was made of; rounding errors are relative to it.
        terms: what it is made of.
        formula: LaTeX, with the numbers.
        code: a line of PyTorch.
        inputs: the region of each operand.
        parts: what some of the terms are themselves made of, by their operand.
    """

    result: float
    scale: float
    terms: Terms
    formula: str
    code: str
    inputs: dict[str, Region]
    parts: Mapping[str, Terms] = MappingProxyType({})


@dataclass(frozen=True, eq=False)
class Cells:
    """The cells that one access reads for one output cell.

    Attributes:
        positions: on each axis, those outside left out.
        values: a number for each combination of what is run over, float64; axes of length 1 for
            what this operand does not run over.
        index: the cell of each, (*values.shape, axes).
        code: the cells in a line of code.
    """

    positions: list[Tensor]
    values: Tensor
    index: Tensor
    code: str


class Relation(ABC):
    """What a rule returns: `how` in a word, and the index arithmetic, one access per operand.

    Attributes:
        how: how the cells are combined.
        call: the operation.
        accesses: where an output cell looks.
        over: the lengths of what is run over.
    """

    how: ClassVar[str]

    def __init__(self, call: Call, accesses: Sequence[Access], over: Sequence[int] = ()) -> None:
        self.call, self.accesses, self.over = call, tuple(accesses), tuple(over)

    @abstractmethod
    def made(self, index: Index) -> Made:
        """What one output cell is made of."""

    def back(self, mask: Tensor) -> dict[str, Tensor]:
        """The cells of each operand that the marked output cells are made of.

        Parameters and buffers are left out: nobody asks about them.
        """
        found: dict[str, Tensor] = {}
        for access in self.accesses:
            if not isinstance(self.call.owners.get(access.operand), str):  # a parameter or buffer
                shape = tuple(self.call.tensors[access.operand].shape)
                seen = access.back(mask, shape)
                found[access.operand] = either(found.get(access.operand), seen)
        return found

    def forth(self, operand: str, mask: Tensor) -> Tensor:
        """The output cells that the marked cells of an operand reach."""
        found: Tensor | None = None
        for access in self.accesses:
            if access.operand == operand:
                found = either(found, access.forth(mask, self.call.shape))
        return torch.zeros(self.call.shape, dtype=torch.bool) if found is None else found

    def cells(self, index: Index) -> list[Cells]:
        """What each access finds for an output cell, over the same combinations."""
        found = [access.at(index, self.over) for access in self.accesses]
        kept = [torch.ones(size, dtype=torch.bool) for size in self.over]
        for access, vectors in zip(self.accesses, found, strict=True):
            for axis, vector in zip(access.axes, vectors, strict=True):
                if axis.over is not None and axis.table is not None:
                    kept[axis.over] &= vector >= 0
        return [self._gathered(a, v, kept) for a, v in zip(self.accesses, found, strict=True)]

    def _gathered(self, access: Access, vectors: list[Tensor], kept: list[Tensor]) -> Cells:
        """The values of an access, without what lies outside an operand."""
        tensor = self.call.tensors[access.operand]
        overs = [axis.over for axis in access.axes]
        positions = [v if o is None else v[kept[o]] for v, o in zip(vectors, overs, strict=True)]
        code = self.call.text(access.operand) + written(access, positions, tuple(tensor.shape))
        grid = [int(k.sum()) if n in overs else 1 for n, k in enumerate(kept)]
        spread = []
        for vector, over in zip(positions, overs, strict=True):
            view = [1] * len(kept)
            if over is not None:
                view[over] = -1
            spread.append(vector.view(view).expand(grid))
        index = torch.stack(spread, -1) if spread else torch.zeros(*grid, 0, dtype=torch.long)
        values = tensor[tuple(spread)] if spread else tensor.expand(grid)
        return Cells(positions, values.double(), index, code)

    def regions(self, cells: Sequence[Cells]) -> dict[str, Region]:
        """The region of each operand; accesses to the same operand are merged."""
        found: dict[str, Region] = {}
        for access, own in zip(self.accesses, cells, strict=True):
            shape = tuple(self.call.tensors[access.operand].shape)
            positions = [dict.fromkeys(p.tolist()) for p in own.positions]
            if access.operand in found:
                before = found[access.operand].positions
                positions = [dict.fromkeys(b) | p for b, p in zip(before, positions, strict=True)]
            if access.operand not in self.call.constants:
                found[access.operand] = Region(access.operand, shape, tuple(map(tuple, positions)))
        return found


def broadcasting(call: Call, name: str) -> Access:
    """An operand, or a number instead of one, broadcast to the output."""
    call.operand(name)
    return broadcast(name, tuple(call.tensors[name].shape), len(call.shape))


def real(call: Call) -> None:
    """Refuse dtypes that float64 cannot hold, and tensors without cells."""
    for tensor in (call.value, *call.tensors.values()):
        if tensor.is_complex() or tensor.is_quantized:
            raise NotTakenApart("complex and quantized numbers are not taken apart")
        if tensor.layout is not torch.strided or tensor.is_nested or tensor.is_meta:
            raise NotTakenApart("only dense tensors are taken apart")
