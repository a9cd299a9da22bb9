"""Held bytes against a count by hand."""

import torch
from torch import nn

import fwdwidgets as fw
from fwdwidgets.widgets.modes.saved_tensors import held_bytes
from tests.widgets.modes.networks import ready, same, snapshot


def test_the_bytes_held_are_counted_by_hand():
    model = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 2))
    found = snapshot(model)
    grads, no_grad, switched, inference = held_bytes(ready(model), torch.rand(3, 4), training=False)
    # The result of ReLU is kept, for its own derivative and for the last layer's: 3 x 8 floats.
    # The first layer keeps the input and the last its weights: those are there anyway.
    assert grads.bytes == 3 * 8 * 4
    assert (grads.grad_fn, grads.requires_grad) == ("AddmmBackward0", True)
    for nothing in (no_grad, switched, inference):
        assert (nothing.bytes, nothing.grad_fn, nothing.requires_grad) == (0, "None", False)
    assert same(model, found)
    assert torch.is_grad_enabled()


class WritesItsWeight(nn.Module):
    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(4))

    def forward(self, x):
        return x * self.weight.mul_(2)


def test_a_forward_that_gradients_forbid_is_told_and_leaves_its_weight():
    model = WritesItsWeight()
    grads, no_grad, *_ = held_bytes(ready(model), torch.rand(1, 4), training=False)
    assert (grads.bytes, grads.grad_fn) == (None, "RuntimeError")
    assert (no_grad.bytes, no_grad.grad_fn) == (0, "None")
    assert torch.equal(model.weight, torch.ones(4))
    assert "it raises" in fw.Modes(model, [(torch.rand(4), 0)])._tables.value


def test_the_bytes_grow_with_the_batch():
    model = fw.models.Network()
    one = held_bytes(ready(model), torch.rand(1, 1, 28, 28), training=True)[0]
    four = held_bytes(ready(model), torch.rand(4, 1, 28, 28), training=True)[0]
    assert four.bytes == 4 * one.bytes
