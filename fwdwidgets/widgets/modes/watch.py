"""Inside a forward pass: which numbers a dropout drops, which statistics a norm uses."""

from __future__ import annotations

import inspect
from collections import Counter
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode

from fwdwidgets.trace import operation_name

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


Place = tuple[str, int]
"""An operation, and which of its calls in the forward pass."""


class Watch(TorchFunctionMode):
    """Looks at each dropout, norm and other random operation of a forward pass.

    Attributes:
        dropouts: the p of each, and what it makes of ones and of zeros, from the same random
            state; None twice where it was switched off.
        norms: whether each used the statistics of its input.
        drew: other operations that drew random numbers.
    """

    def __init__(self) -> None:
        super().__init__()
        self.dropouts: dict[Place, tuple[float, Tensor | None, Tensor | None]] = {}
        self.norms: dict[Place, bool] = {}
        self.drew: list[Place] = []
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
    """The signature of `torch.dropout` and the like, which cannot be inspected."""


def _bound(func: Any, args: Any, kwargs: dict[str, Any]) -> dict[str, Any]:
    bound = inspect.signature(func).bind(*args, **kwargs)
    bound.apply_defaults()
    return bound.arguments


def dropped_of(name: str, p: float, ones: Tensor | None, zeros: Tensor | None) -> Dropped:
    """What a dropout that made these of ones and of zeros did."""
    assert ones is not None, "only an active dropout is asked"
    assert zeros is not None, "the two come together"
    kept = ones != zeros
    if not kept.any():
        return Dropped(name, p, kept)
    shift, low = zeros[kept][0], zeros[~kept][:1].sum()
    return Dropped(name, p, kept, float(ones[kept][0] - shift), float(shift), float(low))
