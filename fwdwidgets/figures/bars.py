"""Bars that lie, a name at each: probabilities of classes, bytes of layers, series compared."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from fwdwidgets.figures.board import OTHER, PREDICTED, SERIES, TRUE, Board
from fwdwidgets.figures.drawing import Drawing, escape, exact, short

_CLASSES = {"showgrid": False, "zeroline": False, "autorange": False, "fixedrange": True}
# Numbers stand in a column as tick labels: plotly measures each text at a bar, slowly.
_NUMBERS = {
    "side": "right",
    "tickmode": "array",
    "ticks": "",
    "ticklabelstandoff": 3,
    "tickfont": {"size": 11},
}


class NamedBars:
    """A row a name: one bar with its number at the right, or one bar of each series.

    Attributes:
        traces: the number of each series' trace in `figure.data`.
        axis: the suffix of its axes in the layout.
        names: the suffix of the y axis that carries the names; None where there is none.
    """

    def __init__(
        self, board: Board, name: str, *, named: bool = True, series: int = 1, nticks: int = 3
    ) -> None:
        """Claim a panel.

        Args:
            board: the figure in the making.
            name: what the bars are.
            named: whether names stand at the left; else they are those of a panel beside.
            series: how many bars a row has at most; more than one carry no numbers.
            nticks: at most so many ticks on the axis of values.
        """
        x = {"nticks": nticks, "zeroline": True, "zerolinewidth": 1, "fixedrange": True}
        left = {**_CLASSES, "tickmode": "array", "ticks": "", "ticklabelstandoff": 4}
        right = {**_CLASSES, **_NUMBERS}
        self.axis = board.axes(x, left if named else right, values="x")
        where = {"xaxis": f"x{self.axis}", "yaxis": f"y{self.axis}", "orientation": "h"}
        self.traces = [
            board.trace(type="bar", name=name, marker={"color": color}, **where)
            for color in (SERIES[:series] if series > 1 else [OTHER])
        ]
        self.names = self.axis if named else None
        self._numbers = self.axis
        if named and series == 1:
            self._numbers = board.overlay(self.axis, **right)
        self._title = board.panel(
            self.axis, overlay=self._numbers if self._numbers != self.axis else None
        )

    def say(self, drawing: Drawing, title: str) -> None:
        """Set the title above the panel; plotly's markup."""
        drawing.layout[f"annotations[{self._title}].text"] = title

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
            names: one a row, from top to bottom; long ones are shortened.
            values: `(rows,)`, or `(series, rows)`.
            ends: of the axis of values, as `display.value_range` finds them.
            texts: the number at the right of each row.
            signs: a sign after each name, which then stands bold; empty where it has none.
            colors: one a row, or None.
            series: the name of each series; they stand in the legend.
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
        axis, numbers = self.axis, self._numbers
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
        """Show the names alone, without bars: those of a panel beside that has bars."""
        self.draw(drawing, names, np.zeros(len(names)), (0, 1), signs=signs)
        for number in self.traces:
            drawing.trace(number, x=None, y=None, visible=False)
        drawing.layout[f"xaxis{self.axis}.visible"] = False
        drawing.layout[f"yaxis{self._numbers}.visible"] = self._numbers == self.axis

    def hide(self, drawing: Drawing) -> None:
        """Take the bars off the screen."""
        for number in self.traces:
            drawing.trace(number, x=None, y=None, visible=False)
        for name in {f"x{self.axis}", f"y{self.axis}", f"y{self._numbers}"}:
            drawing.layout[f"{name[0]}axis{name[1:]}.visible"] = False
        self.say(drawing, "")


class Classes:
    """Logits and probabilities side by side, the predicted and the true class marked.

    Attributes:
        logits: the panel of the logits, which carries the names.
        probabilities: the panel of the probabilities.
    """

    def __init__(self, board: Board) -> None:
        """Claim two panels: logits, probabilities."""
        self.logits = NamedBars(board, "logits")
        self.probabilities = NamedBars(board, "softmax", named=False, nticks=2)

    def draw(
        self,
        drawing: Drawing,
        classes: Sequence[int],
        names: Sequence[str],
        logits: np.ndarray | None,
        probabilities: np.ndarray,
        *,
        ranges: Mapping[str, Sequence[float]],
        digits: int,
        prediction: int | None,
        label: int | None,
        titles: tuple[str, str],
        note: str = "",
    ) -> None:
        """Draw the bars, the predicted and the true class marked by sign and colour.

        Args:
            drawing: what the redraw assigns; added to.
            classes: class indices, from top to bottom.
            names: the name of each of them.
            logits: one a class drawn, or None where the model gives probabilities only.
            probabilities: one a class drawn, 0 to 1.
            ranges: the ends of the axes of `"logits"`, where there are some, and `"probabilities"`.
            digits: so many of a logit are printed after the point.
            prediction: the predicted class index, or None.
            label: the true class index, or None.
            titles: above the logits, above the probabilities.
            note: a line below the first title.
        """
        colors = class_colors(classes, prediction, label)
        signs = [("▸" if c == prediction else "") + ("✓" if c == label else "") for c in classes]
        if logits is None:
            self.logits.show_names(drawing, names, signs)
        else:
            texts = [f"{v:.{digits}f}" for v in logits]
            ends = ranges["logits"]
            self.logits.draw(drawing, names, logits, ends, texts=texts, signs=signs, colors=colors)
        percent = [f"{v:.1%}" for v in probabilities]
        ends = ranges["probabilities"]
        self.probabilities.draw(drawing, names, probabilities, ends, texts=percent, colors=colors)
        self.logits.say(drawing, f"<b>{titles[0]}</b>" + (f"<br>{note}" if note else ""))
        self.probabilities.say(drawing, f"<b>{titles[1]}</b>" + ("<br> " if note else ""))

    def hide(self, drawing: Drawing) -> None:
        """Take logits and probabilities off the screen."""
        self.logits.hide(drawing)
        self.probabilities.hide(drawing)


def class_colors(classes: Sequence[int], prediction: int | None, label: int | None) -> list[str]:
    """The colour of each class: true, predicted or neither."""
    return [TRUE if c == label else PREDICTED if c == prediction else OTHER for c in classes]
