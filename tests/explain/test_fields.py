"""What a cell can see and a patch can reach, against gradients and against changed inputs."""

import random

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

import fwdwidgets as fw
from fwdwidgets.explain import box_of, mattered, reach, receptive_field
from tests.explain.explaining import Op, some_cell


def gradient(model, x, cell):
    """Where the output cell moves with the input, by PyTorch alone."""
    leaf = x.clone().requires_grad_()
    (found,) = torch.autograd.grad(model(leaf)[cell], leaf)
    return found != 0


LINEAR = [
    lambda c: nn.Conv2d(c, 2, 3, 2, 1),
    lambda c: nn.Conv2d(c, 4, (1, 3), 1, (0, 2), (1, 2), groups=2),
    lambda c: nn.ConvTranspose2d(c, 2, 3, 2, 1),
    lambda c: nn.AvgPool2d(2, 1),
    lambda c: nn.AdaptiveAvgPool2d((4, 3)),
    lambda c: nn.Upsample(scale_factor=2),
    lambda c: Op(lambda a: a + F.avg_pool2d(a, 3, 1, 1)),
    lambda c: Op(lambda a: F.pad(a, (1, 0, 2, 1), "reflect")),
    lambda c: Op(lambda a: a.roll(1, 2).flip(3)),
    lambda c: Op(lambda a: a.transpose(2, 3)[:, :, 1:]),
    lambda c: Op(lambda a: torch.cat([a[:, 1:], a[:, :1] * 2], 1)),
    lambda c: Op(lambda a: a.flatten(2).view(a.shape[0], a.shape[1], a.shape[3], a.shape[2])),
    lambda c: nn.BatchNorm2d(c),
    lambda c: nn.GroupNorm(1, c),
]


@settings(max_examples=40)
@given(st.lists(st.sampled_from(LINEAR), min_size=1, max_size=4), st.integers(0, 2**16))
def test_the_field_is_exactly_where_the_gradient_is(makers, seed):
    """Of layers that let everything through the gradient is zero outside the field alone."""
    random.seed(seed)
    torch.manual_seed(seed)
    x, layers = torch.rand(1, 2, 8, 9), []
    for make in makers:
        width = nn.Sequential(*layers)(x).shape
        if min(width[2:]) < 4 or width[1] not in (2, 4):
            break
        layers.append(make(width[1]))
    model = nn.Sequential(*layers).double().eval()
    for parameter in model.parameters():
        nn.init.uniform_(parameter, 0.5, 1)
    x = x.double()
    trace = fw.trace_forward(model, x)
    cell = some_cell(trace.output.shape)
    found = receptive_field(trace, -1, cell)
    wanted = gradient(model, x, cell)
    assert found.status == "exact"
    assert not (wanted & ~found.mask).any()
    if not any(isinstance(layer, nn.GroupNorm) for layer in layers):
        assert torch.equal(found.mask, wanted)
        assert found.box == box_of(wanted)
    assert torch.equal(mattered(trace, -1, cell)[0], wanted)
    # The way back and the way forth are the same arithmetic.
    patch = torch.zeros(x.shape, dtype=torch.bool)
    place = some_cell(x.shape)
    patch[place] = True
    cone = reach(trace, patch)
    assert cone.status == "exact"
    assert cone.steps[trace.steps[-1].name][cell] == found.mask[place]


def test_attention_sees_all_and_a_causal_one_what_came_before():
    def attend(causal):
        return Op(lambda a: F.scaled_dot_product_attention(a, a, a, is_causal=causal))

    x = torch.rand(1, 5, 4)
    whole = receptive_field(fw.trace_forward(attend(False), x), -1, (0, 2, 1))
    assert whole.mask.all()
    before = receptive_field(fw.trace_forward(attend(True), x), -1, (0, 2, 1))
    assert before.box == (slice(0, 1), slice(0, 3), slice(0, 4))


