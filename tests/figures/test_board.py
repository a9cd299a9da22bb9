import pytest

from fwdwidgets import figures
from tests.figures.panels import board


def test_each_panel_has_axes_of_its_own():
    _, canvas = board()
    axes = {(trace.xaxis, trace.yaxis) for trace in canvas.figure.data}
    assert len(axes) == 7  # six panels, and the numbers at the right of the named bars
    assert set(canvas.views) == {0}
    assert set(canvas.themes) == {"light", "dark"}


def test_places_must_be_as_many_as_panels():
    new = figures.Board()
    figures.Heatmap(new, "one")
    with pytest.raises(ValueError, match="2 places for 1 panels"):
        new.canvas({0: figures.View(300, [(0, 1, 0, 1)] * 2)})
