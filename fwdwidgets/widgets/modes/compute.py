"""One forward pass in train mode or in eval mode: what dropout dropped, what a norm went by.

It leaves the network as found.
"""

from __future__ import annotations

import inspect
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.nn.parameter import is_lazy
from torch.overrides import TorchFunctionMode

from fwdwidgets.networks import Forward
from fwdwidgets.trace import ForwardTrace, Tracer, operation_name, trace_forward

DROPOUTS = (
    "dropout",
    "dropout1d",
    "dropout2d",
    "dropout3d",
    "feature_dropout",
    "alpha_dropout",
    "feature_alpha_dropout",
)
"""Operations that drop numbers, by the names that steps have."""
_OWN_STATISTICS = {"batch_norm": "training", "instance_norm": "use_input_stats"}
"""The argument by which a norm takes the statistics of its input."""


@dataclass(frozen=True, eq=False)
class Dropped:
    """What one dropout did to its input.

    Attributes:
        name: of the step.
        p: the probability to drop a number.
        kept: booleans of the step's shape, False where a number was dropped.
        scale: what the others were multiplied by: 1 / (1 - p); 0 when all are dropped.
        shift: what was added to them then: 0, but for AlphaDropout.
        low: what the dropped ones became: 0, but for AlphaDropout.
    """

    name: str
    p: float
    kept: Tensor
    scale: float = 0.0
    shift: float = 0.0
    low: float = 0.0


@dataclass(frozen=True, eq=False)
class ModeRun:
    """One forward pass in one mode.

    Attributes:
        trace: all its steps.
        dropped: what each dropout that was active dropped, by the name of its step.
        idle: the names of the steps of those that were not, though their p is above 0.
        norms: of the step of each batch and instance norm, whether it went by the statistics of
            its input, and not by running ones.
        drew: the names of other steps that drew random numbers.
    """

    trace: ForwardTrace
    dropped: dict[str, Dropped]
    idle: tuple[str, ...]
    norms: dict[str, bool]
    drew: tuple[str, ...]


def run_in_mode(forward: Forward, batch: Tensor, *, training: bool, draw: int) -> ModeRun:
    """Run the network once in a mode, dropout drawn under `draw`.

    Args:
        forward: with its weights chosen.
        batch: `(N, ...)`.
        training: train mode or eval mode.
        draw: what dropout is drawn under, as `torch.manual_seed` takes it.
    """
    _settle_lazy_layers(forward, batch)
    watch = _Watch()
    with forward.mode(training, draw) as network, watch:
        trace = Tracer()(network, batch.clone())
    # An operation that raised was not watched to its end; it is the last one.
    steps = dict(zip(_counted(step.op for step in trace), trace, strict=True))
    drops = {steps[op].name: found for op, found in watch.dropouts.items() if op in steps}
    return ModeRun(
        trace,
        {name: _dropped(name, *found) for name, found in drops.items() if found[1] is not None},
        tuple(name for name, (p, ones, _) in drops.items() if ones is None and p > 0),
        {steps[op].name: own for op, own in watch.norms.items() if op in steps},
        tuple(steps[op].name for op in watch.drew if op in steps),
    )


def _settle_lazy_layers(forward: Forward, batch: Tensor) -> None:
    """Let lazy layers draw their weights in a run of their own: they have another seed."""
    assert forward.network is not None, "its weights are chosen"
    if any(is_lazy(parameter) for parameter in forward.network.parameters()):
        with forward.mode(training=False) as network:
            trace_forward(network, batch)


_Place = tuple[str, int]
"""An operation, and which of its calls in the forward pass."""


def _counted(operations: Iterator[str]) -> Iterator[_Place]:
    seen: Counter[str] = Counter()
    for op in operations:
        seen[op] += 1
        yield op, seen[op]


class _Watch(TorchFunctionMode):
    """Looks at each dropout, norm and other random operation of a forward pass.

    Attributes:
        dropouts: the p of each, and what it makes of ones and of zeros, from the same random
            state; None twice where it was switched off.
        norms: whether each went by the statistics of its input.
        drew: other operations that drew random numbers.
    """

    def __init__(self) -> None:
        super().__init__()
        self.dropouts: dict[_Place, tuple[float, Tensor | None, Tensor | None]] = {}
        self.norms: dict[_Place, bool] = {}
        self.drew: list[_Place] = []
        self._seen: Counter[str] = Counter()

    def __torch_function__(
        self, func: Any, types: Any, args: Any = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        kwargs, op = kwargs or {}, operation_name(func)
        self._seen[op] += 1
        place = op, self._seen[op]
        before = torch.get_rng_state()
        if op in DROPOUTS:
            self.dropouts[place] = self._draw(func, args, kwargs)
            torch.set_rng_state(before)
        elif op in _OWN_STATISTICS and inspect.isfunction(func):
            self.norms[place] = bool(_bound(func, args, kwargs)[_OWN_STATISTICS[op]])
        result = func(*args, **kwargs)
        if op not in DROPOUTS and not torch.equal(before, torch.get_rng_state()):
            self.drew.append(place)
        return result

    @staticmethod
    def _draw(
        func: Any, args: Any, kwargs: dict[str, Any]
    ) -> tuple[float, Tensor | None, Tensor | None]:
        given = _bound(func if inspect.isfunction(func) else _dropout, args, kwargs)
        p = float(given["p"])
        if not given["training" if inspect.isfunction(func) else "train"]:
            return p, None, None
        state = torch.get_rng_state()
        ones = func(torch.ones_like(given["input"]), p, True)
        torch.set_rng_state(state)
        return p, ones, func(torch.zeros_like(given["input"]), p, True)


def _dropout(input: Tensor, p: float, train: bool) -> None:
    """The signature of `torch.dropout` and its kin, which cannot be asked for theirs."""


def _bound(func: Any, args: Any, kwargs: dict[str, Any]) -> dict[str, Any]:
    bound = inspect.signature(func).bind(*args, **kwargs)
    bound.apply_defaults()
    return bound.arguments


def _dropped(name: str, p: float, ones: Tensor | None, zeros: Tensor | None) -> Dropped:
    assert ones is not None, "only an active dropout is asked"
    assert zeros is not None, "the two come together"
    kept = ones != zeros
    if not kept.any():
        return Dropped(name, p, kept)
    shift, low = zeros[kept][0], zeros[~kept][:1].sum()
    return Dropped(name, p, kept, float(ones[kept][0] - shift), float(shift), float(low))
