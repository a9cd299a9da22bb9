"""What the figure of `CompareSeeds` shows: answers side by side, distances step by step."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import torch

from fwdwidgets import display, figures
from fwdwidgets.networks import Answer, top_classes
from fwdwidgets.widgets.compare_seeds.compute import spread
from fwdwidgets.widgets.compare_seeds.figure import ComparisonFigure

MAX_STEPS = 24
"""The most steps that can be read in one column; of more, evenly spaced ones are drawn."""


@dataclass(frozen=True, eq=False)
class Shown:
    """Several networks on one sample.

    Attributes:
        titles: one a network.
        answers: one a network.
        distances: to the first network by step, one a network.
        label: the true class, None without one.
        name: of a class.
    """

    titles: Sequence[str]
    answers: Sequence[Answer]
    distances: Mapping[str, Sequence[float]]
    label: int | None
    name: Callable[[int], str]

    @property
    def classes(self) -> int:
        """How many classes there are; 0 where the networks give a value."""
        return len(self.answers[0].probabilities)

    @cached_property
    def drawn_classes(self) -> list[int]:
        """The classes that are drawn."""
        if not self.classes:
            return []
        chances = torch.stack([answer.probabilities for answer in self.answers])
        return top_classes(chances.amax(dim=0), self.label)

    @property
    def drawn_steps(self) -> list[str]:
        """The steps that distances are drawn for."""
        steps = list(self.distances)
        return [steps[index] for index in spread(len(steps), MAX_STEPS)]


def draw_comparison(drawing: figures.Drawing, figure: ComparisonFigure, shown: Shown) -> None:
    """Draw all of it."""
    first, names = shown.answers[0], list(shown.titles)
    raw = torch.stack(
        [answer.output if answer.logits is None else answer.logits for answer in shown.answers]
    )  # (networks, K)
    figure.logits.say(drawing, f"<b>{'output' if first.logits is None else 'logits'}</b>")
    if first.head == "value":
        ends = display.value_range(raw).tolist()
        figure.logits.draw(drawing, ["value"], raw.numpy(), ends, series=names)
        figure.probabilities.hide(drawing)
    else:
        classes = shown.drawn_classes
        rows = [shown.name(index) for index in classes]
        signs = ["✓" if index == shown.label else "" for index in classes]
        raw = raw[:, classes]
        chances = torch.stack([answer.probabilities[classes] for answer in shown.answers])
        ends = display.value_range(raw).tolist()
        figure.logits.draw(drawing, rows, raw.numpy(), ends, series=names, signs=signs)
        figure.probabilities.say(drawing, f"<b>{first.head_name}</b>")
        ends = display.value_range(chances).tolist()
        figure.probabilities.draw(drawing, rows, chances.numpy(), ends, series=names)
        for number in figure.probabilities.traces:
            drawing.trace(number, showlegend=False)  # the bars beside have it already
    figure.draw_distances(
        drawing, names, {step: shown.distances[step] for step in shown.drawn_steps}
    )