def test_a_dead_relu_is_inside_the_field_and_does_not_matter():
    x = torch.tensor([[-1.0, 2.0]])
    model = nn.Sequential(nn.ReLU(), nn.Linear(2, 1))
    nn.init.ones_(model[1].weight)
    trace = fw.trace_forward(model, x)
    assert receptive_field(trace, "1", (0, 0)).mask.tolist() == [[True, True]]
    assert mattered(trace, "1", (0, 0))[0].tolist() == [[False, True]]


def test_samples_of_a_batch_do_not_see_each_other_unless_they_are_normalised_together():
    model = nn.BatchNorm1d(2)
    x = torch.rand(3, 2)
    alone = receptive_field(fw.trace_forward(model.eval(), x), 0, (1, 0))
    assert alone.mask.nonzero().tolist() == [[1, 0]]
    together = receptive_field(fw.trace_forward(model.train(), x), 0, (1, 0))
    assert together.mask.nonzero().tolist() == [[0, 0], [1, 0], [2, 0]]


@pytest.mark.parametrize("both", [True, False])
def test_recurrent_layers_see_what_came_before(both):
    model, x = nn.LSTM(2, 3, bidirectional=both, batch_first=True), torch.rand(2, 4, 2)
    trace = fw.trace_forward(model, x)
    found = receptive_field(trace, "lstm", (1, 2, 0))
    assert found.box == (slice(1, 2), slice(0, 4 if both else 3), slice(0, 2))
    patch = torch.zeros(x.shape, dtype=torch.bool)
    patch[0, 1] = True
    seen = reach(trace, patch).steps["lstm"]
    assert not seen[1].any()
    assert seen[0, :, 0].tolist() == [both, True, True, True]


def test_a_change_moves_nothing_outside_the_cone():
    model, x = fw.models.Network().eval(), torch.rand(1, 1, 28, 28)
    trace = fw.trace_forward(model, x)
    patch = torch.zeros(x.shape, dtype=torch.bool)
    patch[0, 0, 10:12, 20:23] = True
    cone = reach(trace, patch)
    changed = fw.trace_forward(model, torch.where(patch, 50.0, x))
    for step in trace:
        moved = step.value != changed[step.name].value
        assert not (moved & ~cone.steps[step.name]).any(), step
    assert cone.steps["conv1"][0, 0].nonzero().amin(0).tolist() == [6, 16]
    assert cone.steps["conv1"][0, 0].nonzero().amax(0).tolist() == [11, 22]


def test_two_inputs():
    trace = fw.trace_forward(Op(lambda a, b: a.sum(0) * b), torch.rand(2, 3), torch.rand(3))
    found = receptive_field(trace, "mul", 1)
    assert [mask.nonzero().tolist() for mask in found.inputs] == [[[0, 1], [1, 1]], [[1]]]
    assert reach(trace, torch.ones(3, dtype=torch.bool), 1).steps["sum"].tolist() == [False] * 3
    with pytest.raises(ValueError, match="the model was given 2 tensors"):
        reach(trace, torch.ones(3, dtype=torch.bool), 2)
    with pytest.raises(ValueError, match=r"patch has the shape \(3,\), the input \(2, 3\)"):
        reach(trace, torch.ones(3, dtype=torch.bool))


def test_what_is_not_taken_apart_is_a_bound():
    trace = fw.trace_forward(Op(lambda a: torch.linalg.inv(a)[0]), torch.eye(3))
    found = receptive_field(trace, -1, 0)
    assert found.status == "bound"
    assert found.mask.all()
    assert reach(trace, torch.ones(3, 3, dtype=torch.bool)).status == "bound"


def test_what_was_written_through_a_view_is_a_bound():
    def function(a):
        b = torch.zeros(2, 3)
        b[0].copy_(a[1])
        return b + a

    found = receptive_field(fw.trace_forward(Op(function), torch.rand(2, 3)), "add", (0, 1))
    assert found.status == "bound"
    assert found.mask.all()


def test_a_tensor_from_outside_comes_from_no_input():
    weight = torch.rand(3)
    trace = fw.trace_forward(Op(lambda a: a * weight), torch.rand(2, 3))
    assert trace.operation("mul").owners == (0, "")
    found = receptive_field(trace, "mul", (0, 1))
    assert (found.status, found.mask.nonzero().tolist()) == ("exact", [[0, 1]])
