"""Repairs of a layer: the number that would fit, or its mode."""

from __future__ import annotations

import inspect
import re
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _NormBase
from torch.nn.modules.conv import _ConvNd, _ConvTransposeNd

from fwdwidgets.trace import Step
from fwdwidgets.widgets.what_went_wrong.repair import Repair

_RECURRENT = ("input_size", "hidden_size", "num_layers", "bias", "batch_first", "dropout")
_KERNEL = re.compile(r"padded input size per channel: \((?P<size>[\d x]+)\)\. Kernel size")
_RECURRENT_SIZE = re.compile(
    r"(?:Expected|expected) (?P<wanted>\d+),? got (?P<got>\d+)|"
    r"got (?P<got_first>\d+),? expected \d+"
)


def by_layer(step: Step, layer: nn.Module) -> Repair | None:
    """Another number for a layer, such as its `in_features`, or its eval mode.

    Args:
        step: the one that failed.
        layer: the module that it ran in.

    Returns:
        The repair; None where none certainly fits.
    """
    message, given = str(step.error), step.input_shapes[0] if step.input_shapes else ()
    if isinstance(layer, nn.RNNBase):
        found = _RECURRENT_SIZE.search(message)
        got = int(found["got"] or found["got_first"]) if found else layer.input_size
        return _number(step, layer, "input_size", got)
    if "Expected more than 1 value per channel when training" in message:
        return _evaluate(step, layer)
    if isinstance(layer, nn.Linear) and step.op == "linear" and len(given) in (1, 2, 3):
        return _number(step, layer, "in_features", given[-1])
    if isinstance(layer, _ConvNd) and len(given) == len(layer.weight.shape):
        kernel = _KERNEL.search(message)
        if kernel and set(layer.dilation) == {1} and not isinstance(layer, _ConvTransposeNd):
            fits = min(int(size) for size in re.findall(r"\d+", kernel["size"]))
            return _number(step, layer, "kernel_size", fits) if fits > 0 else None
        last = given[-1] == layer.in_channels != given[1]
        if given[1] % layer.groups == 0 and given[1] > 0 and not last:
            return _number(step, layer, "in_channels", given[1])
    if len(given) > 1:
        if isinstance(layer, _NormBase):
            return _number(step, layer, "num_features", given[1])
        if isinstance(layer, nn.GroupNorm) and given[1] % layer.num_groups == 0:
            return _number(step, layer, "num_channels", given[1])
        if isinstance(layer, nn.PReLU):
            return _number(step, layer, "num_parameters", given[1])
    if isinstance(layer, nn.LayerNorm) and len(given) >= len(layer.normalized_shape):
        return _number(
            step, layer, "normalized_shape", tuple(given[-len(layer.normalized_shape) :])
        )
    return None


def _number(step: Step, layer: nn.Module, name: str, value: Any) -> Repair | None:
    """Build a layer again with another number; None where that changes nothing or cannot be."""
    before = getattr(layer, name)
    if before == value or _like(layer, {}) is None:
        return None
    where = step.module or "the model"

    def change(model: nn.Module) -> nn.Module:
        new = _like(layer, {name: value})
        assert new is not None, "it was tried before"
        return _replace(model, step.module, new)

    shown, old = (list(v) if isinstance(v, tuple) else v for v in (value, before))
    if name == "kernel_size" and len(set(before)) == 1:
        old = before[0]
    return Repair(f"{name}={shown} instead of {old} in {where}", layer=change)


def by_embedding(step: Step, layer: nn.Embedding, operands: list[Tensor]) -> Repair | None:
    """A table with a row for the largest index of `operands`; None where that does not help."""
    indices = operands[0] if operands else torch.empty(0)
    if indices.is_floating_point() or not indices.numel() or int(indices.min()) < 0:
        return None
    return _number(step, layer, "num_embeddings", int(indices.max()) + 1)


def _evaluate(step: Step, layer: nn.Module) -> Repair:
    def change(model: nn.Module) -> nn.Module:
        model.get_submodule(step.module).eval()
        return model

    return Repair(f"eval mode for {step.module or 'the model'}, as model.eval() sets it", change)


def _like(layer: nn.Module, changes: dict[str, Any]) -> nn.Module | None:
    """A new layer of the same kind and settings, its weights drawn; None of a user's own kind."""
    kind = type(layer)
    if not kind.__module__.startswith("torch.nn.modules."):
        return None
    if isinstance(layer, nn.RNNBase):
        names = [*_RECURRENT, "bidirectional"]
        names += ["proj_size"] if isinstance(layer, nn.LSTM) else []
        names += ["nonlinearity"] if isinstance(layer, nn.RNN) else []
    else:
        names = [p for p in inspect.signature(kind).parameters if hasattr(layer, p)]
    settings = {name: getattr(layer, name) for name in names}
    if "bias" in settings and not isinstance(settings["bias"], bool):
        settings["bias"] = settings["bias"] is not None
    weight = next(layer.parameters(), None)
    new = kind(**{**settings, **changes})
    if weight is not None:
        new = new.to(device=weight.device, dtype=weight.dtype)
    return new.train(layer.training)


def _replace(model: nn.Module, name: str, new: nn.Module) -> nn.Module:
    """The model with another layer of that name; the layer itself where the model is the layer."""
    if not name:
        return new
    parent, _, child = name.rpartition(".")
    setattr(model.get_submodule(parent), child, new)
    return model
