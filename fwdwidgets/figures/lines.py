"""Lines and points over a number: a loss curve, a sigmoid with a point on it."""

from __future__ import annotations

import math
import sys
from collections.abc import Sequence

import numpy as np

from fwdwidgets.figures.board import OTHER, PREDICTED, SERIES, TRUE, Board
from fwdwidgets.figures.drawing import Drawing, escape, exact


class Lines:
    """One or more lines on one pair of axes, and points that are marked on them.

    Attributes:
        traces: the number of each line's trace in `figure.data`.
        points: the number of the trace of the marked points.
        axis: the suffix of its axes in the layout.
    """

    def __init__(self, board: Board, names: Sequence[str], *, x: str, y: str = "") -> None:
        """Claim a panel.

        Args:
            board: the figure in the making.
            names: one a line; more than one stand in the legend.
            x: what the x axis is, with its unit.
            y: what hover calls the value.
        """
        axis = {"fixedrange": True, "zeroline": True, "zerolinewidth": 1, "nticks": 6}
        title = {"text": x, "standoff": 4, "font": {"size": 12}}
        self.axis = board.axes({**axis, "title": title}, axis, values="xy")
        where = {"xaxis": f"x{self.axis}", "yaxis": f"y{self.axis}"}
        self._words = escape(x), escape(y)
        self.traces = [
            board.trace(
                type="scatter",
                mode="lines",
                name=escape(name),
                line={"color": color, "width": 2},
                **where,
            )
            for name, color in zip(names, SERIES, strict=False)
        ]
        self._legend = len(names) > 1
        self.points = board.trace(
            type="scatter",
            mode="markers",
            name="marked",
            marker={"symbol": "diamond"},
            cliponaxis=False,  # a mark on the edge is whole
            **where,
        )
        self._title = board.panel(self.axis)

    def say(self, drawing: Drawing, title: str) -> None:
        """Set the title above the panel; plotly's markup."""
        drawing.layout[f"annotations[{self._title}].text"] = title

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
            lines: x `(n,)` and y `(n,)` of each line; one that is missing is not drawn.
            points: x and y of the marked points.
            texts: what hover says of each marked point, before its value.
            chosen: which of the points is drawn larger.
            x_range: of the axis; None holds all that is finite.
            y_range: of the axis; None holds all that is finite.
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
        """Take lines and points off the screen."""
        for number in (*self.traces, self.points):
            drawing.trace(number, x=None, y=None, visible=False)
        drawing.layout |= {
            f"xaxis{self.axis}.visible": False,
            f"yaxis{self.axis}.visible": False,
        }
        self.say(drawing, "")


def _span(parts: Sequence[np.ndarray]) -> tuple[float, float]:
    """The finite values of all parts with some room around them; never empty."""
    values = np.concatenate([np.asarray(part, dtype=float) for part in parts])
    values = values[np.isfinite(values)]
    if not len(values):
        return 0.0, 1.0
    low, high = float(values.min()), float(values.max())
    room = (high - low) * 0.05 or max(abs(high) * 0.1, 0.5)
    return low - room, high + room


class NumberLine:
    """Values on one line, each with its name, the chosen one larger; what is true below them.

    Attributes:
        values: the number of the values' trace in `figure.data`.
        targets: the number of the true values' trace.
        axis: the suffix of its axes in the layout.
    """

    def __init__(self, board: Board, name: str) -> None:
        """Claim a panel."""
        x = {
            "fixedrange": True,
            "zeroline": True,
            "zerolinewidth": 2,
            "nticks": 9,
            "ticks": "inside",
        }
        y = {"visible": False, "fixedrange": True, "range": [-1, 1.6]}
        self.axis = board.axes(x, y, values="x")
        where = {"xaxis": f"x{self.axis}", "yaxis": f"y{self.axis}", "type": "scatter"}
        # A mark at the end of the line is whole.
        self.values = board.trace(mode="markers", name=name, cliponaxis=False, **where)
        self.targets = board.trace(mode="markers", name="target", cliponaxis=False, **where)
        self._name = escape(name)
        self._title = board.panel(self.axis)

    def draw(
        self,
        drawing: Drawing,
        values: np.ndarray,
        names: Sequence[str],
        chosen: int,
        targets: np.ndarray | None = None,
    ) -> None:
        """Draw the values `(n,)`, and below them the true ones where they are known."""
        full = [escape(name) for name in names]
        here = [index == chosen for index in range(len(values))]
        drawing.trace(
            self.values,
            x=values,
            y=np.full(len(values), 0.5),
            hovertext=full,
            visible=True,
            marker={
                "color": [PREDICTED if each else OTHER for each in here],
                "size": [18 if each else 11 for each in here],
                "symbol": "diamond",
            },
            hovertemplate=f"%{{hovertext}}<br><b>%{{x:{exact(values)}}}</b><extra></extra>",
        )
        known = np.empty(0) if targets is None else targets
        title = [f'<span style="color:{OTHER}">◆</span> {self._name}']
        if len(known):
            title.append(f'<span style="color:{TRUE}">▲</span> target')
        drawing.trace(
            self.targets,
            x=known,
            y=np.full(len(known), -0.4),
            hovertext=full[: len(known)],
            visible=len(known) > 0,
            marker={
                "color": TRUE,
                "size": [16 if each else 10 for each in here[: len(known)]],
                "symbol": "triangle-up",
            },
            hovertemplate="target of %{hovertext}<br><b>%{x}</b><extra></extra>",
        )
        drawing.layout |= {
            f"xaxis{self.axis}.range": _whole_line([values, known]),
            f"xaxis{self.axis}.visible": True,
            f"annotations[{self._title}].text": " &nbsp; ".join(title),
        }


def _whole_line(parts: Sequence[np.ndarray]) -> list[float]:
    """As far to both sides of zero, to 1, 2 or 5 times a power of ten, so that it seldom moves.

    Where all values are at one side, and none is near zero, that side alone.
    """
    values = np.concatenate([np.asarray(part, dtype=float) for part in parts])
    values = values[np.isfinite(values)]
    largest = float(np.abs(values).max(initial=0)) or 1.0
    power = 10.0 ** max(math.floor(math.log10(largest)), sys.float_info.min_10_exp)
    limit = next(n * power for n in (1, 2, 5, 10) if n * power >= largest)
    limit = min(limit, sys.float_info.max)
    if values.min(initial=limit) >= limit / 10:
        return [0.0, limit]
    if values.max(initial=-limit) <= -limit / 10:
        return [-limit, 0.0]
    return [-limit, limit]
