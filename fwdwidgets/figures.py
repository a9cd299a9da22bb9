"""Arrays to plotly figures: panels, axes, colours, marks. It assigns and computes nothing.

A drawing is a `Drawing`: properties by trace and by dotted layout path, in plotly's own words.
The same drawing goes into the `plotly.graph_objects.Figure` in Python and to the browser.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import plotly.graph_objects as go

INPUT, LAYER, BARS, MARKS, LOGITS, PROBABILITIES = range(6)
"""The traces of a forward pass figure, by their place in `figure.data`."""
MAX_MARKS = 1_000
"""So many NaN and infinite values are marked one by one; the message counts them all."""

PREDICTED, TRUE, OTHER = "#d97a12", "#2a9467", "#6d87a8"

THEMES: dict[str, dict[str, Any]] = {
    "light": {
        "font.color": "#1f2328",
        "shapes[0].fillcolor": "#c4cbd4",
        "shapes[1].fillcolor": "#c4cbd4",
        "coloraxis2.colorscale": [
            [0.0, "#2166ac"],
            [0.25, "#84bbdc"],
            [0.5, "#ffffff"],
            [0.75, "#f0a07e"],
            [1.0, "#b2182b"],
        ],
        "xaxis4.gridcolor": "#d8dde3",
        "xaxis5.gridcolor": "#d8dde3",
        "yaxis2.gridcolor": "#d8dde3",
        "xaxis4.zerolinecolor": "#57606a",
        "xaxis5.zerolinecolor": "#57606a",
        "yaxis2.zerolinecolor": "#57606a",
        "hoverlabel.bgcolor": "#ffffff",
        "hoverlabel.font.color": "#1f2328",
    },
    "dark": {
        "font.color": "#e6e9ed",
        "shapes[0].fillcolor": "#4a515a",
        "shapes[1].fillcolor": "#4a515a",
        "coloraxis2.colorscale": [
            [0.0, "#7cc0ff"],
            [0.25, "#2f6ea5"],
            [0.5, "#0d1014"],
            [0.75, "#a34a2a"],
            [1.0, "#ff9b78"],
        ],
        "xaxis4.gridcolor": "#3a4048",
        "xaxis5.gridcolor": "#3a4048",
        "yaxis2.gridcolor": "#3a4048",
        "xaxis4.zerolinecolor": "#9aa4af",
        "xaxis5.zerolinecolor": "#9aa4af",
        "yaxis2.zerolinecolor": "#9aa4af",
        "hoverlabel.bgcolor": "#22272e",
        "hoverlabel.font.color": "#e6e9ed",
    },
}
"""Layout patches by theme; the browser picks, for Python cannot see the theme."""


def _panels(
    height: int,
    margin: Mapping[str, int],
    panels: Sequence[tuple[float, float, float, float]],
) -> dict[str, Any]:
    """A layout patch that puts input, layer, logits and probabilities at `(x0, x1, y0, y1)`."""
    patch: dict[str, Any] = {"height": height, **{f"margin.{k}": v for k, v in margin.items()}}
    axes = (("",), ("2",), ("4", "6"), ("5",))
    for number, ((x0, x1, y0, y1), names) in enumerate(zip(panels, axes, strict=True)):
        for axis in names:
            patch[f"yaxis{axis}.domain"] = [y0, y1]
            if axis != "6":
                patch[f"xaxis{axis}.domain"] = [x0, x1]
        patch[f"annotations[{number}].x"] = x0
        patch[f"annotations[{number}].y"] = y1
    for coloraxis, (x0, x1, y0, _) in zip(("coloraxis", "coloraxis2"), panels, strict=False):
        patch[f"{coloraxis}.colorbar.x"] = (x0 + x1) / 2
        patch[f"{coloraxis}.colorbar.y"] = y0
        patch[f"{coloraxis}.colorbar.len"] = 0.86 * (x1 - x0)  # room for the numbers at its ends
    return patch


_MARGIN = {"l": 8, "r": 8, "t": 44, "b": 46}
_BESIDE = [(0, 0.215, 0, 1), (0.24, 0.62, 0, 1), (0.725, 0.83, 0, 1), (0.88, 0.955, 0, 1)]
_BELOW = [(0.2, 0.8, 0.79, 1), (0, 1, 0.385, 0.67), (0.29, 0.55, 0, 0.265), (0.69, 0.88, 0, 0.265)]
VIEWS: dict[int, dict[str, Any]] = {
    0: _panels(870, _MARGIN | {"b": 24}, _BELOW),
    640: _panels(310, _MARGIN, _BESIDE),
    900: _panels(380, _MARGIN, _BESIDE),
}
"""Layout patches by the least width in pixels that they are for: panels below or beside."""

_UNMEASURED = {"tickangle": 0, "ticklabeloverflow": "allow"}
"""Else plotly measures each tick label in the page, a sixth of a redraw."""


@dataclass
class Drawing:
    """What a redraw assigns: properties of traces, and of the layout by dotted path."""

    traces: dict[int, dict[str, Any]] = field(default_factory=dict)
    layout: dict[str, Any] = field(default_factory=dict)

    def trace(self, number: int, **properties: Any) -> None:
        """Add properties of one trace."""
        self.traces.setdefault(number, {}).update(properties)


def escape(text: str) -> str:
    """`text` for plotly's labels, which would read `<b>` and `<br>` as markup."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def forward_figure() -> go.Figure:
    """The empty figure of one forward pass: input, layer, logits, probabilities."""
    blank_axis = {"showticklabels": False, "showgrid": False, "zeroline": False, "ticks": ""}
    heat_x = {**blank_axis, "constrain": "domain", "range": [-0.5, 0.5]}
    heat_y = {**blank_axis, "constrain": "domain", "constraintoward": "top", "range": [0.5, -0.5]}
    value_axis = {"nticks": 3, "zeroline": True, "zerolinewidth": 1, "fixedrange": True}
    colorbar = {
        "orientation": "h",
        "thickness": 9,
        "xanchor": "center",
        "yanchor": "top",
        "ypad": 6,
        "xpad": 0,
        "outlinewidth": 0,
        "tickformat": ".3~g",
        "tickfont": {"size": 11},
        **_UNMEASURED,
    }
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
    gap = {"type": "rect", "layer": "below", "line": {"width": 0}, "visible": False}
    data: list[dict[str, Any]] = [
        {"type": "heatmap", "name": "input", "coloraxis": "coloraxis", "visible": False},
        {"type": "heatmap", "name": "layer", "coloraxis": "coloraxis2", "xaxis": "x2"},
        {"type": "bar", "name": "layer", "xaxis": "x2", "yaxis": "y2", "marker": {"color": OTHER}},
        {
            "type": "scatter",
            "name": "not finite",
            "mode": "markers",
            "xaxis": "x2",
            "yaxis": "y2",
            "marker": {"symbol": "x", "size": 7, "color": "#c026d3"},
            "hovertemplate": "%{text}<extra></extra>",
        },
        {"type": "bar", "name": "logits", "xaxis": "x4", "yaxis": "y4", "orientation": "h"},
        {"type": "bar", "name": "softmax", "xaxis": "x5", "yaxis": "y5", "orientation": "h"},
    ]
    data[LAYER]["yaxis"] = "y2"
    for trace in data:
        trace["visible"] = False
        trace["showlegend"] = False
    # plotly draws no axis without a trace: this one carries the column of logits.
    data.append({"type": "scatter", "x": [None], "y": [None], "xaxis": "x4", "yaxis": "y6"})
    data[-1] |= {"hoverinfo": "skip", "showlegend": False}
    # Numbers stand in a column as tick labels: plotly measures each text at a bar, slowly.
    numbers = {"side": "right", "tickmode": "array", "ticks": "", "tickfont": {"size": 11}}
    classes = {"showgrid": False, "zeroline": False, "autorange": False, "fixedrange": True}
    layout: dict[str, Any] = {
        "autosize": True,
        "paper_bgcolor": "rgba(0,0,0,0)",
        "plot_bgcolor": "rgba(0,0,0,0)",
        "font": {"size": 12, "family": "system-ui, sans-serif"},
        "dragmode": False,
        "hovermode": "closest",
        "bargap": 0.25,
        "coloraxis": {"colorscale": "gray", "colorbar": dict(colorbar)},
        "coloraxis2": {"colorbar": dict(colorbar)},
        "annotations": [dict(title) for _ in range(4)],
        "shapes": [
            {**gap, "xref": "x", "yref": "y", "x0": -0.5, "y0": -0.5, "x1": 0.5, "y1": 0.5},
            {**gap, "xref": "x2", "yref": "y2", "x0": -0.5, "y0": -0.5, "x1": 0.5, "y1": 0.5},
        ],
        "xaxis": {**heat_x, "anchor": "y"},
        "yaxis": {**heat_y, "anchor": "x", "scaleanchor": "x"},
        "xaxis2": {**heat_x, "anchor": "y2"},
        "yaxis2": {**heat_y, "anchor": "x2", "scaleanchor": "x2", "side": "right"},
        "xaxis4": {**value_axis, "anchor": "y4"},
        "yaxis4": {**classes, "anchor": "x4", "tickmode": "array", "ticks": ""},
        "xaxis5": {**value_axis, "anchor": "y5", "nticks": 2},
        "yaxis5": {**classes, **numbers, "anchor": "x5"},
        "yaxis6": {**classes, **numbers, "anchor": "x4", "overlaying": "y4"},
    }
    for name in [name for name in layout if name[1:].startswith("axis")]:
        layout[name] |= _UNMEASURED
    figure = go.Figure(data=data, layout=layout)
    figure.update_layout(template="none")
    for path, value in {**VIEWS[900], **THEMES["light"]}.items():
        figure.layout[path] = value
    return figure


