"""Values on one line: the outputs of a regression, and their targets."""

from __future__ import annotations

import math
import sys
from collections.abc import Sequence

import numpy as np

from fwdwidgets.figures.board import Board
from fwdwidgets.figures.colors import OTHER, PREDICTED, TRUE
from fwdwidgets.figures.drawing import Drawing, escape, exact
from fwdwidgets.figures.panel import Panel


class NumberLine(Panel):
    """Values on one line, each with its name, the chosen one larger; targets below them.

    Attributes:
        values: the index of the values' trace in `figure.data`.
        targets: the index of the targets' trace.
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
        axis = board.axes(x, y, values="x")
        marks = {"type": "scatter", "mode": "markers", "cliponaxis": False}
        # A mark at the end of the line is not cut.
        self.values = board.trace(axis, name=name, **marks)
        self.targets = board.trace(axis, name="target", **marks)
        self._name = escape(name)
        super().__init__(axis, board.panel(axis))

    def draw(
        self,
        drawing: Drawing,
        values: np.ndarray,
        names: Sequence[str],
        chosen: int,
        targets: np.ndarray | None = None,
    ) -> None:
        """Draw the values `(n,)`, and below them the targets that are known."""
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
        }
        self.say(drawing, " &nbsp; ".join(title))


def _whole_line(parts: Sequence[np.ndarray]) -> list[float]:
    """A range symmetric about zero, to 1, 2 or 5 times a power of ten, so that it seldom moves.

    If all values are on one side and none is near zero, only that side.
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
