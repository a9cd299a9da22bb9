"""`StepThrough`: the source of `forward`, one expression after the other, as it ran."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import traitlets
from torch import Tensor, nn
from traitlets import observe, validate

from fwdwidgets.advice import explain_failure, explain_nonfinite
from fwdwidgets.data import batch_of_one
from fwdwidgets.trace import ForwardTrace, Listing
from fwdwidgets.widgets.shared import (
    BadValue,
    Index,
    NameOrIndex,
    StepTable,
    WeightedWidget,
    check_index,
    html,
    nearest_step,
    row,
)
from fwdwidgets.widgets.step_through import words
from fwdwidgets.widgets.step_through.compute import Look, find_operands
from fwdwidgets.widgets.step_through.controls import StepControls
from fwdwidgets.widgets.step_through.draw import Picture
from fwdwidgets.widgets.step_through.source import Source


class StepThrough(WeightedWidget):
    """The source of a forward pass, step by step: what each expression took, gave and changed.

    Example:
        >>> fw.StepThrough(MyNetwork(), [(image, 3), (other, 7)])

    Args:
        model: an `nn.Module`, or a class or factory that makes one without arguments.
        dataset: any indexable object of `(input, label)` pairs; `(input, None)` has no label.
        class_names: one name per class; by default `dataset.classes`.
        sample: index into the dataset.
        seed: the seed of the random weights; None means the weights as given, of a class or
            factory seed 0.
        step: the name of a step, or its index; None means the first.
        training: run in train mode, dropout with a fixed seed; by default in eval mode.
            The model is put back as it was either way.
        checkpoints: weights by epoch, from `fw.train`, or a list of state dicts: then an epoch
            is chosen instead of a seed.
        epoch: index into the checkpoints; None means the first.

    Attributes:
        operand: which of the tensors that the step took is shown, from 0.
        page: which page of a value that is too large for one picture, from 0.
        changed: how many values the step changed; None where its shapes differ.
        zeroed: how many values it set to zero; None where its shapes differ.

    Raises:
        TypeError: model, dataset or a keyword is of the wrong kind.
        ValueError: the dataset is empty, or sample, seed or step is not one that there is. What
            the model does with a valid sample never raises here: the widget says it in a
            sentence, and shows the steps up to there.
    """

    step = NameOrIndex(default_value=None, allow_none=True)
    operand = Index(0)
    page = Index(0)
    changed = traitlets.Int(None, allow_none=True, read_only=True)
    zeroed = traitlets.Int(None, allow_none=True, read_only=True)

    def __init__(
        self,
        model: nn.Module | Callable[[], nn.Module],
        dataset: Any,
        *,
        class_names: Sequence[str] | None = None,
        sample: int = 0,
        seed: int | None = None,
        step: str | int | None = None,
        training: bool = False,
        checkpoints: Sequence[Any] | None = None,
        epoch: int | None = None,
        **unknown: Any,
    ) -> None:
        """See the class."""
        title, given = "forward pass step by step", (model, dataset, class_names)
        super().__init__(title, unknown, *given, training=bool(training), checkpoints=checkpoints)
        self._source = Source()
        self._forward.tracer = self._source.tracer
        self._picture = Picture()
        self._plot = self._picture.plot
        self._table = StepTable()
        self._happened, self._status = html("fwd-happened"), html("fwd-status")
        self._trace: ForwardTrace
        self._batch: Tensor
        self._look: Look | None = None
        self._begin(sample, seed, epoch)
        self._run_network()
        self._build_controls()
        self.step = step if step is not None or not self._names_of_steps else 0
        self._quiet = False
        self._show_run()

    @property
    def trace(self) -> ForwardTrace:
        """The recorded forward pass of the current sample and weights."""
        return self._trace

    @property
    def listing(self) -> Listing | None:
        """The shown source, line by line: what ran, how often; None without any step."""
        return self._source.listing

    @property
    def _names_of_steps(self) -> list[str]:
        return [step.name for step in self.trace]

    @property
    def _index(self) -> int | None:
        names = self._names_of_steps
        return names.index(self.step) if self.step in names else None

    # --- state --------------------------------------------------------------------------------

    @validate("step")
    def _valid_step(self, proposal: dict[str, Any]) -> str:
        value, names = proposal["value"], self._names_of_steps
        if isinstance(value, str) and value in names:
            return value
        if isinstance(value, int) and 0 <= value < len(names):
            return names[value]
        with self._told():
            raise BadValue(words.no_step(value, names))

    @validate("operand")
    def _valid_operand(self, proposal: dict[str, Any]) -> int:
        count = len(self._look.operands) if self._look else 0
        return self._within("operand", proposal["value"], max(1, count), "input")

    @validate("page")
    def _valid_page(self, proposal: dict[str, Any]) -> int:
        pages = self._look.pages if self._look else 1
        return self._within("page", proposal["value"], pages, "page")

    def _within(self, trait: str, value: int, count: int, what: str) -> int:
        has = f"this step has {count} {what}{'' if count == 1 else 's'}"
        with self._told():
            return check_index(trait, value, count, has)

    def _rerun(self) -> None:
        self._run_network()
        self._show_run()
        if self.trace.error is not None:
            raise self.trace.error

    def _run_network(self) -> None:
        assert self._forward.network is not None, "_begin chooses the weights"
        self._batch = batch_of_one(self._sample.input, self._forward.network)
        self._trace = self._forward.trace(self._batch)

    @observe("step")
    def _step_changed(self, _: Any) -> None:
        if not self._quiet:
            self._notes["kept"] = ""
            self._show_step()

    @observe("operand")
    def _operand_changed(self, _: Any) -> None:
        if not self._quiet:
            if self._look is not None:
                self._look = replace(self._look, chosen=self.operand)
            with self._quietly():
                self.page = 0
            self._draw()

    @observe("page")
    def _page_changed(self, _: Any) -> None:
        if not self._quiet:
            self._draw()

    def next_step(self) -> None:
        """Go on to the next step; at the last one, stay."""
        if self._index is not None and self._index + 1 < len(self.trace):
            self.step = self._index + 1

    def previous_step(self) -> None:
        """Go back to the previous step; at the first one, stay."""
        if self._index:
            self.step = self._index - 1

    # --- draw ---------------------------------------------------------------------------------

    def _show_run(self) -> None:
        """Show a new trace: the steps that there are, the chosen one, sentences."""
        trace = self.trace
        self._error = explain_failure(trace)
        self._notes |= {
            "kept": self._keep_step(),
            "data": getattr(self.dataset, "notice", ""),
            "none": "" if len(trace) else "This forward pass has no PyTorch operation to show.",
            "finite": "",
        }
        self._show_step()
        # The picture is on its way; what follows takes its time.
        finite = explain_nonfinite(trace, self._batch)
        label = self._sample.class_index
        sample = f"sample {self.sample}" + (f" ({self._name(label)})" if label is not None else "")
        self._status.value = words.describe_run(
            sample, self._length, self._describe_weights(), training=self._forward.training
        )
        self._tell(finite=finite)

    def _keep_step(self) -> str:
        """Keep the chosen step; where this path lacks it, take the nearest earlier one.

        Returns:
            A sentence when the step was not kept, else an empty text.
        """
        names, before, told = self._names_of_steps, self._controls.names, ""
        with self._quietly():
            if names and self.step is None:
                self.step = names[0]
            elif names:
                self.step, told = nearest_step(self.step, before, names, self.sample)
            self._controls.show_steps(names)
        return told

    def _show_step(self) -> None:
        """Show the chosen step: its line, what it took, gave and changed."""
        index, trace = self._index, self.trace
        self._look = None
        if index is not None:
            self._look = Look(trace, index, find_operands(trace, index, self._batch))
        with self._quietly():
            self.operand = self.page = 0
        self._draw()
        with self._quietly():
            operands = self._look.operands if self._look else ()
            self._controls.show_step(index, len(trace), operands)
        self._table.show(trace, self.step or "")
        self._follow_weights()

    def _draw(self) -> None:
        """Draw the chosen operand, the output and the difference, and say what happened."""
        look = self._look
        change = look.change if look else None
        self.set_trait("changed", change.changed if change else None)
        self.set_trait("zeroed", change.zeroed if change else None)
        self._picture.draw(look, self.page)
        self._source.show(self._forward.network, self.trace, self._index)
        with self._quietly():
            self._controls.show_pages(look.pages if look else 1)
        told = words.describe_step(look) + words.describe_path(self.listing) if look else []
        self._happened.value = "".join(f"<div>{sentence}</div>" for sentence in told)
        self._follow()
        self._show_message()

    # --- controls -----------------------------------------------------------------------------

    def _build_controls(self) -> None:
        link = self._link
        samples, weights = self._sample_slider(), self._weights_controls()
        self._controls = controls = StepControls(
            self._names_of_steps,
            self._button("◂ previous", "previous step", self.previous_step),
            self._button("next ▸", "next step", self.next_step),
        )
        controls.play.observe(self._played, names="value")
        self._choosers[controls.play] = "step"
        self._leave_to_page(controls.previous, "fwd-previous-step")
        self._leave_to_page(controls.next, "fwd-next-step")
        self._choose_by(self._table, "step")
        step = link(controls.step, "step", "fwd-step")
        self.children = [
            row(samples, *weights),
            row(step, controls.previous, controls.next, controls.play),
            self._status,
            self._source,
            self._happened,
            row(link(controls.operand, "operand", "fwd-operand")),
            row(link(controls.page, "page", "fwd-page")),
            self._plot,
            self._message,
            self._table,
            self._frame,
        ]
        self._keep()

    def _played(self, change: dict[str, Any]) -> None:
        if not self._quiet and change["new"] < len(self.trace):
            with self._from_page():
                self.step = change["new"]
