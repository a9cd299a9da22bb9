"""What every panel of a figure has: a pair of axes, and a title above it."""

from __future__ import annotations

from fwdwidgets.figures.drawing import Drawing


class Panel:
    """Abstract base of the panels.

    Attributes:
        axis: the suffix of its axes in the layout.
    """

    def __init__(self, axis: str, title: int) -> None:
        """Take the suffix of its axes and the number of its title, both from a `Board`."""
        self.axis, self._title = axis, title

    def say(self, drawing: Drawing, title: str) -> None:
        """Set the title above the panel; plotly's markup."""
        drawing.layout[f"annotations[{self._title}].text"] = title
