"""Making pictures larger or smaller: a few neighbours, each with its share."""

from __future__ import annotations

from math import prod
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from fwdwidgets.explain.call import Call
from fwdwidgets.explain.index import Access, Axis, Index
from fwdwidgets.explain.rules.pooling import adaptive
from fwdwidgets.explain.sums import Sum
from fwdwidgets.explain.table import rule


def _shares(call: Call, axis: int, axes: int) -> Tensor:
    """The share of each input position in each output position along one axis, (out, in), float64.

    The axes are resampled independently. PyTorch resamples pictures in which one position is 1
    and all others are 0, and the results are the shares.
    """
    x = call.tensors["input"]
    size, outs = x.shape[2 + axis], call.shape[2 + axis]
    # The other axes have length 2: along an axis of length 1 PyTorch's antialiasing goes wrong.
    shape = [2] * axes
    shape[axis] = size
    view = [-1 if i == axis else 1 for i in range(axes)]
    picture = torch.eye(size, dtype=torch.float64).view(size, *view).expand(size, *shape)
    scale, options = call["scale_factor"], dict[str, Any]()
    if scale is not None and call["size"] is None and not call["recompute_scale_factor"]:
        own = scale if isinstance(scale, int | float) else scale[axis]
        options["scale_factor"] = [float(own) if i == axis else 1.0 for i in range(axes)]
    else:
        options["size"] = [outs if i == axis else 2 for i in range(axes)]
    made = F.interpolate(
        picture.unsqueeze(0).contiguous(),
        mode=call["mode"],
        align_corners=call["align_corners"],
        antialias=call["antialias"],
        **options,
    )[0]
    return made.movedim(1 + axis, 1).reshape(size, outs, -1)[..., 0].T


@rule(
    "interpolate upsample",
    "input, size=None, scale_factor=None, mode='nearest', align_corners=None, "
    "recompute_scale_factor=None, antialias=False",
)
def interpolate(call: Call) -> Sum:
    """A weighted sum of the nearest cells, or only the nearest one."""
    if call["mode"] == "area":
        access, windows = adaptive_of(call)
        lead = len(access.axes) - len(windows)

        def divided(index: Index) -> float:
            return 1 / prod(int((v >= 0).sum()) for v in access.at(index, tuple(windows))[lead:])

        return Sum(call, [access], windows, coefficient=divided)
    axes = call.tensors["input"].dim() - 2
    found, over, shares = [Axis(out=0), Axis(out=1)], [], []
    for i in range(axes):
        share = _shares(call, i, axes)
        taps = max(1, int((share != 0).sum(1).max()))
        order = (share != 0).int().argsort(stable=True, dim=1, descending=True)[:, :taps]
        own = share.gather(1, order)
        found.append(Axis(2 + i, i, order.masked_fill(own == 0, -1)))
        over.append(taps)
        shares.append(own)

    def share_of(index: Index) -> Tensor:
        product = torch.ones((), dtype=torch.float64)
        for i, own in enumerate(shares):
            product = product.unsqueeze(-1) * own[index[2 + i]]
        return product

    return Sum(call, [Access("input", tuple(found))], over, coefficient=share_of)


def adaptive_of(call: Call) -> tuple[Access, list[int]]:
    """The windows of `mode="area"`, which are those of adaptive pooling."""
    axes = call.tensors["input"].dim() - 2
    again = Call(f"adaptive_avg_pool{axes}d", call.operation, call.values)
    again.arguments, again.tensors = call.arguments, call.tensors
    return adaptive(again)
