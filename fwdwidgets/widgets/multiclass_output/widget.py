"""One softmax output for each row: probabilities of several classes that sum to one."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
import traitlets
from torch import nn

from fwdwidgets import figures
from fwdwidgets.data import as_table, check_classes
from fwdwidgets.figures import badge
from fwdwidgets.networks import TableRun, classes_to_show, sum_tolerance
from fwdwidgets.widgets.shared import RowsWidget


class MulticlassOutput(RowsWidget):
    """Rows of numbers through a network with one output a class: each row sums to one.

    Example:
        >>> model = nn.Sequential(nn.Linear(6, 4), nn.Linear(4, 3), nn.Softmax(dim=-1))
        >>> fw.MulticlassOutput(model, fw.datasets.animals("class"))

    Args:
        model: an `nn.Module`, or a class or factory that makes one, with output `(N, classes)`.
            Where it does not end in a softmax, the softmax of its logits is taken along the
            classes, and the widget says so.
        inputs: `(N, F)` numbers, or a table such as `fw.datasets.animals("class")`.
        targets: a class index a row, or None.
        row_names: one a row.
        feature_names: one a column.
        class_names: one a class.
        sample: the chosen row.
        seed: what the weights are drawn under; None means the weights as given.
        training: run in train mode.

    Attributes:
        values: the inputs, a tuple of floats a row; set it, or edit the table.
        outputs: what the model returned, a tuple of floats a row; empty where it failed.
        probabilities: a tuple of floats a row.
        predictions: the likeliest class of each row; None where its output holds NaN.

    Raises:
        TypeError: model, inputs or a keyword is of the wrong kind.
        ValueError: inputs are no table, or names, targets, sample or seed do not do.
    """

    probabilities = traitlets.Tuple(read_only=True)
    predictions = traitlets.Tuple(read_only=True)

    def __init__(
        self,
        model: nn.Module | Callable[[], nn.Module],
        inputs: Any,
        targets: Any = None,
        *,
        row_names: Sequence[str] | None = None,
        feature_names: Sequence[str] | None = None,
        class_names: Sequence[str] | None = None,
        sample: int = 0,
        seed: int | None = None,
        training: bool = False,
        **unknown: Any,
    ) -> None:
        """See the class."""
        board = figures.Board()
        self._logits = figures.Matrix(board, "logits", "signed")
        self._chances = figures.Matrix(board, "softmax")
        canvas = board.canvas(
            {
                0: figures.View(600, [(0.2, 0.86, 0.63, 1), (0.2, 0.86, 0.04, 0.41)], {"r": 22}),
                640: figures.View(300, [(0.1, 0.43, 0.06, 1), (0.6, 0.93, 0.06, 1)]),
            }
        )
        super().__init__(
            "multi-class output",
            unknown,
            model,
            as_table(inputs, targets, row_names, feature_names, class_names),
            results=["sum", "prediction"],
            canvas=canvas,
            sample=sample,
            seed=seed,
            training=bool(training),
        )

    def _read(self, run: TableRun) -> str:
        assert run.output is not None, "a failure is told before"
        assert run.raw is not None, "there is an output"
        classes = run.output.shape[1]
        if classes < 2:
            return (
                f"The output has shape {tuple(run.output.shape)}: several classes need one output "
                "each. End the model in nn.Linear(..., classes), or use fw.BinaryOutput."
            )
        check_classes(self.dataset, classes)
        if run.last == "softmax":
            chances = run.output
        elif run.last == "log_softmax":
            chances = run.output.exp()
        else:
            chances = run.output.softmax(dim=-1)
        self.set_trait("probabilities", tuple(map(tuple, chances.tolist())))
        best = chances.argmax(dim=1).tolist()
        odd = chances.isnan().any(dim=1).tolist()
        pairs = zip(best, odd, strict=True)
        self.set_trait("predictions", tuple(None if bad else index for index, bad in pairs))
        self._drawn = run.raw.numpy(), chances.numpy()
        targets = [self._target(index) for index in range(len(chances))]
        labels = [None if target is None else int(target) for target in targets]
        self._shown = classes_to_show(labels, self.predictions, classes)
        self._notes["output"] = self._say_head(run.last, chances)
        self._notes["classes"] = self._say_columns(classes)
        return ""

    def _say_columns(self, classes: int) -> str:
        if len(self._shown) == classes:
            return ""
        return (
            f"Of {classes:,} classes, {len(self._shown)} are drawn that are a target or a "
            "prediction here; each sum is over all classes."
        )

    def _say_head(self, last: str, chances: torch.Tensor) -> str:
        if last == "sigmoid":
            return (
                "This model ends in a sigmoid: each class is decided for itself, and rows need "
                "not sum to one. Shown is the softmax of its output; use nn.Softmax(dim=-1)."
            )
        sums = chances.sum(dim=1)
        if last and bool(((sums - 1).abs() > sum_tolerance(self.trace.output)).any()):
            return (
                f"These rows do not sum to one (the first to {float(sums[0]):.4g}): the softmax "
                "runs along another axis than the classes. Use nn.Softmax(dim=-1)."
            )
        if last:
            return ""
        return (
            "This model ends without a softmax: its outputs are logits, and the softmax of each "
            "row is taken here. nn.CrossEntropyLoss wants the logits."
        )

    def _show(self) -> None:
        raw, chances = self._drawn
        classes = [self._name(index) for index in self._shown]
        rows = [
            f"▸ {name}" if index == self.sample else name
            for index, name in enumerate(self.dataset.row_names)
        ]
        finite = np.abs(raw[np.isfinite(raw)]).max(initial=0) or 1.0
        drawing = figures.Drawing()
        ends = (-float(finite), float(finite))
        self._logits.draw(
            drawing, raw[:, self._shown], ends, rows=rows, columns=classes, number=".3f"
        )
        self._logits.say(drawing, f"<b>logits</b> {tuple(raw.shape)}")
        shown = chances[:, self._shown]
        self._chances.draw(drawing, shown, (0.0, 1.0), rows=rows, columns=classes, number=".3f")
        self._chances.say(drawing, f"<b>softmax</b> {tuple(chances.shape)}, along each row")
        sums = chances.astype(np.float64).sum(axis=1)
        self._plot.draw(drawing, self._describe_row())
        self._show_table(
            [[f"{total:.4f}", self._describe_prediction(index)] for index, total in enumerate(sums)]
        )
        self._badge.value = self._row_badge()

    def _describe_prediction(self, index: int) -> str:
        prediction, target = self.predictions[index], self._target(index)
        if prediction is None:
            return "none: NaN"
        sign = "" if target is None else " ✓" if target == prediction else " ✗"
        return self._name(prediction) + sign

    def _describe_row(self) -> str:
        row, shares = self.dataset.row_names[self.sample], self.probabilities[self.sample]
        said = ", ".join(f"{self._name(i)} {shares[i]:.1%}" for i in self._shown)
        return f"{row}: {said}"

    def _row_badge(self) -> str:
        prediction, target = self.predictions[self.sample], self._target(self.sample)
        chance = 0.0 if prediction is None else self.probabilities[self.sample][prediction]
        label = None if target is None else int(target)
        names = self._name(prediction), self._name(label)
        return badge.answer_badge(prediction, label, *names, chance)
