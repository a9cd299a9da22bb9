"""The figure of a multi-class output: logits and softmax as matrices, a row a row."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from fwdwidgets.figures import Board, Canvas, Drawing, Matrix, View

_BELOW = [(0.2, 0.86, 0.63, 1), (0.2, 0.86, 0.04, 0.41)]
_BESIDE = [(0.1, 0.43, 0.06, 1), (0.6, 0.93, 0.06, 1)]


class MulticlassFigure:
    """The panels of a multi-class output.

    Attributes:
        logits: a row a row of the table, a column a class.
        probabilities: the same of the probabilities.
        canvas: the figure.
    """

    def __init__(self) -> None:
        board = Board()
        self.logits = Matrix(board, "logits", "signed")
        self.probabilities = Matrix(board, "softmax")
        self.canvas: Canvas = board.canvas(
            {0: View(600, _BELOW, {"r": 22}), 640: View(300, _BESIDE)}
        )

    def draw(
        self,
        drawing: Drawing,
        logits: np.ndarray,
        ends: tuple[float, float],
        probabilities: np.ndarray,
        shown: Sequence[int],
        *,
        rows: Sequence[str],
        columns: Sequence[str],
    ) -> None:
        """Draw all rows.

        Args:
            drawing: what the redraw assigns; added to.
            logits: `(N, classes)`.
            ends: of the colour scale of the logits.
            probabilities: `(N, classes)`.
            shown: the classes that are drawn.
            rows: the name of each row.
            columns: the name of each class drawn.
        """
        for panel, values, colors in (
            (self.logits, logits, ends),
            (self.probabilities, probabilities, (0.0, 1.0)),
        ):
            panel.draw(drawing, values[:, shown], colors, rows=rows, columns=columns, number=".3f")
        self.logits.say(drawing, f"<b>logits</b> {tuple(logits.shape)}")
        self.probabilities.say(
            drawing, f"<b>softmax</b> {tuple(probabilities.shape)}, along each row"
        )
