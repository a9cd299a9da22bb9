"""What operations were called with, against the same operations run by hand."""

import pytest
import torch
import torch.nn.functional as F
from torch import nn

import fwdwidgets as fw


class Writes(nn.Module):
    """Writes into results, through a view and by `inplace`, and draws random numbers."""

    def __init__(self):
        super().__init__()
        self.linear = nn.Linear(3, 3)
        self.norm = nn.BatchNorm1d(3)

    def forward(self, x):
        y = self.linear(x)
        y[0].zero_()
        z = F.relu(y, inplace=True)
        z = F.dropout(self.norm(z), 0.5, self.training)
        return z + y


KEEPS = pytest.mark.parametrize("keeps", [True, False], ids=["kept", "run again"])


def traced(model, x, keeps):
    return fw.Tracer(keep_operands=keeps)(model, x)


@KEEPS
@pytest.mark.parametrize("training", [True, False])
def test_each_operation_run_again_gives_its_value(keeps, training):
    model = Writes().train(training)
    trace = traced(model, torch.randn(4, 3), keeps)
    assert len(trace) == 7
    for step in trace:
        if step.op == "dropout" and training:
            continue
        operation = trace.operation(step.name)
        args = [a.clone() if isinstance(a, torch.Tensor) else a for a in operation.args]
        assert torch.equal(operation.function(*args, **operation.kwargs), step.value), step


@KEEPS
def test_operands_know_whose_value_they_are(keeps):
    trace = traced(Writes().eval(), torch.randn(4, 3), keeps)
    owners = {step.name: trace.operation(step.name).owners for step in trace}
    assert owners["linear"] == (0, "linear.weight", "linear.bias")
    assert owners["getitem"] == ((0, 0),)
    assert owners["zero"] == ((1, 0),)
    assert owners["relu"] == (None,)  # it was written to through a view
    assert owners["norm"][0] == (3, 0)
    assert owners["add"] == ((5, 0), (3, 0))


class Chunks(nn.Module):
    def forward(self, x):
        a, b = x.chunk(2, dim=1)
        return a * b


def test_an_operand_knows_which_of_several_values_it_is():
    trace = fw.trace_forward(Chunks(), torch.randn(2, 4))
    assert trace.operation("mul").owners == ((0, 0), (0, 1))


@KEEPS
def test_the_model_is_left_as_found(keeps):
    model = Writes().train()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    random = torch.get_rng_state()
    trace = traced(model, torch.randn(4, 3), keeps)
    random = torch.get_rng_state()
    model.eval()
    trace.operation(0)
    assert torch.equal(torch.get_rng_state(), random)
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
    assert not any(module.training for module in model.modules())


def test_kept_operands_outlive_the_weights():
    model, x = nn.Linear(2, 2), torch.ones(1, 2)
    kept, bare = traced(model, x, True), traced(model, x, False)
    weight = model.weight.detach().clone()
    with torch.no_grad():
        model.weight.fill_(7)
        x.fill_(9)
    assert torch.equal(kept.operation("linear").args[1], weight)
    assert torch.equal(kept.operation("linear").args[0], torch.ones(1, 2))
    with pytest.raises(RuntimeError, match="gives other numbers than when it was recorded"):
        bare.operation("linear")


def test_inputs_that_changed_since_do_not_matter():
    model, x = nn.Linear(2, 2), torch.ones(1, 2)
    trace = traced(model, x, False)
    x.fill_(9)
    assert torch.equal(trace.operation("linear").args[0], torch.ones(1, 2))


class Fails(nn.Module):
    def forward(self, x):
        return x.relu() @ torch.ones(7, 7)


@KEEPS
def test_a_failed_forward_pass_has_the_operands_of_what_ran(keeps):
    trace = traced(Fails(), torch.ones(1, 2), keeps)
    assert trace.operation("relu").args[0].shape == (1, 2)
    with pytest.raises(KeyError, match="ran no operation to its end"):
        trace.operation("matmul")


class Outer(nn.Module):
    def __init__(self):
        super().__init__()
        self.linear = nn.Linear(3, 3)
        self.relu = nn.ReLU(inplace=True)

    def forward(self, a, b):
        return self.relu(self.linear(a)).sum() * b


@KEEPS
def test_the_gradient_of_any_number_of_a_step(keeps):
    model, a, b = Outer(), torch.randn(2, 3), torch.randn(2)
    trace = fw.Tracer(keep_operands=keeps)(model, a, b)
    first, second = trace.gradient("linear", (1, 2))
    expected = torch.zeros(2, 3)
    expected[1] = model.linear.weight[2].detach()
    assert torch.equal(first, expected)
    assert torch.equal(second, torch.zeros(2))
    c, d = a.clone().requires_grad_(), b.clone().requires_grad_()
    wanted = torch.autograd.grad(model(c, d)[1], (c, d))
    found = trace.gradient("mul", (1,))
    assert all(torch.allclose(x, y) for x, y in zip(found, wanted, strict=True))
    assert all(p.grad is None for p in model.parameters())
