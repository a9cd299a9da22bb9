"""The batch that a training step runs on, from any kind of data."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader

from fwdwidgets.data import dataset_length, get_sample, read_input

BATCH = 16
"""How many samples of a dataset make the batch."""


def first_batch(data: Any) -> tuple[Tensor, Tensor]:
    """Inputs and targets of two tensors or arrays, a `DataLoader`, or a dataset's first samples.

    Raises:
        TypeError: `data` is none of these.
        ValueError: the dataset is empty or has no labels.
    """
    if isinstance(data, DataLoader):
        data = _first_of(data)
    if isinstance(data, (Tensor, np.ndarray)):
        raise TypeError(
            f"data is one {type(data).__name__} of shape {tuple(data.shape)}: pass two, (inputs, "
            "targets), or a dataset."
        )
    if isinstance(data, (tuple, list)) and len(data) == 2 and _is_numbers(data[0]):
        inputs, targets = map(_as_tensor, data)
        if not isinstance(targets, Tensor):
            raise TypeError(
                f"targets={targets!r} are no tensor: pass (inputs, targets), two tensors or arrays."
            )
        if not inputs.numel():
            raise ValueError(f"inputs of shape {tuple(inputs.shape)} are empty: pass a sample.")
        own = inputs.detach().clone().requires_grad_(inputs.requires_grad)
        return own, targets.detach().clone()
    count = min(dataset_length(data), BATCH)
    samples = [get_sample(data, index, target=True) for index in range(count)]
    missing = next((s.index for s in samples if s.label is None), None)
    if missing is not None:
        raise ValueError(f"sample {missing} has no label: training needs one for each sample.")
    labels = torch.tensor([sample.label for sample in samples])
    return torch.stack([s.input for s in samples]), (
        labels[:, None] if labels.is_floating_point() else labels
    )


def _is_numbers(part: Any) -> bool:
    return isinstance(part, (Tensor, np.ndarray))


def _as_tensor(part: Any) -> Any:
    """An array as a tensor; NumPy's float64 becomes float32, the dtype of PyTorch's layers."""
    if not isinstance(part, np.ndarray):
        return part
    tensor = read_input(part, 0)
    return tensor.to(torch.get_default_dtype()) if tensor.dtype is torch.float64 else tensor


def _first_of(loader: DataLoader[Any]) -> tuple[Tensor, Tensor]:
    with torch.random.fork_rng(devices=()):  # a loader draws its order, and workers their seed
        batch = next(iter(loader), None)
    if batch is None:
        raise ValueError("this DataLoader is empty: pass one with at least one batch.")
    pair = isinstance(batch, (tuple, list)) and len(batch) == 2
    if not pair or not all(isinstance(part, Tensor) for part in batch):
        kind = f"{len(batch)} parts" if isinstance(batch, (tuple, list)) else type(batch).__name__
        raise TypeError(
            f"a batch of this DataLoader is {kind}: training needs inputs and targets, two tensors."
        )
    inputs, targets = batch
    return inputs, targets
