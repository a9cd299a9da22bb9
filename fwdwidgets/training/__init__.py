"""A plain training loop, its loss and optimizer, and the first batch of any data."""

from fwdwidgets.training.first_batch import first_batch
from fwdwidgets.training.loop import train
from fwdwidgets.training.loss_and_optimizer import (
    Loss,
    check_differentiable,
    check_loss,
    check_optimizer,
    check_reached,
    made,
    measure,
    trainable,
)

__all__ = [
    "Loss",
    "check_differentiable",
    "check_loss",
    "check_optimizer",
    "check_reached",
    "first_batch",
    "made",
    "measure",
    "train",
    "trainable",
]
