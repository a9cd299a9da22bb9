"""What a forward pass in train mode does to the running statistics of the norms of a network."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.nn.modules.batchnorm import _NormBase
from torch.nn.modules.instancenorm import _InstanceNorm

from fwdwidgets.networks import Forward
from fwdwidgets.trace import left_as_found


@dataclass(frozen=True)
class Statistics:
    """What one norm used in a forward pass in train mode, for its first channel.

    Attributes:
        name: the module's qualified name.
        batch_mean: of the batch; of an instance norm, the mean of the samples' own means.
        batch_var: of the batch, unbiased: divided by n - 1; of an instance norm, the mean of the
            samples' own.
        before: running mean and variance before.
        after: running mean and variance after, which this package puts back.
        momentum: the share of the batch in the running statistics; of `momentum=None`, one
            part of as many as there were batches, and none in an instance norm.
        by_sample: whether each sample is normalised by itself.
    """

    name: str
    batch_mean: float
    batch_var: float
    before: tuple[float, float]
    after: tuple[float, float]
    momentum: float
    by_sample: bool


def statistics(forward: Forward, batch: Tensor, *, draw: int) -> list[Statistics]:
    """What each norm with running statistics does with a batch in train mode, when first called.

    running = (1 - momentum) · running + momentum · batch, as `nn.BatchNorm2d` documents it.

    Args:
        forward: with its weights chosen.
        batch: `(N, ...)`.
        draw: the seed of dropout before it, as in `run_in_mode`.
    """
    found: dict[str, Statistics] = {}
    with (
        forward.mode(True, draw) as network,
        left_as_found(network.modules()) as keep_value,
        torch.no_grad(),
    ):
        keep_value(list(network.parameters()))  # a forward may write to any of them
        norms = {
            name: module
            for name, module in network.named_modules()
            if isinstance(module, _NormBase) and module.running_mean is not None
        }
        before = {name: _first(module) for name, module in norms.items()}

        def note(name: str, norm: _NormBase, args: Any, kwargs: dict[str, Any]) -> None:
            given = args[0] if args else kwargs["input"]
            if name not in found:
                found[name] = _used(name, norm, given.detach(), before[name])

        hooks = [
            module.register_forward_hook(
                lambda norm, args, kwargs, _, name=name: note(name, norm, args, kwargs),
                with_kwargs=True,
            )
            for name, module in norms.items()
        ]
        try:
            network(batch.clone())
        except Exception:  # one value a channel, a wrong shape: the trace of the same run tells it
            return []
        finally:
            for hook in hooks:
                hook.remove()
    return [found[name] for name in norms if name in found]


def _used(name: str, norm: _NormBase, given: Tensor, before: tuple[float, float]) -> Statistics:
    momentum, by_sample = norm.momentum, isinstance(norm, _InstanceNorm)
    if isinstance(norm, _InstanceNorm):
        # Only the layer's own kind, 1d to 3d, tells whether this has a batch axis.
        if given.dim() == norm._get_no_batch_dim():  # type: ignore[no-untyped-call]
            given = given[None]
        samples = given[:, 0].flatten(1).double()  # (N, values)
        mean, var = samples.mean(dim=1).mean(), samples.var(dim=1).mean()
        momentum = momentum or 0.0
    else:
        channel = given.transpose(0, 1)[0].double()
        mean, var = channel.mean(), channel.var()
        if momentum is None:  # an average of all batches so far, each with an equal share
            assert norm.num_batches_tracked is not None, "it comes with the statistics"
            momentum = 1 / int(norm.num_batches_tracked)
    return Statistics(name, float(mean), float(var), before, _first(norm), momentum, by_sample)


def _first(norm: _NormBase) -> tuple[float, float]:
    assert norm.running_mean is not None, "only such a norm is asked"
    assert norm.running_var is not None, "the two come together"
    return float(norm.running_mean[0]), float(norm.running_var[0])
