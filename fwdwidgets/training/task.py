"""The samples that a network is trained on, and its loss on them."""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset

from fwdwidgets.data import device_of, get_sample
from fwdwidgets.training.loss_and_optimizer import Loss, measure


class Items(Dataset[tuple[Tensor, Tensor]]):
    """Samples as tensors: images converted, labels as class indices or float targets.

    Attributes:
        classes: whether the label of the first sample is a class.
    """

    def __init__(self, dataset: Any, length: int) -> None:
        self._dataset, self._length = dataset, length
        self.classes = not isinstance(get_sample(dataset, 0, target=True).label, float)

    def __len__(self) -> int:
        return self._length

    def __getitem__(self, index: int) -> tuple[Tensor, Tensor]:
        sample = get_sample(self._dataset, index, target=True)
        if sample.label is None:
            raise ValueError(f"sample {index} has no label: training needs one for each sample.")
        if self.classes and isinstance(sample.label, float):
            raise ValueError(
                f"label={sample.label!r} of sample {index} is a number, and that of sample 0 a "
                "class: make all labels floats for a regression, or whole numbers for classes."
            )
        if self.classes:
            return sample.input, torch.tensor(int(sample.label))
        return sample.input, torch.tensor([float(sample.label)])


class Task:
    """The loss of a batch, with clear errors for outputs that the default loss does not take.

    Attributes:
        sums: whether the loss is a sum over the batch instead of a mean.
    """

    def __init__(self, items: Items, loss: Loss | None) -> None:
        check = _check_classes if items.classes else _check_numbers
        default = F.cross_entropy if items.classes else F.mse_loss
        self._check = check if loss is None else None
        self._loss: Loss = default if loss is None else loss
        # Sums over batches add up; means are weighted by the number of samples.
        self.sums = getattr(loss, "reduction", "mean") == "sum"

    def __call__(
        self, network: nn.Module, inputs: Tensor, targets: Tensor
    ) -> tuple[Tensor, Tensor, Tensor]:
        """The loss, the output and the targets, all on the network's device."""
        device = device_of(network)
        try:
            output = network(inputs.to(device))
        except ValueError as error:
            if not network.training or len(inputs) > 1 or "more than 1 value" not in str(error):
                raise
            raise ValueError(
                "a batch has one sample, too few for a BatchNorm in train mode: choose a "
                "batch_size that leaves more than one for the last batch. PyTorch's own words: "
                f"{error}"
            ) from error
        targets = targets.to(device)
        if self._check is not None and isinstance(output, Tensor):
            self._check(output, targets)
        return measure(self._loss, output, targets), output, targets


def _check_classes(output: Tensor, targets: Tensor) -> None:
    classes = output.shape[-1] if output.dim() == 2 else 0
    if classes < 2:
        raise ValueError(
            f"the model's output has shape {tuple(output.shape)}, which is no row of classes: "
            "end it in an output a class, or pass loss=, such as lambda output, targets: "
            "F.binary_cross_entropy(output[:, 0], targets.float())."
        )
    bad = targets[(targets < 0) | (targets >= classes)]
    if len(bad):
        raise ValueError(
            f"label={int(bad[0])} is no class of this model, which has {classes} outputs: a "
            f"label must be from 0 to {classes - 1}."
        )


def _check_numbers(output: Tensor, targets: Tensor) -> None:
    if output.shape != targets.shape:  # torch would stretch one over the other
        raise ValueError(
            f"the model's output has shape {tuple(output.shape)} and the targets "
            f"{tuple(targets.shape)}: end the model in nn.Linear(..., 1), or pass loss=."
        )


def evaluate(
    network: nn.Module, items: Items, task: Task, batch_size: int
) -> tuple[float, float | None]:
    """Loss and accuracy over all samples; the network is left in eval mode.

    Returns:
        The loss, and the accuracy from 0 to 1, or None if there are no classes.
    """
    network.eval()
    total, right, count, classes = 0.0, 0, 0, items.classes
    with torch.no_grad():
        # A loader without its own generator draws from the global random numbers.
        loader = DataLoader(items, max(batch_size, 256), generator=torch.Generator())
        for inputs, labels in loader:
            value, output, targets = task(network, inputs, labels)
            total += float(value) * (1 if task.sums else len(targets))
            classes = classes and output.dim() == 2 and output.shape[1] > 1
            if classes:  # NaN is no answer
                answered = ~output.isnan().any(dim=1)
                right += int(((output.argmax(dim=1) == targets) & answered).sum())
            count += len(targets)
    return total / count, right / count if classes else None
