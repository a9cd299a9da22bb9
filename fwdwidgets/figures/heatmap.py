"""A tensor as a picture: a mosaic of its channels, or a long vector folded into rows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from fwdwidgets.figures.board import Board
from fwdwidgets.figures.cells import Cells
from fwdwidgets.figures.drawing import Drawing, exact

_BLANK = {"showticklabels": False, "showgrid": False, "zeroline": False, "ticks": ""}


class Heatmap(Cells):
    """A picture of a tensor, one square per number, with a labelled colour scale.

    Attributes:
        trace: its number in `figure.data`.
        axis: the suffix of its axes in the layout.
        color: the suffix of its colour axis.
    """

    def __init__(self, board: Board, name: str, colors: str = "activations", **x: Any) -> None:
        """Claim a panel; `colors` as in `COLORSCALES`, `x` properties of its x axis."""
        heat_x = {**_BLANK, "constrain": "domain", "range": [-0.5, 0.5], **x}
        heat_y = {**_BLANK, "constrain": "domain", "constraintoward": "top", "range": [0.5, -0.5]}
        axis = board.axes(heat_x, heat_y, square=True)
        board.frame(axis)
        super().__init__(board, name, axis, colors, backdrop=True)

    def draw(
        self,
        drawing: Drawing,
        z: np.ndarray,
        color_range: tuple[float, float],
        *,
        kind: str,
        unit: str,
        tile: tuple[int, int],
        tiles: tuple[int, int],
        first: tuple[int, int, int],
    ) -> None:
        """Draw a picture of a tensor: `z` unchanged, NaN in the gaps.

        Args:
            drawing: what the redraw assigns; added to.
            z: `(rows, columns)` in the tensor's own units.
            color_range: the values at the ends of the printed colour scale.
            kind: `"mosaic"`, or `"strip"` for a long vector folded into rows.
            unit: what one tile, or one cell of a strip, is called.
            tile: height and width of one tile of a mosaic.
            tiles: rows and columns of tiles of a mosaic.
            first: the first channel, row and column shown.
        """
        rows, columns = z.shape
        strip = kind == "strip"
        meta = {
            "kind": kind,
            "tile": [1, columns] if strip else list(tile),
            "tiles": [rows, 1] if strip else list(tiles),
            "first": list(first),
        }
        where = f"{unit} %{{customdata[0]}}, row %{{customdata[1]}}, column %{{customdata[2]}}"
        if strip:
            where = f"{unit} %{{customdata}}"
        self._show(
            drawing,
            z,
            color_range,
            meta=meta,
            hovertemplate=f"{where}<br><b>%{{z:{exact(z)}}}</b><extra></extra>",
        )


def hover_cells(tile: tuple[int, int], tiles: tuple[int, int], first: Sequence[int]) -> np.ndarray:
    """The hover label of each cell of a mosaic: channel, row and column of the tensor.

    Args:
        tile: height and width of one tile.
        tiles: rows and columns of tiles.
        first: the first channel, row and column shown.

    Returns:
        int32 `(rows, columns, 3)`; the browser makes the same array from `meta`, so it is not sent.
    """
    (height, width), (tile_rows, tile_columns) = tile, tiles
    y = np.arange(tile_rows * (height + 1) - 1)[:, None]
    x = np.arange(tile_columns * (width + 1) - 1)[None, :]
    channel = first[0] + y // (height + 1) * tile_columns + x // (width + 1)
    row, column = first[1] + y % (height + 1), first[2] + x % (width + 1)
    cells = np.broadcast_arrays(channel, row, column)
    return np.stack(cells, axis=-1).astype(np.int32)
