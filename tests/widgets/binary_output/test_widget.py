import numpy as np
import pytest
import torch

import fwdwidgets as fw
from tests.widgets.shared.rows import binary, expected, regression


def test_the_threshold_decides_again_and_runs_nothing(monkeypatch):
    model, table = binary(), fw.datasets.animals()
    widget = fw.BinaryOutput(model, table)
    chances = expected(model, table.values)[:, 0]
    trace = widget.trace
    for threshold in (0.0, 0.3, float(chances[2]), 0.42, 1.0):
        widget.threshold = threshold
        assert widget.decisions == tuple((chances >= threshold).int().tolist())
        texts = [row[2] for row in widget._table.texts]
        assert [text.startswith("▸") for text in texts] == (chances >= threshold).tolist()
    assert widget.trace is trace
    assert widget.probabilities == tuple(chances.tolist())


@pytest.mark.parametrize("threshold", [-0.1, 1.1, float("nan")])
def test_a_threshold_is_from_0_to_1(threshold):
    widget = fw.BinaryOutput(binary(), fw.datasets.animals())
    with pytest.raises(ValueError, match="out of range"):
        widget.threshold = threshold
    assert widget.threshold == 0.5
    assert "out of range" in widget._message.value


def test_the_points_stand_on_the_sigmoid():
    model, table = binary(), fw.datasets.animals()
    widget = fw.BinaryOutput(model, table, sample=3)
    traces = {trace.name: trace for trace in widget.figure.data}
    with torch.no_grad():
        raw = model[:2](table.values)[:, 0]
    assert np.array_equal(traces["marked"].x, raw.numpy())
    assert np.array_equal(traces["marked"].y, raw.sigmoid().numpy())
    assert np.argmax(traces["marked"].marker.size) == 3
    assert widget._table.texts[0][0] == f"{raw[0]:.4f}"


def test_without_a_sigmoid_the_output_is_the_raw_number():
    model, table = regression(), fw.datasets.animals()
    widget = fw.BinaryOutput(model, table)
    raw = expected(model, table.values)[:, 0]
    assert widget.probabilities == tuple(raw.sigmoid().tolist())
    assert "BCEWithLogitsLoss" in widget._message.value


def test_the_badge_of_a_row():
    model, table = binary(), fw.datasets.animals()
    widget = fw.BinaryOutput(model, table)
    chance = float(expected(model, table.values)[0, 0])
    right = chance >= 0.5
    assert (
        "cow correct: mammal" if right else "not a mammal, really mammal"
    ) in widget._badge.value
    widget.threshold = 0.0
    assert "cow correct: mammal" in widget._badge.value


def test_html_in_names_is_text():
    widget = fw.BinaryOutput(binary(), torch.zeros(1, 6), row_names=["<img src=x>"])
    assert "<img" not in widget._badge.value
    assert all("<img" not in str(text) for text in widget.figure.layout.yaxis2.ticktext)
    assert widget._table.rows == ["<img src=x>"]  # written as text by the page
