"""A plain training loop that keeps the weights of every epoch."""

from __future__ import annotations

import math
import operator
import sys
import warnings
from collections.abc import Callable
from functools import partial
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset

from fwdwidgets.data import dataset_length, device_of, get_sample
from fwdwidgets.networks import Checkpoints, reseed
from fwdwidgets.training.loss_and_optimizer import (
    Loss,
    MakeOptimizer,
    check_differentiable,
    check_loss,
    check_reached,
    made,
    measure,
    trainable,
)

_BAR = 24


def train(
    model: nn.Module | Callable[[], nn.Module],
    dataset: Any,
    epochs: int = 5,
    *,
    batch_size: int = 32,
    lr: float = 0.05,
    optimizer: MakeOptimizer | None = None,
    loss: Loss | None = None,
    seed: int = 0,
    progress: bool = True,
) -> Checkpoints:
    """Train a model, and keep its weights before training and after each epoch.

    It is the loop of every course: forward, loss, `zero_grad`, `backward`, `step`, for each batch
    of the shuffled samples. An instance is trained itself, as in any loop of your own; a class or
    factory is built under the seed. The random state is left as found, and so is the mode.

    Args:
        model: an `nn.Module`, or a class or factory that makes one.
        dataset: anything indexable of `(input, label)`.
        epochs: how often all samples are seen, 1 or more.
        batch_size: samples in a step.
        lr: learning rate of the default optimizer, `torch.optim.SGD` with momentum 0.9.
        optimizer: made of the parameters: `lambda p: torch.optim.Adam(p, lr=1e-3)`.
        loss: of output and targets; by default `cross_entropy` for class labels and `mse_loss`
            for numbers. Of one that sums, a checkpoint tells the sum a sample.
        seed: of the order of the samples, of dropout, and of a new model's weights.
        progress: print a line an epoch, with a bar that grows.

    Returns:
        `epochs + 1` checkpoints; fewer when it was interrupted or the loss became NaN or
        infinite, which a warning tells.

    Raises:
        TypeError: the model is none, an item is no pair, or loss or optimizer is no function.
        ValueError: the dataset is empty, has no labels, or a number is out of range; a label is no
            class of the model, or a number among classes; the loss does not take output and
            targets, or is no single number; there is nothing to train; the optimizer is an LBFGS;
            a batch of one sample is too small for a BatchNorm.
    """
    epochs = _at_least_one("epochs", epochs)
    batch_size = _at_least_one("batch_size", batch_size)
    if loss is not None:
        check_loss(loss)
    if optimizer is not None and not callable(optimizer):
        raise TypeError(
            f"optimizer={type(optimizer).__name__} is no function: pass what makes one: "
            "lambda p: torch.optim.Adam(p, lr=1e-3)."
        )
    length = dataset_length(dataset)
    network = model if isinstance(model, nn.Module) else reseed(model, seed)
    items = _Items(dataset, length)
    task = _Task(items, loss)
    generator = torch.Generator().manual_seed(seed)
    loader = DataLoader(items, batch_size, shuffle=True, generator=generator)
    modes = [(module, module.training) for module in network.modules()]
    checkpoints = Checkpoints()
    bar = _Bar(epochs, len(loader), progress)
    with torch.random.fork_rng(devices=range(torch.cuda.device_count())):
        torch.manual_seed(seed)
        try:
            start = _keep(checkpoints, network, items, task, batch_size)
            if not math.isfinite(start.loss):
                _stop(f"the loss is {start.loss} before training", checkpoints, bar)
                return checkpoints
            # Only now does a lazy layer have its parameters.
            sgd = partial(torch.optim.SGD, lr=lr, momentum=0.9)
            chosen = made(sgd if optimizer is None else optimizer, trainable(network))
            for epoch in range(1, epochs + 1):
                network.train()
                for number, (inputs, targets) in enumerate(loader, 1):
                    value, _, _ = task(network, inputs, targets)
                    check_differentiable(value)
                    if not bool(value.isfinite()):
                        _stop(f"the loss became {value.item()} in epoch {epoch}", checkpoints, bar)
                        return checkpoints
                    chosen.zero_grad()
                    value.backward()  # type: ignore[no-untyped-call]
                    check_reached(network)
                    chosen.step()
                    bar.show(epoch, number, value.item())
                point = _keep(checkpoints, network, items, task, batch_size)
                bar.end(epoch, point.loss, point.accuracy)
                if not math.isfinite(point.loss):
                    _stop(f"the loss became {point.loss} in epoch {epoch}", checkpoints, bar)
                    return checkpoints
        except KeyboardInterrupt:
            _stop("training was interrupted", checkpoints, bar)
        finally:
            for module, mode in modes:
                module.training = mode
    return checkpoints


