"""Lines and points over a number: a loss curve, a sigmoid with a point on it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from fwdwidgets.figures.board import Board
from fwdwidgets.figures.colors import OTHER, PREDICTED, SERIES
from fwdwidgets.figures.drawing import Drawing, escape, exact
from fwdwidgets.figures.panel import Panel


class Lines(Panel):
    """One or more lines on one pair of axes, with marked points on them.

    Attributes:
        traces: the index of each line's trace in `figure.data`.
        points: the index of the trace of the marked points.
        axis: the suffix of its axes in the layout.
    """

    def __init__(self, board: Board, names: Sequence[str], *, x: str, y: str = "") -> None:
        """Claim a panel.

        Args:
            board: the figure being built.
            names: one for each line; more than one appear in the legend.
            x: what the x axis shows, with its unit.
            y: the name of the value in hover labels.
        """
        axis = {"fixedrange": True, "zeroline": True, "zerolinewidth": 1, "nticks": 6}
        title = {"text": x, "standoff": 4, "font": {"size": 12}}
        suffix = board.axes({**axis, "title": title}, axis, values="xy")
        self._words = escape(x), escape(y)
        self.traces = [
            board.trace(
                suffix,
                type="scatter",
                mode="lines",
                name=escape(name),
                line={"color": color, "width": 2},
            )
            for name, color in zip(names, SERIES, strict=False)
        ]
        self._legend = len(names) > 1
        self.points = board.trace(
            suffix,
            type="scatter",
            mode="markers",
            name="marked",
            marker={"symbol": "diamond"},
            cliponaxis=False,  # a mark on the edge is not cut
        )
        super().__init__(suffix, board.panel(suffix))

    def draw(
        self,
        drawing: Drawing,
        lines: Sequence[tuple[np.ndarray, np.ndarray]],
        *,
        points: tuple[np.ndarray, np.ndarray] | None = None,
        texts: Sequence[str] = (),
        chosen: int | None = None,
        x_range: tuple[float, float] | None = None,
        y_range: tuple[float, float] | None = None,
    ) -> None:
        """Draw the lines.

        Args:
            drawing: what the redraw assigns; added to.
            lines: x `(n,)` and y `(n,)` of each line; missing lines are not drawn.
            points: x and y of the marked points.
            texts: the hover text of each marked point, before its value.
            chosen: which of the points is drawn larger.
            x_range: of the axis; None fits all finite values.
            y_range: of the axis; None fits all finite values.
        """
        x_word, y_word = self._words
        for index, number in enumerate(self.traces):
            if index >= len(lines):
                drawing.trace(number, x=None, y=None, visible=False)
                continue
            x, y = lines[index]
            drawing.trace(
                number,
                x=x,
                y=y,
                visible=True,
                showlegend=self._legend,
                hovertemplate=f"{x_word} %{{x}}<br>{y_word} <b>%{{y:{exact(y)}}}</b>",
            )
        marked = points if points is not None else (np.empty(0), np.empty(0))
        drawing.trace(
            self.points,
            x=marked[0],
            y=marked[1],
            text=[escape(text) for text in texts] or [""] * len(marked[0]),
            marker={
                "color": [PREDICTED if i == chosen else OTHER for i in range(len(marked[0]))],
                "size": [16 if i == chosen else 9 for i in range(len(marked[0]))],
                "symbol": "diamond",
            },
            visible=len(marked[0]) > 0,
            hovertemplate=(
                f"%{{text}}<br>{x_word} %{{x:{exact(marked[0])}}}<br>{y_word} "
                f"<b>%{{y:{exact(marked[1])}}}</b><extra></extra>"
            ),
        )
        every = [*lines, marked]
        drawing.layout |= {
            f"xaxis{self.axis}.range": list(x_range or _span([x for x, _ in every])),
            f"yaxis{self.axis}.range": list(y_range or _span([y for _, y in every])),
            f"xaxis{self.axis}.visible": True,
            f"yaxis{self.axis}.visible": True,
        }

    def hide(self, drawing: Drawing) -> None:
        """Hide the lines and points."""
        for number in (*self.traces, self.points):
            drawing.trace(number, x=None, y=None, visible=False)
        drawing.layout |= {
            f"xaxis{self.axis}.visible": False,
            f"yaxis{self.axis}.visible": False,
        }
        self.say(drawing, "")


def _span(parts: Sequence[np.ndarray]) -> tuple[float, float]:
    """A range around the finite values of all parts with some room; never empty."""
    values = np.concatenate([np.asarray(part, dtype=float) for part in parts])
    values = values[np.isfinite(values)]
    if not len(values):
        return 0.0, 1.0
    low, high = float(values.min()), float(values.max())
    room = (high - low) * 0.05 or max(abs(high) * 0.1, 0.5)
    return low - room, high + room
