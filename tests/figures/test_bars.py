import numpy as np

from fwdwidgets import figures
from tests.figures.panels import board, drawn


def test_series_stand_in_the_legend_and_those_that_are_missing_are_not_drawn():
    panels, canvas = board()
    drawing = figures.Drawing()
    values = np.array([[1.0, 2.0], [3.0, -4.0]])
    panels[4].draw(drawing, ["p", "q"], values, (-4.2, 4.2), series=["one", "two"])
    figure = drawn(canvas, drawing)
    traces = [figure.data[number] for number in panels[4].traces]
    assert [trace.visible for trace in traces] == [True, True, False]
    assert [trace.name for trace in traces[:2]] == ["one", "two"]
    low, high = figure.layout[f"xaxis{panels[4].axis}"].range
    assert low < -4 < 3 < high
