"""What a picture of a tensor and a matrix share: cells in colours, and their printed scale."""

import numpy as np
import pytest

from fwdwidgets import figures
from tests.figures.panels import board, drawn

Z = np.array([[0.5, -2.0, np.nan], [1.0, 0.0, 4.0]], dtype=np.float32)


def draw_heatmap(panel, drawing):
    where = {"kind": "mosaic", "unit": "channel", "tile": (2, 3), "tiles": (1, 1)}
    panel.draw(drawing, Z, (-4, 4), first=(0, 0, 0), **where)


def draw_matrix(panel, drawing):
    panel.draw(drawing, Z, (-4, 4), rows=["a", "b"], columns=["x", "y", "z"], number=".1f")


@pytest.mark.parametrize(("index", "draw"), [(0, draw_heatmap), (2, draw_matrix)])
def test_cells_and_their_colour_scale_come_and_go_together(index, draw):
    panels, canvas = board()
    panel, drawing = panels[index], figures.Drawing()
    draw(panel, drawing)
    layout = drawn(canvas, drawing).layout
    trace, color = canvas.figure.data[panel.trace], layout[f"coloraxis{panel.color}"]
    x, y = layout[f"xaxis{panel.axis}"], layout[f"yaxis{panel.axis}"]
    assert np.array_equal(trace.z, Z, equal_nan=True)
    assert (color.cmin, color.cmax, color.colorbar.tickvals) == (-4, 4, (-4, 0, 4))
    assert (x.range, y.range) == ((-0.5, 2.5), (1.5, -0.5))  # the first row at the top
    assert (trace.visible, color.showscale, x.visible, y.visible) == (True,) * 4
    gone = figures.Drawing()
    panel.hide(gone)
    drawn(canvas, gone)
    assert (trace.visible, color.showscale, x.visible, y.visible) == (False,) * 4


def test_only_a_picture_has_a_ground_that_its_gaps_show():
    panels, canvas = board()
    drawing = figures.Drawing()
    draw_heatmap(panels[0], drawing)
    draw_matrix(panels[2], drawing)
    shapes = drawn(canvas, drawing).layout.shapes
    assert [shape.visible for shape in shapes] == [True, False]  # the other is the layer's
    assert (shapes[0].x1, shapes[0].y1) == (2.5, 1.5)
