import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from fwdwidgets import figures
from tests.figures.panels import drawn


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
