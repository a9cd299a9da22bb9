"""One sigmoid output: a probability a row, decided by a threshold."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import ipywidgets
import traitlets
from torch import nn
from traitlets import observe, validate

from fwdwidgets.data import as_table, check_classes
from fwdwidgets.figures import Drawing, badge
from fwdwidgets.networks import TableRun
from fwdwidgets.widgets.binary_output import words
from fwdwidgets.widgets.binary_output.compute import (
    BinaryRows,
    decide_binary,
    read_binary,
    sigmoid_curve,
)
from fwdwidgets.widgets.binary_output.figure import BinaryFigure
from fwdwidgets.widgets.shared import BadValue, Number, RowsWidget


class BinaryOutput(RowsWidget):
    """Rows of numbers through a network with one output: yes or no, by a threshold.

    Example:
        >>> model = nn.Sequential(nn.Linear(6, 4), nn.Linear(4, 1), nn.Sigmoid())
        >>> fw.BinaryOutput(model, fw.datasets.animals())

    Args:
        model: an `nn.Module`, or a class or factory that makes one, with output `(N, 1)`. If it
            does not end in a sigmoid, its output is read as a logit, as
            `nn.BCEWithLogitsLoss` does, and the widget says so.
        inputs: `(N, F)` numbers, or a table such as `fw.datasets.animals()`; they are copied.
        targets: 0 or 1 for each row, or None.
        row_names: one per row.
        feature_names: one per column.
        class_names: of class 0 and class 1.
        threshold: 0 to 1; a probability of at least this is class 1.
        sample: the chosen row.
        seed: the seed of the random weights; None means the weights as given.
        training: run in train mode.

    Attributes:
        values: the inputs, one tuple of floats per row; set it, or edit the table.
        outputs: what the model returned, one tuple of floats per row; empty if it failed.
        probabilities: of class 1, one float per row.
        decisions: the class of each row, 0 or 1.

    Raises:
        TypeError: model, inputs or a keyword is of the wrong kind.
        ValueError: the inputs are not a table, or names, targets, threshold, sample or seed
            cannot be used.
    """

    threshold = Number(0.5)
    probabilities = traitlets.Tuple(read_only=True)
    decisions = traitlets.Tuple(read_only=True)

    def __init__(
        self,
        model: nn.Module | Callable[[], nn.Module],
        inputs: Any,
        targets: Any = None,
        *,
        row_names: Sequence[str] | None = None,
        feature_names: Sequence[str] | None = None,
        class_names: Sequence[str] | None = None,
        threshold: float = 0.5,
        sample: int = 0,
        seed: int | None = None,
        training: bool = False,
        **unknown: Any,
    ) -> None:
        """See the class."""
        table = as_table(inputs, targets, row_names, feature_names, class_names)
        check_classes(table, 2)
        self._figure = BinaryFigure()
        self._rows: BinaryRows | None = None
        super().__init__(
            "binary output",
            unknown,
            model,
            table,
            self._figure.canvas,
            words.RESULTS,
            sample=sample,
            seed=seed,
            training=training,
        )
        self.threshold = threshold

    @validate("threshold")
    def _valid_threshold(self, proposal: dict[str, Any]) -> float:
        if not 0 <= proposal["value"] <= 1:
            with self._told():
                raise BadValue(words.refuse_threshold(proposal["value"]))
        return float(proposal["value"])

    @observe("threshold")
    def _threshold_changed(self, _: Any) -> None:
        if not self._quiet:
            self._error = ""
            self._show()
            self._follow()
            self._show_message()

    def _more_controls(self) -> list[ipywidgets.Widget]:
        slider = self._slider(
            ipywidgets.FloatSlider, "Threshold", value=0.5, min=0, max=1, step=0.01
        )
        return [self._link(slider, "threshold", "fwd-threshold")]

    def _read(self, run: TableRun) -> str:
        rows = read_binary(run)
        if rows is None:
            return words.say_several(run.shape)
        self._rows = rows
        self._notes["output"] = "" if rows.ended else words.NO_SIGMOID
        self.set_trait("probabilities", tuple(rows.probabilities.tolist()))
        return ""

    def _show(self) -> None:
        if self._rows is None:
            return
        raw, chances = self._rows.raw, self._rows.probabilities
        decided = decide_binary(chances, self.threshold).int().tolist()
        self.set_trait("decisions", tuple(decided))
        x, y = sigmoid_curve(raw)
        drawing, rows, chosen = Drawing(), self.dataset.row_names, self.sample
        self._figure.draw(
            drawing,
            (x.numpy(), y.numpy()),
            (raw.numpy(), chances.numpy()),
            self.threshold,
            decided,
            rows=rows,
            chosen=chosen,
        )
        shown = list(zip(raw.tolist(), chances.tolist(), decided, strict=True))
        number, chance, decision = shown[chosen]
        self._plot.draw(drawing, words.label(rows[chosen], number, chance))
        self._show_table([words.cells(*row, self._name(row[2])) for row in shown])
        target = self._target(chosen)
        said = words.describe_row(
            rows[chosen],
            chance,
            self.threshold,
            decision,
            self._name(decision),
            None if target is None else (int(target), self._name(int(target))),
        )
        self._badge.value = badge.badge_html(*said)
