"""Index arithmetic: which cells of an operand an output cell is made of, in both directions."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from fwdwidgets.explain.masks import thin, through

Index = tuple[int, ...]


@dataclass(frozen=True, eq=False)
class Axis:
    """Which positions on one axis of an operand an output cell reads.

    Attributes:
        out: the axis of the output that its position depends on.
        over: the number of the sum that it runs over, as `k` in `x[k] * w[k]`.
        table: the position for each position on `out` and each of `over`, -1 where there is
            none, (out, over); None where the position is that of `out`, or of `over`, itself.

    An axis with none of these has length 1 and is broadcast.
    """

    out: int | None = None
    over: int | None = None
    table: Tensor | None = None

    def at(self, index: Index, over: tuple[int, ...]) -> Tensor:
        """The positions for an output cell, one for each of `over`, (over) or (1)."""
        if self.table is not None:
            return self.table[index[self.out] if self.out is not None else 0]
        if self.out is not None:
            return torch.tensor([index[self.out]])
        return torch.arange(over[self.over]) if self.over is not None else torch.zeros(1).long()

    def matrix(self, size: int) -> Tensor:
        """Whether output position i looks at position j, as 0 and 1, (out, size)."""
        assert self.table is not None
        found = torch.zeros(self.table.shape[0], size + 1)
        found.scatter_(1, self.table % (size + 1), 1.0)  # -1 goes to the last, which goes
        return found[:, :size]


@dataclass(frozen=True, eq=False)
class Access:
    """The cells of one operand that an output cell is made of: all combinations of positions.

    Attributes:
        operand: its name in the call.
        axes: one for each axis of the operand.
    """

    operand: str
    axes: tuple[Axis, ...]

    def at(self, index: Index, over: tuple[int, ...]) -> list[Tensor]:
        """The positions on each axis."""
        return [axis.at(index, over) for axis in self.axes]

    def back(self, mask: Tensor, shape: tuple[int, ...]) -> Tensor:
        """The cells of the operand that any of the marked output cells is made of."""
        if self._is_plain(mask.dim()) and tuple(mask.shape) == shape:
            return mask
        own = thin(mask)
        if self._is_plain(mask.dim()) and tuple(mask.shape) == shape:
            return mask
        mask = thin(mask)
        linked: list[tuple[int, int]] = []
        for position, axis in enumerate(self.axes):
            if axis.out is not None and axis.out not in [out for _, out in linked]:
                linked.append((position, axis.out))
        kept = [out for _, out in linked]
        dropped = [d for d in range(mask.dim()) if d not in kept]
        found = own.permute(kept + dropped)
        found = found.reshape(*found.shape[: len(linked)], -1).any(-1)
        view = [1] * len(shape)
        for place, (position, _) in enumerate(linked):
            if self.axes[position].table is not None:
                found = through(found, place, self.axes[position].matrix(shape[position]))
            view[position] = found.shape[place]
        found = found.reshape(view)
        for position, axis in enumerate(self.axes):
            if axis.out is None and axis.table is not None:
                found = through(found, position, axis.matrix(shape[position]))
        return found.expand(shape)

    def forth(self, mask: Tensor, shape: tuple[int, ...]) -> Tensor:
        """The output cells, in that shape, that any marked cell of the operand reaches."""
        if self._is_plain(len(shape)) and tuple(mask.shape) == shape:
            return mask
        found = thin(mask)
        for position, axis in enumerate(self.axes):
            if axis.table is not None:
                found = through(found, position, axis.matrix(mask.shape[position]).T)
            if axis.out is None:
                found = found.any(position, keepdim=True)
        order = [axis.out for axis in self.axes]
        linked = sorted({out for out in order if out is not None})
        places = [order.index(out) for out in linked]
        rest = [p for p in range(len(order)) if p not in places]
        found = found.permute(places + rest)
        found = found.reshape(*found.shape[: len(places)], -1).any(-1)
        view = [1] * len(shape)
        for size, out in zip(found.shape, linked, strict=True):
            view[out] = size
        return found.reshape(view).expand(shape)

    def _is_plain(self, outs: int) -> bool:
        """Whether each cell is made of the cell at the same place."""
        if len(self.axes) != outs:
            return False
        return all(a.out == i and a.table is None for i, a in enumerate(self.axes))


def broadcast(operand: str, shape: tuple[int, ...], out: int) -> Access:
    """An operand of that shape in an operation that broadcasts it to an output with `out` axes."""
    first = out - len(shape)
    return Access(
        operand,
        tuple(Axis() if size == 1 else Axis(out=first + i) for i, size in enumerate(shape)),
    )


def window(out: int, over: int, size: int, taps: int, first: Tensor, step: int = 1) -> Axis:
    """An axis on which output i looks at `first[i] + k * step`, for each k of `taps`."""
    table = first.view(-1, 1) + step * torch.arange(taps)
    return Axis(out, over, table.masked_fill((table < 0) | (table >= size), -1))


def written(access: Access, vectors: list[Tensor], shape: tuple[int, ...]) -> str:
    """The cells of an operand in a line of code: `[0, :, 3:8]`, flipped where they run backwards.

    The result has an axis for each that runs over something.
    """
    parts, lists, flips, kept = list[str](), list[tuple[int, list[int]]](), list[int](), 0
    for axis, vector, size in zip(access.axes, vectors, shape, strict=True):
        numbers = vector.tolist()
        if axis.over is None and len(numbers) == 1:
            parts.append(str(numbers[0]))
            continue
        part, backwards = slice_text(numbers, size)
        if part is None:
            lists.append((kept, numbers))
        elif backwards:
            flips.append(kept)
        parts.append(part or ":")
        kept += 1
    while parts and parts[-1] == ":":
        parts.pop()
    text = f"[{', '.join(parts)}]" if parts else ""
    for place, numbers in lists:
        text += f"[{':, ' * place}{numbers}]"
    return text + (f".flip({', '.join(map(str, flips))})" if flips else "")


def slice_text(numbers: list[int], size: int) -> tuple[str | None, bool]:
    """Positions as a slice, and whether to flip it; None if they do not form a slice."""
    if len(numbers) == size and numbers == list(range(size)):
        return ":", False
    if len(numbers) < 2:
        return (f"{numbers[0]}:{numbers[0] + 1}" if numbers else "0:0"), False
    step = numbers[1] - numbers[0]
    if not step or numbers != list(range(numbers[0], numbers[-1] + (1 if step > 0 else -1), step)):
        return None, False
    low, high = min(numbers), max(numbers) + 1
    return f"{low}:{high}" + (f":{abs(step)}" if abs(step) > 1 else ""), step < 0
