"""The figure of several networks on one sample: logits, probabilities, distances."""

from __future__ import annotations

from fwdwidgets.figures.bars import NamedBars
from fwdwidgets.figures.board import Board, Canvas, View, beside
from fwdwidgets.figures.heatmap import Matrix

_COLUMNS = (90, 1, 0), (28, 1, 0), (100, 0.75, 50)
_HEIGHTS = (0, 1), (0, 1), (0.06, 1)
_BELOW = [(0.28, 0.61, 0.52, 1), (0.66, 1, 0.52, 1), (0.32, 0.8, 0.06, 0.4)]


class ComparisonFigure:
    """The panels of a comparison.

    Attributes:
        logits: a row a class, a bar a network.
        probabilities: a row a class, a bar a network; its names are those of the logits.
        distances: a row a step, a column a network.
        canvas: the figure.
    """

    def __init__(self, most: int) -> None:
        """Make room for at most so many networks."""
        board = Board()
        self.logits = NamedBars(board, "logits", series=most, nticks=5)
        self.probabilities = NamedBars(board, "probabilities", series=most, named=False)
        self.distances = Matrix(board, "distances")
        self.canvas: Canvas = board.canvas(
            {
                0: View(1060, _BELOW, {"b": 84}),
                **{
                    width: View(
                        470,
                        [
                            (*ends, *heights)
                            for ends, heights in zip(
                                beside(width, *_COLUMNS), _HEIGHTS, strict=True
                            )
                        ],
                        {"b": 84},
                    )
                    for width in (800, 900, 1000, 1100)
                },
            },
            showlegend=True,
        )
