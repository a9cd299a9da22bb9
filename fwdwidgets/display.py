"""Tensors to display-ready tensors: mosaics, colour ranges, all of it PyTorch.

How a layer is laid out follows from its shape alone (plain integers), and what is drawn
follows from its values by torch operations with static shapes, so that the same code runs in
a live widget and inside a graph made by `torch.export`.
"""

from __future__ import annotations

import math
import sys
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

MAX_CELLS = 96_000
"""Cells of one picture: 384 kB as float32. What does not fit goes on the next page."""
MAX_BARS = 128
"""A vector up to this long is drawn as bars, a longer one as a strip folded into rows."""
ASPECT = 1.25
"""Width over height of the panel that a mosaic should fill."""
INPUT_ASPECT = 0.6
"""Width over height of the input's panel."""


@dataclass(frozen=True)
class Grid:
    """Where each value of a layer stands in its picture; plain integers, known from the shape.

    Attributes:
        kind: `"bars"`, `"strip"` (a long vector folded into rows), `"mosaic"` or `"empty"`.
        unit: what one tile is called: `"channel"`, or `"unit"` for a vector.
        channels: how many channels the layer has; 1 for a vector.
        height: rows of one channel.
        width: columns of one channel.
        start: first channel, row and column on this page.
        stop: one past the last channel, row and column on this page.
        tiles: `(rows, columns)` of tiles in the picture.
        page: this page, counted from 0.
        pages: how many pages the layer takes.
    """

    kind: str
    unit: str
    channels: int
    height: int
    width: int
    start: tuple[int, int, int]
    stop: tuple[int, int, int]
    tiles: tuple[int, int]
    page: int
    pages: int

    @property
    def tile(self) -> tuple[int, int]:
        """Height and width of one tile."""
        return self.stop[1] - self.start[1], self.stop[2] - self.start[2]

    @property
    def size(self) -> tuple[int, int]:
        """Height and width of the whole picture, gaps of one cell between tiles included."""
        (rows, columns), (height, width) = self.tiles, self.tile
        if self.kind != "mosaic":
            return rows, columns
        return rows * (height + 1) - 1, columns * (width + 1) - 1

    @property
    def shown(self) -> str:
        """Which part of the layer this page shows, in words; empty when it shows all."""
        if self.pages == 1:
            return ""
        (c0, r0, k0), (c1, r1, k1) = self.start, self.stop
        if self.kind == "strip":
            of = self.channels * self.height * self.width
            return f"{self.unit}s {k0:,} to {k1 - 1:,} of {of:,}"
        parts = []
        if self.channels > 1:
            parts.append(_span(self.unit, c0, c1, self.channels))
        if r1 - r0 < self.height:
            parts.append(_span("row", r0, r1, self.height))
        if k1 - k0 < self.width:
            parts.append(_span("column", k0, k1, self.width))
        return ", ".join(parts)


def _span(unit: str, start: int, stop: int, of: int) -> str:
    if stop - start == 1:
        return f"{unit} {start:,} of {of:,}"
    return f"{unit}s {start:,} to {stop - 1:,} of {of:,}"


def canonical_shape(shape: tuple[int, ...]) -> tuple[int, int, int]:
    """Channels, height and width of a value of `shape`; a batch axis of one is left out.

    A vector of F values is `(1, 1, F)`, a matrix is one channel; of four and more axes all but
    the last two are channels.
    """
    if len(shape) > 1 and shape[0] == 1:
        shape = shape[1:]
    height, width = (1, *shape)[-2:] if len(shape) else (1, 1)
    return math.prod(shape[:-2]), height, width


