"""One softmax output for each row: probabilities of several classes that sum to one."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import traitlets
from torch import nn

from fwdwidgets.data import as_table, check_classes
from fwdwidgets.figures import Drawing, badge
from fwdwidgets.networks import TableRun, classes_to_show
from fwdwidgets.widgets.multiclass_output import words
from fwdwidgets.widgets.multiclass_output.compute import (
    MulticlassRows,
    logits_ends,
    read_multiclass,
)
from fwdwidgets.widgets.multiclass_output.figure import MulticlassFigure
from fwdwidgets.widgets.shared import RowsWidget


class MulticlassOutput(RowsWidget):
    """Rows of numbers through a network with one output per class: each row sums to one.

    Example:
        >>> model = nn.Sequential(nn.Linear(6, 4), nn.Linear(4, 3), nn.Softmax(dim=-1))
        >>> fw.MulticlassOutput(model, fw.datasets.animals("class"))

    Args:
        model: an `nn.Module`, or a class or factory that makes one, with output `(N, classes)`.
            If it does not end in a softmax, the softmax of its logits is taken along the
            classes, and the widget says so.
        inputs: `(N, F)` numbers, or a table such as `fw.datasets.animals("class")`.
        targets: a class index for each row, or None.
        row_names: one per row.
        feature_names: one per column.
        class_names: one per class.
        sample: the chosen row.
        seed: the seed of the random weights; None means the weights as given.
        training: run in train mode.

    Attributes:
        values: the inputs, one tuple of floats per row; set it, or edit the table.
        outputs: what the model returned, one tuple of floats per row; empty if it failed.
        probabilities: one tuple of floats per row.
        predictions: the likeliest class of each row; None if its output holds NaN.

    Raises:
        TypeError: model, inputs or a keyword is of the wrong kind.
        ValueError: the inputs are not a table, or names, targets, sample or seed cannot be used.
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
        self._figure = MulticlassFigure()
        self._rows: MulticlassRows
        super().__init__(
            "multi-class output",
            unknown,
            model,
            as_table(inputs, targets, row_names, feature_names, class_names),
            self._figure.canvas,
            words.RESULTS,
            sample=sample,
            seed=seed,
            training=training,
        )

    def _read(self, run: TableRun) -> str:
        rows = read_multiclass(run)
        if rows is None:
            return words.say_single(run.shape)
        count, classes = rows.probabilities.shape
        check_classes(self.dataset, classes)
        self._rows = rows
        self.set_trait("probabilities", tuple(map(tuple, rows.probabilities.tolist())))
        self.set_trait("predictions", rows.predictions)
        self._labels = [self._label(index) for index in range(count)]
        self._shown = classes_to_show(self._labels, rows.predictions, classes)
        self._notes["output"] = words.say_head(run.last, rows.odd_sum)
        self._notes["classes"] = words.say_columns(len(self._shown), classes)
        return ""

    def _show(self) -> None:
        logits, chances = self._rows.logits, self._rows.probabilities
        names, chosen = self.dataset.row_names, self.sample
        columns = [self._name(index) for index in self._shown]
        drawing = Drawing()
        self._figure.draw(
            drawing,
            logits.numpy(),
            logits_ends(logits),
            chances.numpy(),
            self._shown,
            rows=[f"▸ {name}" if i == chosen else name for i, name in enumerate(names)],
            columns=columns,
        )
        shares = self.probabilities[chosen]
        shown = zip(columns, [shares[index] for index in self._shown], strict=True)
        self._plot.draw(drawing, words.label(names[chosen], list(shown)))
        each = zip(self._rows.sums.tolist(), self.predictions, self._labels, strict=True)
        self._show_table([words.cells(total, *self._judge(p, label)) for total, p, label in each])
        self._badge.value = self._describe_row(self.predictions[chosen], self._labels[chosen])

    def _judge(self, prediction: int | None, label: int | None) -> tuple[str | None, bool | None]:
        """The name of a predicted class, and whether it is the target; None where unknown."""
        name = None if prediction is None else self._name(prediction)
        return name, None if label is None else prediction == label

    def _label(self, index: int) -> int | None:
        target = self._target(index)
        return None if target is None else int(target)

    def _describe_row(self, prediction: int | None, label: int | None) -> str:
        chance = 0.0 if prediction is None else self.probabilities[self.sample][prediction]
        names = self._name(prediction), self._name(label)
        return badge.answer_badge(prediction, label, *names, chance)
