"""One sigmoid output: a probability a row, decided by a threshold."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import ipywidgets
import numpy as np
import traitlets
from torch import Tensor, nn
from traitlets import observe, validate

from fwdwidgets import figures
from fwdwidgets.data import as_table, check_classes
from fwdwidgets.figures import badge
from fwdwidgets.networks import TableRun
from fwdwidgets.widgets.binary_output.compute import decide_binary
from fwdwidgets.widgets.shared import BadValue, Number, RowsWidget


class BinaryOutput(RowsWidget):
    """Rows of numbers through a network with one output: yes or no, by a threshold.

    Example:
        >>> model = nn.Sequential(nn.Linear(6, 4), nn.Linear(4, 1), nn.Sigmoid())
        >>> fw.BinaryOutput(model, fw.datasets.animals())

    Args:
        model: an `nn.Module`, or a class or factory that makes one, with output `(N, 1)`. Where it
            does not end in a sigmoid, its output is taken for the raw number, as
            `nn.BCEWithLogitsLoss` does, and the widget says so.
        inputs: `(N, F)` numbers, or a table such as `fw.datasets.animals()`; they are copied.
        targets: 0 or 1 a row, or None.
        row_names: one a row.
        feature_names: one a column.
        class_names: of class 0 and class 1.
        threshold: 0 to 1; a probability of at least this is class 1.
        sample: the chosen row.
        seed: what the weights are drawn under; None means the weights as given.
        training: run in train mode.

    Attributes:
        values: the inputs, a tuple of floats a row; set it, or edit the table.
        outputs: what the model returned, a tuple of floats a row; empty where it failed.
        probabilities: of class 1, one float a row.
        decisions: the class of each row, 0 or 1.

    Raises:
        TypeError: model, inputs or a keyword is of the wrong kind.
        ValueError: inputs are no table, or names, targets, threshold, sample or seed do not do.
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
        board = figures.Board()
        self._curve = figures.Lines(board, ["sigmoid", "threshold"], x="raw number", y="sigmoid")
        self._bars = figures.NamedBars(board, "probability")
        canvas = board.canvas(
            {
                0: figures.View(500, [(0.1, 1, 0.6, 1), (0.3, 0.86, 0, 0.36)], {"b": 30}),
                640: figures.View(300, [(0.04, 0.48, 0.06, 1), (0.66, 0.92, 0, 1)]),
            }
        )
        self._raw = self._chances = np.empty(0, np.float32)
        super().__init__(
            "binary output",
            unknown,
            model,
            table,
            results=["raw number", "sigmoid", "decision"],
            canvas=canvas,
            sample=sample,
            seed=seed,
            training=bool(training),
        )
        self.threshold = threshold

    @validate("threshold")
    def _valid_threshold(self, proposal: dict[str, Any]) -> float:
        if not 0 <= proposal["value"] <= 1:
            with self._told():
                raise BadValue(
                    f"threshold={proposal['value']!r} is out of range: a probability is compared "
                    "with it, so choose a number from 0 to 1."
                )
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
        assert run.output is not None, "a failure is told before"
        if run.output.shape[1] != 1:
            return (
                f"The output has shape {tuple(run.output.shape)}: a binary output is one number a "
                "row. End the model in nn.Linear(..., 1) and nn.Sigmoid(), or use "
                "fw.MulticlassOutput."
            )
        assert run.raw is not None, "there is an output"
        chances: Tensor = run.output if run.last == "sigmoid" else run.output.sigmoid()
        self._notes["output"] = (
            ""
            if run.last == "sigmoid"
            else "This model does not end in a sigmoid: its output is the raw number, and the "
            "sigmoid of it is taken here, as nn.BCEWithLogitsLoss does."
        )
        self._raw, self._chances = run.raw[:, 0].numpy(), chances[:, 0].numpy()
        self.set_trait("probabilities", tuple(self._chances.tolist()))
        return ""

    def _show(self) -> None:
        if not len(self._chances):
            return
        chances, raw, chosen = self._chances, self._raw, self.sample
        decided = decide_binary(_tensor(chances), self.threshold).int().tolist()
        self.set_trait("decisions", tuple(decided))
        names = [self._name(index) for index in decided]
        drawing = figures.Drawing()
        finite = raw[np.isfinite(raw)]
        reach = float(max(4.0, np.abs(finite).max(initial=0) * 1.1))
        x = np.linspace(-reach, reach, 81, dtype=np.float32)
        level = np.full(2, self.threshold, np.float32)
        self._curve.draw(
            drawing,
            [(x, _tensor(x).sigmoid().numpy()), (x[[0, -1]], level)],
            points=(raw, chances),
            texts=self.dataset.row_names,
            chosen=chosen,
            x_range=(-reach, reach),
            y_range=(-0.04, 1.04),
        )
        self._curve.say(drawing, "<b>sigmoid</b> 1 / (1 + e<sup>-x</sup>)")
        self._bars.draw(
            drawing,
            self.dataset.row_names,
            chances,
            (0, 1),
            texts=[f"{chance:.4f}" for chance in chances],
            signs=["▸" if index else "" for index in decided],
            colors=[figures.PREDICTED if index else figures.OTHER for index in decided],
        )
        self._bars.say(drawing, f"<b>probability</b> ▸ at least {self.threshold:.4g}")
        row = self.dataset.row_names[chosen]
        self._plot.draw(drawing, f"{row}: sigmoid({raw[chosen]:.4g}) is {chances[chosen]:.4f}")
        self._show_table(
            [
                [f"{z:.4f}", f"{chance:.4f}", ("▸ " if index else "") + name]
                for z, chance, index, name in zip(raw, chances, decided, names, strict=True)
            ]
        )
        self._badge.value = self._describe_row(decided[chosen], float(chances[chosen]))

    def _describe_row(self, decision: int, chance: float) -> str:
        row = self.dataset.row_names[self.sample]
        if np.isnan(chance):
            return badge.badge_html("neutral", f"{row}: no answer, the output is NaN")
        sign = "≥" if decision else "<"
        detail = f"{chance:.4f} {sign} {self.threshold:.4g}"
        target = self._target(self.sample)
        if target is None:
            return badge.badge_html("neutral", f"{row}: {self._name(decision)}", detail)
        if target == decision:
            return badge.badge_html("correct", f"{row} correct: {self._name(decision)}", detail)
        text = f"{row} incorrect: {self._name(decision)}, really {self._name(int(target))}"
        return badge.badge_html("incorrect", text, detail)


def _tensor(values: np.ndarray) -> Tensor:
    return Tensor(values)
