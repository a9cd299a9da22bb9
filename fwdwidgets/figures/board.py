"""A figure being built: panels claim traces, axes, titles and colour scales from it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import plotly.graph_objects as go

from fwdwidgets.figures.colors import COLORSCALES, HOVER, INK
from fwdwidgets.figures.view import MARGIN, View

UNMEASURED = {"tickangle": 0, "ticklabeloverflow": "allow"}
"""Without this, plotly measures each tick label in the page: a sixth of a redraw."""


@dataclass(frozen=True)
class Canvas:
    """A figure and its layout patches.

    Attributes:
        figure: the empty figure.
        views: layout patches by the least width in pixels that they are for.
        themes: layout patches by theme; the browser picks, because Python cannot see the theme.
    """

    figure: go.Figure
    views: dict[int, dict[str, Any]]
    themes: dict[str, dict[str, Any]]


@dataclass(frozen=True)
class _Slot:
    """What moves when a panel is placed."""

    axes: tuple[str, ...]
    overlay: str | None
    title: int
    color: str | None
    upright: bool  # the colour scale is at the right


class Board:
    """Collects panels, and makes the figure of them."""

    def __init__(self) -> None:
        self._data: list[dict[str, Any]] = []
        self._axes = 0
        self._colors = 0
        self._slots: list[_Slot] = []
        self._themes: dict[str, dict[str, Any]] = {
            theme: {
                "font.color": ink["font"],
                "hoverlabel.bgcolor": HOVER[theme],
                "hoverlabel.font.color": ink["font"],
                "legend.font.color": ink["font"],
            }
            for theme, ink in INK.items()
        }
        self._layout: dict[str, Any] = {
            "autosize": True,
            "paper_bgcolor": "rgba(0,0,0,0)",
            "plot_bgcolor": "rgba(0,0,0,0)",
            "font": {"size": 12, "family": "system-ui, sans-serif"},
            "dragmode": False,
            "hovermode": "closest",
            "bargap": 0.25,
            "showlegend": False,
            "legend": {"orientation": "h", "x": 0, "y": 0, "yref": "container"},
            "annotations": [],
            "shapes": [],
        }

    def trace(self, axis: str | None = None, **properties: Any) -> int:
        """Add a trace, hidden at first, on the axes with this suffix; return its number."""
        axes = {} if axis is None else {"xaxis": f"x{axis}", "yaxis": f"y{axis}"}
        self._data.append({"visible": False, "showlegend": False, **axes, **properties})
        return len(self._data) - 1

    def axes(
        self, x: dict[str, Any], y: dict[str, Any], *, values: str = "", square: bool = False
    ) -> str:
        """Add a pair of axes; return their suffix (`""`, `"2"`, ...).

        Args:
            x: properties of the x axis.
            y: properties of the y axis.
            values: which of the two show values and therefore a grid: `""`, `"x"`, `"y"`, `"xy"`.
            square: whether one unit is as long on both, so that cells are square.
        """
        self._axes += 1
        name = "" if self._axes == 1 else str(self._axes)
        self._layout[f"xaxis{name}"] = {**UNMEASURED, "anchor": f"y{name}", **x}
        self._layout[f"yaxis{name}"] = {**UNMEASURED, "anchor": f"x{name}", **y}
        if square:
            self._layout[f"yaxis{name}"]["scaleanchor"] = f"x{name}"
        self.ink_values(name, values)
        return name

    def ink_values(self, axis: str, letters: str) -> None:
        """Give the grid and the zero line of these axes their colours."""
        for theme, ink in INK.items():
            for letter in letters:
                self._themes[theme][f"{letter}axis{axis}.gridcolor"] = ink["grid"]
                self._themes[theme][f"{letter}axis{axis}.zerolinecolor"] = ink["zero"]

    def frame(self, axis: str) -> None:
        """Draw a line around these axes, whose background may have the same colour as the page."""
        for letter in "xy":
            self._layout[f"{letter}axis{axis}"] |= {"showline": True, "mirror": True}
            for theme, ink in INK.items():
                self._themes[theme][f"{letter}axis{axis}.linecolor"] = ink["gap"]

    def overlay(self, axis: str, **properties: Any) -> str:
        """Add a second y axis over the axes with suffix `axis`; return its suffix."""
        self._axes += 1
        name = str(self._axes)
        self._layout[f"yaxis{name}"] = {
            **UNMEASURED,
            "anchor": f"x{axis}",
            "overlaying": f"y{axis}",
            **properties,
        }
        # plotly draws no axis without a trace, hence this one.
        carrier = self.trace(axis, type="scatter", hoverinfo="skip", x=[None], y=[None])
        self._data[carrier] |= {"yaxis": f"y{name}", "visible": True}
        return name

    def backdrop(self, axis: str) -> int:
        """Add a rectangle behind a heatmap, visible through its gaps; return its number."""
        rectangle = {"type": "rect", "layer": "below", "line": {"width": 0}, "visible": False}
        corners = {"x0": -0.5, "y0": -0.5, "x1": 0.5, "y1": 0.5}
        where = {"xref": f"x{axis}", "yref": f"y{axis}"}
        self._layout["shapes"].append({**rectangle, **where, **corners})
        number = len(self._layout["shapes"]) - 1
        for theme, ink in INK.items():
            self._themes[theme][f"shapes[{number}].fillcolor"] = ink["gap"]
        return number

    def colors(self, kind: str, *, upright: bool = False) -> str:
        """Add a colour scale, below its panel or `upright` beside it; return its suffix."""
        self._colors += 1
        name = "" if self._colors == 1 else str(self._colors)
        bar = {
            "thickness": 9,
            "outlinewidth": 1,
            "tickformat": ".3~g",
            "tickfont": {"size": 11},
            **UNMEASURED,
        }
        if upright:
            bar |= {"xanchor": "left", "yanchor": "middle", "xpad": 6, "ypad": 0}
        else:
            bar |= {"orientation": "h", "xanchor": "center", "yanchor": "top"}
            bar |= {"xpad": 0, "ypad": 6}
        self._layout[f"coloraxis{name}"] = {"colorbar": bar, "showscale": False}
        for theme, ink in INK.items():
            self._themes[theme][f"coloraxis{name}.colorscale"] = COLORSCALES[kind][theme]
            self._themes[theme][f"coloraxis{name}.colorbar.outlinecolor"] = ink["gap"]
        return name

    def panel(
        self,
        *axes: str,
        color: str | None = None,
        upright: bool = False,
        overlay: str | None = None,
    ) -> int:
        """Add a panel on these axes with a title above it; return the number of its title."""
        title = {
            "xref": "paper",
            "yref": "paper",
            "xanchor": "left",
            "yanchor": "bottom",
            "align": "left",
            "showarrow": False,
            "font": {"size": 13},
            "yshift": 4,
            "text": "",
        }
        self._layout["annotations"].append(title)
        number = len(self._layout["annotations"]) - 1
        self._slots.append(_Slot(axes, overlay, number, color, upright))
        return number

    def canvas(self, views: Mapping[int, View], **layout: Any) -> Canvas:
        """The figure of all the panels.

        Args:
            views: how they are arranged, by minimum width in pixels.
            layout: further plotly layout properties.
        """
        for view in views.values():
            if len(view.places) != len(self._slots):
                raise ValueError(f"{len(view.places)} places for {len(self._slots)} panels")
        patches = {width: self._place(view) for width, view in views.items()}
        figure = go.Figure(data=self._data, layout={**self._layout, **layout})
        figure.update_layout(template="none")
        for path, value in {**patches[max(patches)], **self._themes["light"]}.items():
            figure.layout[path] = value
        return Canvas(figure, patches, self._themes)

    def _place(self, view: View) -> dict[str, Any]:
        margin = {**MARGIN, **(view.margin or {})}
        patch: dict[str, Any] = {"height": view.height}
        patch |= {f"margin.{side}": pixels for side, pixels in margin.items()}
        for slot, (x0, x1, y0, y1) in zip(self._slots, view.places, strict=True):
            for name in slot.axes:
                patch[f"xaxis{name}.domain"] = [x0, x1]
                patch[f"yaxis{name}.domain"] = [y0, y1]
            if slot.overlay:
                patch[f"yaxis{slot.overlay}.domain"] = [y0, y1]
            patch[f"annotations[{slot.title}].x"] = x0
            patch[f"annotations[{slot.title}].y"] = y1
            if slot.color is None:
                continue
            bar = f"coloraxis{slot.color}.colorbar"
            if slot.upright:
                patch |= {f"{bar}.x": x1, f"{bar}.y": (y0 + y1) / 2, f"{bar}.len": y1 - y0}
            else:  # room for the numbers at its ends
                patch |= {f"{bar}.x": (x0 + x1) / 2, f"{bar}.y": y0}
                patch[f"{bar}.len"] = 0.78 * (x1 - x0)
        return patch | dict(view.layout or {})
