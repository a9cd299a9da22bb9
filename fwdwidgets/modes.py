"""What train and eval mode change: dropout masks, BatchNorm's statistics, flags of `forward`.

Every function leaves the network as found.
"""

from __future__ import annotations

import inspect
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.overrides import TorchFunctionMode

from fwdwidgets._state import left_as_found
from fwdwidgets.compute import Forward
from fwdwidgets.trace import ForwardTrace, Step, Tracer

FLAGS = ("is_training", "training", "train", "is_train")
"""Names of flags of `forward` that `model.train()` and `model.eval()` do not reach."""
_DROPOUTS = {
    F.dropout: "dropout",
    F.dropout1d: "dropout1d",
    F.dropout2d: "dropout2d",
    F.dropout3d: "dropout3d",
}


@dataclass(frozen=True, eq=False)
class Dropped:
    """What one dropout did to its input.

    Attributes:
        name: of the step.
        p: the probability to drop a number.
        kept: booleans of the step's shape, False where a number was dropped.
    """

    name: str
    p: float
    kept: Tensor

    @property
    def count(self) -> int:
        """How many numbers were dropped."""
        return int((~self.kept).sum())

    @property
    def scale(self) -> float:
        """What the others were multiplied by: 1 / (1 - p); 0 when all are dropped."""
        return 1 / (1 - self.p) if self.p < 1 else 0.0


@dataclass(frozen=True, eq=False)
class ModeRun:
    """One forward pass in one mode.

    Attributes:
        trace: all its steps.
        dropped: what each dropout that was active dropped, by the name of its step.
        idle: the names of the steps of those that were not, though their p is above 0.
    """

    trace: ForwardTrace
    dropped: dict[str, Dropped]
    idle: tuple[str, ...]


@dataclass(frozen=True)
class Statistics:
    """What one BatchNorm used in a forward pass in train mode, for its first channel.

    Attributes:
        name: the module's qualified name.
        batch_mean: of the batch.
        batch_var: of the batch, unbiased: divided by n - 1.
        before: running mean and variance before.
        after: running mean and variance after, which this package puts back.
        momentum: the share of the batch in the running statistics; of `momentum=None`, one
            part of as many as there were batches.
    """

    name: str
    batch_mean: float
    batch_var: float
    before: tuple[float, float]
    after: tuple[float, float]
    momentum: float


def run_in_mode(forward: Forward, batch: Tensor, *, training: bool, draw: int) -> ModeRun:
    """Run the network once in a mode, dropout drawn under `draw`.

    Args:
        forward: with its weights chosen.
        batch: `(N, ...)`.
        training: train mode or eval mode.
        draw: what dropout is drawn under, as `torch.manual_seed` takes it.
    """
    masks = _Masks()
    with forward.mode(training, draw) as network, masks:
        trace = Tracer()(network, batch.clone())
    steps = [step for step in trace if step.op in _DROPOUTS.values()]
    found = list(zip(steps, masks.found, strict=False))  # one that raised has a mask at most
    dropped = {
        step.name: Dropped(step.name, p, kept) for step, (p, kept) in found if kept is not None
    }
    idle = tuple(step.name for step, (p, kept) in found if kept is None and p > 0)
    return ModeRun(trace, dropped, idle)


def statistics(forward: Forward, batch: Tensor, *, draw: int) -> list[Statistics]:
    """What each BatchNorm with running statistics does with a batch in train mode.

    running = (1 - momentum) · running + momentum · batch, as `nn.BatchNorm2d` documents it.

    Args:
        forward: with its weights chosen.
        batch: `(N, ...)`.
        draw: what dropout before it is drawn under, as in `run_in_mode`.
    """
    found = []
    with (
        forward.mode(True, draw) as network,
        left_as_found(network.modules()) as keep_value,
        torch.no_grad(),
    ):
        keep_value(list(network.parameters()))  # a forward may write to any of them
        norms = {
            name: module
            for name, module in network.named_modules()
            if isinstance(module, _BatchNorm) and module.running_mean is not None
        }
        inputs: dict[str, Tensor] = {}
        hooks = [
            module.register_forward_pre_hook(
                lambda _, args, name=name: inputs.__setitem__(name, args[0].detach().clone())
            )
            for name, module in norms.items()
        ]
        before = {name: _first(module) for name, module in norms.items()}
        try:
            network(batch.clone())
        except Exception:  # one value a channel, a wrong shape: the trace of the same run tells it
            return []
        finally:
            for hook in hooks:
                hook.remove()
        for name, module in norms.items():
            if name not in inputs:
                continue
            channel = inputs[name].transpose(0, 1)[0].double()
            momentum = module.momentum
            if momentum is None:  # an average of all batches so far, each with an equal share
                assert module.num_batches_tracked is not None, "it comes with the statistics"
                momentum = 1 / int(module.num_batches_tracked)
            found.append(
                Statistics(
                    name,
                    float(channel.mean()),
                    float(channel.var()),
                    before[name],
                    _first(module),
                    momentum,
                )
            )
    return found


def flag_of(network: nn.Module) -> tuple[str, Any] | None:
    """A flag of `forward` that decides what the mode should: its name and default, or None."""
    try:
        parameters = inspect.signature(network.forward).parameters
    except (TypeError, ValueError):
        return None
    for name in FLAGS:
        if name in parameters and isinstance(parameters[name].default, bool):
            return name, parameters[name].default
    return None


def dropping_in_eval(run: ModeRun) -> list[Step]:
    """The dropout steps of an eval-mode run that dropped all the same."""
    return [step for step in run.trace if step.name in run.dropped]


def explain_careless(network: nn.Module | None, train: ModeRun, evaluated: ModeRun) -> str:
    """What a dropout does in a mode in which it should not, and why; empty where all is well."""
    dropping, idle = dropping_in_eval(evaluated), train.idle
    if not dropping and not idle:
        return ""
    flag = flag_of(network) if network is not None else None
    name = dropping[0].name if dropping else idle[0]
    does = "drops in eval mode too" if dropping else "drops nothing in train mode either"
    if flag and flag[1] is bool(dropping):
        call = "eval" if dropping else "train"
        return (
            f"{name} {does}: forward() has a flag {flag[0]}, {flag[1]} unless it is told "
            f"otherwise, and model.{call}() does not reach it. Use self.training in its place."
        )
    if dropping:
        return (
            f"{name} {does}: F.dropout drops unless it is told training=self.training. An "
            "nn.Dropout layer knows its mode by itself."
        )
    return f"{name} {does}: it is told so by its argument. Pass training=self.training."


class _Masks(TorchFunctionMode):
    """Draws each dropout's mask a second time, from the same random state, on ones."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[tuple[float, Tensor | None]] = []

    def __torch_function__(
        self, func: Any, types: Any, args: Any = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        kwargs = kwargs or {}
        if func not in _DROPOUTS:
            return func(*args, **kwargs)
        bound = inspect.signature(func).bind(*args, **kwargs)
        bound.apply_defaults()
        p = float(bound.arguments["p"])
        if not bound.arguments["training"]:
            self.found.append((p, None))
            return func(*args, **kwargs)
        state = torch.get_rng_state()
        ones = torch.ones_like(bound.arguments["input"])
        self.found.append((p, func(ones, p, True) != 0))
        torch.set_rng_state(state)
        return func(*args, **kwargs)


def _first(norm: _BatchNorm) -> tuple[float, float]:
    assert norm.running_mean is not None, "only such a norm is asked"
    assert norm.running_var is not None, "the two come together"
    return float(norm.running_mean[0]), float(norm.running_var[0])
