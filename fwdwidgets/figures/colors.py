"""The colours of figures, in a light and a dark theme."""

from __future__ import annotations

from typing import Any

PREDICTED, TRUE, OTHER, BAD = "#d97a12", "#2a9467", "#6d87a8", "#c026d3"
SERIES = ("#4477aa", "#d97a12", "#2a9467", "#aa3377", "#8a7a1e", "#2aa5c4")
"""Colours of series side by side, which also differ by order and name."""

COLORSCALES: dict[str, dict[str, list[list[Any]]]] = {
    # As numbers: plotly knows a name such as "gray" in Python but not in the page.
    "input": {theme: [[0.0, "#000000"], [1.0, "#ffffff"]] for theme in ("light", "dark")},
    "activations": {
        "light": [
            [0.0, "#2166ac"],
            [0.25, "#84bbdc"],
            [0.5, "#ffffff"],
            [0.75, "#f0a07e"],
            [1.0, "#b2182b"],
        ],
        "dark": [
            [0.0, "#7cc0ff"],
            [0.25, "#2f6ea5"],
            [0.5, "#0d1014"],
            [0.75, "#a34a2a"],
            [1.0, "#ff9b78"],
        ],
    },
    # Those of a matrix stay pale, or dark on a dark page, so that its numbers can be read.
    "share": {
        "light": [[0.0, "#ffffff"], [0.5, "#c9def0"], [1.0, "#93bfe4"]],
        "dark": [[0.0, "#0d1014"], [0.5, "#1c4263"], [1.0, "#2f6ea5"]],
    },
    "signed": {
        "light": [[0.0, "#93bfe4"], [0.5, "#ffffff"], [1.0, "#f2a58f"]],
        "dark": [[0.0, "#2f6ea5"], [0.5, "#0d1014"], [1.0, "#a34a2a"]],
    },
}
"""Colours of a heatmap by theme: of an input, of signed values; of a matrix with numbers, of shares
and counts from 0, of signed values."""

INK = {
    "light": {"font": "#1f2328", "gap": "#c4cbd4", "grid": "#d8dde3", "zero": "#57606a"},
    "dark": {"font": "#e6e9ed", "gap": "#4a515a", "grid": "#3a4048", "zero": "#9aa4af"},
}
HOVER = {"light": "#ffffff", "dark": "#22272e"}
"""Colour of hover labels by theme."""
