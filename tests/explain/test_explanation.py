"""What an explanation says, and what it leaves alone."""

import pytest
import torch
import torch.nn.functional as F
from torch import nn

import fwdwidgets as fw
from fwdwidgets.explain import Region, Term
from fwdwidgets.explain.call import Call
from fwdwidgets.explain.rules import activation
from fwdwidgets.explain.table import TABLE
from tests.explain.explaining import Op


def test_a_cell_of_a_linear_layer_by_hand():
    model = nn.Linear(3, 2)
    with torch.no_grad():
        model.weight.copy_(torch.tensor([[1.0, 2, 3], [4, 5, 6]]))
        model.bias.copy_(torch.tensor([0.5, -0.5]))
    trace = fw.trace_forward(model, torch.tensor([[1.0, -1.0, 2.0]]))
    found = fw.explain(trace, "linear", (0, 1))
    assert found.value == 10.5
    assert list(found.terms) == [
        Term("input", (0, 0), 1.0, 4.0, 4.0, "weight", (1, 0)),
        Term("input", (0, 1), -1.0, 5.0, -5.0, "weight", (1, 1)),
        Term("input", (0, 2), 2.0, 6.0, 12.0, "weight", (1, 2)),
        Term("bias", (1,), -0.5, 1.0, -0.5),
    ]
    assert found.terms.largest == found.terms[2]
    assert found.formula == r"1 \cdot 4 + (-1) \cdot 5 + 2 \cdot 6 + (-0.5) = 10.5"
    assert found.code == "input[0] @ weight[1] + bias[1]"
    assert found.sources == {"input": "x", "weight": "model.weight", "bias": "model.bias"}
    assert found.inputs["weight"] == Region("weight", (2, 3), ((1,), (0, 1, 2)))
    assert found.inputs["weight"].box == (slice(1, 2), slice(0, 3))
    assert repr(found) == ("linear[0, 1] = 10.5, sum of 4 terms: input[0] @ weight[1] + bias[1]")


def test_the_corner_of_a_padded_convolution():
    model, x = nn.Conv2d(1, 1, 3, padding=1, bias=False), torch.rand(1, 1, 4, 4)
    found = fw.explain(fw.trace_forward(model, x), "conv2d", (0, 0, 0, 3))
    assert found.code == "(input[0, :, 0:2, 2:4] * weight[0, :, 1:3, 0:2]).sum()"
    assert len(found.terms) == 4
    assert found.inputs["input"].positions == ((0,), (0,), (0, 1), (2, 3))


def test_sources_are_expressions_of_the_learner():
    model, x = fw.models.Network().eval(), torch.rand(1, 1, 28, 28)
    trace = fw.trace_forward(model, x)
    for step in trace:
        cell = tuple(size // 2 for size in step.shape)
        found = fw.explain(trace, step.name, cell)
        names = {
            name: eval(source, {"trace": trace, "model": model, "x": x})
            for name, source in found.sources.items()
        }
        with torch.no_grad():
            number = eval(found.code, {"torch": torch, "F": F, **names}).item()
        assert number == pytest.approx(step.value[cell].item(), rel=1e-4, abs=1e-6)


def test_long_sums_keep_all_terms_and_show_some():
    trace = fw.trace_forward(nn.Linear(100, 1), torch.rand(1, 100))
    found = fw.explain(trace, "linear", (0, 0))
    assert len(found.terms) == 101
    assert found.terms.products.shape == (101,)
    assert found.formula.count(r"\cdots") in (1, 2)
    assert len(found.terms[-3:]) == 3
    with pytest.raises(IndexError, match="term 101 of 101"):
        found.terms[101]


@pytest.mark.parametrize("keeps", [True, False])
def test_the_model_is_left_as_found(keeps):
    model = nn.Sequential(nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2), nn.Dropout(0.5), nn.Flatten())
    model.train()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    trace = fw.Tracer(keep_operands=keeps)(model, torch.rand(2, 1, 5, 5))
    random = torch.get_rng_state()
    for step in trace:
        fw.explain(trace, step.name, [0] * len(step.shape)).check()
    assert torch.equal(torch.get_rng_state(), random)
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
    assert all(p.grad is None and p.requires_grad for p in model.parameters())


