"""The batch that a training step runs on."""

import pytest
import torch
from torch.utils.data import DataLoader, TensorDataset

from fwdwidgets.training import first_batch


def test_data_of_every_kind():
    inputs, targets = torch.randn(8, 10), torch.randn(8, 1)
    dataset = TensorDataset(inputs, targets)
    found = first_batch(DataLoader(dataset, 4))
    assert torch.equal(found[0], inputs[:4])
    items = [(row, float(value)) for row, value in zip(inputs, targets, strict=True)]
    found = first_batch(items)
    assert torch.equal(found[0], inputs)
    assert torch.equal(found[1], targets)
    pairs = [(row, 1) for row in inputs] * 4
    assert first_batch(pairs)[1].tolist() == [1] * 16
    with pytest.raises(ValueError, match="sample 0 has no label"):
        first_batch([(inputs[0], None)])
    with pytest.raises(TypeError, match="targets"):
        first_batch((inputs, [1, 2]))
    with pytest.raises(ValueError, match="this DataLoader is empty"):
        first_batch(DataLoader(TensorDataset(inputs[:1], targets[:1]), 4, drop_last=True))
    with pytest.raises(TypeError, match="a batch of this DataLoader is Tensor: training needs"):
        first_batch(DataLoader(inputs, 4))
    with pytest.raises(TypeError, match="a batch of this DataLoader is 3 parts"):
        first_batch(DataLoader(TensorDataset(inputs, targets, targets), 4))
