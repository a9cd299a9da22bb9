"""The leaves of a graph: checked and copied into tensors, and back as plain numbers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from fwdwidgets.widgets.shared import BadValue


class BadLeaf(BadValue, TypeError):
    """A leaf that is no number."""


def as_leaf(name: str, value: Any, like: Tensor | None = None) -> Tensor:
    """A leaf as a tensor of its own: of floats, or of the dtype of `like`.

    Numbers and lists become floats; only a tensor or array of integers, such as token ids, stays.

    Raises:
        BadLeaf: it is no number.
        BadValue: it is empty.
    """
    try:
        tensor = torch.as_tensor(value).detach().to("cpu").clone()
    except (TypeError, ValueError, RuntimeError):
        tensor = None
    if tensor is None or tensor.is_complex() or isinstance(value, (bool, str)):
        raise BadLeaf(f"{name}={value!r} is no number: pass a number or a tensor of floats.")
    if tensor.numel() == 0:
        raise BadValue(f"{name} is an empty tensor: pass at least one number.")
    if like is not None:
        return tensor.to(like.dtype)
    plain = isinstance(value, (int, float, list, tuple)) or tensor.dim() == 0
    return tensor.float() if plain and not tensor.is_floating_point() else tensor


def read_leaves(given: Any, known: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """New values for the leaves of a graph, each of the shape and dtype that it has there.

    Args:
        given: a mapping of a value to each name.
        known: the leaves so far.

    Raises:
        BadLeaf: one is no number.
        BadValue: it is no mapping, or of other names; one is empty, or of another shape.
    """
    if not isinstance(given, Mapping):
        raise BadValue(
            f"leaves={given!r} is of type {type(given).__name__}: give a dict, with a "
            f"value for each of {', '.join(known)}."
        )
    if set(given) != set(known):
        raise BadValue(
            f"leaves={list(given)} are not those of this graph: give a value to each of "
            f"{', '.join(known)}."
        )
    values = {name: as_leaf(name, given[name], old) for name, old in known.items()}
    for name, value in values.items():
        shape = tuple(known[name].shape)
        if tuple(value.shape) != shape:
            raise BadValue(
                f"{name} has shape {tuple(value.shape)}: this graph was made with "
                f"{shape}; make a new widget for another shape."
            )
    return values


def plain_leaves(leaves: Mapping[str, Tensor]) -> dict[str, Any]:
    """The leaves as floats or nested lists; a float32 0.1 is shown as 0.1, not 0.10000000149."""
    return {name: _plain(value) for name, value in leaves.items()}


def _plain(value: Tensor) -> Any:
    if not value.is_floating_point():
        return value.tolist()
    shortest = (value.float() if value.dtype is torch.bfloat16 else value).numpy().astype(str)
    return shortest.astype(float).tolist()
