"""One plain output a row: a value, with no activation after it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from torch import nn

from fwdwidgets import figures
from fwdwidgets.data import as_table
from fwdwidgets.figures import badge
from fwdwidgets.networks import TableRun
from fwdwidgets.widgets.shared import RowsWidget


class RegressionOutput(RowsWidget):
    """Rows of numbers through a network with one plain output: a value on a number line.

    Example:
        >>> model = nn.Sequential(nn.Linear(6, 4), nn.Linear(4, 1))
        >>> fw.RegressionOutput(model, fw.datasets.animals("weight"))

    Args:
        model: an `nn.Module`, or a class or factory that makes one, with output `(N, 1)`.
        inputs: `(N, F)` numbers, or a table such as `fw.datasets.animals("weight")`.
        targets: a number a row, or None.
        row_names: one a row.
        feature_names: one a column.
        sample: the chosen row.
        seed: what the weights are drawn under; None means the weights as given.
        training: run in train mode.

    Attributes:
        values: the inputs, a tuple of floats a row; set it, or edit the table.
        outputs: what the model returned, a tuple of one float a row; empty where it failed.

    Raises:
        TypeError: model, inputs or a keyword is of the wrong kind.
        ValueError: inputs are no table, or names, targets, sample or seed do not do.
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
        board = figures.Board()
        self._line = figures.NumberLine(board, "value")
        canvas = board.canvas({0: figures.View(190, [(0, 1, 0.1, 1)], {"l": 24, "r": 24})})
        self._outputs = np.empty(0, np.float32)
        super().__init__(
            "regression output",
            unknown,
            model,
            table,
            results=["value", *([] if table.targets is None else ["target", "error"])],
            canvas=canvas,
            sample=sample,
            seed=seed,
            training=bool(training),
        )

    def _read(self, run: TableRun) -> str:
        assert run.output is not None, "a failure is told before"
        if run.output.shape[1] != 1:
            return (
                f"The output has shape {tuple(run.output.shape)}: a regression has one value a "
                "row. End the model in nn.Linear(..., 1)."
            )
        self._notes["output"] = (
            f"This model ends in {run.last}: its values stay between 0 and 1. For a regression "
            "nothing comes after the last layer."
            if run.last in ("sigmoid", "softmax")
            else ""
        )
        self._outputs = run.output[:, 0].numpy()
        return ""

    def _show(self) -> None:
        values, names = self._outputs, self.dataset.row_names
        targets = self.dataset.targets
        drawing = figures.Drawing()
        truth = None if targets is None else np.array(targets, dtype=np.float64)
        self._line.draw(drawing, values, names, self.sample, truth)
        row, value = names[self.sample], float(values[self.sample])
        self._plot.draw(drawing, f"{row}: {value:.6g}, on a line with the other rows")
        texts = [[f"{value:.4f}"] for value in values]
        if targets is not None:
            for text, output, target in zip(texts, values, targets, strict=True):
                text += [f"{target:.6g}", f"{float(output) - target:+.4g}"]
        self._show_table(texts)
        target = self._target(self.sample)
        detail = "" if target is None else f"target {target:.6g}, error {value - target:+.4g}"
        self._badge.value = badge.badge_html("neutral", f"{row}: {value:.6g}", detail)
