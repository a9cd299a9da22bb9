"""The number that would fit, and a check that it does: on a copy, the model stays as it is."""

from __future__ import annotations

import copy
import inspect
import re
from collections.abc import Callable
from dataclasses import dataclass
from math import prod
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _NormBase
from torch.nn.modules.conv import _ConvNd, _ConvTransposeNd

from fwdwidgets.trace import Edit, ForwardTrace, Inputs, Step, named_modules, rerun

_RECURRENT = ("input_size", "hidden_size", "num_layers", "bias", "batch_first", "dropout")
_INVALID = re.compile(r"shape '\[(?P<sizes>[-\d, ]+)\]' is invalid for input of size")
_KERNEL = re.compile(r"padded input size per channel: \((?P<size>[\d x]+)\)\. Kernel size")
_RECURRENT_SIZE = re.compile(
    r"(?:Expected|expected) (?P<wanted>\d+),? got (?P<got>\d+)|"
    r"got (?P<got_first>\d+),? expected \d+"
)
_TYPES = re.compile(
    r"must have the same dtype|Input type \(|expected scalar type|not implemented for|"
    r"does not match weight dtype|expected m1 and m2 to have the same dtype"
)
MOST = 5
"""So many repairs are tried one after the other."""


@dataclass(frozen=True)
class Repair:
    """One change that would make the failing step run.

    Attributes:
        text: the change in words: `in_features=3136 in place of 1568 in fc1`.
        layer: changes a copy of the model and returns it, or None.
        edit: index and operation of a step, and the change of its arguments, or None.
    """

    text: str
    layer: Callable[[nn.Module], nn.Module] | None = None
    edit: tuple[int, str, Edit] | None = None


@dataclass(frozen=True)
class Check:
    """What happened on a copy of the model with the repairs.

    Attributes:
        repairs: those that were tried, in order.
        model: the copy.
        trace: its forward pass with all of them.
    """

    repairs: tuple[Repair, ...]
    model: nn.Module
    trace: ForwardTrace

    @property
    def ran(self) -> bool:
        """Whether the forward pass reached its end."""
        return self.trace.error is None


def check_repairs(model: nn.Module, inputs: Inputs, trace: ForwardTrace) -> Check | None:
    """Repair a copy of a model step by step until it runs, or until nothing certain is left.

    Args:
        model: whose forward pass failed; it is left as found.
        inputs: what it got.
        trace: the partial trace of that.

    Returns:
        What the last run did; None where no repair is known or the model cannot be copied.
    """
    repairs: list[Repair] = []
    edits: dict[int, tuple[str, Edit]] = {}
    fixed, now = None, trace
    with torch.random.fork_rng(devices=[]):  # a layer that is built anew draws its weights
        while now.error is not None and len(repairs) < MOST:
            repair = propose(model if fixed is None else fixed, inputs, now, edits)
            if repair is None or repair.text in [one.text for one in repairs]:
                break
            if fixed is None:
                try:
                    fixed = copy.deepcopy(model)
                except Exception:  # whatever a user's model holds
                    return None
            repairs.append(repair)
            if repair.layer is not None:
                fixed = repair.layer(fixed)
            if repair.edit is not None:
                index, op, edit = repair.edit
                edits[index] = op, _after(edits.get(index), edit)
            now, _ = rerun(fixed, inputs, edits=edits)
    return None if fixed is None else Check(tuple(repairs), fixed, now)


def propose(
    model: nn.Module,
    inputs: Inputs,
    trace: ForwardTrace,
    edits: dict[int, tuple[str, Edit]] | None = None,
) -> Repair | None:
    """The change that certainly lets the last step of a partial trace run; None: none is known.

    Args:
        model: whose trace it is.
        inputs: what it got.
        trace: its `error` is set.
        edits: of steps that were changed in that run, as for `rerun`.
    """
    if not trace.steps or trace.steps[-1].error is None:
        return None
    step, index = trace.steps[-1], len(trace.steps) - 1
    layer = {name: module for module, name in named_modules(model).items()}.get(step.module, model)
    if (repair := _batch_axis(step, trace, inputs)) is not None:
        return repair
    for find in (_by_layer, _by_argument):
        repair = find(step, layer, index)
        if repair is not None:
            return repair
    if step.op == "embedding" and isinstance(layer, nn.Embedding):
        _, operands = rerun(model, inputs, keep=index, edits=edits)
        return _embedding(step, layer, operands or [])
    return None


