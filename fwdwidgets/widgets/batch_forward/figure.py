"""The figure of a batch: its pictures, its logits and probabilities, its confusion matrix."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from fwdwidgets.figures import (
    MARGIN,
    OTHER,
    PREDICTED,
    TRUE,
    Board,
    Canvas,
    Drawing,
    Heatmap,
    Matrix,
    Rect,
    View,
    beside,
)

_SIGN_COLORS = {"✓": TRUE, "✗": PREDICTED, "●": OTHER}
_SUMS = (72, 62)  # pixels of the longest sum beside a row of logits, of probabilities
_COLUMNS = [
    (84, 1, _SUMS[0] + 62),  # names of the samples; sums and a colour scale with its numbers
    (34, 1, _SUMS[1] + 56),
]
_NARROW = [
    (0.05, 0.95, 0.82, 1),
    (0.27, 0.88, 0, 0.15),
    (0.27, 0.69, 0.55, 0.755),
    (0.12, 0.66, 0.27, 0.475),
]


class Pictures:
    """A picture of each sample of a batch, a sign at each, one of them framed.

    Attributes:
        heatmap: all the pictures, a tile a sample.
        signs: the number of the trace of the signs.
        frame: the number of the trace of the frame.
    """

    def __init__(self, board: Board) -> None:
        """Claim a panel."""
        self.heatmap = Heatmap(board, "pictures", "input", fixedrange=True)
        where = {"xaxis": f"x{self.heatmap.axis}", "yaxis": f"y{self.heatmap.axis}"}
        self.signs = board.trace(
            type="scatter",
            name="signs",
            mode="markers+text",
            hoverinfo="skip",
            marker={"size": 15, "color": OTHER},
            textfont={"size": 11, "color": "#ffffff"},
            **where,
        )
        self.frame = _frame(board, where)

    def draw_signs(self, drawing: Drawing, signs: Sequence[str], tiles: Any) -> None:
        """Put a sign into the upper left corner of each tile; `tiles` as in `draw_frame`."""
        corners = [_corner(index, *tiles) for index in range(len(signs))]
        height, width = tiles[0]
        drawing.trace(
            self.signs,
            x=np.array([x + 0.12 * width for x, _ in corners]),
            y=np.array([y + 0.12 * height for _, y in corners]),
            text=list(signs),
            marker={"size": 15, "color": [_SIGN_COLORS[sign] for sign in signs]},
            visible=True,
        )

    def draw_frame(
        self, drawing: Drawing, index: int, tiles: tuple[tuple[int, int], tuple[int, int]]
    ) -> None:
        """Frame one tile.

        Args:
            drawing: what the redraw assigns; added to.
            index: which of them.
            tiles: height and width of a tile; rows and columns of tiles.
        """
        x, y = _corner(index, *tiles)
        height, width = tiles[0]
        _draw_frame(drawing, self.frame, (x, y, x + width, y + height))

    @staticmethod
    def index(x: float, y: float, tiles: tuple[tuple[int, int], tuple[int, int]]) -> int:
        """Which tile a cell belongs to."""
        (height, width), (_, columns) = tiles
        return int(y) // (height + 1) * columns + int(x) // (width + 1)


class Rows:
    """A matrix with a row a sample: a sum at the right of each row, one row framed.

    Attributes:
        matrix: the matrix.
        frame: the number of the trace of the frame.
    """

    def __init__(self, board: Board, name: str, colors: str) -> None:
        """Claim a panel; the sums stand between the matrix and its colour scale."""
        self.matrix = Matrix(board, name, colors)
        axis = self.matrix.axis
        plain: dict[str, Any] = dict.fromkeys(["showgrid", "zeroline", "autorange"], False)
        plain |= {
            "fixedrange": True,
            "side": "right",
            "tickmode": "array",
            "ticks": "",
            "range": [0.5, -0.5],
        }
        self._sums = board.overlay(axis, **plain)
        self.frame = _frame(board, {"xaxis": f"x{axis}", "yaxis": f"y{axis}"})

    def draw_sums(self, drawing: Drawing, sums: Sequence[str]) -> None:
        """Write a text at the right of each row, from top to bottom."""
        size = 11 if len(sums) <= 20 else 9  # so that thirty rows have room for their names
        drawing.layout |= {
            f"yaxis{self.matrix.axis}.tickfont.size": size,
            f"yaxis{self._sums}.tickfont.size": size,
            f"yaxis{self._sums}.visible": True,
            f"yaxis{self._sums}.range": [len(sums) - 0.5, -0.5],
            f"yaxis{self._sums}.tickvals": list(range(len(sums))),
            f"yaxis{self._sums}.ticktext": list(sums),
        }

    def draw_frame(self, drawing: Drawing, row: int, columns: int) -> None:
        """Frame a row of a matrix of so many columns."""
        _draw_frame(drawing, self.frame, (-0.5, row - 0.5, columns - 0.5, row + 0.5))

    def hide(self, drawing: Drawing) -> None:
        """Take matrix, sums and frame off the screen."""
        self.matrix.hide(drawing)
        self.matrix.say(drawing, "")
        drawing.layout[f"yaxis{self._sums}.visible"] = False
        drawing.trace(self.frame, x=None, y=None, visible=False)


class BatchFigure:
    """The panels of a batch.

    Attributes:
        pictures: what the network gets.
        confusion: labels against predictions.
        logits: a row a sample.
        probabilities: a row a sample.
        canvas: the figure.
    """

    def __init__(self) -> None:
        board = Board()
        self.pictures = Pictures(board)
        self.confusion = Matrix(board, "confusion")
        axis = self.confusion.axis
        self._diagonal = board.trace(
            type="scatter",
            name="diagonal",
            mode="lines",
            hoverinfo="skip",
            line={"color": TRUE, "width": 1, "dash": "dot"},
            xaxis=f"x{axis}",
            yaxis=f"y{axis}",
        )
        self.logits = Rows(board, "logits", "signed")
        self.probabilities = Rows(board, "probabilities", "share")
        # Right of the last panel are the numbers of its colour scale.
        self.canvas: Canvas = board.canvas(
            {
                0: View(1750, _NARROW, {"b": 90, "r": 62}, self._room(_NARROW, 270, -90)),
                **{width: self._wide(width) for width in (700, 800, 900, 1000, 1100)},
            }
        )

    def _wide(self, width: int) -> View:
        logits, probabilities = beside(width, *_COLUMNS)
        above = [(0, 0.4, 0.59, 1), (0.63, 0.93, 0.65, 1)]
        places = [*above, (*logits, 0, 0.48), (*probabilities, 0, 0.48)]
        between = width - MARGIN["l"] - MARGIN["r"]
        return View(830, places, {"b": 70}, self._room(places, between, -40))

    def _room(self, places: Sequence[Rect], width: int, angle: int) -> dict[str, Any]:
        """Room for the sums beside each row, and for the names of the classes.

        Args:
            places: of the panels.
            width: pixels between the margins.
            angle: of the names.
        """
        matrices = [self.confusion, self.logits.matrix, self.probabilities.matrix]
        room: dict[str, Any] = {}
        for matrix, (_, right, _, _), sums in zip(matrices, places[1:], (0, *_SUMS), strict=True):
            room[f"coloraxis{matrix.color}.colorbar.x"] = right + sums / width
            room[f"xaxis{matrix.axis}.tickangle"] = angle
            room[f"xaxis{matrix.axis}.tickfont.size"] = 11
        return room

    def draw_diagonal(self, drawing: Drawing, classes: int) -> None:
        """Draw the line on which the right answers of a confusion matrix stand; of 0, none."""
        ends = np.array([-0.5, classes - 0.5]) if classes else np.empty(0)
        drawing.trace(self._diagonal, x=ends, y=ends, visible=classes > 0)

    @property
    def rows(self) -> dict[int, Rows]:
        """The panels with a row a sample, by the number of their heatmap."""
        return {panel.matrix.trace: panel for panel in (self.logits, self.probabilities)}


def _corner(index: int, tile: tuple[int, int], tiles: tuple[int, int]) -> tuple[float, float]:
    """Left and top of a tile, in cells."""
    row, column = divmod(index, tiles[1])
    return column * (tile[1] + 1) - 0.5, row * (tile[0] + 1) - 0.5


def _frame(board: Board, where: dict[str, str]) -> int:
    line = {"color": PREDICTED, "width": 3}
    return board.trace(
        type="scatter", name="chosen", mode="lines", hoverinfo="skip", line=line, **where
    )


def _draw_frame(drawing: Drawing, number: int, corners: tuple[float, float, float, float]) -> None:
    left, top, right, bottom = corners
    x, y = np.array([left, right, right, left, left]), np.array([top, top, bottom, bottom, top])
    drawing.trace(number, x=x, y=y, visible=True)
