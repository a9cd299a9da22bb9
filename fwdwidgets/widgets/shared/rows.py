"""What the three output widgets share: an editable table of rows, run all at once."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Sequence
from typing import Any

import ipywidgets
import numpy as np
import torch
import traitlets
from torch import Tensor, nn
from traitlets import observe, validate

from fwdwidgets import figures
from fwdwidgets.advice import explain_nonfinite
from fwdwidgets.data import LARGEST, Table
from fwdwidgets.networks import TableRun, run_table
from fwdwidgets.trace import ForwardTrace
from fwdwidgets.widgets.shared.controls import html, row
from fwdwidgets.widgets.shared.plot import Plot
from fwdwidgets.widgets.shared.table import NumberTable
from fwdwidgets.widgets.shared.traits import BadValue
from fwdwidgets.widgets.shared.weighted import WeightedWidget


class RowsWidget(WeightedWidget):
    """Abstract base of the widgets that show one output for each row of a table.

    Attributes:
        values: the inputs, one tuple of floats per row; set it, or edit the table.
        outputs: what the model returned, one tuple of floats per row; empty if it failed.
    """

    values = traitlets.Any(())
    outputs = traitlets.Tuple(read_only=True)

    def __init__(
        self,
        title: str,
        unknown: dict[str, Any],
        model: nn.Module | Callable[[], nn.Module],
        table: Table,
        canvas: figures.Canvas,
        results: Sequence[str],
        *,
        sample: int,
        seed: int | None,
        training: bool,
    ) -> None:
        """Take a table; `results` names the columns at its right, `canvas` is the figure."""
        super().__init__(title, unknown, model, table, table.classes, training=bool(training))
        self._plot = Plot(canvas, title)
        self._table = NumberTable(table.row_names, table.feature_names, results, self._edited)
        self._badge = html("fwd-badge")
        self._status = html("fwd-status")
        self._run: TableRun | None = None
        self._ran: Any = None
        self._begin(sample, seed, None)
        self.values = _tuples(table.values)
        self._build()
        self._quiet = False
        self._run_rows()

    @property
    def trace(self) -> ForwardTrace:
        """The recorded forward pass over all rows."""
        assert self._run is not None, "the constructor runs the network"
        return self._run.trace

    # --- what a widget is -----------------------------------------------------------------------

    @abstractmethod
    def _read(self, run: TableRun) -> str:
        """Read the run's output; return a sentence if it is not of this kind."""

    @abstractmethod
    def _show(self) -> None:
        """Draw what was read, and show it in the table and the badge."""

    def _more_controls(self) -> list[ipywidgets.Widget]:
        """Controls of this widget alone."""
        return []

    # --- state ----------------------------------------------------------------------------------

    @validate("values")
    def _valid_values(self, proposal: dict[str, Any]) -> tuple[tuple[float, ...], ...]:
        with self._told():
            shape = tuple(self.dataset.values.shape)
            try:
                values = torch.as_tensor(np.asarray(proposal["value"], dtype=np.float32))
                good = tuple(values.shape) == shape and bool(values.isfinite().all())
            except (TypeError, ValueError):
                good = False
            if not good:
                raise BadValue(
                    f"values={_short(proposal['value'])} cannot be used: expected {shape[0]} rows "
                    f"of {shape[1]} finite numbers each."
                )
            self.dataset.values = values.clone()
            return _tuples(self.dataset.values)

    def _edited(self, index: int, column: int, text: str) -> None:
        """Take a number that was typed on the page."""
        with self._from_page():
            where = f"{self.dataset.row_names[index]}, {self.dataset.feature_names[column]}"
            try:
                number = float(text.strip().replace(",", "."))
            except ValueError:
                number = float("nan")
            if not np.isfinite(number):
                self._show_table()
                raise BadValue(
                    f"{text!r} for {where} is no number: type one such as 0.5 or "
                    "-2. The earlier number is kept."
                )
            if abs(number) > LARGEST:
                self._show_table()
                raise BadValue(
                    f"{text!r} for {where} is too large for a float32, which ends at "
                    f"{LARGEST:.3g}. The earlier number is kept."
                )
            values = [list(row) for row in self.values]
            values[index][column] = number
            self.values = tuple(map(tuple, values))

    @observe("values")
    def _values_changed(self, _: Any) -> None:
        if not self._quiet:
            self._rerun()

    def _rerun(self) -> None:
        if self._ran == (self.values, self.seed):  # another row of the same run
            if self.outputs:
                self._show()
            self._follow()
            return
        self._run_rows()
        if self.trace.error is not None:
            raise self.trace.error

    def _run_rows(self) -> None:
        self._ran = self.values, self.seed
        run = self._run = run_table(self._forward, self.dataset.values)
        failure = run.failure or self._read(run)
        self._error = failure
        output = run.output if not failure and run.output is not None else torch.empty(0, 0)
        self.set_trait("outputs", _tuples(output))
        self._plot.old = bool(failure)
        if failure:
            self._show_table()
        else:
            self._show()  # the picture first: the rest may take longer
        self._notes["data"] = self.dataset.notice
        self._notes["finite"] = (
            "" if run.failure else explain_nonfinite(run.trace, self.dataset.values)
        )
        mode = "train mode" if self._forward.training else "eval mode"
        shapes = f"input {tuple(self.dataset.values.shape)}"
        if run.output is not None:
            shapes += f" → output {run.shape}"
        self._status.value = f"{mode} · {self._describe_weights()} · {shapes}"
        self._follow_weights()
        self._follow()
        self._show_message()

    def _show_table(self, texts: Sequence[Sequence[str]] | None = None) -> None:
        texts = self._table.texts if texts is None else texts
        self._table.show(self.dataset.values.numpy(), texts, self.sample)

    # --- controls -------------------------------------------------------------------------------

    def _build(self) -> None:
        self._choose_by(self._table, "sample")
        self._table.observe(self._table_given_back, names="value")
        self._kept["values"] = self._table
        choose = self._sample_slider()
        choose.description = "Row"
        self.children = [
            row(choose, *self._more_controls()),
            row(*self._weights_controls()),
            self._table,
            self._status,
            self._badge,
            self._plot,
            self._message,
            self._frame,
        ]
        self._keep()

    def _table_given_back(self, change: dict[str, Any]) -> None:
        """Take the numbers from before a reload; those that are already shown are skipped."""
        shown = [list(map(float, cells)) for cells in change["new"]]
        if shown and shown != [list(line) for line in _tuples(self.dataset.values)]:
            with self._from_page():
                self.values = shown

    def _target(self, index: int) -> float | int | None:
        targets = self.dataset.targets
        return None if targets is None else targets[index]


def _tuples(values: Tensor) -> tuple[tuple[float, ...], ...]:
    return tuple(map(tuple, values.tolist()))


def _short(value: Any, most: int = 60) -> str:
    text = repr(value)
    return text if len(text) <= most else text[: most - 1] + "…"
