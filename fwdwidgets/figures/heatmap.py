"""Heatmaps: a layer as a mosaic of its channels, a layer of any shape, a labelled matrix."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from fwdwidgets.figures.board import BAD, OTHER, Board
from fwdwidgets.figures.drawing import Drawing, escape, exact, short

MAX_MARKS = 1_000
"""So many NaN and infinite values are marked one by one; a message counts them all."""
MAX_TEXTS = 160
"""Up to so many cells of a matrix carry their number if there is room; hover tells it always."""

_NAMED_BARS = 12
"""So many upright bars have a number each; of more, some have."""

_BLANK = {"showticklabels": False, "showgrid": False, "zeroline": False, "ticks": ""}


class Heatmap:
    """A picture of a tensor, one square a number, with a printed colour scale.

    Attributes:
        trace: its number in `figure.data`.
        axis: the suffix of its axes in the layout.
        color: the suffix of its colour axis.
    """

    def __init__(self, board: Board, name: str, colors: str = "activations", **x: Any) -> None:
        """Claim a panel; `colors` as in `COLORSCALES`, `x` properties of its x axis."""
        heat_x = {**_BLANK, "constrain": "domain", "range": [-0.5, 0.5], **x}
        heat_y = {**_BLANK, "constrain": "domain", "constraintoward": "top", "range": [0.5, -0.5]}
        number = board._axes + 1
        scale = {"scaleanchor": "x" if number == 1 else f"x{number}"}
        self.axis = board.axes(heat_x, {**heat_y, **scale})
        board.frame(self.axis)
        self.color = board.colors(colors)
        self.trace = board.trace(
            type="heatmap",
            name=name,
            coloraxis=f"coloraxis{self.color}",
            xaxis=f"x{self.axis}",
            yaxis=f"y{self.axis}",
        )
        self._shape = board.backdrop(self.axis)
        self._title = board.panel(self.axis, color=self.color)

    def say(self, drawing: Drawing, title: str) -> None:
        """Set the title above the panel; plotly's markup."""
        drawing.layout[f"annotations[{self._title}].text"] = title

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
        """Draw a picture of a tensor: `z` as it is, NaN in the gaps.

        Args:
            drawing: what the redraw assigns; added to.
            z: `(rows, columns)` in the tensor's own units.
            color_range: the values at the ends of the printed colour scale.
            kind: `"mosaic"`, or `"strip"` for a long vector folded into rows.
            unit: what one tile, or one cell of a strip, is called.
            tile: height and width of one tile of a mosaic.
            tiles: rows and columns of tiles of a mosaic.
            first: first channel, row and column that are shown.
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
        drawing.trace(
            self.trace,
            z=z,
            meta=meta,
            visible=True,
            hovertemplate=f"{where}<br><b>%{{z:{exact(z)}}}</b><extra></extra>",
        )
        low, high = color_range
        axis, shape, color = self.axis, f"shapes[{self._shape}]", f"coloraxis{self.color}"
        drawing.layout |= {
            f"xaxis{axis}.visible": True,
            f"yaxis{axis}.visible": True,
            f"xaxis{axis}.range": [-0.5, columns - 0.5],
            f"yaxis{axis}.range": [rows - 0.5, -0.5],
            f"{shape}.x1": columns - 0.5,
            f"{shape}.y1": rows - 0.5,
            f"{shape}.visible": True,
            f"{color}.cmin": low,
            f"{color}.cmax": high,
            f"{color}.colorbar.tickvals": [low, (low + high) / 2, high],
            f"{color}.showscale": True,
        }

    def hide(self, drawing: Drawing) -> None:
        """Take the heatmap and its colour scale off the screen."""
        drawing.trace(self.trace, z=None, visible=False)
        drawing.layout |= {
            f"xaxis{self.axis}.visible": False,
            f"yaxis{self.axis}.visible": False,
            f"shapes[{self._shape}].visible": False,
            f"coloraxis{self.color}.showscale": False,
        }


class Layer:
    """A value of any shape: a heatmap, or upright bars for a short vector; NaN marked.

    All share one pair of axes. Two pairs on one place would be simpler, but plotly lets only
    the upper one hover.

    Attributes:
        heatmap: the heatmap.
        bars: the number of the bars' trace.
        marks: the number of the trace that marks NaN and infinite values.
    """

    def __init__(self, board: Board, name: str, colors: str = "activations") -> None:
        """Claim a panel."""
        self.heatmap = Heatmap(board, name, colors, fixedrange=True)
        self._axis = axis = self.heatmap.axis
        where = {"xaxis": f"x{axis}", "yaxis": f"y{axis}"}
        self.bars = board.trace(type="bar", name=f"{name} bars", marker={"color": OTHER}, **where)
        self.marks = board.trace(
            type="scatter",
            name=f"{name} not finite",
            mode="markers",
            marker={"symbol": "x", "size": 7, "color": BAD},
            hovertemplate="%{text}<extra></extra>",
            **where,
        )
        board.ink_values(axis, "y")

    def say(self, drawing: Drawing, title: str) -> None:
        """Set the title above the panel; plotly's markup."""
        self.heatmap.say(drawing, title)

    def draw_picture(
        self, drawing: Drawing, z: np.ndarray, ends: tuple[float, float], **where: Any
    ) -> None:
        """Draw a heatmap: see `Heatmap.draw`."""
        self._hide_bars(drawing)
        drawing.layout |= self._axes(bars=False)
        self.heatmap.draw(drawing, z, ends, **where)

    def draw_bars(
        self, drawing: Drawing, values: np.ndarray, ends: tuple[float, float], unit: str
    ) -> None:
        """Draw a vector `(F,)` as upright bars, on an axis with these ends."""
        self.heatmap.hide(drawing)
        drawing.trace(
            self.bars,
            x=np.arange(len(values)),
            y=values,
            visible=True,
            hovertemplate=f"{unit} %{{x}}<br><b>%{{y:{exact(values)}}}</b><extra></extra>",
        )
        axis = self._axis
        drawing.layout |= self._axes(bars=True) | {
            f"xaxis{axis}.range": [-0.7, len(values) - 0.3],
            f"yaxis{axis}.range": list(ends),
            # plotly rounds the distance of ticks up: one more than there are bars names each.
            f"xaxis{axis}.nticks": len(values) + 1 if len(values) <= _NAMED_BARS else 8,
        }

    def draw_marks(
        self, drawing: Drawing, y: np.ndarray, x: np.ndarray, text: Sequence[str]
    ) -> None:
        """Mark where the value is NaN or infinite: on its picture, or on its bars."""
        drawing.trace(self.marks, x=x, y=y, text=list(text), visible=len(x) > 0)

    def hide(self, drawing: Drawing) -> None:
        """Take the value off the screen."""
        self.draw_marks(drawing, np.empty(0), np.empty(0), [])
        self.heatmap.hide(drawing)
        self._hide_bars(drawing)

    def _hide_bars(self, drawing: Drawing) -> None:
        drawing.trace(self.bars, x=None, y=None, visible=False)

    def _axes(self, *, bars: bool) -> dict[str, Any]:
        """The axes, for upright bars with numbers or for a picture with square cells."""
        axis = self._axis
        return {
            f"xaxis{axis}.visible": True,
            f"yaxis{axis}.visible": True,
            f"xaxis{axis}.showticklabels": bars,
            f"yaxis{axis}.showticklabels": bars,
            f"yaxis{axis}.side": "right",
            f"yaxis{axis}.showgrid": bars,
            f"yaxis{axis}.zeroline": bars,
            f"xaxis{axis}.showline": not bars,
            f"yaxis{axis}.showline": not bars,
            f"xaxis{axis}.constrain": "range" if bars else "domain",
            f"yaxis{axis}.constrain": "range" if bars else "domain",
            f"yaxis{axis}.scaleanchor": False if bars else f"x{axis}",
        }


