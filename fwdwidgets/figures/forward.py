"""The figure of one forward pass: input, layer, logits, probabilities."""

from __future__ import annotations

from fwdwidgets.figures.bars import Classes
from fwdwidgets.figures.board import Board, Canvas, View
from fwdwidgets.figures.heatmap import Heatmap, Layer

_BESIDE = [(0, 0.215, 0, 1), (0.24, 0.62, 0, 1), (0.725, 0.83, 0, 1), (0.88, 0.955, 0, 1)]
# Beside the layer is room for the numbers of its bars.
_BELOW = [
    (0.15, 0.75, 0.79, 1),
    (0, 0.9, 0.385, 0.67),
    (0.29, 0.55, 0, 0.265),
    (0.69, 0.88, 0, 0.265),
]


class ForwardFigure:
    """The panels of one forward pass.

    Attributes:
        input: what the network gets.
        layer: the value of a step.
        classes: logits and probabilities.
        canvas: the figure.
    """

    def __init__(self) -> None:
        board = Board()
        self.input = Heatmap(board, "input", "input")
        self.layer = Layer(board, "layer")
        self.classes = Classes(board)
        self.canvas: Canvas = board.canvas(
            {
                0: View(870, _BELOW, {"b": 24}),
                640: View(310, _BESIDE),
                900: View(380, _BESIDE),
            }
        )