def hover_cells(tile: tuple[int, int], tiles: tuple[int, int], first: Sequence[int]) -> np.ndarray:
    """What hover names at each cell of a mosaic: channel, row and column of the tensor.

    Args:
        tile: height and width of one tile.
        tiles: rows and columns of tiles.
        first: the first channel, row and column shown.

    Returns:
        int32 `(rows, columns, 3)`; the browser makes the same from `meta` instead of
        having it sent.
    """
    (height, width), (tile_rows, tile_columns) = tile, tiles
    y = np.arange(tile_rows * (height + 1) - 1)[:, None]
    x = np.arange(tile_columns * (width + 1) - 1)[None, :]
    channel = first[0] + y // (height + 1) * tile_columns + x // (width + 1)
    row, column = first[1] + y % (height + 1), first[2] + x % (width + 1)
    cells = np.broadcast_arrays(channel, row, column)
    return np.stack(cells, axis=-1).astype(np.int32)


def draw_heatmap(
    drawing: Drawing,
    trace: int,
    z: np.ndarray,
    color_range: tuple[float, float],
    *,
    kind: str,
    unit: str,
    tile: tuple[int, int],
    tiles: tuple[int, int],
    first: tuple[int, int, int],
) -> None:
    """Draw a picture of a tensor: `z` as it is, NaN in the gaps.

    Args:
        drawing: what the redraw assigns; added to.
        trace: `INPUT` or `LAYER`.
        z: `(rows, columns)` in the tensor's own units.
        color_range: the values at the ends of the printed colour scale.
        kind: `"mosaic"`, or `"strip"` for a long vector folded into rows.
        unit: what one tile, or one cell of a strip, is called.
        tile: height and width of one tile of a mosaic.
        tiles: rows and columns of tiles of a mosaic.
        first: first channel, row and column that are shown.
    """
    rows, columns = z.shape
    strip = kind == "strip"
    meta = {
        "kind": kind,
        "tile": [1, columns] if strip else list(tile),
        "tiles": [rows, 1] if strip else list(tiles),
        "first": list(first),
    }
    where = "channel %{customdata[0]}, row %{customdata[1]}, column %{customdata[2]}"
    if strip:
        where = f"{unit} %{{customdata}}"
    drawing.trace(
        trace,
        z=z,
        meta=meta,
        visible=True,
        hovertemplate=f"{where}<br><b>%{{z:{_exact(z)}}}</b><extra></extra>",
    )
    axis = "" if trace == INPUT else "2"
    shape = 0 if trace == INPUT else 1
    if trace == LAYER:
        drawing.layout |= _layer_axes(bars=False)
    drawing.layout |= {
        f"xaxis{axis}.visible": True,
        f"yaxis{axis}.visible": True,
        f"xaxis{axis}.range": [-0.5, columns - 0.5],
        f"yaxis{axis}.range": [rows - 0.5, -0.5],
        f"shapes[{shape}].x1": columns - 0.5,
        f"shapes[{shape}].y1": rows - 0.5,
        f"shapes[{shape}].visible": True,
        f"coloraxis{axis}.cmin": color_range[0],
        f"coloraxis{axis}.cmax": color_range[1],
        f"coloraxis{axis}.colorbar.tickvals": [
            color_range[0],
            sum(color_range) / 2,
            color_range[1],
        ],
        f"coloraxis{axis}.showscale": True,
    }


