"""Horizontal bars with names: numbers of a code, bytes of layers, several series compared."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from fwdwidgets.figures.board import Board
from fwdwidgets.figures.colors import OTHER, SERIES
from fwdwidgets.figures.drawing import Drawing, escape, exact, short
from fwdwidgets.figures.panel import Panel

_CLASSES = {"showgrid": False, "zeroline": False, "autorange": False, "fixedrange": True}
# Numbers are tick labels in a column: plotly measures each text on a bar, slowly.
_NUMBERS = {
    "side": "right",
    "tickmode": "array",
    "ticks": "",
    "ticklabelstandoff": 3,
    "tickfont": {"size": 11},
}


class NamedBars(Panel):
    """One row for each name: a bar with its number at the right, or one bar per series.

    Attributes:
        traces: the index of each series' trace in `figure.data`.
        axis: the suffix of its axes in the layout.
        names: the suffix of the y axis with the names; None if there is none.
        numbers: the suffix of the y axis with the number of each row.
    """

    def __init__(
        self, board: Board, name: str, *, named: bool = True, series: int = 1, nticks: int = 3
    ) -> None:
        """Claim a panel.

        Args:
            board: the figure being built.
            name: what the bars are.
            named: whether names are shown at the left; if not, the panel beside shows them.
            series: the most bars in a row; rows of more than one bar have no numbers.
            nticks: the most ticks on the axis of values.
        """
        x = {"nticks": nticks, "zeroline": True, "zerolinewidth": 1, "fixedrange": True}
        left = {**_CLASSES, "tickmode": "array", "ticks": "", "ticklabelstandoff": 4}
        right = {**_CLASSES, **_NUMBERS}
        axis = board.axes(x, left if named else right, values="x")
        self.traces = [
            board.trace(axis, type="bar", orientation="h", name=name, marker={"color": color})
            for color in (SERIES[:series] if series > 1 else [OTHER])
        ]
        self.names = axis if named else None
        self.numbers = axis
        if named and series == 1:
            self.numbers = board.overlay(axis, **right)
        overlay = self.numbers if self.numbers != axis else None
        super().__init__(axis, board.panel(axis, overlay=overlay))

    def draw(
        self,
        drawing: Drawing,
        names: Sequence[str],
        values: np.ndarray,
        ends: Sequence[float],
        *,
        texts: Sequence[str] = (),
        signs: Sequence[str] = (),
        colors: Sequence[str] | None = None,
        series: Sequence[str] = (),
    ) -> None:
        """Draw the bars.

        Args:
            drawing: what the redraw assigns; added to.
            names: one for each row, from top to bottom; long ones are shortened.
            values: `(rows,)`, or `(series, rows)`.
            ends: of the axis of values, as `display.value_range` finds them.
            texts: the number at the right of each row.
            signs: a sign after each name, which is then bold; empty for no sign.
            colors: one for each row, or None.
            series: the name of each series, for the legend.
        """
        rows = np.arange(len(names))
        full = [escape(name) for name in names]
        many = np.atleast_2d(values)
        for index, number in enumerate(self.traces):
            if index >= len(many):
                drawing.trace(number, x=None, y=None, visible=False)
                continue
            label = f"{escape(series[index])}: " if series else ""
            properties: dict[str, Any] = {
                "x": many[index],
                "y": rows,
                "hovertext": full,
                "visible": True,
                "hovertemplate": f"{label}%{{hovertext}}<br><b>%{{x:{exact(values)}}}</b>"
                "<extra></extra>",
            }
            if colors is not None:
                properties["marker"] = {"color": list(colors)}
            if series:
                properties |= {"name": escape(series[index]), "showlegend": True}
            drawing.trace(number, **properties)
        span = [len(names) - 0.4, -0.6]
        axis, numbers = self.axis, self.numbers
        drawing.layout |= {
            f"xaxis{axis}.range": list(ends),
            f"xaxis{axis}.visible": True,
            f"yaxis{axis}.range": span,
            f"yaxis{axis}.visible": True,
        }
        if self.names is not None:
            signed = list(zip(names, signs or [""] * len(names), strict=True))
            drawing.layout |= {
                f"yaxis{axis}.tickvals": rows.tolist(),
                f"yaxis{axis}.ticktext": [
                    f"<b>{escape(short(n))} {s}</b>" if s else escape(short(n)) for n, s in signed
                ],
            }
        elif len(self.traces) > 1:
            drawing.layout[f"yaxis{axis}.tickvals"] = rows.tolist()
            drawing.layout[f"yaxis{axis}.ticktext"] = [""] * len(names)
        if len(self.traces) == 1:
            drawing.layout |= {
                f"yaxis{numbers}.visible": True,
                f"yaxis{numbers}.range": span,
                f"yaxis{numbers}.tickvals": rows.tolist(),
                f"yaxis{numbers}.ticktext": list(texts),
            }

    def show_names(self, drawing: Drawing, names: Sequence[str], signs: Sequence[str] = ()) -> None:
        """Show only the names, without bars, for a panel beside that has bars."""
        self.draw(drawing, names, np.zeros(len(names)), (0, 1), signs=signs)
        for number in self.traces:
            drawing.trace(number, x=None, y=None, visible=False)
        drawing.layout[f"xaxis{self.axis}.visible"] = False
        drawing.layout[f"yaxis{self.numbers}.visible"] = self.numbers == self.axis

    def hide(self, drawing: Drawing) -> None:
        """Hide the bars."""
        for number in self.traces:
            drawing.trace(number, x=None, y=None, visible=False)
        for name in {f"x{self.axis}", f"y{self.axis}", f"y{self.numbers}"}:
            drawing.layout[f"{name[0]}axis{name[1:]}.visible"] = False
        self.say(drawing, "")
