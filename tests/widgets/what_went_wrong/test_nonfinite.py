"""The values that became NaN or infinite, against plain PyTorch."""

import torch
import torch.nn.functional as F
from torch import nn

from tests.widgets.what_went_wrong.failing import Calls, find


def test_division_by_zero_shows_the_values():
    class Model(nn.Module):
        def forward(self, x):
            return (x - x.mean(0)) / x.std(0)

    x = torch.tensor([[1.0, 5.0], [3.0, 5.0]])
    finding = find(Model(), x)
    assert (finding.kind, finding.step) == ("nonfinite", "div")
    values = finding.operands(finding.trace["div"])
    assert torch.equal(values[0], x - x.mean(0))
    assert torch.equal(values[1], x.std(0))
    assert finding.sentences[1] == (
        "The values that made it: at (0, 1): div(0, 0) = NaN; at (1, 1): div(0, 0) = NaN."
    )


def test_log_of_zero_shows_the_values_and_counts_the_rest():
    finding = find(Calls(lambda x: x.log()), torch.tensor([0.5, 0.0, -1.0, 0.0, 0.0]))
    assert finding.sentences[1] == (
        "The values that made it: at (1): log(0) = -inf; at (2): log(-1) = NaN; "
        "at (3): log(0) = -inf, and 1 more."
    )


def test_operands_before_an_operation_wrote_to_them():
    finding = find(Calls(lambda x: (x + 0).log_()), torch.tensor([0.0, 1.0]))
    (operand,) = finding.operands(finding.trace["log"])
    assert operand.tolist() == [0.0, 1.0]


def test_a_broken_weight_is_named():
    layer = nn.Linear(2, 1)
    with torch.no_grad():
        layer.weight[0, 1] = torch.nan
    finding = find(nn.Sequential(layer), torch.ones(3, 2))
    assert "NaN or infinity is in what went in already: operand 2 (1, 2)." in finding.sentences[1]
    assert "(3, 2) from 1 to 1" in finding.sentences[1]


def test_an_input_with_nan_is_named():
    x = torch.tensor([[1.0, torch.nan]])
    finding = find(nn.Sequential(nn.Linear(2, 1)), x)
    assert "The input holds such values already" in finding.sentences[0]


def test_operands_of_the_same_dropout_mask_later_on():
    model = Calls(lambda x: F.dropout(x, 0.5) + 1)
    finding = find(model, torch.rand(50))
    torch.rand(3)  # others draw in between
    (dropped,) = finding.operands(finding.trace["add"])
    assert torch.equal(dropped, finding.trace["dropout"].value)


def test_operands_within_attention_under_dropout():
    model = nn.TransformerEncoderLayer(8, 2, 16, batch_first=True)
    finding = find(model, torch.randn(2, 3, 8))
    step = finding.trace["norm1"]
    operands = finding.operands(step)
    expected = F.layer_norm(operands[0], (8,), model.norm1.weight, model.norm1.bias)
    assert torch.equal(step.value, expected)