def draw_marks(drawing: Drawing, y: np.ndarray, x: np.ndarray, text: Sequence[str]) -> None:
    """Mark where the layer's value is NaN or infinite: on its picture, or on its bars."""
    drawing.trace(MARKS, x=x, y=y, text=list(text), visible=len(x) > 0)


def draw_bars(drawing: Drawing, values: np.ndarray, unit: str) -> None:
    """Draw a vector `(F,)` as upright bars in the place of the layer's picture."""
    drawing.trace(
        BARS,
        x=np.arange(len(values)),
        y=values,
        visible=True,
        hovertemplate=f"{unit} %{{x}}<br><b>%{{y:{_exact(values)}}}</b><extra></extra>",
    )
    finite = values[np.isfinite(values)]
    low, high = (min(0.0, finite.min()), max(0.0, finite.max())) if len(finite) else (0.0, 1.0)
    margin = (high - low or 1.0) * 0.06
    drawing.layout |= _layer_axes(bars=True) | {
        "xaxis2.range": [-0.7, len(values) - 0.3],
        "yaxis2.range": [float(low - margin), float(high + margin)],
        "xaxis2.nticks": min(10, len(values)),
    }


def _layer_axes(*, bars: bool) -> dict[str, Any]:
    """The layer's axes, for upright bars with numbers or for a picture with square cells.

    Two pairs of axes on one place would be simpler, but plotly lets only the upper one hover.
    """
    return {
        "xaxis2.visible": True,
        "yaxis2.visible": True,
        "xaxis2.showticklabels": bars,
        "yaxis2.showticklabels": bars,
        "yaxis2.showgrid": bars,
        "yaxis2.zeroline": bars,
        "xaxis2.constrain": "range" if bars else "domain",
        "yaxis2.constrain": "range" if bars else "domain",
        "yaxis2.scaleanchor": False if bars else "x2",
    }


