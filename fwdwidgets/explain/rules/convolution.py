"""Convolutions and transposed ones, over one, two or three axes."""

from __future__ import annotations

from typing import Any

import torch

from fwdwidgets.explain.call import Call, NotTakenApart
from fwdwidgets.explain.index import Access, Axis, window
from fwdwidgets.explain.sums import Sum
from fwdwidgets.explain.table import rule


def each(value: Any, axes: int) -> tuple[int, ...]:
    """A size for each axis: one for all, or as given."""
    values = tuple(value) if isinstance(value, tuple | list) else (value,)
    return tuple(int(v) for v in (values * axes if len(values) == 1 else values))


def _lead(call: Call, axes: int) -> tuple[Axis, ...]:
    return (Axis(out=0),) if call.tensors["input"].dim() == axes + 2 else ()


def _bias(call: Call, channels: Axis) -> list[tuple[Access, float]]:
    return [(Access("bias", (channels,)), 1.0)] if call.operand("bias") else []


@rule("conv1d conv2d conv3d", "input, weight, bias=None, stride=1, padding=0, dilation=1, groups=1")
def convolution(call: Call) -> Sum:
    """A kernel that slides: over its channels and its window, input times weight."""
    x, weight = call.tensors["input"], call.tensors["weight"]
    axes, groups = weight.dim() - 2, call["groups"]
    lead = _lead(call, axes)
    channel = len(lead)
    stride, dilation = each(call["stride"], axes), each(call["dilation"], axes)
    kernel = weight.shape[2:]
    if call["padding"] == "same":
        padding = tuple(d * (k - 1) // 2 for d, k in zip(dilation, kernel, strict=True))
    else:
        padding = each(0 if call["padding"] == "valid" else call["padding"], axes)
    windows = [
        window(
            channel + 1 + i,
            1 + i,
            x.shape[channel + 1 + i],
            kernel[i],
            torch.arange(call.shape[channel + 1 + i]) * stride[i] - padding[i],
            dilation[i],
        )
        for i in range(axes)
    ]
    taps = tuple(Axis(over=1 + i) for i in range(axes))
    own = weight.shape[1]
    table = torch.arange(weight.shape[0]) // (weight.shape[0] // groups) * own
    across = window(channel, 0, x.shape[channel], own, table) if groups > 1 else Axis(over=0)
    factors = [
        Access("input", (*lead, across, *windows)),
        Access("weight", (Axis(out=channel), Axis(over=0), *taps)),
    ]
    return Sum(call, factors, weight.shape[1:], _bias(call, Axis(out=channel)))


@rule(
    "conv_transpose1d conv_transpose2d conv_transpose3d",
    "input, weight, bias=None, stride=1, padding=0, output_padding=0, groups=1, dilation=1",
)
def transposed(call: Call) -> Sum:
    """Each input cell is spread by the kernel: an output cell gathers what reaches it."""
    x, weight = call.tensors["input"], call.tensors["weight"]
    axes, groups = weight.dim() - 2, call["groups"]
    lead = _lead(call, axes)
    channel = len(lead)
    stride, dilation = each(call["stride"], axes), each(call["dilation"], axes)
    padding, kernel = each(call["padding"], axes), weight.shape[2:]
    if isinstance(call["padding"], str):
        raise NotTakenApart("padding as a word is not taken apart here")
    windows = []
    for i in range(axes):
        size, outs = x.shape[channel + 1 + i], call.shape[channel + 1 + i]
        start = torch.arange(outs).view(-1, 1) + padding[i] - dilation[i] * torch.arange(kernel[i])
        table = start // stride[i]
        outside = (start % stride[i] != 0) | (table < 0) | (table >= size)
        windows.append(Axis(channel + 1 + i, 1 + i, table.masked_fill(outside, -1)))
    taps = tuple(Axis(over=1 + i) for i in range(axes))
    outs, ins = call.shape[channel], x.shape[channel]
    each_out, each_in = outs // groups, ins // groups
    group = torch.arange(outs) // each_out
    across = window(channel, 0, ins, each_in, group * each_in) if groups > 1 else Axis(over=0)
    place = Axis(channel, None, (torch.arange(outs) % each_out).view(-1, 1))
    factors = [
        Access("input", (*lead, across, *windows)),
        Access("weight", (across, place if groups > 1 else Axis(out=channel), *taps)),
    ]
    return Sum(call, factors, (each_in, *kernel), _bias(call, Axis(out=channel)))
