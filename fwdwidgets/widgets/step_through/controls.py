"""The controls that go from step to step, and choose what is shown of one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import ipywidgets

from fwdwidgets.widgets.shared import slider
from fwdwidgets.widgets.step_through.compute import Operand
from fwdwidgets.widgets.step_through.words import shape_text

PLAY_MS = 1_500
"""How long each step is shown while playing."""


class StepControls:
    """Controls that show where one is among the steps.

    Each `show` method sets several controls: the widget calls it with its observers quiet.

    Args:
        names: of the steps.
        previous: a button.
        next: a button.

    Attributes:
        step: a slider over the steps.
        play: goes from step to step by itself.
        previous, next: the buttons.
        operand: a list of what the step took.
        page: a slider over the pages of a large value.
    """

    def __init__(
        self, names: list[str], previous: ipywidgets.Button, next: ipywidgets.Button
    ) -> None:
        self.step: Any = slider(ipywidgets.SelectionSlider, "Step", options=names or [""])
        self.page: Any = slider(ipywidgets.IntSlider, "Page", value=0, min=0, max=0)
        self.operand: Any = ipywidgets.Dropdown(description="Takes", options=[("none", 0)], value=0)
        self.play: Any = ipywidgets.Play(min=0, max=0, interval=PLAY_MS, show_repeat=False)
        self.play.add_class("fwd-play")
        self.previous, self.next = previous, next

    @property
    def names(self) -> list[str]:
        """The steps that there are to choose from; without any, one that has no name."""
        return list(self.step.options)

    def show_steps(self, names: list[str]) -> None:
        """Offer these steps."""
        if self.names != (names or [""]):
            self.step.options = names or [""]
        self.play.max = max(0, len(names) - 1)

    def show_step(self, index: int | None, count: int, operands: Sequence[Operand]) -> None:
        """Stand at a step, None where there is none.

        Args:
            index: of the step.
            count: how many there are.
            operands: what it took.
        """
        options = [
            (f"{operand.name} {shape_text(operand.shape)}", number)
            for number, operand in enumerate(operands)
        ] or [("none", 0)]
        if list(self.operand.options) != options:
            self.operand.options = options
        self.operand.layout.display = "flex" if len(options) > 1 else "none"
        self.play.value = index or 0
        self.previous.disabled = not index
        self.next.disabled = index is None or index + 1 == count

    def show_pages(self, count: int) -> None:
        """Offer so many pages; one needs no slider."""
        self.page.max = count - 1
        self.page.layout.display = "flex" if count > 1 else "none"
