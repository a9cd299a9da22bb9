"""The table of steps: names, operations, shapes, sources; the chosen one marked."""

from __future__ import annotations

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
        choosable: whether a click chooses a step; else the table is there to be read.
    """

    _esm = STATIC / "steps.js"
    rows: Any = traitlets.List().tag(sync=True)
    caption = traitlets.Unicode().tag(sync=True)
    chosen = traitlets.Unicode().tag(sync=True)
    choosable = traitlets.Bool(True).tag(sync=True)

    def show(self, trace: ForwardTrace, chosen: str = "", caption: str = "") -> None:
        """Show the steps of `trace`; what did not change is not sent again."""
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