def grid(
    shape: tuple[int, ...], page: int = 0, cells: int = MAX_CELLS, aspect: float = ASPECT
) -> Grid:
    """How a value of `shape` is laid out on `page`.

    Args:
        shape: a step's shape, batch axis of one included: `(1, C, H, W)`, `(1, F)`, ...
        page: which page, from 0; past the last one, the last is meant.
        cells: how many cells a page may have, gaps included.
        aspect: width over height of the panel that the picture should fill.
    """
    channels, height, width = canonical_shape(shape)
    count = channels * height * width
    if count == 0:
        return Grid("empty", "channel", 0, 0, 0, (0, 0, 0), (0, 0, 0), (1, 1), 0, 1)
    if count in (channels, height, width):
        pooled = len(shape) > 2 and channels == count  # (1, C, 1, 1), of a global pooling
        return _vector_grid(count, page, cells, aspect, "channel" if pooled else "unit")
    per_page = _channels_per_page(channels, height, width, cells, aspect)
    columns_per_page = min(width, cells)
    rows_per_page = height if per_page else max(1, min(height, cells // columns_per_page))
    per_page = max(1, per_page)
    steps = (per_page, rows_per_page, columns_per_page)
    counts = [-(-n // s) for n, s in zip((channels, height, width), steps, strict=True)]
    pages = math.prod(counts)
    page = min(max(page, 0), pages - 1)
    index = (page // (counts[1] * counts[2]), page // counts[2] % counts[1], page % counts[2])
    start = tuple(i * s for i, s in zip(index, steps, strict=True))
    sizes = (channels, height, width)
    stop = tuple(min(a + s, n) for a, s, n in zip(start, steps, sizes, strict=True))
    # A short last page keeps the tiling of the full ones: nothing jumps while paging.
    tiles = tiling(min(per_page, channels), rows_per_page, columns_per_page, aspect)
    tiles = (-(-(stop[0] - start[0]) // tiles[1]), min(tiles[1], per_page))
    return Grid("mosaic", "channel", *sizes, start, stop, tiles, page, pages)  # type: ignore[arg-type]


def _vector_grid(count: int, page: int, cells: int, aspect: float, unit: str) -> Grid:
    if count <= MAX_BARS:
        span = (0, 0, 0), (1, 1, count)
        return Grid("bars", unit, 1, 1, count, *span, (1, 1), 0, 1)
    pages = -(-count // cells)
    page = min(max(page, 0), pages - 1)
    start, stop = page * cells, min((page + 1) * cells, count)
    columns = 8 * round(math.sqrt(min(count, cells) * aspect) / 8)
    rows = -(-(stop - start) // columns)
    return Grid(
        "strip", unit, 1, 1, count, (0, 0, start), (1, 1, stop), (rows, columns), page, pages
    )


def _channels_per_page(channels: int, height: int, width: int, cells: int, aspect: float) -> int:
    """The most channels whose mosaic, gaps included, has at most `cells` cells; 0: not one."""
    if height * width > cells:
        return 0
    most = min(channels, max(1, cells // ((height + 1) * (width + 1))))
    while most > 1:
        rows, columns = tiling(most, height, width, aspect)
        if (rows * (height + 1) - 1) * (columns * (width + 1) - 1) <= cells:
            break
        most -= 1
    return most


def tiling(count: int, height: int, width: int, aspect: float) -> tuple[int, int]:
    """Rows and columns of tiles that fill a panel of that aspect best, with few empty places."""

    def cost(columns: int) -> tuple[float, int]:
        rows = -(-count // columns)
        return max(columns * (width + 1) / aspect, rows * (height + 1)), rows * columns - count

    guess = math.sqrt(count * aspect * (height + 1) / (width + 1))
    nearby = range(max(1, int(guess) - 3), min(count, int(guess) + 4) + 1)
    columns = min(nearby or (count,), key=cost)
    return -(-count // columns), columns


def as_float(value: Tensor) -> Tensor:
    """`value` on the CPU as floats that hold its numbers exactly; of complex ones, the magnitude.

    Returns:
        float64 for float64, int32 and int64 (exact below 2^53), float32 for everything smaller.
    """
    if value.layout is not torch.strided:
        value = value.to_dense()
    if value.is_complex():
        value = value.abs()
    wide = value.dtype in (torch.float64, torch.int32, torch.int64)
    return value.to("cpu", torch.float64 if wide else torch.float32)


def arrange(value: Tensor, where: Grid) -> Tensor:
    """The picture of a layer: its own numbers, each at its place, NaN in the gaps.

    Args:
        value: a step's value, of the shape that `where` was made for.
        where: the layout, from `grid(value.shape, page)`.

    Returns:
        For bars a vector `(F,)`; else `(rows, columns)` of the picture.
    """
    (c0, r0, k0), (c1, r1, k1) = where.start, where.stop
    channels = as_float(value).reshape(where.channels, where.height, where.width)
    part = channels[c0:c1, r0:r1, k0:k1]
    rows, columns = where.tiles
    if where.kind == "bars":
        return part.reshape(-1)
    if where.kind == "strip":
        missing = rows * columns - (k1 - k0)
        return F.pad(part.reshape(-1), (0, missing), value=math.nan).reshape(rows, columns)
    height, width = where.tile
    missing = rows * columns - (c1 - c0)
    part = F.pad(part, (0, 1, 0, 1, 0, missing), value=math.nan)  # gap below and right of each
    picture = part.reshape(rows, columns, height + 1, width + 1).permute(0, 2, 1, 3)
    return picture.reshape(rows * (height + 1), columns * (width + 1))[:-1, :-1]


def layer_picture(value: Tensor, where: Grid, ends: Tensor | None = None) -> dict[str, Tensor]:
    """All that is drawn of a layer's value; not of one that is empty.

    Args:
        value: a step's value, of the shape that `where` was made for.
        where: the layout, from `grid(value.shape, page)`.
        ends: `(2,)`, the colour range; by default zero is in the middle and the largest
            magnitude at both ends.

    Returns:
        `"picture"`: see `arrange`; `"marks"`, bool `(rows, columns)`, of bars `(1, F)`: where it
        holds NaN or infinity, which its gaps would hide; `"odd"` `()`, how many there are in the
        whole layer; `"range"` `(2,)` of its colours, or of the axis of its bars.
    """
    odd = ~as_float(value).isfinite()
    marks = arrange(odd.float(), where) == 1  # a gap is NaN, and that is no mark
    if where.kind == "bars":
        ends, marks = bar_range(value), marks.reshape(1, -1)
    elif ends is None:
        ends = symmetric_range(value)
    return {
        "picture": arrange(value, where),
        "marks": marks,
        "odd": odd.sum(),
        "range": ends,
    }


def input_picture(value: Tensor, where: Grid) -> dict[str, Tensor]:
    """All that is drawn of an input; not of one that is empty.

    Args:
        value: the batch of one sample, `(1, ...)`.
        where: its layout, see `input_grid`.

    Returns:
        `"picture"` `(rows, columns)`, a short vector upright, and `"range"` `(2,)` of its colours.
    """
    picture = arrange(value, where)
    if where.kind == "bars":
        picture = picture[:, None]
    return {"picture": picture, "range": full_range(value)}


def input_grid(shape: tuple[int, ...]) -> Grid:
    """How an input `(1, ...)` is laid out: on one page, however large."""
    return grid(shape, 0, sys.maxsize, INPUT_ASPECT)


def symmetric_range(value: Tensor) -> Tensor:
    """Colour range of activations: zero in the middle, the largest finite magnitude at the ends.

    Args:
        value: the whole layer, so that its pages share one scale.

    Returns:
        `(2,)`: low and high; -1 and 1 for a layer of nothing but zeros.
    """
    value = as_float(value)
    if value.numel() == 0:
        return value.new_tensor([-1.0, 1.0])
    largest = torch.where(value.isfinite(), value.abs(), 0.0).max()
    largest = torch.where(largest > 0, largest, 1.0)
    return torch.stack([-largest, largest])


def full_range(value: Tensor) -> Tensor:
    """Colour range of an input: its smallest and largest finite value, `(2,)`, never equal.

    A smallest value within a thousandth of zero counts as 0, as that of a sigmoid's picture.
    """
    value = as_float(value)
    if value.numel() == 0:
        return value.new_tensor([0.0, 1.0])
    low = torch.where(value.isfinite(), value, math.inf).min()
    high = torch.where(value.isfinite(), value, -math.inf).max()
    high = torch.where(high > low, high, low + 1)
    low = torch.where(low.abs() < (high - low) / 1000, torch.zeros_like(low), low)
    return torch.where(low.isfinite(), torch.stack([low, high]), low.new_tensor([0.0, 1.0]))


def ticks(ends: Tensor) -> Tensor:
    """The numbers on a colour scale: its ends `(2,)` and the middle between them, `(3,)`."""
    return torch.stack([ends[0], ends.mean(), ends[1]])


def bar_range(values: Tensor) -> Tensor:
    """The range of an axis of bars, `(2,)`: zero and all finite values, with room at both ends."""
    low, high = _span_with_zero(values)
    high = torch.where(as_float(values).isfinite().any(), high, high + 1)
    room = torch.where(high > low, high - low, 1.0) * 0.06
    return torch.stack([low - room, high + room])


def value_range(values: Tensor) -> Tensor:
    """The range of an axis with names at its side, `(2,)`: zero and all finite values, never empty.

    There is room beyond the values, and none beyond zero.
    """
    low, high = _span_with_zero(values)
    room = (high - low) * 0.04
    low = torch.where(low < 0, low - room, low)
    return torch.stack([low, torch.where(high > 0, high + room, (low == 0).to(high.dtype))])


def _span_with_zero(values: Tensor) -> tuple[Tensor, Tensor]:
    """The smallest and the largest of zero and all finite values."""
    values = as_float(values).reshape(-1)
    known = torch.where(values.isfinite(), values, 0.0)
    known = F.pad(known, (0, 1))  # zero itself
    return known.min(), known.max()