class Matrix:
    """A small matrix with a name at each row and column, and its numbers in the cells.

    Attributes:
        trace: its number in `figure.data`.
        axis: the suffix of its axes in the layout.
        color: the suffix of its colour axis.
    """

    def __init__(self, board: Board, name: str, colors: str = "share") -> None:
        """Claim a panel; row names stand left of its place, the colour scale right of it."""
        plain = {"showgrid": False, "zeroline": False, "ticks": "", "tickmode": "array"}
        plain |= {"fixedrange": True, "range": [-0.5, 0.5]}
        self.axis = board.axes({**plain, "tickangle": -40}, {**plain, "ticklabelstandoff": 4})
        self.color = board.colors(colors, upright=True)
        self.trace = board.trace(
            type="heatmap",
            name=name,
            coloraxis=f"coloraxis{self.color}",
            xaxis=f"x{self.axis}",
            yaxis=f"y{self.axis}",
            xgap=1,
            ygap=1,
        )
        self._title = board.panel(self.axis, color=self.color, upright=True)

    def say(self, drawing: Drawing, title: str) -> None:
        """Set the title above the panel; plotly's markup."""
        drawing.layout[f"annotations[{self._title}].text"] = title

    def draw(
        self,
        drawing: Drawing,
        z: np.ndarray,
        color_range: tuple[float, float],
        *,
        rows: Sequence[str],
        columns: Sequence[str],
        number: str,
        hover: tuple[str, str, str] = ("", "", ""),
    ) -> None:
        """Draw the matrix.

        Args:
            drawing: what the redraw assigns; added to.
            z: `(rows, columns)`.
            color_range: the values at the ends of the printed colour scale.
            rows: a name a row, from top to bottom; long ones are shortened.
            columns: a name a column.
            number: a d3 format of the numbers in the cells, with a fixed count of digits.
            hover: words before the row's name, the column's name and the value.
        """
        row, column, value = (f"{word} " if word else "" for word in hover)
        low, high = color_range
        axis, color = self.axis, f"coloraxis{self.color}"
        drawing.trace(
            self.trace,
            z=z,
            visible=True,
            texttemplate=f"%{{z:{number}}}" if z.size <= MAX_TEXTS else "",
            meta={"letters": _longest(color_range, number), "cells": list(z.shape)},
            hovertemplate=(
                f"{row}%{{y}}<br>{column}%{{x}}<br>{value}<b>%{{z:{exact(z)}}}</b><extra></extra>"
            ),
        )
        drawing.layout |= {
            f"xaxis{axis}.visible": True,
            f"yaxis{axis}.visible": True,
            f"xaxis{axis}.range": [-0.5, len(columns) - 0.5],
            f"yaxis{axis}.range": [len(rows) - 0.5, -0.5],
            f"xaxis{axis}.tickvals": list(range(len(columns))),
            f"xaxis{axis}.ticktext": [escape(short(name)) for name in columns],
            f"yaxis{axis}.tickvals": list(range(len(rows))),
            f"yaxis{axis}.ticktext": [escape(short(name, 16)) for name in rows],
            f"{color}.cmin": low,
            f"{color}.cmax": high,
            f"{color}.colorbar.tickvals": [low, (low + high) / 2, high],
            f"{color}.showscale": True,
        }

    def hide(self, drawing: Drawing) -> None:
        """Take the matrix and its colour scale off the screen."""
        drawing.trace(self.trace, z=None, visible=False)
        drawing.layout |= {
            f"xaxis{self.axis}.visible": False,
            f"yaxis{self.axis}.visible": False,
            f"coloraxis{self.color}.showscale": False,
        }


def _longest(ends: tuple[float, float], number: str) -> int:
    """How many letters a number between two ends can have in a fixed d3 format.

    Those at hand may have fewer; their size would then change from one picture to the next.
    """
    return max(len(format(float(end), number.replace("d", ".0f"))) for end in ends)


def hover_cells(tile: tuple[int, int], tiles: tuple[int, int], first: Sequence[int]) -> np.ndarray:
    """What hover names at each cell of a mosaic: channel, row and column of the tensor.

    Args:
        tile: height and width of one tile.
        tiles: rows and columns of tiles.
        first: the first channel, row and column shown.

    Returns:
        int32 `(rows, columns, 3)`; the browser makes the same from `meta` instead of
        having it sent.
    """
    (height, width), (tile_rows, tile_columns) = tile, tiles
    y = np.arange(tile_rows * (height + 1) - 1)[:, None]
    x = np.arange(tile_columns * (width + 1) - 1)[None, :]
    channel = first[0] + y // (height + 1) * tile_columns + x // (width + 1)
    row, column = first[1] + y % (height + 1), first[2] + x % (width + 1)
    cells = np.broadcast_arrays(channel, row, column)
    return np.stack(cells, axis=-1).astype(np.int32)
