"""What a step changed, against PyTorch's own operations on tensors of any shape."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn import functional as F

from fwdwidgets.trace import trace_forward
from fwdwidgets.widgets.step_through.compute import Look, compare, find_operands
from fwdwidgets.widgets.step_through.words import describe_change as describe

SHAPES = st.lists(st.integers(1, 4), min_size=0, max_size=4)


@settings(max_examples=60, deadline=None)
@given(shape=SHAPES, seed=st.integers(0, 2**16))
def test_relu_is_told_by_what_is_negative(shape, seed):
    x = torch.randn(shape, generator=torch.Generator().manual_seed(seed)).round(decimals=0)
    change = compare(x, F.relu(x))
    negative = int((x < 0).sum())
    assert (change.total, change.changed, change.zeroed) == (x.numel(), negative, negative)
    assert torch.equal(change.difference, F.relu(x) - x)
    assert not change.moved
    sentence = describe(change, "relu")
    if negative:
        plural = "value" if x.numel() == 1 else "values"
        assert f"relu set {negative} of {x.numel()} {plural} to zero" in sentence
        rest = x.numel() - negative
        assert sentence.endswith(f"; {rest} stayed the same." if rest else "to zero.")
    else:
        assert "changed no value" in sentence


def test_dropout_zeroes_some_and_scales_the_others():
    x = torch.arange(1.0, 101.0)
    torch.manual_seed(0)
    dropped = F.dropout(x, 0.25)
    zeros = int((dropped == 0).sum())
    change = compare(x, dropped)
    assert (change.zeroed, change.changed) == (zeros, 100)
    assert describe(change, "dropout") == (
        f"dropout set {zeros} of 100 values to zero and changed {100 - zeros} others."
    )


def test_another_shape_is_not_another_value():
    x = torch.arange(6.0).reshape(2, 3)
    flat = compare(x, x.flatten())
    assert flat.moved
    assert flat.difference is None
    assert describe(flat, "flatten") == (
        "flatten changed the shape only: the same 6 values, in the same order."
    )
    assert not compare(x, x.T).moved
    assert describe(compare(x, x.T), "t") == "t made 6 values from 6."
    assert describe(compare(x, x.sum()), "sum") == "sum made 1 value from 6."
    assert compare(x, x.sum()).changed is None


@pytest.mark.parametrize("odd", [math.nan, math.inf, -math.inf])
def test_what_is_not_finite_stays_itself(odd):
    x = torch.tensor([odd, 1.0, -2.0])
    change = compare(x, x * torch.tensor([1.0, 1.0, 0.0]))
    assert (change.changed, change.zeroed) == (1, 1)
    assert change.difference.tolist() == [0.0, 0.0, 2.0]


def test_truth_values_integers_and_nothing():
    truth = compare(torch.tensor([1.5, -1.0]), torch.tensor([1.5, -1.0]) > 0)
    assert (truth.changed, truth.zeroed) == (2, 1)
    ints = compare(torch.tensor([2**40, 3]), torch.tensor([2**40 + 1, 3]))
    assert ints.changed == 1
    assert ints.difference.tolist() == [1.0, 0.0]
    nothing = compare(torch.empty(0), torch.empty(0))
    assert describe(nothing, "relu") == "The output has no values."
    one = compare(torch.tensor([1.0]), torch.tensor([2.0]))
    assert describe(one, "add") == "add changed 1 of 1 value."


def test_a_look_at_a_step_tells_what_it_took_and_gave():
    class Sum(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.fc = torch.nn.Linear(2, 2)

        def forward(self, x):
            y = self.fc(x)
            return y + x

    model, x = Sum(), torch.tensor([[1.0, -2.0]])
    trace = trace_forward(model, x)
    first = Look(trace, 0, find_operands(trace, 0, x))
    assert sorted(first.weights) == [(2,), (2, 2)]
    assert first.operand.name == "input"
    assert first.numbers == {"takes": [1.0, -2.0], "gives": first.after.flatten().tolist()}
    last = Look(trace, 1, find_operands(trace, 1, x), chosen=1)
    assert last.weights == []
    assert {operand.name for operand in last.operands} == {"input", trace.steps[0].name}
    assert last.operand is last.operands[1]
    assert torch.equal(last.change.difference, last.after - last.before)
    assert last.pages == 1
