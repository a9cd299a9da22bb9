"""One plain output per row: a value, with no activation after it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from torch import Tensor, nn

from fwdwidgets.data import as_table
from fwdwidgets.figures import Drawing, badge
from fwdwidgets.networks import TableRun
from fwdwidgets.widgets.regression_output import words
from fwdwidgets.widgets.regression_output.compute import errors, read_regression
from fwdwidgets.widgets.regression_output.figure import RegressionFigure
from fwdwidgets.widgets.shared import RowsWidget


class RegressionOutput(RowsWidget):
    """Rows of numbers through a network with one plain output: a value on a number line.

    Example:
        >>> model = nn.Sequential(nn.Linear(6, 4), nn.Linear(4, 1))
        >>> fw.RegressionOutput(model, fw.datasets.animals("weight"))

    Args:
        model: an `nn.Module`, or a class or factory that makes one, with output `(N, 1)`.
        inputs: `(N, F)` numbers, or a table such as `fw.datasets.animals("weight")`.
        targets: a number for each row, or None.
        row_names: one per row.
        feature_names: one per column.
        sample: the chosen row.
        seed: the seed of the random weights; None means the weights as given.
        training: run in train mode.

    Attributes:
        values: the inputs, one tuple of floats per row; set it, or edit the table.
        outputs: what the model returned, one tuple of one float per row; empty if it failed.

    Raises:
        TypeError: model, inputs or a keyword is of the wrong kind.
        ValueError: the inputs are not a table, or names, targets, sample or seed cannot be used.
    """

    def __init__(
        self,
        model: nn.Module | Callable[[], nn.Module],
        inputs: Any,
        targets: Any = None,
        *,
        row_names: Sequence[str] | None = None,
        feature_names: Sequence[str] | None = None,
        sample: int = 0,
        seed: int | None = None,
        training: bool = False,
        **unknown: Any,
    ) -> None:
        """See the class."""
        table = as_table(inputs, targets, row_names, feature_names)
        table.classes = None
        self._figure = RegressionFigure()
        self._rows: Tensor
        super().__init__(
            "regression output",
            unknown,
            model,
            table,
            self._figure.canvas,
            words.VALUE if table.targets is None else words.VALUE_AND_ERROR,
            sample=sample,
            seed=seed,
            training=training,
        )

    def _read(self, run: TableRun) -> str:
        rows = read_regression(run)
        if rows is None:
            return words.say_several(run.shape)
        self._rows = rows
        self._notes["output"] = words.say_bounded(run.last)
        return ""

    def _show(self) -> None:
        values, targets = self._rows, self.dataset.targets
        names, chosen = self.dataset.row_names, self.sample
        truths: list[tuple[float, float] | None] = [None] * len(values)
        if targets is not None:
            truths = list(zip(targets, errors(values, targets).tolist(), strict=True))
        drawing = Drawing()
        true = None if targets is None else np.array(targets, dtype=np.float64)
        self._figure.line.draw(drawing, values.numpy(), names, chosen, true)
        value = float(values[chosen])
        self._plot.draw(drawing, words.label(names[chosen], value))
        each = zip(values.tolist(), truths, strict=True)
        self._show_table([words.cells(number, truth) for number, truth in each])
        said = words.describe_row(names[chosen], value, truths[chosen])
        self._badge.value = badge.badge_html(*said)
