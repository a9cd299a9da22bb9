"""A plain training loop that keeps the weights of every epoch."""

from __future__ import annotations

import math
import operator
import warnings
from collections.abc import Callable
from functools import partial
from typing import Any

import torch
from torch import nn
from torch.utils.data import DataLoader

from fwdwidgets.data import dataset_length
from fwdwidgets.networks import Checkpoints, reseed
from fwdwidgets.training.loss_and_optimizer import (
    Loss,
    MakeOptimizer,
    check_differentiable,
    check_loss,
    check_reached,
    made,
    trainable,
)
from fwdwidgets.training.progress import Bar
from fwdwidgets.training.task import Items, Task, evaluate


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
    """Train a model, and keep its weights from before training and after each epoch.

    This is the loop of every course: forward, loss, `zero_grad`, `backward`, `step`, for each batch
    of the shuffled samples. An instance is trained in place, as in a loop of your own; a class or
    factory is built under the seed. The random state and the model's mode are left as found.

    Args:
        model: an `nn.Module`, or a class or factory that makes one.
        dataset: any indexable dataset of `(input, label)` pairs.
        epochs: how many times the model sees all samples, 1 or more.
        batch_size: samples per step.
        lr: learning rate of the default optimizer, `torch.optim.SGD` with momentum 0.9.
        optimizer: a function that makes one from the parameters, such as
            `lambda p: torch.optim.Adam(p, lr=1e-3)`.
        loss: a function of output and targets; by default `cross_entropy` for class labels and
            `mse_loss` for numbers. If it sums over a batch, checkpoints hold the loss per sample.
        seed: for the order of the samples, dropout, and the weights of a new model.
        progress: print one line per epoch, with a growing bar.

    Returns:
        `epochs + 1` checkpoints; fewer, with a warning, if training was interrupted or the loss
        became NaN or infinite.

    Raises:
        TypeError: the model is not an `nn.Module`, the dataset cannot be indexed, or loss or
            optimizer is not a function.
        ValueError: the dataset is empty or has no labels, or a number is out of range; an item is
            not a pair; a label is not a class of the model, or floats and classes are mixed; the
            loss does not take output and targets, or is not a single number; there is nothing to
            train; the optimizer is an LBFGS; a batch of one sample is too small for a BatchNorm.
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
    items = Items(dataset, length)
    task = Task(items, loss)
    generator = torch.Generator().manual_seed(seed)
    loader = DataLoader(items, batch_size, shuffle=True, generator=generator)
    modes = [(module, module.training) for module in network.modules()]
    checkpoints = Checkpoints()
    bar = Bar(epochs, len(loader), progress)
    with torch.random.fork_rng(devices=range(torch.cuda.device_count())):
        torch.manual_seed(seed)
        try:
            measured, accuracy = evaluate(network, items, task, batch_size)
            checkpoints.add(network, measured, accuracy)
            if not math.isfinite(measured):
                _stop(f"the loss is {measured} before training", checkpoints, bar)
                return checkpoints
            # A lazy layer has its parameters only now.
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
                measured, accuracy = evaluate(network, items, task, batch_size)
                checkpoints.add(network, measured, accuracy)
                bar.end(epoch, measured, accuracy)
                if not math.isfinite(measured):
                    _stop(f"the loss became {measured} in epoch {epoch}", checkpoints, bar)
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
        raise ValueError(f"{name}={value!r} cannot be used: choose a whole number from 1.")
    return number


def _stop(reason: str, checkpoints: Checkpoints, bar: Bar) -> None:
    bar.stop()
    kept = f"the weights of {len(checkpoints)} epochs are kept, the first from before training"
    advice = ": try a smaller lr" if "became" in reason else ""
    if "before" in reason:
        advice = ": look for NaN in the inputs, or at the model with fw.WhatWentWrong"
    warnings.warn(f"{reason}{advice}; {kept}.", stacklevel=3)
