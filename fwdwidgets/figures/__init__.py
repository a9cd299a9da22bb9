"""Arrays to plotly figures: panels, axes, colours, marks. It assigns arrays and computes none.

A `Board` collects panels and makes a `Canvas` of them; each panel then draws arrays into a
`Drawing`, which holds plotly's own words and goes to the figure in Python and to the browser.
"""

from fwdwidgets.figures import badge
from fwdwidgets.figures.bars import NamedBars
from fwdwidgets.figures.board import Board, Canvas
from fwdwidgets.figures.classes import Classes, class_colors
from fwdwidgets.figures.colors import OTHER, PREDICTED, SERIES, TRUE
from fwdwidgets.figures.drawing import Drawing, escape, exact, short
from fwdwidgets.figures.heatmap import Heatmap, hover_cells
from fwdwidgets.figures.layer import MAX_MARKS, Layer
from fwdwidgets.figures.lines import Lines
from fwdwidgets.figures.matrix import Matrix
from fwdwidgets.figures.number_line import NumberLine
from fwdwidgets.figures.view import MARGIN, Rect, View, beside

__all__ = [
    "MARGIN",
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
    "Rect",
    "View",
    "badge",
    "beside",
    "class_colors",
    "escape",
    "exact",
    "hover_cells",
    "short",
]
