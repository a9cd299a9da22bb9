import numpy as np
import pytest

from fwdwidgets import figures
from tests.figures.panels import board, drawn


def test_a_matrix_carries_names_and_numbers():
    panels, canvas = board()
    drawing = figures.Drawing()
    z = np.arange(6, dtype=np.float32).reshape(2, 3)
    panels[2].draw(drawing, z, (0, 5), rows=["<a>", "b"], columns=["x", "y", "z"], number="d")
    figure = drawn(canvas, drawing)
    trace = figure.data[panels[2].trace]
    assert np.array_equal(trace.z, z)
    axis = figure.layout[f"yaxis{panels[2].axis}"]
    assert axis.ticktext == ("&lt;a&gt;", "b")
    assert trace.meta["cells"] == [2, 3]


@pytest.mark.parametrize(
    ("number", "ends", "longest"),
    [
        (".2f", (-0.5, 0.5), "-0.50"),
        (".1%", (0, 1), "100.0%"),
        ("d", (0, 12), "12"),
        (".3f", (-10.25, 10.25), "-10.250"),
    ],
)
def test_a_matrix_knows_how_long_its_numbers_become(number, ends, longest):
    panels, canvas = board()
    drawing = figures.Drawing()
    z = np.array([[0.5, -0.126], [np.nan, 0.25]], dtype=np.float32)
    names = ["a", "b"]
    panels[2].draw(drawing, z, ends, rows=names, columns=names, number=number)
    assert drawn(canvas, drawing).data[panels[2].trace].meta["letters"] == len(longest)
