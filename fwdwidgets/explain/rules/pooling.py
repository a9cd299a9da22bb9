"""Pooling: the largest or the mean of a window."""

from __future__ import annotations

from math import prod

import torch

from fwdwidgets.explain.call import Call, NotTakenApart
from fwdwidgets.explain.chosen import Largest
from fwdwidgets.explain.index import Access, Axis, Index, window
from fwdwidgets.explain.rules.convolution import each
from fwdwidgets.explain.sums import Sum
from fwdwidgets.explain.table import rule


def _axes(call: Call) -> int:
    """How many axes are pooled, read from the operation's name."""
    return next(int(letter) for letter in call.op if letter.isdigit())


def _windows(call: Call, dilation: tuple[int, ...]) -> tuple[Access, tuple[int, ...]]:
    axes, x = _axes(call), call.tensors["input"]
    lead, kernel = x.dim() - axes, each(call["kernel_size"], axes)
    stride = each(call["stride"], axes) if call["stride"] not in (None, [], ()) else kernel
    padding = each(call["padding"], axes)
    found = [Axis(out=i) for i in range(lead)]
    for i in range(axes):
        first = torch.arange(call.shape[lead + i]) * stride[i] - padding[i]
        found.append(window(lead + i, i, x.shape[lead + i], kernel[i], first, dilation[i]))
    return Access("input", tuple(found)), kernel


@rule(
    "max_pool1d max_pool2d max_pool3d max_pool1d_with_indices max_pool2d_with_indices "
    "max_pool3d_with_indices",
    "input, kernel_size, stride=None, padding=0, dilation=1, ceil_mode=False, return_indices=False",
)
def max_pool(call: Call) -> Largest:
    """The largest number in each window; padding is never chosen."""
    if call.output:
        raise NotTakenApart("the places of a max pooling are not taken apart")
    access, over = _windows(call, each(call["dilation"], _axes(call)))
    return Largest(call, access, over)


@rule(
    "avg_pool1d avg_pool2d avg_pool3d",
    "input, kernel_size, stride=None, padding=0, ceil_mode=False, count_include_pad=True, "
    "divisor_override=None",
)
def avg_pool(call: Call) -> Sum:
    """The mean of each window, with or without its padding."""
    axes, x = _axes(call), call.tensors["input"]
    access, kernel = _windows(call, (1,) * axes)
    lead = x.dim() - axes
    stride = each(call["stride"], axes) if call["stride"] not in (None, [], ()) else kernel
    padding = each(call["padding"], axes)

    def divided(index: Index) -> float:
        if call["divisor_override"]:
            return 1 / int(call["divisor_override"])
        sizes = []
        for i in range(axes):
            first = index[lead + i] * stride[i] - padding[i]
            last = min(first + kernel[i], x.shape[lead + i] + padding[i])
            if not call["count_include_pad"]:
                first, last = max(first, 0), min(last, x.shape[lead + i])
            sizes.append(last - first)
        return 1 / prod(sizes)

    return Sum(call, [access], kernel, coefficient=divided)


def adaptive(call: Call) -> tuple[Access, list[int]]:
    """Windows that divide the input among the outputs; uneven ones overlap."""
    axes, x = _axes(call), call.tensors["input"]
    lead = x.dim() - axes
    found, over = [Axis(out=i) for i in range(lead)], []
    for i in range(axes):
        size, outs = x.shape[lead + i], call.shape[lead + i]
        number = torch.arange(outs)
        first, last = number * size // outs, -(-(number + 1) * size // outs)
        taps = int((last - first).max())
        table = first.view(-1, 1) + torch.arange(taps)
        table = table.masked_fill(table >= last.view(-1, 1), -1)
        found.append(Axis(lead + i, i, table))
        over.append(taps)
    return Access("input", tuple(found)), over


@rule("adaptive_avg_pool1d adaptive_avg_pool2d adaptive_avg_pool3d", "input, output_size")
def adaptive_avg(call: Call) -> Sum:
    """The mean of one of these windows."""
    access, over = adaptive(call)
    lead = len(access.axes) - len(over)

    def divided(index: Index) -> float:
        return 1 / prod(int((v >= 0).sum()) for v in access.at(index, tuple(over))[lead:])

    return Sum(call, [access], over, coefficient=divided)


@rule(
    "adaptive_max_pool1d adaptive_max_pool2d adaptive_max_pool3d adaptive_max_pool1d_with_indices "
    "adaptive_max_pool2d_with_indices adaptive_max_pool3d_with_indices",
    "input, output_size, return_indices=False",
)
def adaptive_max(call: Call) -> Largest:
    """The largest number in one of these windows."""
    if call.output:
        raise NotTakenApart("the places of a max pooling are not taken apart")
    return Largest(call, *adaptive(call))
