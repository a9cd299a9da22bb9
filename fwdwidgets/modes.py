"""What train and eval mode change, and what autograd keeps: measured on one network.

Dropout masks, BatchNorm's statistics, and the bytes that a forward pass holds for the way back.
Every function leaves the network as found.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _NormBase
from torch.overrides import TorchFunctionMode

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
CONTEXTS: dict[str, Callable[[], AbstractContextManager[Any]]] = {
    "with gradients": torch.enable_grad,
    "torch.no_grad()": torch.no_grad,
    "torch.set_grad_enabled(False)": lambda: torch.set_grad_enabled(False),
    "torch.inference_mode()": torch.inference_mode,
}
"""Ways to run a forward pass, by the line that enters them."""


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
    """

    trace: ForwardTrace
    dropped: dict[str, Dropped]


@dataclass(frozen=True)
class Statistics:
    """What one BatchNorm used in a forward pass in train mode, for its first channel.

    Attributes:
        name: the module's qualified name.
        batch_mean: of the batch.
        batch_var: of the batch, unbiased: divided by n - 1.
        before: running mean and variance before.
        after: running mean and variance after, which this package puts back.
        momentum: the share of the batch in the running statistics.
    """

    name: str
    batch_mean: float
    batch_var: float
    before: tuple[float, float]
    after: tuple[float, float]
    momentum: float


@dataclass(frozen=True)
class Held:
    """What one way to run a forward pass keeps.

    Attributes:
        context: one of `CONTEXTS`.
        bytes: held for the way back by tensors that are neither weights nor the input, each
            storage once.
        grad_fn: the name of the output's `grad_fn`, or `"None"`.
        requires_grad: of the output.
    """

    context: str
    bytes: int
    grad_fn: str
    requires_grad: bool


def run_in_mode(forward: Forward, batch: Tensor, *, training: bool, draw: int) -> ModeRun:
    """Run the network once in a mode, dropout drawn under `draw`.

    Args:
        forward: with its weights chosen.
        batch: `(N, ...)`.
        training: train mode or eval mode.
        draw: what dropout is drawn under, as `torch.manual_seed` takes it.
    """
    with forward.mode(training, draw) as network:
        trace = Tracer()(network, batch.clone())
    with forward.mode(training, draw) as network, _as_found(network), torch.no_grad():
        with _Masks() as masks:
            try:
                network(batch.clone())
            except Exception:  # the trace has it, and a learner reads it there
                if trace.error is None:
                    raise
    steps = [step for step in trace if step.op in _DROPOUTS.values()]
    dropped = {
        step.name: Dropped(step.name, p, kept)
        for step, (p, kept) in zip(steps, masks.found, strict=False)
        if kept is not None
    }
    return ModeRun(trace, dropped)


def statistics(forward: Forward, batch: Tensor) -> list[Statistics]:
    """What each BatchNorm with running statistics does with a batch in train mode.

    running = (1 - momentum) · running + momentum · batch, as `nn.BatchNorm2d` documents it.
    """
    found = []
    with forward.mode(True) as network, _as_found(network), torch.no_grad():
        norms = {
            name: module
            for name, module in network.named_modules()
            if isinstance(module, _NormBase) and module.running_mean is not None
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
            momentum = module.momentum if module.momentum is not None else 0.0
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


def held_bytes(forward: Forward, batch: Tensor, *, training: bool) -> list[Held]:
    """What each of `CONTEXTS` holds for the way back, measured by PyTorch's own hooks."""
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
    with forward.mode(training) as network, _as_found(network):
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
            output = network(inputs)
    first = _first_tensor(output)
    kind = type(first.grad_fn).__name__ if first is not None and first.grad_fn else "None"
    wants = bool(first is not None and first.requires_grad)
    return Held(name, sum(saved.values()), kind, wants)


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


@contextmanager
def _as_found(network: nn.Module) -> Iterator[None]:
    """Put buffers back: a forward in train mode moves running statistics."""
    before = {name: buffer.detach().clone() for name, buffer in network.named_buffers()}
    try:
        yield
    finally:
        with torch.no_grad():
            for name, buffer in network.named_buffers():
                if name in before:
                    buffer.copy_(before[name])


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


def _first(norm: _NormBase) -> tuple[float, float]:
    assert norm.running_mean is not None, "only such a norm is asked"
    assert norm.running_var is not None, "the two come together"
    return float(norm.running_mean[0]), float(norm.running_var[0])


def _first_tensor(output: Any) -> Tensor | None:
    if isinstance(output, Tensor):
        return output
    values = output.values() if isinstance(output, dict) else output
    if isinstance(values, (tuple, list)) or isinstance(output, dict):
        return next((v for v in values if isinstance(v, Tensor)), None)
    return None
