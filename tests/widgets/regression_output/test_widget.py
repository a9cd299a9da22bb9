import numpy as np
import pytest
from torch import nn

import fwdwidgets as fw
from tests.widgets.shared.rows import binary, expected, regression


def test_a_value_and_its_target():
    model, table = regression(), fw.datasets.animals("weight")
    widget = fw.RegressionOutput(model, table, sample=3)
    value = float(expected(model, table.values)[3, 0])
    assert f"ostrich: {value:.6g}" in widget._badge.value
    assert f"error {value - 0.11:+.4g}" in widget._badge.value
    traces = {trace.name: trace for trace in widget.figure.data}
    assert np.array_equal(traces["value"].x, expected(model, table.values)[:, 0].numpy())
    assert np.allclose(traces["target"].x, table.targets)


def test_a_regression_that_ends_in_a_sigmoid_is_told():
    widget = fw.RegressionOutput(binary(), fw.datasets.animals("weight"))
    assert "values stay between 0 and 1" in widget._message.value


@pytest.mark.parametrize("bad", [float("nan"), float("inf"), -float("inf")])
def test_targets_that_are_no_finite_numbers_are_refused(bad):
    with pytest.raises(ValueError, match=r"targets\[1\]=-?(nan|inf) cannot be used: pass finite"):
        fw.RegressionOutput(nn.Linear(2, 1), [[1.0, 2.0], [3.0, 4.0]], [1.0, bad])
