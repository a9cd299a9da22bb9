import numpy as np

from fwdwidgets import figures
from tests.figures.panels import board, drawn


def test_lines_hold_all_that_is_finite():
    panels, canvas = board()
    drawing = figures.Drawing()
    x, y = np.arange(3.0), np.array([1.0, np.nan, 5.0])
    panels[5].draw(drawing, [(x, y)], points=(x[:1], y[:1]), texts=["here"])
    figure = drawn(canvas, drawing)
    low, high = figure.layout[f"yaxis{panels[5].axis}"].range
    assert low < 1 < 5 < high
    assert figure.data[panels[5].points].text == ("here",)
