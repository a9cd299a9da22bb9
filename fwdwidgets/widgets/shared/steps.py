"""The table of steps: names, operations, shapes, sources; the chosen one marked."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import anywidget
import traitlets

from fwdwidgets.trace import ForwardTrace
from fwdwidgets.widgets.shared.plot import STATIC


class StepTable(anywidget.AnyWidget):
    """A table of a trace's steps; a click on a row chooses that step.

    Attributes:
        rows: name, operation, shape, source and whether it can be chosen, one tuple a step.
        caption: a line above the table.
        chosen: the name of the marked step, or an empty text.
        choosable: whether a click chooses a step; if not, the table is only for reading.
    """

    _esm = STATIC / "steps.js"
    rows: Any = traitlets.List().tag(sync=True)
    caption = traitlets.Unicode().tag(sync=True)
    chosen = traitlets.Unicode().tag(sync=True)
    choosable = traitlets.Bool(True).tag(sync=True)

    def show(self, trace: ForwardTrace, chosen: str = "", caption: str = "") -> None:
        """Show the steps of `trace`; unchanged parts are not sent again."""
        rows = []
        for step in trace:
            shape = type(step.error).__name__ if step.shape is None else str(step.shape)
            rows.append([step.name, step.op, shape, step.source, step.shape is not None])
        with self.hold_sync():
            self.rows = rows
            steps = f"{len(rows)} steps of this forward pass, in the order they ran"
            if len(rows) == 1:
                steps = "1 step of this forward pass"
            self.caption = f"{steps}. {caption}" if caption else steps
            self.chosen = chosen


def nearest_step(
    wanted: str, before: Sequence[str], names: Sequence[str], sample: int
) -> tuple[str, str]:
    """Keep a step; if the path of a sample lacks it, take the nearest earlier one.

    Args:
        wanted: the name of the step that was shown.
        before: the names of the earlier run's steps.
        names: the names of the present steps, at least one.
        sample: the sample whose path has them.

    Returns:
        The name of the step to show, and a sentence if it is a different one, else "".
    """
    if wanted in names:
        return wanted, ""
    earlier = before[: before.index(wanted)] if wanted in before else []
    nearest = next((name for name in reversed(earlier) if name in names), names[0])
    return nearest, (
        f"The path of sample {sample} has no step {wanted!r}; shown is the nearest "
        f"earlier one, {nearest!r}."
    )
