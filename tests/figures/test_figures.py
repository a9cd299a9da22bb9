import math

import numpy as np
import plotly.graph_objects as go
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from fwdwidgets import figures
from fwdwidgets.figures.board import COLORSCALES
from fwdwidgets.widgets.shared import Plot


@pytest.mark.parametrize("kind", COLORSCALES)
@pytest.mark.parametrize("theme", ["light", "dark"])
def test_a_colour_scale_is_stops_and_colours(kind, theme):
    """The browser's plotly knows other names of scales than Python's: so none has a name."""
    stops = COLORSCALES[kind][theme]
    assert stops[0][0] == 0
    assert stops[-1][0] == 1
    go.Figure(layout={"coloraxis": {"colorscale": stops}})  # raises on an invalid one


def luminance(colour):
    """Relative luminance of "#rrggbb" as the WCAG defines it."""
    parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    red, green, blue = (p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


@pytest.mark.parametrize("kind", ["share", "signed"])
@pytest.mark.parametrize(("theme", "ink"), [("light", "#444444"), ("dark", "#ffffff")])
def test_numbers_can_be_read_on_every_colour_of_a_matrix(kind, theme, ink):
    """plotly writes in #444 on what is light, in white on what is dark: WCAG asks for 4.5 to 1."""
    for _, colour in COLORSCALES[kind][theme]:
        dark, light = sorted([luminance(ink), luminance(colour)])
        assert (light + 0.05) / (dark + 0.05) >= 4.5, colour


def board():
    board = figures.Board()
    panels = (
        figures.Heatmap(board, "picture", "input"),
        figures.Layer(board, "layer"),
        figures.Matrix(board, "matrix"),
        figures.NamedBars(board, "bars"),
        figures.NamedBars(board, "many", series=3),
        figures.Lines(board, ["loss"], x="step", y="loss"),
    )
    place = (0, 1, 0, 1)
    return panels, board.canvas({0: figures.View(300, [place] * 6)})


def drawn(canvas, drawing):
    """Plotly's own validators take what a drawing holds."""
    for number, properties in drawing.traces.items():
        canvas.figure.data[number].update(properties)
    for path, value in drawing.layout.items():
        canvas.figure.layout[path] = value
    return canvas.figure


def test_each_panel_has_axes_of_its_own():
    _, canvas = board()
    axes = {(trace.xaxis, trace.yaxis) for trace in canvas.figure.data}
    assert len(axes) == 7  # six panels, and the numbers at the right of the named bars
    assert set(canvas.views) == {0}
    assert set(canvas.themes) == {"light", "dark"}


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


def test_lines_hold_all_that_is_finite():
    panels, canvas = board()
    drawing = figures.Drawing()
    x, y = np.arange(3.0), np.array([1.0, np.nan, 5.0])
    panels[5].draw(drawing, [(x, y)], points=(x[:1], y[:1]), texts=["here"])
    figure = drawn(canvas, drawing)
    low, high = figure.layout[f"yaxis{panels[5].axis}"].range
    assert low < 1 < 5 < high
    assert figure.data[panels[5].points].text == ("here",)


def test_places_must_be_as_many_as_panels():
    new = figures.Board()
    figures.Heatmap(new, "one")
    with pytest.raises(ValueError, match="2 places for 1 panels"):
        new.canvas({0: figures.View(300, [(0, 1, 0, 1)] * 2)})


def test_a_redraw_sends_what_is_not_already_so():
    panels, canvas = board()
    lines = panels[-1]
    plot = Plot(canvas, "loss")
    plot._opened = True
    sent = []
    plot.send = lambda content, buffers: sent.append((content["traces"], len(buffers)))
    values = np.arange(3.0)
    for x, y in [(values, values), (values.copy(), values * 2), (values.copy(), values * 2)]:
        drawing = figures.Drawing()
        lines.draw(drawing, [(x, y)])
        plot.draw(drawing)
    number = lines.traces[0]
    assert {"x", "y"} <= set(sent[0][0][number])
    assert set(sent[1][0][number]) == {"y"}
    assert sent[2] == ({}, 0)


def test_an_array_that_changed_where_it_is_is_sent_again():
    panels, canvas = board()
    plot = Plot(canvas, "loss")
    plot._opened = True
    sent = []
    plot.send = lambda content, buffers: sent.append(content["traces"])
    weights = torch.zeros(3)
    for _ in range(2):
        drawing = figures.Drawing()
        panels[-1].draw(drawing, [(np.arange(3.0), weights.numpy())])
        plot.draw(drawing)
        weights += 1
    assert "y" in sent[1][panels[-1].traces[0]]


@given(
    arrays(np.float64, st.integers(1, 6), elements=st.floats(-1e30, 1e30)),
    st.none() | arrays(np.float64, 3, elements=st.floats(-1e30, 1e30)),
)
def test_a_number_line_holds_all_values_and_zero(values, targets):
    board = figures.Board()
    line = figures.NumberLine(board, "value")
    canvas = board.canvas({0: figures.View(190, [(0, 1, 0, 1)])})
    drawing = figures.Drawing()
    line.draw(drawing, values, [f"row {i}" for i in range(len(values))], 0, targets)
    low, high = drawn(canvas, drawing).layout.xaxis.range
    every = values if targets is None else np.concatenate([values, targets])
    largest, end = np.abs(every).max(), max(-low, high)
    assert largest <= end
    assert largest == 0 or end <= 2.5 * largest * (1 + 1e-9)
    digits, _, _ = f"{end:.12e}".partition("e")
    assert float(digits) in (1, 2, 5)
    one_side = (np.abs(every) >= end / 10).all() and len(set(np.sign(every))) == 1
    assert [low, high] == ([-end, end] if not one_side else sorted([0, end * np.sign(every[0])]))


@pytest.mark.parametrize("value", [math.nan, math.inf, 0.0, 5e-324, 1.7e308])
def test_a_number_line_takes_any_float(value):
    board = figures.Board()
    line = figures.NumberLine(board, "value")
    drawing = figures.Drawing()
    line.draw(drawing, np.array([value, 0.25]), ["one", "two"], 0)
    low, high = drawing.layout["xaxis.range"]
    assert low == (0 if value == math.inf or math.isnan(value) else -high)
    assert 0 < high < math.inf
