"""Inputs of every form that a model takes."""

import pytest
import torch

from fwdwidgets.trace import as_inputs


def test_inputs_without_a_tensor_are_refused():
    with pytest.raises(TypeError, match=r"inputs holds no tensor, it is a ndarray.*as_tensor"):
        as_inputs(torch.rand(2).numpy())
    with pytest.raises(TypeError, match="keys of a dict name keywords"):
        as_inputs({1: torch.ones(2)})


def test_nested_inputs_are_taken_to_another_batch():
    x = torch.arange(6.0).reshape(2, 3)
    rows = as_inputs((x, [x, "text", {"a": x}], torch.tensor(1.0))).rows(5)
    assert torch.equal(rows.args[0], x[[0, 1, 0, 1, 0]])
    assert torch.equal(rows.args[1][2]["a"], x[[0, 1, 0, 1, 0]])
    assert rows.args[1][1] == "text"
    assert rows.args[2] == 1
