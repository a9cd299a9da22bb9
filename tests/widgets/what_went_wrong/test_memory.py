"""Bytes of a forward and a backward pass, against what PyTorch keeps."""

import copy

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

import fwdwidgets as fw
from fwdwidgets.trace import as_inputs
from fwdwidgets.widgets.what_went_wrong.memory import measure_memory
from tests.widgets.what_went_wrong.failing import Calls, Classifier


def measure(model, *inputs):
    taken = as_inputs(inputs)
    return measure_memory(model, taken, fw.trace_forward(model, *inputs))


@given(st.integers(1, 40), st.integers(1, 40), st.integers(1, 5))
@settings(max_examples=15)
def test_bytes_of_a_linear_layer(features, out, batch):
    model = nn.Sequential(nn.Linear(features, out))
    memory = measure(model, torch.rand(batch, features))
    assert memory.weights == 4 * (features * out + out)
    for n in (1, batch, 1000):
        assert memory.steps["0"].at(n) == 4 * n * out
        # weights, the inputs, the outputs
        assert memory.inference.at(n) == memory.weights + 4 * n * (features + out)
        assert memory.training.at(n) >= 2 * memory.weights + 4 * n * features


def test_bytes_of_a_chain_without_gradients_are_two_results_at_once():
    model = nn.Sequential(nn.Linear(100, 500), nn.ReLU(), nn.Linear(500, 10))
    memory = measure(model, torch.rand(4, 100))
    # the ReLU's operand and its result are alive together
    assert memory.inference.at(64) == memory.weights + 4 * 64 * (100 + 500 + 500)


@pytest.mark.parametrize("batch", [1, 5, 32])
def test_training_bytes_are_those_of_such_a_batch(batch):
    """The line through two small batches against what autograd really keeps of this one."""
    model = Classifier().eval()
    memory = measure(model, torch.rand(2, 1, 28, 28))
    kept = {}

    def pack(tensor):
        storage = tensor.untyped_storage()
        kept[storage.data_ptr()] = storage.nbytes()
        return tensor

    weights = {p.untyped_storage().data_ptr() for p in model.parameters()}
    x = torch.rand(batch, 1, 28, 28)
    with torch.autograd.graph.saved_tensors_hooks(pack, lambda t: t):
        output = model(x)
    saved = sum(size for pointer, size in kept.items() if pointer not in weights)
    assert output.requires_grad
    assert memory.training.at(batch) >= memory.weights + saved
    assert memory.training.at(batch) <= 3 * (memory.weights + saved)


@given(st.integers(0, 10**7))
def test_the_largest_batch_fits_and_one_more_does_not(budget):
    need = MEMORY.training
    largest = need.largest(budget)
    if largest:
        assert need.at(largest) <= budget
    assert need.at(largest + 1) > budget


MEMORY = measure(fw.models.Network(), torch.rand(2, 1, 28, 28))


def test_measuring_leaves_the_model_as_found():
    model = nn.Sequential(nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2), nn.Dropout())
    x = torch.rand(1, 1, 5, 5)
    model(x).sum().backward()
    grads = [p.grad.clone() for p in model.parameters()]
    state, random = copy.deepcopy(model.state_dict()), torch.get_rng_state()
    assert measure(model, x) is not None
    assert all(torch.equal(p.grad, g) for p, g in zip(model.parameters(), grads, strict=True))
    assert all(torch.equal(v, state[k]) for k, v in model.state_dict().items())
    assert torch.equal(torch.get_rng_state(), random)


def test_a_frozen_model_has_no_training():
    model = nn.Linear(2, 2).requires_grad_(False)
    assert measure(nn.Sequential(model), torch.rand(1, 2)).training is None


def test_a_model_without_a_backward_pass_has_no_training():
    model = nn.Sequential(nn.Linear(2, 2), nn.Sigmoid(), Calls(lambda x: x.mul_(2)))
    memory = measure(model, torch.rand(1, 2))
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        model(torch.rand(1, 2)).sum().backward()
    assert memory.training is None
    assert memory.inference.at(1) > 0


def test_a_model_for_one_batch_size_only_cannot_be_measured():
    assert measure(Calls(lambda x: x.reshape(4, 2)), torch.rand(4, 2)) is None
    assert measure(Calls(lambda x: x + 1), torch.tensor(3.0)) is None
