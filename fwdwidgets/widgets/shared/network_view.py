"""What a page needs from a widget to run the widget's network."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import ipywidgets

from fwdwidgets.data import Sample
from fwdwidgets.networks import Forward, Run
from fwdwidgets.widgets.shared.panels import SamplePanels


@dataclass(frozen=True)
class NetworkView:
    """One forward pass that a widget shows, and everything a page needs to show others.

    Attributes:
        forward: runs the network.
        run: the forward pass that is shown.
        panels: what it is drawn on.
        length: how many samples there are.
        load: gives the sample of an index.
        check: raises ValueError if a sample does not fit the network.
        name: gives the name of a class.
        notice: the dataset's message to the learner.
        state: the values of `sample`, `seed`, `epoch`, `layer` and `page`.
        status: makes the line about a forward pass from the weights in words and whether they
            are random.
        controls: the widget's controls by name.
        parts: further parts, by their names in `network.js`.
    """

    forward: Forward
    run: Run
    panels: SamplePanels
    length: int
    load: Callable[[int], Sample]
    check: Callable[[Sample], None]
    name: Callable[[int], str]
    notice: str
    state: Mapping[str, Any]
    status: Callable[[str, bool], str]
    controls: Mapping[str, ipywidgets.Widget]
    parts: Mapping[str, ipywidgets.Widget]

    @property
    def layers(self) -> list[str]:
        """The names of the steps that have a value."""
        return [step.name for step in self.run.trace if step.value is not None]
