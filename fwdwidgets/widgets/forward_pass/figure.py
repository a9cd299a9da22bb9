"""The figure of one forward pass: input, layer, logits, probabilities."""

from __future__ import annotations

from fwdwidgets.figures import Board, Canvas, Classes, Heatmap, Layer, View, beside

# At the right of the layer is room for the numbers of its bars, then for names of classes.
_COLUMNS = (0, 2.2, 0), (16, 3.8, 24), (92, 1, 48), (0, 0.75, 46)
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
                **{
                    width: View(
                        310 if width < 900 else 380,
                        [(*ends, 0, 1) for ends in beside(width, *_COLUMNS)],
                    )
                    for width in (720, 800, 900, 1000, 1100)
                },
            }
        )