def test_the_recorded_values_are_not_touched():
    trace = fw.trace_forward(fw.models.Network(), torch.rand(1, 1, 28, 28))
    before = [step.value.clone() for step in trace]
    for step in trace:
        fw.explain(trace, step.name, [0] * len(step.shape))
    assert all(torch.equal(step.value, old) for step, old in zip(trace, before, strict=True))


def test_what_is_not_taken_apart_says_so():
    trace = fw.trace_forward(Op(lambda a: torch.linalg.inv(a)), torch.eye(3) * 2)
    found = fw.explain(trace, 0, (1, 1))
    assert (found.status, found.value, found.how, found.code) == ("opaque", 0.5, "", "")
    assert found.note == "inv has no rule" or found.note == "linalg_inv has no rule"
    assert len(found.terms) == 0
    (region,) = found.inputs.values()
    assert region.positions == ((0, 1, 2), (0, 1, 2))
    with pytest.raises(ValueError, match="is not taken apart"):
        found.check()
    assert "opaque" in repr(found)


def test_nothing_is_shown_that_does_not_give_the_number(monkeypatch):
    assert activation.__doc__  # its rules are in the table once it is imported
    monkeypatch.setitem(TABLE, "relu", TABLE["tanh"]._replace(signature="input, inplace=False"))
    monkeypatch.setattr(Call, "again", lambda self, values: torch.tensor(0.123))
    found = fw.explain(fw.trace_forward(Op(F.relu), torch.ones(2)), "relu", 0)
    assert found.status == "opaque"
    assert found.note.startswith("its terms give 0.123")


def test_a_check_that_fails_raises():
    trace = fw.trace_forward(nn.Linear(3, 2), torch.ones(1, 3))
    found = fw.explain(trace, "linear", (0, 0))
    found.value += 1e-3
    with pytest.raises(ArithmeticError, match=r"linear\[0, 0\]: its terms give"):
        found.check()


def test_half_precision_is_as_exact_as_it_is():
    model = nn.Linear(64, 4).bfloat16()
    trace = fw.trace_forward(model, torch.randn(2, 64, dtype=torch.bfloat16))
    for cell in range(4):
        assert fw.explain(trace, "linear", (1, cell)).status == "exact"


def test_cells_that_are_not_there():
    trace = fw.trace_forward(nn.Linear(3, 2), torch.ones(1, 3))
    with pytest.raises(IndexError, match=r"index=\(0, 2\) is no cell of linear.*\(1, 2\)"):
        fw.explain(trace, "linear", (0, 2))
    with pytest.raises(IndexError, match="linear has 2 axes"):
        fw.explain(trace, "linear", 0)
    with pytest.raises(IndexError, match="output=1: linear has 1 outputs"):
        fw.explain(trace, "linear", (0, 0), output=1)
    with pytest.raises(KeyError, match="'relu' is not a step"):
        fw.explain(trace, "relu", (0, 0))
    assert fw.explain(trace, "linear", (-1, -1)).index == (0, 1)


def test_weights_that_changed_since():
    model, x = nn.Linear(3, 2), torch.ones(1, 3)
    bare, kept = fw.trace_forward(model, x), fw.Tracer(keep_operands=True)(model, x)
    nn.init.zeros_(model.weight)
    with pytest.raises(RuntimeError, match="keep_operands=True"):
        fw.explain(bare, "linear", (0, 0))
    fw.explain(kept, "linear", (0, 0)).check()


def test_an_operand_that_was_written_to_is_shown_as_it_was():
    def function(a):
        b = a * 2
        b.relu_()
        c = b + 1
        b.zero_()
        return c

    trace = fw.trace_forward(Op(function), torch.tensor([-1.0, 3.0]))
    found = fw.explain(trace, "add", 1)
    assert [term.value for term in found.terms] == [6.0, 1.0]
    assert found.sources == {"input": 'trace["relu"].value'}


def test_the_same_tensor_twice_in_a_list():
    trace = fw.trace_forward(Op(lambda a: torch.cat([a, a], 1)), torch.rand(2, 3))
    assert fw.explain(trace, "cat", (1, 2)).code == "tensors[0][1, 2]"
    assert fw.explain(trace, "cat", (1, 3)).code == "tensors[1][1, 0]"
