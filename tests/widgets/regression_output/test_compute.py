"""The value of each row and its error, against plain PyTorch."""

import torch
from torch import nn

from fwdwidgets.networks import Forward, run_table
from fwdwidgets.widgets.regression_output.compute import errors, read_regression


def run(outputs):
    torch.manual_seed(0)
    model, values = nn.Linear(6, outputs), torch.randn(4, 6)
    forward = Forward(model, training=False)
    forward.use_seed(None)
    with torch.no_grad():
        return run_table(forward, values), model(values)


def test_a_row_has_one_value():
    one, output = run(1)
    assert torch.equal(read_regression(one), output[:, 0])
    assert read_regression(run(2)[0]) is None


def test_an_error_is_the_value_less_its_target():
    values = torch.tensor([1.5, -2.0])
    assert errors(values, [1, -1.25]).tolist() == [0.5, -0.75]
