"""The figure of a regression: the value of each row on one line, and what is true below."""

from __future__ import annotations

from fwdwidgets.figures import Board, Canvas, NumberLine, View


class RegressionFigure:
    """The one panel of a regression.

    Attributes:
        line: a mark a row, and a mark a target.
        canvas: the figure.
    """

    def __init__(self) -> None:
        board = Board()
        self.line = NumberLine(board, "value")
        self.canvas: Canvas = board.canvas({0: View(190, [(0, 1, 0.1, 1)], {"l": 24, "r": 24})})
