"""The line of text in which seeds, or the epochs beside the slider, are typed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import ipywidgets

from fwdwidgets.widgets.compare_seeds.choice import Choice


class ChoiceBox(ipywidgets.Text):  # type: ignore[misc]
    """Numbers with commas.

    Args:
        choice: what may be chosen.
        typed: takes what a hand has written.
    """

    def __init__(self, choice: Choice, typed: Callable[[str], None]) -> None:
        super().__init__(
            description="Beside" if choice.epochs else "Seeds",
            tooltip="epochs that stay while the slider moves" if choice.epochs else None,
            continuous_update=False,
        )
        self.add_class(f"fwd-{choice.name}")
        self.add_class("fwd-text")
        self._choice, self._typed = choice, typed
        self._writing = False
        self.observe(self._changed, names="value")

    def show(self, chosen: tuple[int, ...]) -> None:
        """Show what is chosen."""
        self._writing = True
        try:
            self.value = self._choice.write(chosen)
        finally:
            self._writing = False

    def _changed(self, change: dict[str, Any]) -> None:
        if not self._writing:
            self._typed(change["new"])