def _batch_axis(step: Step, trace: ForwardTrace, inputs: Inputs) -> Repair | None:
    """One sample without a batch axis, whose channels reach a linear layer as rows."""
    given, weight = (*step.input_shapes, (), ())[:2]
    if step.op != "linear" or len(given) != 2 or prod(given) != weight[-1] or given[0] == 1:
        return None
    first, tensors = trace.steps[0], inputs.tensors()
    conv = next((s.input_shapes for s in trace if s.op.startswith("conv")), None)
    axes = len(tensors[0].shape) if tensors else 0
    single = axes == 3 if conv is None else len(conv[0]) < len(conv[1])
    if not single:
        return None
    if not tensors or not first.input_shapes or first.input_shapes[0] != tuple(tensors[0].shape):
        return None
    where = " ".join(first.source.split()) or first.op
    return Repair(
        f"x.unsqueeze(0) before {where}, for the batch axis",
        edit=(0, first.op, lambda args: (args[0].unsqueeze(0), *args[1:])),
    )


# --- a number of a layer --------------------------------------------------------------------------


def _by_layer(step: Step, layer: nn.Module, index: int) -> Repair | None:
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
    """Build a layer anew with another number; None where that changes nothing or cannot be."""
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
    return Repair(f"{name}={shown} in place of {old} in {where}", layer=change)


def _embedding(step: Step, layer: nn.Embedding, operands: list[Tensor]) -> Repair | None:
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


# --- an argument of an operation ------------------------------------------------------------------


def _by_argument(step: Step, layer: nn.Module, index: int) -> Repair | None:
    message, shapes = str(step.error), step.input_shapes
    given = shapes[0] if shapes else ()
    source = " ".join(step.source.split()) or step.op

    def edit(text: str, change: Callable[[Tensor], Tensor]) -> Repair:
        return Repair(text, edit=(index, step.op, lambda args: (change(args[0]), *args[1:])))

    if _TYPES.search(message):
        return _convert(step, layer, edit)
    invalid = _INVALID.search(message)
    if invalid and len(given) > 1 and step.op in ("reshape", "view"):
        return _sizes(step, given, [int(s) for s in re.findall(r"-?\d+", invalid["sizes"])], index)
    if isinstance(layer, nn.Linear) and step.op == "linear" and len(given) > 3:
        flat = f"{'*'.join(map(str, given[1:]))} = {prod(given[1:])}"
        return edit(f"torch.flatten(x, 1) before {source}: {flat}", lambda x: x.flatten(1))
    if isinstance(layer, _ConvNd):
        axes = len(layer.weight.shape)
        if len(given) == axes and given[-1] == layer.in_channels:
            order = (0, axes - 1, *range(1, axes - 1))
            return edit(f"x.permute{order} before {source}", lambda x: x.permute(order))
        if len(given) == axes - 1 and layer.in_channels == 1:
            return edit(f"x.unsqueeze(1) before {source}", lambda x: x.unsqueeze(1))
        if len(given) == axes - 2 and layer.in_channels == 1:
            return edit(f"x.reshape{(1, 1, *given)} before {source}", lambda x: x[None, None])
    if step.op in ("matmul", "mm", "bmm") and len(shapes) == 2 and len(shapes[1]) > 1:
        if shapes[1][-1] == given[-1] != shapes[1][-2]:
            return Repair(
                f"the second operand of {source} transposed: transpose(-2, -1)",
                edit=(index, step.op, lambda args: (args[0], args[1].transpose(-2, -1))),
            )
    return None


def _sizes(step: Step, given: tuple[int, ...], wanted: list[int], index: int) -> Repair | None:
    """Another size for a reshape that keeps the batch axis."""
    if len(wanted) != 2 or wanted[0] not in (-1, given[0]) or wanted[1] == -1:
        return None
    fits = prod(given[1:])
    shown = f"{'*'.join(map(str, given[1:]))} = {fits}" if len(given) > 2 else str(fits)
    return Repair(
        f"{shown} in place of {wanted[1]} in {' '.join(step.source.split()) or step.op}",
        edit=(index, step.op, lambda args: (args[0], wanted[0], fits)),
    )


def _convert(
    step: Step, layer: nn.Module, edit: Callable[[str, Callable[[Tensor], Tensor]], Repair]
) -> Repair | None:
    weight = next(layer.parameters(recurse=False), None)
    if weight is None or not weight.is_floating_point():
        return None
    dtype = weight.dtype
    shown = "x.float()" if dtype is torch.float32 else f"x.to({dtype})"
    source = " ".join(step.source.split()) or step.op
    return edit(f"{shown} before {source}", lambda x: x.to(dtype))


def _after(before: tuple[str, Edit] | None, edit: Edit) -> Edit:
    if before is None:
        return edit
    first = before[1]
    return lambda args: edit(first(args))
