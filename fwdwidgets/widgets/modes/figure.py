"""The figure of `Modes`: a layer and the output in both modes, and a class draw after draw."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from fwdwidgets.figures import (
    MAX_MARKS,
    SERIES,
    Board,
    Canvas,
    Drawing,
    Layer,
    Lines,
    NamedBars,
    View,
)

MODES = ("train mode", "eval mode")
_NARROW = [(0, 0.88, 0.8, 1), (0, 0.88, 0.52, 0.72), (0.3, 1, 0.22, 0.42), (0.14, 1, 0.04, 0.14)]
_WIDE = [
    (0, 0.45, 0.58, 1),
    (0.52, 0.97, 0.58, 1),
    (0.12, 0.45, 0.06, 0.38),
    (0.58, 0.97, 0.06, 0.38),
]


class ModeFigure:
    """Train mode beside eval mode.

    Attributes:
        left: the layer in train mode.
        right: the layer in eval mode.
        bars: the output in both modes.
        runs: the likeliest class, draw after draw.
        canvas: the figure.
    """

    def __init__(self) -> None:
        board = Board()
        self.left = Layer(board, "train")
        self.right = Layer(board, "eval")
        self.bars = NamedBars(board, "output", series=2)
        self.runs = Lines(board, list(MODES), x="draw", y="output")
        self.canvas: Canvas = board.canvas(
            {0: View(1080, _NARROW, {"b": 40}), 640: View(560, _WIDE, {"b": 56, "r": 24})},
            showlegend=True,
        )

    def share_scale(self, drawing: Drawing) -> None:
        """Give the bars of both modes one scale, on which 1.333 times as much looks so."""
        keys = [f"yaxis{panel.heatmap.axis}.range" for panel in (self.left, self.right)]
        drawn = [key for key in keys if key in drawing.layout]
        low = min(drawing.layout[key][0] for key in drawn)
        high = max(drawing.layout[key][1] for key in drawn)
        drawing.layout |= {key: [low, high] for key in drawn}

    def mark_dropped(
        self, drawing: Drawing, panel: Layer, dropped: np.ndarray, *, bars: bool
    ) -> None:
        """Mark each dropped number with a cross.

        Args:
            drawing: what the redraw assigns; added to.
            panel: `left` or `right`.
            dropped: booleans of the drawn cells, rows and columns; of bars, one axis.
            bars: put the cross at the foot of its bar, and not on its cell.
        """
        cells = np.argwhere(dropped)[:MAX_MARKS]
        y, x = (np.zeros(len(cells)), cells[:, 0]) if bars else cells.T
        panel.draw_marks(drawing, y, x, ["dropped"] * len(cells))

    def draw_runs(
        self,
        drawing: Drawing,
        draws: Sequence[int],
        outputs: Sequence[float],
        level: float,
        *,
        chosen: int,
        most: int,
    ) -> None:
        """Draw one number of train mode draw after draw, beside its level in eval mode.

        Args:
            drawing: what the redraw assigns; added to.
            draws: the seed of dropout's random numbers.
            outputs: in train mode, one a draw.
            level: in eval mode.
            chosen: the draw with the larger mark.
            most: how many draws have room beside each other.
        """
        x, y = np.array(draws), np.array(outputs)
        first = max(0, chosen - most + 1)
        ends = np.array([first - 0.5, first + most - 0.5])
        levels = np.full(2, level)
        self.runs.draw(
            drawing,
            [(x, y), (ends, levels)],
            points=(x, y),
            texts=[MODES[0]] * len(x),
            x_range=(ends[0], ends[1]),
            y_range=_with_room(np.append(y, levels)),
        )
        sizes = [16 if draw == chosen else 9 for draw in draws]
        marker = {"color": SERIES[0], "size": sizes, "symbol": "diamond"}
        drawing.trace(self.runs.points, marker=marker)  # in the colour of train mode
        for number in self.runs.traces:  # the bars beside have the same names and colours
            drawing.trace(number, showlegend=False)


def _with_room(values: np.ndarray) -> tuple[float, float]:
    """An axis range in which no mark on a value is cut; never empty."""
    finite = values[np.isfinite(values)]
    low, high = float(finite.min(initial=np.inf)), float(finite.max(initial=-np.inf))
    if low > high:
        return 0.0, 1.0
    room = (high - low) * 0.15 or 0.05
    return low - room, high + room
