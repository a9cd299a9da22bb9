"""Repairs of what goes into an operation: another shape, other axes, another dtype."""

from __future__ import annotations

import re
from collections.abc import Callable
from math import prod

import torch
from torch import Tensor, nn
from torch.nn.modules.conv import _ConvNd

from fwdwidgets.trace import ForwardTrace, Inputs, Step
from fwdwidgets.widgets.what_went_wrong.repair import Repair

_INVALID = re.compile(r"shape '\[(?P<sizes>[-\d, ]+)\]' is invalid for input of size")
_TYPES = re.compile(
    r"must have the same dtype|Input type \(|expected scalar type|not implemented for|"
    r"does not match weight dtype|expected m1 and m2 to have the same dtype"
)


def by_batch_axis(step: Step, trace: ForwardTrace, inputs: Inputs) -> Repair | None:
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


def by_argument(step: Step, layer: nn.Module, index: int) -> Repair | None:
    """A change of what goes into a failing step.

    Args:
        step: the last of a trace.
        layer: the module that it ran in.
        index: of the step.

    Returns:
        The repair; None where none certainly fits.
    """
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
        f"{shown} instead of {wanted[1]} in {' '.join(step.source.split()) or step.op}",
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
