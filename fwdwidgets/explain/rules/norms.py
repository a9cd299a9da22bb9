"""Batch, layer, group, instance and RMS normalization, in both modes."""

from __future__ import annotations

import torch

from fwdwidgets.explain.call import Call
from fwdwidgets.explain.index import Access, Axis, window
from fwdwidgets.explain.normalised import Normalised
from fwdwidgets.explain.table import rule


def _cell(call: Call) -> Access:
    return Access("input", tuple(Axis(out=i) for i in range(len(call.shape))))


def _learned(call: Call, axes: tuple[Axis, ...]) -> list[Access]:
    return [Access(name, axes) for name in ("weight", "bias") if call.operand(name)]


def _per_channel(call: Call, eps: float) -> Normalised:
    channel = (Axis(out=1),)
    statistics = [Access("running_mean", channel), Access("running_var", channel)]
    learned = _learned(call, channel)
    return Normalised(call, _cell(call), eps, statistics=statistics, learned=learned)


def _of_group(call: Call, over: tuple[int, ...], eps: float) -> Normalised:
    """Statistics over the axes in `over`, weights along the channels."""
    x = call.tensors["input"]
    axes = [Axis(over=over.index(i)) if i in over else Axis(out=i) for i in range(x.dim())]
    group = Access("input", tuple(axes))
    sizes = [x.shape[i] for i in over]
    return Normalised(call, _cell(call), eps, group, sizes, learned=_learned(call, (Axis(out=1),)))


@rule(
    "batch_norm",
    "input, running_mean, running_var, weight=None, bias=None, training=False, momentum=0.1, "
    "eps=1e-5",
)
def batch_norm(call: Call) -> Normalised:
    """Mean and variance are the batch's in train mode, the running statistics in eval mode."""
    if not call["training"]:
        return _per_channel(call, call["eps"])
    axes = tuple(i for i in range(len(call.shape)) if i != 1)
    return _of_group(call, axes, call["eps"])


@rule(
    "instance_norm",
    "input, running_mean=None, running_var=None, weight=None, bias=None, use_input_stats=True, "
    "momentum=0.1, eps=1e-5",
)
def instance_norm(call: Call) -> Normalised:
    """Each channel of each sample by itself."""
    if not call["use_input_stats"]:
        return _per_channel(call, call["eps"])
    return _of_group(call, tuple(range(2, len(call.shape))), call["eps"])


@rule("layer_norm", "input, normalized_shape, weight=None, bias=None, eps=1e-5")
def layer_norm(call: Call) -> Normalised:
    """The last axes of each sample."""
    return _of_last(call, call["eps"], centred=True)


@rule("rms_norm", "input, normalized_shape, weight=None, eps=None")
def rms_norm(call: Call) -> Normalised:
    """The input divided by the root mean square over the last axes."""
    eps = torch.finfo(call.value.dtype).eps if call["eps"] is None else call["eps"]
    return _of_last(call, eps, centred=False)


def _of_last(call: Call, eps: float, centred: bool) -> Normalised:
    shape = call["normalized_shape"]
    count = 1 if isinstance(shape, int) else len(shape)
    x = call.tensors["input"]
    lead = x.dim() - count
    axes = [Axis(out=i) if i < lead else Axis(over=i - lead) for i in range(x.dim())]
    learned = _learned(call, tuple(Axis(out=lead + i) for i in range(count)))
    group, sizes = Access("input", tuple(axes)), x.shape[lead:]
    return Normalised(call, _cell(call), eps, group, sizes, learned=learned, centred=centred)


@rule("group_norm", "input, num_groups, weight=None, bias=None, eps=1e-5")
def group_norm(call: Call) -> Normalised:
    """Some channels of each sample together."""
    x = call.tensors["input"]
    channels = x.shape[1]
    each = channels // call["num_groups"]
    across = window(1, 0, channels, each, torch.arange(channels) // each * each)
    rest = tuple(Axis(over=i - 1) for i in range(2, x.dim()))
    group = Access("input", (Axis(out=0), across, *rest))
    sizes = [each, *x.shape[2:]]
    learned = _learned(call, (Axis(out=1),))
    return Normalised(call, _cell(call), call["eps"], group, sizes, learned=learned)
