"""How outputs become probabilities and classes, against plain PyTorch."""

import pytest
import torch
from torch import nn

from fwdwidgets.networks import Forward, run_table
from fwdwidgets.widgets.multiclass_output.compute import logits_ends, read_multiclass


def read(*last):
    torch.manual_seed(0)
    body, values = nn.Linear(6, 3), torch.randn(4, 6)
    forward = Forward(nn.Sequential(body, *last), training=False)
    forward.use_seed(None)
    with torch.no_grad():
        return read_multiclass(run_table(forward, values)), body(values)


@pytest.mark.parametrize("last", [[], [nn.Softmax(dim=1)], [nn.LogSoftmax(dim=1)]])
def test_each_end_gives_the_softmax_of_its_logits(last):
    rows, logits = read(*last)
    assert torch.equal(rows.logits, logits)
    assert torch.allclose(rows.probabilities, logits.softmax(dim=1))
    assert rows.predictions == tuple(logits.argmax(dim=1).tolist())
    assert torch.allclose(rows.sums, torch.ones(4, dtype=torch.float64))


def test_the_sum_of_a_softmax_along_the_wrong_axis_is_told():
    rows, logits = read(nn.Softmax(dim=0))
    assert rows.odd_sum == float(logits.softmax(dim=0)[0].sum())
    assert read(nn.Softmax(dim=1))[0].odd_sum is None


def test_the_colours_of_logits_reach_as_far_to_both_sides():
    assert logits_ends(torch.tensor([[0.5, -3.0], [torch.inf, torch.nan]])) == (-3.0, 3.0)
    assert logits_ends(torch.zeros(2, 2)) == (-1.0, 1.0)
    assert logits_ends(torch.full((2, 2), torch.nan)) == (-1.0, 1.0)
