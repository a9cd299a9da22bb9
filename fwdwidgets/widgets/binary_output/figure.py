"""The figure of a binary output: the sigmoid with a point a row, and a bar a row."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from fwdwidgets.figures import (
    OTHER,
    PREDICTED,
    Board,
    Canvas,
    Drawing,
    Lines,
    NamedBars,
    View,
)

_BELOW = [(0.1, 1, 0.6, 1), (0.3, 0.86, 0, 0.36)]
_BESIDE = [(0.04, 0.48, 0.06, 1), (0.66, 0.92, 0, 1)]


class BinaryFigure:
    """The panels of a binary output.

    Attributes:
        curve: the sigmoid, the threshold, and a point a row.
        bars: a probability a row.
        canvas: the figure.
    """

    def __init__(self) -> None:
        board = Board()
        self.curve = Lines(board, ["sigmoid", "threshold"], x="raw number", y="sigmoid")
        self.bars = NamedBars(board, "probability")
        self.canvas: Canvas = board.canvas(
            {0: View(500, _BELOW, {"b": 30}), 640: View(300, _BESIDE)}
        )

    def draw(
        self,
        drawing: Drawing,
        curve: tuple[np.ndarray, np.ndarray],
        points: tuple[np.ndarray, np.ndarray],
        threshold: float,
        decisions: Sequence[int],
        *,
        rows: Sequence[str],
        chosen: int,
    ) -> None:
        """Draw all rows.

        Args:
            drawing: what the redraw assigns; added to.
            curve: x and y of the sigmoid, `(points,)`.
            points: the raw number and the probability of each row, `(N,)`.
            threshold: 0 to 1, drawn as a level line.
            decisions: the class of each row, 0 or 1.
            rows: the name of each row.
            chosen: which row is drawn larger.
        """
        x, _ = curve
        _, chances = points
        self.curve.draw(
            drawing,
            [curve, (x[[0, -1]], np.full(2, threshold, np.float32))],
            points=points,
            texts=rows,
            chosen=chosen,
            x_range=(float(x[0]), float(x[-1])),
            y_range=(-0.04, 1.04),
        )
        self.curve.say(drawing, "<b>sigmoid</b> 1 / (1 + e<sup>-x</sup>)")
        self.bars.draw(
            drawing,
            rows,
            chances,
            (0, 1),
            texts=[f"{chance:.4f}" for chance in chances],
            signs=["▸" if decision else "" for decision in decisions],
            colors=[PREDICTED if decision else OTHER for decision in decisions],
        )
        self.bars.say(drawing, f"<b>probability</b> ▸ at least {threshold:.4g}")
