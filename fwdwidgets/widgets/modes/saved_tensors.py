"""What autograd keeps of a forward pass for the backward pass: measured by PyTorch's own hooks."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from fwdwidgets.networks import Forward
from fwdwidgets.trace import left_as_found

CONTEXTS: dict[str, Callable[[], AbstractContextManager[Any]]] = {
    "with gradients": torch.enable_grad,
    "torch.no_grad()": torch.no_grad,
    "torch.set_grad_enabled(False)": lambda: torch.set_grad_enabled(False),
    "torch.inference_mode()": torch.inference_mode,
}
"""Ways to run a forward pass, by the line that enters them."""


@dataclass(frozen=True)
class Held:
    """What one way to run a forward pass keeps.

    Attributes:
        context: one of `CONTEXTS`.
        bytes: held for the backward pass by tensors that are neither weights nor the input, each
            storage once; None where the forward pass raised.
        grad_fn: the name of the output's `grad_fn`, or `"None"`; what it raised.
        requires_grad: of the output.
    """

    context: str
    bytes: int | None
    grad_fn: str
    requires_grad: bool


def held_bytes(forward: Forward, batch: Tensor, *, training: bool) -> list[Held]:
    """What each of `CONTEXTS` holds for the backward pass, measured by PyTorch's own hooks."""
    return [
        _held(forward, batch, name, enter, training=training) for name, enter in CONTEXTS.items()
    ]


def _held(
    forward: Forward,
    batch: Tensor,
    name: str,
    enter: Callable[[], AbstractContextManager[Any]],
    *,
    training: bool,
) -> Held:
    saved: dict[int, int] = {}
    with forward.mode(training) as network, left_as_found(network.modules()) as keep_value:
        keep_value(list(network.parameters()))  # a forward may write to any of them
        inputs = batch.clone()
        known = [*network.parameters(), *network.buffers(), inputs]
        own = {tensor.untyped_storage().data_ptr() for tensor in known}

        def keep(tensor: Tensor) -> Tensor:
            storage = tensor.untyped_storage()
            if storage.data_ptr() not in own:
                saved[storage.data_ptr()] = storage.nbytes()
            return tensor

        hooks = torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor)
        with torch.enable_grad(), enter(), hooks:
            try:
                output = network(inputs)
            except Exception as error:  # with gradients some writes are forbidden
                return Held(name, None, type(error).__name__, False)
    first = _first_tensor(output)
    kind = type(first.grad_fn).__name__ if first is not None and first.grad_fn else "None"
    wants = bool(first is not None and first.requires_grad)
    return Held(name, sum(saved.values()), kind, wants)


def _first_tensor(output: Any) -> Tensor | None:
    if isinstance(output, Tensor):
        return output
    values = output.values() if isinstance(output, dict) else output
    if isinstance(values, (tuple, list)) or isinstance(output, dict):
        return next((v for v in values if isinstance(v, Tensor)), None)
    return None
