"""A module for each family of operations; importing this room registers all their rules."""

from fwdwidgets.explain.rules import (
    activation,
    arithmetic,
    convolution,
    linear,
    losses,
    moving,
    norms,
    pooling,
    recurrent,
    reduction,
    resampling,
    softmax,
)

__all__ = [
    "activation",
    "arithmetic",
    "convolution",
    "linear",
    "losses",
    "moving",
    "norms",
    "pooling",
    "recurrent",
    "reduction",
    "resampling",
    "softmax",
]
