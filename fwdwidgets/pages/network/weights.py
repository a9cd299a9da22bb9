"""The sets of weights that a page has: seeds or epochs, and the weights as given."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, NamedTuple

import numpy as np
from torch import nn

from fwdwidgets.pages.network.onnx import weights_of
from fwdwidgets.pages.recorded import FEW
from fwdwidgets.widgets.shared import NetworkView, describe_weights


class Weights(NamedTuple):
    """One set of weights.

    Attributes:
        kind: the control that chooses it, `"seed"` or `"epoch"`.
        number: the value of that control; None for the weights as given.
    """

    kind: str
    number: int | None


class WeightSets:
    """Lists the sets of weights of a page, and puts them into the network.

    Args:
        view: what a widget shows.
        choices: the values of each control to include, by its name.
        megabytes: how large the weights may become if the author chose none, in MB.

    Attributes:
        kind: the control that chooses among them, `"seed"` or `"epoch"`.
        all: the sets of weights.
    """

    def __init__(
        self, view: NetworkView, choices: Mapping[str, Iterable[Any]], megabytes: float
    ) -> None:
        self._view, self._megabytes = view, megabytes
        self._forward = view.forward
        self.kind = "epoch" if self._forward.epochs else "seed"
        self.all = self._epochs(choices) if self._forward.epochs else self._seeds(choices)

    @property
    def numbers(self) -> list[int]:
        """The values of the control that chooses them."""
        return [each.number for each in self.all if each.number is not None]

    @property
    def network(self) -> nn.Module:
        """The network with the weights in use."""
        assert self._forward.network is not None, "the widget has chosen one"
        return self._forward.network

    def use(self, weights: Weights) -> None:
        """Put a set of weights into the network."""
        if weights.kind == "epoch" and weights.number is not None:
            self._forward.use_epoch(weights.number)
        else:
            self._forward.use_seed(weights.number)

    @contextmanager
    def put_back(self) -> Iterator[None]:
        """On exit, put the weights that the widget shows back into the network."""
        try:
            yield
        finally:
            self.use(Weights(self.kind, self._view.state[self.kind]))

    def in_words(self, weights: Weights) -> str:
        """The name of a set of weights, in words."""
        kind, number = weights
        return describe_weights(self._forward, **{kind: number})

    def status(self, weights: Weights) -> str:
        """What the widget says about a forward pass with these weights."""
        drawn = weights.kind == "seed" and weights.number is not None
        return self._view.status(self.in_words(weights), drawn)

    def _epochs(self, choices: Mapping[str, Iterable[Any]]) -> list[Weights]:
        many = self._forward.epochs
        spread = np.linspace(0, many - 1, min(many, max(2, self._few(many))))
        epochs = choices.get("epoch", spread.round())
        shown = self._view.state["epoch"] or 0
        return [Weights("epoch", i) for i in sorted({*map(int, epochs), shown})]

    def _seeds(self, choices: Mapping[str, Iterable[Any]]) -> list[Weights]:
        wanted = {*map(int, choices.get("seed", range(self._few())))}
        if "seed" not in choices and not self._can_be_drawn():
            wanted = set()
        if (shown := self._view.state["seed"]) is not None:
            wanted |= {shown}
        seeds = [Weights("seed", i) for i in sorted(wanted)]
        return [*seeds, Weights("seed", None)] if self._forward.has_own_weights else seeds

    def _can_be_drawn(self) -> bool:
        """Whether this model has seeds: not every parameter of an instance can be drawn again."""
        if not self._forward.has_own_weights:
            return True
        with self.put_back():
            try:
                self.use(Weights("seed", 0))
            except ValueError:
                return False
        return True

    def _few(self, most: int = FEW) -> int:
        """How many sets of weights there is room for if the author names none."""
        size = sum(4 * weight.numel() for weight in weights_of(self.network).values())
        return min(most, int(self._megabytes * 1e6 / max(1, size)))