def hide_heatmap(drawing: Drawing, trace: int) -> None:
    """Take a heatmap and its colour scale off the screen."""
    axis = "" if trace == INPUT else "2"
    drawing.trace(trace, z=None, visible=False)
    drawing.layout |= {
        f"xaxis{axis}.visible": False,
        f"yaxis{axis}.visible": False,
        f"shapes[{0 if trace == INPUT else 1}].visible": False,
        f"coloraxis{axis}.showscale": False,
    }


def hide_bars(drawing: Drawing) -> None:
    """Take the layer's bars off the screen."""
    drawing.trace(BARS, x=None, y=None, visible=False)


def draw_classes(
    drawing: Drawing,
    classes: Sequence[int],
    names: Sequence[str],
    logits: np.ndarray | None,
    probabilities: np.ndarray,
    *,
    prediction: int | None,
    label: int | None,
    titles: tuple[str, str],
    note: str = "",
) -> None:
    """Draw logits and probabilities, the predicted and the true class marked by sign and colour.

    Args:
        drawing: what the redraw assigns; added to.
        classes: class indices, from top to bottom.
        names: the name of each of them.
        logits: one a class drawn, or None where the model gives probabilities only.
        probabilities: one a class drawn, 0 to 1.
        prediction: the predicted class index, or None.
        label: the true class index, or None.
        titles: above the logits, above the probabilities.
        note: a line below the first title.
    """
    rows = np.arange(len(classes))
    color = [TRUE if c == label else PREDICTED if c == prediction else OTHER for c in classes]
    signs = [("▸" if c == prediction else "") + ("✓" if c == label else "") for c in classes]
    ticks = [
        f"<b>{escape(_short(n))} {s}</b>" if s else escape(_short(n))
        for n, s in zip(names, signs, strict=True)
    ]
    full = [escape(n) for n in names]
    bars = ((LOGITS, logits, "4"), (PROBABILITIES, probabilities, "5"))
    for trace, values, axis in bars:
        if values is None:
            drawing.trace(trace, x=None, y=None, visible=False)
            drawing.layout |= {f"xaxis{axis}.visible": False}
            continue
        finite = values[np.isfinite(values)]
        low = float(min(0.0, finite.min(initial=0.0)))
        high = float(finite.max(initial=0.0)) or (1.0 if low == 0 else 0.0)
        drawing.trace(
            trace,
            x=values,
            y=rows,
            hovertext=full,
            visible=True,
            marker={"color": color},
            hovertemplate=f"%{{hovertext}}<br><b>%{{x:{_exact(values)}}}</b><extra></extra>",
        )
        margin = (high - low) * 0.04
        drawing.layout |= {
            f"xaxis{axis}.range": [low - margin if low else 0.0, high + margin],
            f"xaxis{axis}.visible": True,
            f"yaxis{axis}.range": [len(classes) - 0.4, -0.6],
            f"yaxis{axis}.visible": True,
        }
    places = rows.tolist()
    digits = 3 if logits is None or np.nanmax(np.abs(logits), initial=0) < 10 else 1
    drawing.layout |= {
        "yaxis6.visible": logits is not None,
        "yaxis6.range": [len(classes) - 0.4, -0.6],
        "yaxis6.tickvals": places,
        "yaxis6.ticktext": [] if logits is None else [f"{v:.{digits}f}" for v in logits],
        "yaxis5.tickvals": places,
        "yaxis5.ticktext": [f"{v:.1%}" for v in probabilities],
        "yaxis4.tickvals": places,
        "yaxis4.ticktext": ticks,
        "annotations[2].text": f"<b>{titles[0]}</b>" + (f"<br>{note}" if note else ""),
        "annotations[3].text": f"<b>{titles[1]}</b>" + ("<br> " if note else ""),
    }


def hide_classes(drawing: Drawing) -> None:
    """Take logits and probabilities off the screen."""
    for trace, axis in ((LOGITS, "4"), (PROBABILITIES, "5")):
        drawing.trace(trace, x=None, y=None, visible=False)
        drawing.layout |= {f"xaxis{axis}.visible": False, f"yaxis{axis}.visible": False}
    drawing.layout |= {"annotations[2].text": "", "annotations[3].text": ""}
    drawing.layout |= {"yaxis6.visible": False}


def _exact(values: np.ndarray) -> str:
    """A d3 format with all the digits that tell one float of this width from the next."""
    return ".17~g" if values.dtype == np.float64 else ".9~g"


def _short(name: str, most: int = 12) -> str:
    return name if len(name) <= most else name[: most - 1] + "…"
