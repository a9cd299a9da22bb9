"""`BatchForward`: many samples in one forward pass, a row for each of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import traitlets
from torch import nn
from traitlets import observe, validate

from fwdwidgets.advice import explain_nonfinite
from fwdwidgets.trace import ForwardTrace
from fwdwidgets.widgets.batch_forward import words
from fwdwidgets.widgets.batch_forward.badges import alone_badge, answer_badge
from fwdwidgets.widgets.batch_forward.compute import BatchRun, look_at, run_batch
from fwdwidgets.widgets.batch_forward.controls import MAX_SIZE, BatchSliders
from fwdwidgets.widgets.batch_forward.draw import Picture, Shown
from fwdwidgets.widgets.batch_forward.results import Results
from fwdwidgets.widgets.shared import (
    BadValue,
    Index,
    StepTable,
    WeightedWidget,
    check_index,
    html,
    row,
)


class BatchForward(WeightedWidget):
    """A batch through a network: the first axis counts the samples, and each has its row.

    `start` and `size` choose the batch as a `DataLoader` without shuffling cuts it; where the
    dataset ends, the batch is shorter. One row is chosen, by `row` or by `sample`: a sample
    outside the batch turns to the batch that holds it, so that `sample` can be linked:
    `traitlets.link((batch, "sample"), (forward_pass, "sample"))`. The chosen sample also runs
    alone, and the widget tells whether it gets the same row.

    Example:
        >>> fw.BatchForward(MyNetwork(), [(image, 3), (other, 7)], size=2)

    Args:
        model: an `nn.Module`, or a class or factory that makes one without arguments.
        dataset: any indexable object of `(input, label)` pairs; `(input, None)` has no label.
        class_names: one name per class; by default `dataset.classes`.
        start: index of the first sample of the batch.
        size: how many samples, 1 to 32.
        sample: index of the chosen sample; None means the first of the batch.
        seed: the seed of the random weights; None means the weights as given, of a class or
            factory seed 0.
        training: run in train mode, dropout with a fixed seed; by default in eval mode.
            The model is put back as it was either way.
        checkpoints: weights by epoch, from `fw.train`, or a list of state dicts: then an epoch
            is chosen instead of a seed.
        epoch: index into the checkpoints; None means the first.

    Attributes:
        row: the chosen row of the batch: `sample - start`.
        labels: the true class of each row, None without a label.
        predictions: the predicted class of each row, None where there is none.
        probabilities: one tuple per row, one float per class.
        accuracy: the share of right answers among rows with a label, 0 to 1; None without any.

    Raises:
        TypeError: model, dataset or a keyword is of the wrong kind.
        ValueError: the dataset is empty, or start, size, sample, row or seed is not one that
            there is. What the model does with a batch never raises here, nor do samples of
            different shapes: the widget says it in a sentence.
    """

    start = Index(0)
    size = Index(8)
    row = Index(0)
    labels = traitlets.Tuple(read_only=True)
    predictions = traitlets.Tuple(read_only=True)
    probabilities = traitlets.Tuple(read_only=True)
    accuracy = traitlets.Float(None, allow_none=True, read_only=True)

    def __init__(
        self,
        model: nn.Module | Callable[[], nn.Module],
        dataset: Any,
        *,
        class_names: Sequence[str] | None = None,
        start: int = 0,
        size: int = 8,
        sample: int | None = None,
        seed: int | None = None,
        training: bool = False,
        checkpoints: Sequence[Any] | None = None,
        epoch: int | None = None,
        **unknown: Any,
    ) -> None:
        """See the class."""
        title, given = "batch through a network", (model, dataset, class_names)
        super().__init__(title, unknown, *given, training=bool(training), checkpoints=checkpoints)
        self._picture = Picture()
        self._plot = self._picture.plot
        self._plot.on_click(self._clicked)
        self._table = StepTable(choosable=False)
        self._status, self._badge = html("fwd-status"), html("fwd-badge")
        self._alone = html("fwd-badge", "fwd-alone")
        self._run: BatchRun | None = None
        self._failure = ""
        self._results = Results()
        self._ran: tuple[Any, ...] = ()  # the state that `_run` is of
        self.start, self.size = start, size
        self._begin(start if sample is None else sample, seed, epoch)
        self._place()
        self._build_controls()
        self._quiet = False
        error = self._rerun_batch()
        if self._classes is not None and isinstance(error, ValueError):
            raise error  # the model answers: a label is no class, or class names are too few

    @property
    def trace(self) -> ForwardTrace | None:
        """The recorded forward pass of the batch; None where the batch could not be run."""
        return self._run.trace if self._run else None

    # --- state --------------------------------------------------------------------------------

    @validate("start")
    def _valid_start(self, proposal: dict[str, Any]) -> int:
        has = f"this dataset has {self._length:,} samples"
        with self._told():
            return check_index("start", proposal["value"], self._length, has)

    @validate("size")
    def _valid_size(self, proposal: dict[str, Any]) -> int:
        size: int = proposal["value"]
        if not 1 <= size <= MAX_SIZE:
            with self._told():
                raise BadValue(
                    f"size={size} is out of range: choose 1 to {MAX_SIZE}, so that each row can "
                    "be read."
                )
        return size

    @validate("row")
    def _valid_row(self, proposal: dict[str, Any]) -> int:
        index: int = proposal["value"]
        if self._quiet:
            return index
        count = self._count()
        with self._told():
            return check_index("row", index, count, f"this batch has {count} rows")

    def _count(self) -> int:
        """How many samples the batch has: fewer than `size` where the dataset ends."""
        return int(min(self.size, self._length - self.start))

    @observe("start", "size", "row")
    def _batch_changed(self, _: Any) -> None:
        """Keep the row where there is one, and take the sample that stands there now."""
        if self._quiet:
            return
        with self._quietly():
            self.row = min(self.row, self._count() - 1)
            self.sample = self.start + self.row
        self._rerun()

    def _place(self) -> None:
        """Turn to the batch that holds the sample."""
        with self._quietly():
            if not 0 <= self.sample - self.start < self.size:
                self.start = max(0, self.sample - (self.sample - self.start) % self.size)
            self.row = self.sample - self.start

    def _rerun(self) -> None:
        self._place()
        error = self._rerun_batch()
        if error is not None:
            raise error

    def _rerun_batch(self) -> Exception | None:
        """Run the batch where it is another one, else the chosen row alone; show it."""
        state = self.start, self.size, self.seed, self.epoch
        error: Exception | None = None
        if state == self._ran and self._run is not None:
            self._run = look_at(self._forward, self._run, self.row)
            self._show(new=False)
            return None
        try:
            samples = [self._load(self.start + index) for index in range(self._count())]
            run = run_batch(self._forward, samples, self.row)
            results = Results(run.answers, [sample.label for sample in samples])
            if results.classes:
                self._classes = results.classes
                for sample in samples:
                    self._check_sample(sample)
            error = run.trace.error if run.trace else None
            self._run, self._results, self._failure = run, results, run.failure
        except (ValueError, TypeError, RuntimeError) as raised:
            self._run, self._results, self._failure = None, Results(), str(raised)
            error = raised
        self._ran = state
        self._show(new=True)
        return error

    # --- draw ---------------------------------------------------------------------------------

    def _show(self, *, new: bool) -> None:
        """Show a new batch, or another row of the one that there is."""
        results, run, weights = self._results, self._run, self._describe_weights()
        answers, count = results.answers, self._count()
        choice = words.describe_batch(self.start, count, self._length, weights)
        if new:
            for name, value in results.as_traits().items():
                self.set_trait(name, value)
        self._error = self._failure
        if run is not None and answers:
            shown = Shown(self.start, run.inputs, results, self._name, choice)
            self._picture.draw(shown, self.row, new=new)
        else:
            self._picture.keep()
        self._notes |= {
            "data": getattr(self.dataset, "notice", ""),
            "old": "" if answers else words.old_picture(self._picture.shows),
            "output": answers[self.row].note if answers else "",
            "classes": words.describe_columns(results.classes, self._picture.columns),
        }
        if new:
            self._show_steps()
        self._badge.value = answer_badge(results, self.row, self._name)
        self._alone.value = alone_badge(run.alone if run else None)
        self._status.value = words.describe_run(
            choice, results.signs, training=self._forward.training
        )
        with self._quietly():
            self._sliders.show_rows(count)
        self._follow_weights()
        self._follow()
        self._show_message()

    def _show_steps(self) -> None:
        """Show the steps of a new batch, and which of them gave NaN or infinity first."""
        self._notes["finite"] = ""
        if self._run is None or self._run.trace is None:
            return
        trace = self._run.trace
        self._notes["finite"] = explain_nonfinite(trace, self._run.inputs)
        shapes = [step.shape for step in trace if step.shape is not None]
        self._table.show(trace, caption=words.describe_axis(shapes, self._count()))

    # --- controls -----------------------------------------------------------------------------

    def _build_controls(self) -> None:
        link, button = self._link, self._button
        self._sliders = BatchSliders(self.start, self.size, self.row, self._length)
        weights = self._weights_controls()
        self.children = [
            row(
                link(self._sliders.start, "start", "fwd-start"),
                button("◂ batch", "the batch before this one", self.previous_batch),
                button("batch ▸", "the batch after this one", self.next_batch),
            ),
            row(
                link(self._sliders.size, "size", "fwd-size"),
                link(self._sliders.row, "row", "fwd-chosen-row"),
            ),
            row(*weights),
            self._status,
            row(self._badge, self._alone),
            self._plot,
            self._message,
            self._table,
            self._frame,
        ]
        self._keep()

    def next_batch(self) -> None:
        """Go to the batch after this one; after the last there is none."""
        if self.start + self.size < self._length:
            self.start = self.start + self.size

    def previous_batch(self) -> None:
        """Go to the batch before this one; the first begins at 0."""
        self.start = max(0, self.start - self.size)

    def _clicked(self, trace: int, x: float, y: float) -> None:
        """Choose the row, or the picture, that was clicked."""
        index = self._picture.row_at(trace, x, y)
        if self._results.answers and index is not None and 0 <= index < self._count():
            with self._from_page():
                self.row = index
