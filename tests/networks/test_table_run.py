import re

import pytest
import torch
from torch import nn

from fwdwidgets.networks import Forward, run_table


def run(model, values):
    forward = Forward(model, training=False)
    forward.use_seed(None)
    return run_table(forward, values)


@pytest.mark.parametrize(
    ("last", "op"),
    [(nn.Sigmoid(), "sigmoid"), (nn.Softmax(dim=-1), "softmax"), (nn.LogSoftmax(1), "log_softmax")],
)
def test_the_raw_numbers_are_what_went_into_the_last_operation(last, op):
    torch.manual_seed(0)
    body = nn.Linear(3, 2)
    values = torch.randn(4, 3)
    result = run(nn.Sequential(body, last), values)
    with torch.no_grad():
        assert torch.equal(result.raw, body(values))
        assert torch.equal(result.output, last(body(values)))
    assert (result.last, result.failure) == (op, "")


def test_without_a_last_operation_the_output_is_the_raw_number():
    model = nn.Sequential(nn.Linear(3, 4), nn.ReLU())
    result = run(model, torch.randn(2, 3))
    assert result.last == ""
    assert torch.equal(result.raw, result.output)


def test_a_squeezed_output_is_a_column_again():
    class Squeezed(nn.Module):
        def __init__(self):
            super().__init__()
            self.fc = nn.Linear(3, 1)

        def forward(self, x):
            return torch.sigmoid(self.fc(x)).squeeze(1)

    result = run(Squeezed(), torch.randn(4, 3))
    assert result.output.shape == result.raw.shape == (4, 1)


@pytest.mark.parametrize(
    ("output", "sentence"),
    [
        (lambda x: {"a": x}, "returned dict"),
        (lambda x: x.sum(), r"shape \(\) for 2 rows"),
        (lambda x: x[:1], r"shape \(1, 3\) for 2 rows"),
        (lambda x: x @ torch.zeros(5, 1), r"\(5, 1\)"),
    ],
)
def test_an_output_that_is_no_column_is_told(output, sentence):
    class Odd(nn.Module):
        def forward(self, x):
            return output(x)

    result = run(Odd(), torch.zeros(2, 3))
    assert result.output is None
    assert re.search(sentence, result.failure)
