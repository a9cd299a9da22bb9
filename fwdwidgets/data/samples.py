"""From an index of a dataset to a sample: the input as a tensor, the label as an int.

Any indexable dataset of ``(input, label)`` pairs works: torchvision's, a ``TensorDataset``, a list,
a class of your own. Tensors need only torch; torchvision turns Pillow images into tensors, and
torch does so with NumPy arrays.
"""

import operator
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn
from torch.utils.data import DataLoader, IterableDataset, TensorDataset

from fwdwidgets.data.items import counted, read_input, read_label, short


@dataclass(frozen=True, eq=False)
class Sample:
    """One item of a dataset, ready for a network.

    Attributes:
        index: Its place in the dataset, 0 to ``len(dataset) - 1``.
        input: The network's input without the batch axis: ``(C, H, W)`` for an image.
        label: The class index, or None if the dataset has no label. A float only if
            ``target=True`` asked for it.
    """

    index: int
    input: torch.Tensor
    label: int | float | None

    @property
    def class_index(self) -> int | None:
        """The label if it is a whole number, else None."""
        if self.label is None or not float(self.label).is_integer():
            return None
        return int(self.label)


def dataset_length(dataset: Any) -> int:
    """Count the samples of a dataset; refuse anything that is not a dataset of samples.

    Args:
        dataset: Anything with ``len(dataset)`` and ``dataset[index]``.

    Returns:
        The number of samples, at least 1.

    Raises:
        TypeError: It cannot be indexed by a sample's index, or has no length.
        ValueError: It is empty.

    Example:
        >>> dataset_length([(torch.zeros(3), 0), (torch.ones(3), 1)])
        2
    """
    kind = type(dataset).__name__
    wanted = "pass a dataset with len(dataset) and dataset[index]"
    if isinstance(dataset, DataLoader):
        raise TypeError("dataset is a DataLoader, which cannot be indexed: pass loader.dataset")
    if isinstance(dataset, type):
        raise TypeError(
            f"dataset is the class {dataset.__name__}: pass an instance, {dataset.__name__}(...)"
        )
    if isinstance(dataset, IterableDataset):
        raise TypeError(
            f"dataset is an IterableDataset ({kind}), which cannot be indexed: "
            "pass list(dataset), or a part of it"
        )
    if isinstance(dataset, Mapping | str | bytes | set | frozenset):
        raise TypeError(f"dataset is a {kind}, not a dataset of (input, label) pairs: {wanted}")
    if not hasattr(dataset, "__getitem__"):
        raise TypeError(f"dataset is a {kind}, which cannot be indexed: {wanted}")
    try:
        length = len(dataset)
    except (TypeError, NotImplementedError) as error:
        raise TypeError(f"dataset is a {kind}, which has no length: {wanted}") from error
    if length < 1:
        raise ValueError(f"dataset is empty: {kind} has no samples; pass one with at least one")
    return length


def get_sample(dataset: Any, index: int, *, target: bool = False) -> Sample:
    """Fetch one sample: its input as a tensor, its label as an int.

    Pillow images become ``(C, H, W)`` floats from 0 to 1, as with torchvision's ``to_tensor``;
    NumPy arrays and nested lists of numbers become tensors of their own dtype; tensors stay
    unchanged.

    Args:
        dataset: An indexable dataset of ``(input, label)`` pairs, ``(input, None)`` without label.
        index: 0 to ``len(dataset) - 1``.
        target: Keep a float label as a float: the target of a regression.

    Returns:
        The sample. Its input has no batch axis: see `batch_of_one`.

    Raises:
        TypeError: ``index`` is not an int, or the dataset is refused (see `dataset_length`).
        IndexError: ``index`` is out of range, negative numbers included.
        ValueError: The dataset is empty, the item is not an ``(input, label)`` pair, its input is
            not numbers, or its label is not an integer.
        RuntimeError: The dataset itself raised; its exception is the cause.

    Example:
        >>> get_sample([([0.5, 0.25], 1)], 0).input
        tensor([0.5000, 0.2500])
    """
    length = dataset_length(dataset)
    index = _sample_index(index, length)
    try:
        item = dataset[index]
    except Exception as error:
        raise RuntimeError(
            f"sample {index} could not be read: {type(dataset).__name__}[{index}] raised "
            f"{type(error).__name__}: {error}"
        ) from error
    if not isinstance(item, tuple | list) or len(item) != 2:
        raise ValueError(_not_a_pair(dataset, index, item))
    return Sample(index, read_input(item[0], index), read_label(item[1], index, target))


def batch_of_one(sample_input: torch.Tensor, model: nn.Module) -> torch.Tensor:
    """Add the batch axis to a sample's input and move it to the model's device.

    Args:
        sample_input: ``(C, H, W)``, or whatever the model takes, without the batch axis.
        model: The model; its first parameter or buffer determines the device.

    Returns:
        ``(1, C, H, W)``, of the same dtype, on the model's device.
    """
    return sample_input.unsqueeze(0).to(device_of(model))


def device_of(model: nn.Module) -> torch.device:
    """The device of a model's first parameter or buffer; the CPU if it has none."""
    for tensor in (*model.parameters(), *model.buffers()):
        return tensor.device
    return torch.device("cpu")


def _sample_index(index: Any, length: int) -> int:
    if isinstance(index, bool) or not hasattr(index, "__index__"):
        raise TypeError(
            f"sample={index!r} is a {type(index).__name__}: give an int from 0 to {length - 1}"
        )
    number = operator.index(index)
    if not 0 <= number < length:
        choice = "0" if length == 1 else f"0 to {length - 1}"
        raise IndexError(
            f"sample={number} is out of range; this dataset has {counted(length, 'sample')}: "
            f"choose {choice}"
        )
    return number


def _not_a_pair(dataset: Any, index: int, item: Any) -> str:
    advice = "return (input, label) from the dataset, or (input, None) without a label"
    if isinstance(item, Mapping):
        keys = ", ".join(repr(key) for key in item)
        what = f"a {type(item).__name__} with the keys {keys}"
    elif isinstance(item, tuple | list):
        what = f"a {type(item).__name__} of {counted(len(item), 'item')}"
        if isinstance(dataset, TensorDataset):
            advice = "build it as TensorDataset(inputs, labels)"
    elif isinstance(item, torch.Tensor):
        what = f"a tensor of shape {tuple(item.shape)}"
        if isinstance(dataset, tuple | list) and len(dataset) == 2:
            advice = "for a tensor of inputs and one of labels use TensorDataset(inputs, labels)"
    else:
        what = f"{short(item)} ({type(item).__name__})"
    return f"sample {index} is no (input, label) pair but {what}: {advice}"
