"""One forward pass in train mode or in eval mode, and the same batch in both.

It leaves the network as found.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.parameter import is_lazy

from fwdwidgets import display
from fwdwidgets.networks import Forward, find_head, probabilities
from fwdwidgets.trace import ForwardTrace, Tracer, trace_forward
from fwdwidgets.widgets.modes.watch import DROPOUTS, Dropped, Place, Watch, dropped_of


@dataclass(frozen=True, eq=False)
class ModeRun:
    """One forward pass in one mode.

    Attributes:
        trace: all its steps.
        dropped: what each dropout that was active dropped, by the name of its step.
        idle: the steps of the dropouts that were not active although their p is above 0.
        norms: for the step of each batch and instance norm, whether it used the statistics of
            its input instead of running ones.
        drew: the names of other steps that drew random numbers.
    """

    trace: ForwardTrace
    dropped: dict[str, Dropped]
    idle: tuple[str, ...]
    norms: dict[str, bool]
    drew: tuple[str, ...]

    @property
    def layers(self) -> list[str]:
        """The names of the steps that gave a value."""
        return [step.name for step in self.trace if step.value is not None]

    def answer(self) -> Tensor | None:
        """The first sample's row of the output as probabilities, or as it is.

        Returns:
            `(classes,)`, or None where the output is no `(N, classes)`.
        """
        output = self.trace.output
        if not isinstance(output, Tensor) or output.dim() != 2 or not output.numel():
            return None
        line = display.as_float(output.detach()[0])
        chances = probabilities(line, find_head(self.trace))
        return chances if len(chances) else line


@dataclass(frozen=True, eq=False)
class BothModes:
    """The same batch in both modes.

    Attributes:
        train: the run in train mode.
        evaluated: the run in eval mode.
    """

    train: ModeRun
    evaluated: ModeRun

    @property
    def layers(self) -> list[str]:
        """Steps that both modes have."""
        in_train = set(self.train.layers)
        return [name for name in self.evaluated.layers if name in in_train]

    @property
    def first_layer(self) -> str | None:
        """The first that drops or goes by other statistics in one mode, else the last step."""
        steps, one, other = self.evaluated.trace, self.train.norms, self.evaluated.norms
        names = self.layers
        wanted = [n for n in names if steps[n].op in DROPOUTS or one.get(n) is not other.get(n)]
        return next(iter(wanted or names[-1:]), None)

    def answers(self) -> tuple[Tensor, Tensor] | None:
        """Those of train and of eval mode; None where one is missing."""
        train, evaluated = self.train.answer(), self.evaluated.answer()
        return None if train is None or evaluated is None else (train, evaluated)

    def same(self) -> bool | None:
        """Whether both answers are the same, bit for bit; None where one is missing."""
        answers = self.answers()
        return None if answers is None else _same(*answers)


def run_both(forward: Forward, batch: Tensor, *, draw: int) -> BothModes:
    """Run the network in train mode and in eval mode: see `run_in_mode`."""
    return BothModes(
        run_in_mode(forward, batch, training=True, draw=draw),
        run_in_mode(forward, batch, training=False, draw=draw),
    )


def run_in_mode(forward: Forward, batch: Tensor, *, training: bool, draw: int) -> ModeRun:
    """Run the network once in a mode, with `draw` as the seed of dropout.

    Args:
        forward: with its weights chosen.
        batch: `(N, ...)`.
        training: train mode or eval mode.
        draw: the seed of dropout, as `torch.manual_seed` takes it.
    """
    _settle_lazy_layers(forward, batch)
    watch = Watch()
    with forward.mode(training, draw) as network, watch:
        trace = Tracer()(network, batch.clone())
    # An operation that raised was not watched to its end; it is the last one.
    steps = dict(zip(_counted(step.op for step in trace), trace, strict=True))
    drops = {steps[op].name: found for op, found in watch.dropouts.items() if op in steps}
    return ModeRun(
        trace,
        {name: dropped_of(name, *found) for name, found in drops.items() if found[1] is not None},
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


def _counted(operations: Iterator[str]) -> Iterator[Place]:
    seen: Counter[str] = Counter()
    for op in operations:
        seen[op] += 1
        yield op, seen[op]


def _same(one: Tensor, other: Tensor) -> bool:
    """Whether all numbers are the same, NaN at the same places."""
    nans = torch.equal(one.isnan(), other.isnan())
    return nans and torch.equal(one[~one.isnan()], other[~other.isnan()])
