import numpy as np

from fwdwidgets import figures
from tests.figures.panels import board, drawn


def test_a_layer_is_a_picture_or_bars_and_never_both():
    panels, canvas = board()
    layer, values = panels[1], np.array([1.0, -2.0, 3.0], dtype=np.float32)
    drawing = figures.Drawing()
    layer.draw_bars(drawing, values, (-3, 4), "unit")
    figure = drawn(canvas, drawing)
    picture, bars = figure.data[layer.heatmap.trace], figure.data[layer.bars]
    y = figure.layout[f"yaxis{layer.heatmap.axis}"]
    assert np.array_equal(bars.y, values)
    assert (bars.visible, picture.visible, y.scaleanchor) == (True, False, False)
    drawing = figures.Drawing()
    where = {"kind": "strip", "unit": "unit", "tile": (1, 3), "tiles": (1, 1)}
    layer.draw_picture(drawing, values[None], (-3, 3), first=(0, 0, 0), **where)
    drawn(canvas, drawing)
    assert np.array_equal(picture.z, values[None])
    assert (bars.visible, picture.visible) == (False, True)
    assert figure.layout[f"yaxis{layer.heatmap.axis}"].scaleanchor == f"x{layer.heatmap.axis}"


def test_what_is_not_finite_is_marked_and_said():
    panels, canvas = board()
    drawing = figures.Drawing()
    panels[1].draw_marks(drawing, np.array([0, 1]), np.array([2, 0]), ["NaN", "inf"])
    marks = drawn(canvas, drawing).data[panels[1].marks]
    assert (marks.visible, marks.text) == (True, ("NaN", "inf"))
    assert np.array_equal(marks.x, [2, 0])
    gone = figures.Drawing()
    panels[1].hide(gone)
    assert drawn(canvas, gone).data[panels[1].marks].visible is False
