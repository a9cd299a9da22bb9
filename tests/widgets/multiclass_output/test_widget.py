import numpy as np
import torch
from torch import nn

import fwdwidgets as fw
from tests.widgets.shared.rows import expected, multiclass


def test_rows_sum_to_one_and_the_largest_is_the_class():
    model, table = multiclass(), fw.datasets.animals("class")
    widget = fw.MulticlassOutput(model, table)
    chances = expected(model, table.values)
    assert widget.predictions == tuple(chances.argmax(dim=1).tolist())
    assert [row[0] for row in widget._table.texts] == ["1.0000"] * 5
    traces = {trace.name: trace for trace in widget.figure.data}
    with torch.no_grad():
        assert np.array_equal(traces["logits"].z, model[:2](table.values).numpy())
    assert np.array_equal(traces["softmax"].z, chances.numpy())


def test_logits_get_their_softmax_and_it_is_told():
    model, table = multiclass()[:2], fw.datasets.animals("class")
    widget = fw.MulticlassOutput(model, table)
    chances = expected(model, table.values).softmax(dim=1)
    assert widget.probabilities == tuple(map(tuple, chances.tolist()))
    assert "nn.CrossEntropyLoss wants the logits" in widget._message.value


def test_a_softmax_along_the_wrong_axis_is_told():
    model = nn.Sequential(nn.Linear(6, 3), nn.Softmax(dim=0))
    widget = fw.MulticlassOutput(model, fw.datasets.animals("class"))
    assert "along another axis" in widget._message.value


def test_of_a_thousand_classes_those_are_drawn_that_a_row_has():
    torch.manual_seed(0)
    values, targets = torch.randn(5, 6), [7, 7, 500, 999, 0]
    model = nn.Linear(6, 1000)
    widget = fw.MulticlassOutput(model, values, targets)
    chances = expected(model, values).softmax(dim=1)
    shown = sorted({*targets, *chances.argmax(dim=1).tolist()})
    assert f"Of 1,000 classes, {len(shown)} are drawn" in widget._message.value
    softmax = next(trace for trace in widget.figure.data if trace.name == "softmax")
    assert np.allclose(softmax.z, chances[:, shown].numpy())
    assert [len(row) for row in widget.probabilities] == [1000] * 5
    assert [sums[0] for sums in widget._table.texts] == ["1.0000"] * 5
