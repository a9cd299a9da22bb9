"""The inputs of a batch as one picture."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch.nn.functional as F
from torch import Tensor

from fwdwidgets import display


@dataclass(frozen=True, eq=False)
class Tiles:
    """The inputs of a batch as one picture, a tile a sample, NaN in the gaps.

    Attributes:
        z: `(rows, columns)` of cells.
        tile: height and width of one tile.
        tiles: rows and columns of tiles, filled row by row; the last may be missing.
        note: what was done to the inputs to draw them, or an empty text.
    """

    z: Tensor
    tile: tuple[int, int]
    tiles: tuple[int, int]
    note: str


def tile_inputs(inputs: Tensor, aspect: float, cells: int = display.MAX_CELLS) -> Tiles:
    """Lay out a batch as one picture.

    Args:
        inputs: `(N, ...)`. Of `(N, C, H, W)` the mean of the channels is drawn, a vector as a
            strip; what is too large is shrunk by averaging.
        aspect: width over height of the panel that the picture should fill.
        cells: how many cells the tiles may have together.
    """
    values = display.as_float(inputs)
    count, notes = len(values), []
    if values.dim() < 3:
        values = values.reshape(count, 1, -1)
    if values.dim() > 3:
        values = values.flatten(1, -3)  # (N, channels, H, W)
        if values.shape[1] > 1:
            notes.append(f"mean of {values.shape[1]} channels")
        values = values.mean(dim=1)
    height, width = values.shape[1:]
    shrink = math.sqrt(max(1.0, count * height * width / cells))
    if shrink > 1:
        height, width = max(1, int(height / shrink)), max(1, int(width / shrink))
        values = F.adaptive_avg_pool2d(values, (height, width))
        notes.append(f"shrunk to {height} x {width}")
    rows, columns = display.tiling(count, height, width, aspect)
    where = display.Grid(
        "mosaic", "sample", count, height, width, (0, 0, 0), (count, height, width),
        (rows, columns), 0, 1,
    )  # fmt: skip
    return Tiles(display.arrange(values, where), (height, width), (rows, columns), ", ".join(notes))
