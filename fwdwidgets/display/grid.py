"""How a layer is laid out, from its shape alone: plain integers.

A value becomes tiles of a mosaic, bars, or a strip folded into rows, on one page or several.
"""

from __future__ import annotations

import math
import sys
from dataclasses import dataclass

MAX_CELLS = 96_000
"""The most cells in one picture: 384 kB as float32. The rest goes on further pages."""
MAX_BARS = 128
"""A vector up to this long is drawn as bars, a longer one as a strip folded into rows."""
ASPECT = 1.25
"""Width over height of the panel that a mosaic should fill."""
INPUT_ASPECT = 0.6
"""Width over height of the input's panel."""


@dataclass(frozen=True)
class Grid:
    """Where each value of a layer is in its picture: plain integers, known from the shape.

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
        pages: how many pages the layer needs.
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
    """Channels, height and width of a value of `shape`, without its batch axis of one.

    A vector of F values gives `(1, 1, F)`, and a matrix is one channel; with four or more axes, all
    but the last two are channels.
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
        page: which page, from 0; a number past the last page means the last.
        cells: how many cells a page may have, gaps included.
        aspect: width over height of the panel that the picture should fill.
    """
    channels, height, width = canonical_shape(shape)
    count = channels * height * width
    if count == 0:
        return Grid("empty", "channel", 0, 0, 0, (0, 0, 0), (0, 0, 0), (1, 1), 0, 1)
    if count in (channels, height, width):
        pooled = len(shape) > 2 and channels == count  # (1, C, 1, 1), from a global pooling
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
    """The most channels whose mosaic, gaps included, has at most `cells` cells; may be 0."""
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
    """The rows and columns of tiles that best fill a panel of this aspect, with few gaps."""

    def cost(columns: int) -> tuple[float, int]:
        rows = -(-count // columns)
        return max(columns * (width + 1) / aspect, rows * (height + 1)), rows * columns - count

    guess = math.sqrt(count * aspect * (height + 1) / (width + 1))
    nearby = range(max(1, int(guess) - 3), min(count, int(guess) + 4) + 1)
    columns = min(nearby or (count,), key=cost)
    return -(-count // columns), columns


def input_grid(shape: tuple[int, ...]) -> Grid:
    """How an input `(1, ...)` is laid out: always on one page."""
    return grid(shape, 0, sys.maxsize, INPUT_ASPECT)
