"""The figure of one step: its input, its output, and what it changed."""

from __future__ import annotations

from fwdwidgets.figures import Board, Canvas, Layer, View

_BESIDE = [(0, 0.29, 0, 1), (0.355, 0.645, 0, 1), (0.71, 1, 0, 1)]
_BELOW = [(0, 1, 0.74, 1), (0, 1, 0.37, 0.63), (0, 1, 0, 0.26)]
_NUMBERS = {"r": 44}  # those of bars stand at the right


class StepFigure:
    """The panels of one step.

    Attributes:
        before: what it took.
        after: what it gave.
        change: what it gave less what it took.
        canvas: the figure.
    """

    def __init__(self) -> None:
        board = Board()
        self.before = Layer(board, "before")
        self.after = Layer(board, "after")
        self.change = Layer(board, "change")
        self.canvas: Canvas = board.canvas(
            {
                0: View(780, _BELOW, _NUMBERS),
                640: View(270, _BESIDE, _NUMBERS),
                900: View(330, _BESIDE, _NUMBERS),
            }
        )
