"""The figure of several networks on one sample: logits, probabilities, distances."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from fwdwidgets.figures import Board, Canvas, Drawing, Matrix, NamedBars, View, beside

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

    def draw_distances(
        self, drawing: Drawing, names: Sequence[str], distances: Mapping[str, Sequence[float]]
    ) -> None:
        """Draw how far the networks are from the first one.

        Args:
            drawing: what the redraw assigns; added to.
            names: one a network.
            distances: by step, one a network, 0 to 2; that of the first is left out.
        """
        panel = self.distances
        panel.say(drawing, f"<b>distance to {names[0]}</b><br>0: the same, 1.41: unrelated")
        panel.draw(
            drawing,
            np.array([each[1:] for each in distances.values()], dtype=np.float32),
            (0.0, 2.0),
            rows=list(distances),
            columns=list(names[1:]),
            number=".2f",
            hover=("step", "", f"distance to {names[0]}"),
        )
