"""Arrays to plotly figures: panels, axes, colours, marks. It assigns and computes nothing.

A `Board` collects panels and makes a `Canvas` of them; each panel then draws arrays into a
`Drawing`, which holds plotly's own words and goes to the figure in Python and to the browser.
"""

from fwdwidgets.figures import badge
from fwdwidgets.figures.bars import Classes, NamedBars, class_colors
from fwdwidgets.figures.board import (
    OTHER,
    PREDICTED,
    SERIES,
    TRUE,
    Board,
    Canvas,
    View,
)
from fwdwidgets.figures.drawing import Drawing, escape, exact, short
from fwdwidgets.figures.heatmap import MAX_MARKS, Heatmap, Layer, Matrix, hover_cells
from fwdwidgets.figures.lines import Lines, NumberLine

__all__ = [
    "MAX_MARKS",
    "OTHER",
    "PREDICTED",
    "SERIES",
    "TRUE",
    "Board",
    "Canvas",
    "Classes",
    "Drawing",
    "Heatmap",
    "Layer",
    "Lines",
    "Matrix",
    "NamedBars",
    "NumberLine",
    "View",
    "badge",
    "class_colors",
    "escape",
    "exact",
    "hover_cells",
    "short",
]
