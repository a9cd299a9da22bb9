"""Values laid out as pictures, each number in its place; only PyTorch, with static shapes."""

from __future__ import annotations

import math

import torch.nn.functional as F
from torch import Tensor

from fwdwidgets.display.grid import Grid
from fwdwidgets.display.ranges import as_float, bar_range, full_range, symmetric_range


def arrange(value: Tensor, where: Grid) -> Tensor:
    """The picture of a layer: its own numbers, each in its place, with NaN in the gaps.

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
    """Everything that is drawn of a layer's value, which must not be empty.

    Args:
        value: a step's value, of the shape that `where` was made for.
        where: the layout, from `grid(value.shape, page)`.
        ends: `(2,)`, the colour range; by default zero is in the middle and the largest
            magnitude at both ends.

    Returns:
        `"picture"`: see `arrange`; `"marks"`: bool `(rows, columns)`, or `(1, F)` for bars, True
        where the picture holds NaN or infinity; `"odd"`: `()`, how many of these the whole layer
        has; `"range"`: `(2,)`, the ends of its colours, or of the axis of its bars.
    """
    odd = ~as_float(value).isfinite()
    marks = arrange(odd.float(), where) == 1  # a gap is NaN, but must not be marked
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
    """Everything that is drawn of an input, which must not be empty.

    Args:
        value: the batch of one sample, `(1, ...)`.
        where: its layout, see `input_grid`.

    Returns:
        `"picture"` `(rows, columns)`, a short vector as a column; `"range"` `(2,)` of its colours.
    """
    picture = arrange(value, where)
    if where.kind == "bars":
        picture = picture[:, None]
    return {"picture": picture, "range": full_range(value)}
