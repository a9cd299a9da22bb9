"""Which layer of a forward pass is shown and how it is laid out; which sample is answered wrong."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from fwdwidgets import display
from fwdwidgets.data import Sample
from fwdwidgets.networks import Answer, Forward
from fwdwidgets.trace import ForwardTrace, Step


def layers_of(trace: ForwardTrace) -> list[str]:
    """The names of the steps that have a value, in the order they ran."""
    return [step.name for step in trace if step.value is not None]


def first_layer(trace: ForwardTrace) -> str | None:
    """The first step with a spatial value, else the first step; None where there is none."""
    steps = [step for step in trace if step.shape is not None]
    spatial = (step for step in steps if len(step.shape or ()) >= 4)
    first = next(spatial, steps[0] if steps else None)
    return first.name if first else None


def layout_of(step: Step | None, page: int) -> display.Grid:
    """How a page of a step's value is laid out; empty where there is no value."""
    return display.grid((step.shape if step else None) or (0,), page)


def results_of(answer: Answer | None, sample: Sample) -> dict[str, Any]:
    """What a widget tells of an answer, by the names of its traits.

    Returns:
        `label` and `prediction`, class indices or None; `correct`, whether they are the same, None
        without one of them; `probabilities`, one float a class.
    """
    is_value = answer is not None and answer.head == "value"
    label = None if is_value else sample.class_index
    prediction = answer.prediction if answer else None
    both = label is not None and prediction is not None
    return {
        "label": label,
        "prediction": prediction,
        "correct": prediction == label if both else None,
        "probabilities": tuple(answer.probabilities.tolist()) if answer else (),
    }


@dataclass(frozen=True)
class Search:
    """How a search for a wrong answer ended.

    Attributes:
        index: the last sample that was looked at.
        found: whether it is answered wrong.
        count: how many samples were looked at.
        out_of_time: whether there are others that were not looked at.
    """

    index: int
    found: bool
    count: int
    out_of_time: bool = False


def find_wrong(
    forward: Forward,
    load: Callable[[int], Sample],
    start: int,
    step: int,
    length: int,
    seconds: float,
) -> Search:
    """Look for the next sample whose predicted class is not its label.

    Args:
        forward: runs the network.
        load: gives the sample of an index.
        start: the index to start from; this sample is not looked at.
        step: 1 for the samples after it, -1 for those before it.
        length: of the dataset; past one end the search goes on from the other.
        seconds: how long it may take.
    """
    until = time.monotonic() + seconds
    index = start
    for count in range(1, length):
        index = (start + step * count) % length
        sample = load(index)
        if sample.label is not None:
            prediction = forward.predict(sample.input)
            if prediction not in (None, sample.label):
                return Search(index, True, count)
        if time.monotonic() > until:
            return Search(index, False, count, out_of_time=True)
    return Search(index, False, length - 1)
