"""The figure of a training step: an output, one parameter and its gradient, the losses."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from fwdwidgets.figures import Board, Canvas, Drawing, Layer, Lines, View

_THIRDS = [(0, 0.27), (0.345, 0.615), (0.69, 0.93)]
_ROWS = [(0.6, 1), (0, 0.36)]
_WIDE = [(*x, *y) for y in _ROWS for x in _THIRDS]
_HALVES = [(0.06, 0.4), (0.54, 0.86)]  # the numbers of bars stand at the right
_LEVELS = [(0.76, 1), (0.39, 0.62), (0.05, 0.25)]
_NARROW = [(*x, *y) for y in _LEVELS for x in _HALVES]


class TrainingFigure:
    """The panels of a training step.

    Attributes:
        output: what the model returned.
        before: the parameter before the last step.
        gradient: of the parameter.
        after: the parameter now.
        difference: now minus before.
        losses: each loss so far, the last one marked.
        canvas: the figure.
    """

    def __init__(self) -> None:
        board = Board()
        self.output = Layer(board, "output")
        self.before = Layer(board, "before")
        self.gradient = Layer(board, "gradient")
        self.after = Layer(board, "after")
        self.difference = Layer(board, "difference")
        self.losses = Lines(board, ["loss"], x="loss lines run", y="loss")
        wide = [_WIDE[i] for i in (0, 3, 1, 4, 5, 2)]
        # The numbers of output and loss stand between them.
        narrow = [(0.06, 0.38, 0.76, 1), *[_NARROW[i] for i in (2, 3, 4, 5)], (0.66, 0.98, 0.76, 1)]
        self.canvas: Canvas = board.canvas({0: View(800, narrow), 640: View(520, wide)})

    def draw_losses(self, drawing: Drawing, losses: Sequence[float], last: str) -> None:
        """Draw the losses as a curve, under the last one as it is written."""
        values = np.array(losses)
        counted = np.arange(1, len(values) + 1)
        if len(values):
            self.losses.draw(
                drawing,
                [(counted, values)],
                points=(counted[-1:], values[-1:]),
                texts=["the last one"],
                chosen=0,
            )
        else:
            self.losses.hide(drawing)
        self.losses.say(drawing, f"<b>loss</b> {last}")