def _at_least_one(name: str, value: Any) -> int:
    try:
        number = operator.index(value)
    except TypeError:
        number = 0
    if number < 1 or isinstance(value, bool):
        raise ValueError(f"{name}={value!r} does not do: choose a whole number from 1.")
    return number


class _Items(Dataset[tuple[Tensor, Tensor]]):
    """Samples as tensors: images converted, labels as class indices or float targets."""

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


class _Task:
    """The loss of a batch, with sentences for an output that the default loss cannot judge."""

    def __init__(self, items: _Items, loss: Loss | None) -> None:
        check = _check_classes if items.classes else _check_numbers
        default = F.cross_entropy if items.classes else F.mse_loss
        self._check = check if loss is None else None
        self._loss: Loss = default if loss is None else loss
        # A sum over a batch is the part of a sum over all; a mean counts by the batch's samples.
        self.sums = getattr(loss, "reduction", "mean") == "sum"

    def __call__(
        self, network: nn.Module, inputs: Tensor, targets: Tensor
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Loss, output and targets, all on the network's device."""
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


def _keep(
    checkpoints: Checkpoints, network: nn.Module, items: _Items, task: _Task, batch_size: int
) -> Any:
    """Measure loss and accuracy over all samples in eval mode, and keep the weights."""
    network.eval()
    total, right, count, classes = 0.0, 0, 0, items.classes
    with torch.no_grad():
        # A generator of its own: a loader without one draws from the global random numbers.
        loader = DataLoader(items, max(batch_size, 256), generator=torch.Generator())
        for inputs, targets in loader:
            value, output, targets = task(network, inputs, targets)
            total += float(value) * (1 if task.sums else len(targets))
            classes = classes and output.dim() == 2 and output.shape[1] > 1
            if classes:  # NaN is no answer
                answered = ~output.isnan().any(dim=1)
                right += int(((output.argmax(dim=1) == targets) & answered).sum())
            count += len(targets)
    return checkpoints.add(network, total / count, right / count if classes else None)


def _stop(reason: str, checkpoints: Checkpoints, bar: _Bar) -> None:
    bar.stop()
    kept = f"the weights of {len(checkpoints)} epochs are kept, the first from before training"
    advice = ": try a smaller lr" if "became" in reason else ""
    if "before" in reason:
        advice = ": look for NaN in the inputs, or at the model with fw.WhatWentWrong"
    warnings.warn(f"{reason}{advice}; {kept}.", stacklevel=3)


class _Bar:
    """A line of text that grows in place."""

    def __init__(self, epochs: int, batches: int, shown: bool) -> None:
        self._epochs, self._batches, self._shown = epochs, batches, shown
        self._cells = -1

    def show(self, epoch: int, batch: int, loss: float) -> None:
        cells = batch * _BAR // self._batches
        if self._shown and cells != self._cells:
            self._cells = cells
            self._write(f"\r{self._line(epoch, cells)}  loss {loss:.4f}")

    def end(self, epoch: int, loss: float, accuracy: float | None) -> None:
        right = "" if accuracy is None else f"  accuracy {accuracy:.1%}"
        if self._shown:
            self._write(f"\r{self._line(epoch, _BAR)}  loss {loss:.4f}{right}\n")

    def stop(self) -> None:
        if self._shown:
            self._write("\n")

    def _line(self, epoch: int, cells: int) -> str:
        return f"epoch {epoch} of {self._epochs} {'█' * cells}{'░' * (_BAR - cells)}"

    @staticmethod
    def _write(text: str) -> None:
        sys.stdout.write(text)
        sys.stdout.flush()
