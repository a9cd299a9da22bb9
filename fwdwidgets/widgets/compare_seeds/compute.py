"""Several networks on one sample: their answers, where they agree, and how far apart they are.

The networks are one model under several seeds, or at several epochs of its training.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from fwdwidgets.advice import explain_nonfinite
from fwdwidgets.networks import Answer, Forward, Run

MOST = 6
"""The most networks that can be told apart side by side."""


@dataclass(frozen=True, eq=False)
class Comparison:
    """One sample through several networks.

    Attributes:
        runs: one a network.
        distances: the distance of each network's value to the first network's, by step, in the
            order of the first network's steps, the input first: see `distance`. One float a
            network, the first always 0; NaN where a network has no such step or another shape.
        failure: a sentence on the first network that has no answer, or an empty text.
    """

    runs: tuple[Run, ...]
    distances: dict[str, tuple[float, ...]]
    failure: str

    @property
    def answers(self) -> tuple[Answer, ...]:
        """One a network; empty where there is a failure."""
        found = [run.answer for run in self.runs if run.answer is not None]
        return () if self.failure else tuple(found)


class Networks:
    """One model under several weights, each drawn or loaded once.

    Args:
        model: an `nn.Module`, or a class or factory that makes one.
        training: run in train mode, dropout under a fixed seed; else in eval mode.
        checkpoints: as `Forward` takes them; then the weights are chosen by epoch, else by seed.
    """

    def __init__(
        self,
        model: nn.Module | Callable[[], nn.Module],
        *,
        training: bool,
        checkpoints: Sequence[Any] | None = None,
    ) -> None:
        self.model, self._training, self._checkpoints = model, training, checkpoints
        self._first = Forward(model, training=training, checkpoints=checkpoints)
        self._forwards: dict[int, Forward] = {}
        self._chosen: tuple[int, ...] = ()

    @property
    def epochs(self) -> int:
        """How many checkpoints there are; 0 where the weights are chosen by seed."""
        return self._first.epochs

    def use(self, chosen: Sequence[int]) -> None:
        """Take the weights of these seeds, or of these epochs.

        Raises:
            ValueError: a seed is out of range, or an epoch is none, or the model does not fit.
        """
        forwards = {}
        for number in chosen:
            forwards[number] = self._forwards.get(number) or self._make(number)
        self._forwards, self._chosen = forwards, tuple(chosen)

    def _make(self, number: int) -> Forward:
        forward = Forward(self.model, training=self._training, checkpoints=self._checkpoints)
        if self.epochs:
            forward.use_epoch(number)
        else:
            forward.use_seed(number)
        return forward

    def describe(self, number: int) -> str:
        """The name of a network: `seed 3`, or `epoch 3`."""
        return f"{'epoch' if self.epochs else 'seed'} {number}"

    def run(self, sample: Tensor) -> Comparison:
        """Run every network once on a sample, its input without batch axis."""
        runs = {number: forward.run(sample) for number, forward in self._forwards.items()}
        failed = next((number for number in self._chosen if runs[number].answer is None), None)
        failure = ""
        if failed is not None:
            failure = f"{self.describe(failed)}: {runs[failed].failure}"
        every = tuple([runs[number] for number in self._chosen])
        return Comparison(every, measure(every), failure)


def explain_first_nonfinite(titles: Sequence[str], runs: Sequence[Run]) -> str:
    """Where NaN or infinity begin in the first network that has any; empty where none has.

    Args:
        titles: one a network.
        runs: one a network.
    """
    for title, run in zip(titles, runs, strict=True):
        told = explain_nonfinite(run.trace, run.batch)
        if told:
            return f"{title}: {told}"
    return ""


def measure(runs: Sequence[Run]) -> dict[str, tuple[float, ...]]:
    """The distance of each run to the first one, step by step: see `Comparison.distances`."""
    first = runs[0]
    found = {"input": tuple([distance(first.batch, run.batch) for run in runs])}
    for step in first.trace:
        value = step.value
        if value is None:
            continue
        others = [run.trace[step.name].value if step.name in run.trace else None for run in runs]
        found[step.name] = tuple(
            [
                math.nan if other is None or other.shape != value.shape else distance(value, other)
                for other in others
            ]
        )
    return found


def distance(a: Tensor, b: Tensor) -> float:
    """The relative L2 distance of two tensors of one shape.

    It is d(a, b) = 2 |a - b| / (|a| + |b|), where |a| is the square root of the sum of all
    squares: 0 if both are equal, 2 if b is -a. Unrelated vectors of the same length are
    orthogonal: the square root of 2, about 1.41.

    Returns:
        0 to 2; 0 if both are zero, NaN if one of them is not finite.
    """
    a, b = (
        t.detach().to("cpu", torch.complex128 if t.is_complex() else torch.float64) for t in (a, b)
    )
    length = float(torch.linalg.vector_norm(a) + torch.linalg.vector_norm(b))
    if length == 0:
        return 0.0
    return (
        2 * float(torch.linalg.vector_norm(a - b)) / length if math.isfinite(length) else math.nan
    )


def agreement(predictions: Sequence[int | None]) -> tuple[int | None, int]:
    """The class that most networks predict, and how many do.

    Args:
        predictions: one class index a network, or None.

    Returns:
        The first such class if there are several; None and 0 if there is none.
    """
    counts = Counter(p for p in predictions if p is not None)
    return counts.most_common(1)[0] if counts else (None, 0)


def spread(count: int, most: int = MOST) -> tuple[int, ...]:
    """Indices from 0 to `count - 1`, evenly spaced, including the first and the last."""
    number = min(count, most)
    if number < 2:
        return tuple(range(number))
    return tuple([round(index * (count - 1) / (number - 1)) for index in range(number)])
