"""`StepThrough`: the source of `forward`, one expression after the other, as it ran."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import ipywidgets
import traitlets
from torch import Tensor, nn
from traitlets import observe, validate

from fwdwidgets import figures
from fwdwidgets.advice import explain_failure, explain_nonfinite
from fwdwidgets.data import batch_of_one
from fwdwidgets.trace import ForwardTrace, LineWatch, Listing, Step, Tracer, read_source
from fwdwidgets.widgets.shared import (
    BadValue,
    Index,
    NameOrIndex,
    Plot,
    StepTable,
    WeightedWidget,
    check_index,
    html,
    nearest_step,
    row,
)
from fwdwidgets.widgets.step_through import words
from fwdwidgets.widgets.step_through.compute import (
    Change,
    Operand,
    compare,
    find_operands,
    short_row,
    weight_shapes,
)
from fwdwidgets.widgets.step_through.draw import Shown, count_pages, draw_step
from fwdwidgets.widgets.step_through.figure import StepFigure
from fwdwidgets.widgets.step_through.listing import listing_html

PLAY_MS = 1_500
"""How long each step is shown while playing."""


class StepThrough(WeightedWidget):
    """The source of a forward pass, step by step: what each expression took, gave and changed.

    Example:
        >>> fw.StepThrough(MyNetwork(), [(image, 3), (other, 7)])

    Args:
        model: an `nn.Module`, or a class or factory that makes one without arguments.
        dataset: anything indexable of `(input, label)`; `(input, None)` has no label.
        class_names: one name a class; by default `dataset.classes`.
        sample: index into the dataset.
        seed: the seed of the random weights; None means the weights as given, of a class or
            factory seed 0.
        step: the name of a step, or its index; None means the first.
        training: run in train mode, dropout with a fixed seed; by default in eval mode.
            The model is put back as it was either way.
        checkpoints: weights by epoch, from `fw.train`, or a list of state dicts: then an epoch
            is chosen in place of a seed.
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
        self._watch = LineWatch()
        self._forward.tracer = Tracer(watch=self._watch)
        self._figure = StepFigure()
        self._plot = Plot(self._figure.canvas, "one step")
        self._table = StepTable()
        self._code, self._happened = html("fwd-source"), html("fwd-happened")
        self._status = html("fwd-status")
        self._trace: ForwardTrace | None = None
        self._batch: Tensor | None = None
        self._listing: Listing | None = None
        self._operands: tuple[Operand, ...] = ()
        self._known: list[str] = []  # the steps that the slider has
        self._begin(sample, seed, epoch)
        self._run_network()
        self._build_controls()
        self.step = step if step is not None or not self._names_of_steps else 0
        self._quiet = False
        self._show_run()

    @property
    def trace(self) -> ForwardTrace:
        """The recorded forward pass of the current sample and weights."""
        assert self._trace is not None, "the constructor runs the network"
        return self._trace

    @property
    def listing(self) -> Listing | None:
        """The shown source, line by line: what ran, how often; None without any step."""
        return self._listing

    @property
    def _names_of_steps(self) -> list[str]:
        return [step.name for step in self.trace]

    @property
    def _index(self) -> int | None:
        names = self._names_of_steps
        return names.index(self.step) if self.step in names else None

    @property
    def _chosen(self) -> Step | None:
        index = self._index
        return None if index is None else self.trace.steps[index]

    @property
    def _operand(self) -> Operand | None:
        return self._operands[self.operand] if self._operands else None

    # --- state --------------------------------------------------------------------------------

    @validate("step")
    def _valid_step(self, proposal: dict[str, Any]) -> str:
        value, names = proposal["value"], self._names_of_steps
        if isinstance(value, str) and value in names:
            return value
        if isinstance(value, int) and 0 <= value < len(names):
            return names[value]
        with self._told():
            raise BadValue(
                f"step={value!r} is not a step of this forward pass; choose an index from 0 to "
                f"{len(names) - 1}, or one of {', '.join(names)}."
                if names
                else f"step={value!r} cannot be chosen: this forward pass has no steps."
            )

    @validate("operand")
    def _valid_operand(self, proposal: dict[str, Any]) -> int:
        return self._within("operand", proposal["value"], max(1, len(self._operands)), "input")

    @validate("page")
    def _valid_page(self, proposal: dict[str, Any]) -> int:
        pages = count_pages(self._chosen, self._operand)
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
        finite = explain_nonfinite(trace, self._batch) if self._batch is not None else ""
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
        names, before, told = self._names_of_steps, self._known, ""
        self._known = names
        with self._quietly():
            if names and self.step is None:
                self.step = names[0]
            elif names:
                self.step, told = nearest_step(self.step, before, names, self.sample)
            if list(self._steps.options) != (names or [""]):
                self._steps.options = names or [""]
            self._play.max = max(0, len(names) - 1)
        return told

    def _show_step(self) -> None:
        """Show the chosen step: its line, what it took, gave and changed."""
        index, batch = self._index, self._batch
        self._operands = ()
        if index is not None and batch is not None:
            self._operands = find_operands(self.trace, index, batch)
        with self._quietly():
            self.operand = self.page = 0
        self._draw()
        with self._quietly():
            options = [
                (f"{o.name} {words.shape_text(o.shape)}", number)
                for number, o in enumerate(self._operands)
            ] or [("none", 0)]
            if list(self._choice.options) != options:
                self._choice.options = options
            self._choice.layout.display = "flex" if len(options) > 1 else "none"
            self._play.value = index or 0
            self._previous.disabled = not index
            self._next.disabled = index is None or index + 1 == len(self.trace)
        self._table.show(self.trace, self.step or "")
        self._follow_weights()

    def _draw(self) -> None:
        """Draw the chosen operand, the output and the difference, and say what happened."""
        step, operand = self._chosen, self._operand
        before, after = operand.value if operand else None, step.value if step else None
        change = compare(before, after) if before is not None and after is not None else None
        self.set_trait("changed", change.changed if change else None)
        self.set_trait("zeroed", change.zeroed if change else None)
        drawing = figures.Drawing()
        draw_step(drawing, self._figure, Shown(step, operand, change, self.page))
        text = f"step {step.name}: takes, gives, difference" if step else "nothing chosen"
        self._plot.draw(drawing, text)
        self._show_code(self._index)
        pages = count_pages(step, operand)
        with self._quietly():
            self._page_slider.max = pages - 1
        self._page_slider.layout.display = "flex" if pages > 1 else "none"
        self._happened.value = "".join(f"<div>{told}</div>" for told in self._describe(change))
        self._follow()
        self._show_message()

    def _describe(self, change: Change | None) -> list[str]:
        step, index, operand = self._chosen, self._index, self._operand
        if step is None or index is None:
            return []
        head = f"Step {index + 1} of {len(self.trace)}"
        took = operand.value if operand else None
        numbers = {"takes": short_row(took), "gives": short_row(step.value)}
        weights = weight_shapes(step, self._operands)
        told = words.describe_step(head, step, self._operands, weights, operand, change, numbers)
        return told + words.describe_path(self._listing)

    def _show_code(self, index: int | None) -> None:
        network = self._forward.network
        if index is None or network is None:
            self._listing, self._code.value = None, ""
            return
        self._listing = shown = read_source(network, self.trace, self._watch.visits, index)
        self._code.value = listing_html(shown.title, shown.inside, shown.lines, shown.mark)

    # --- controls -----------------------------------------------------------------------------

    def _build_controls(self) -> None:
        link = self._link
        self._known = names = self._names_of_steps
        samples, weights = self._sample_slider(), self._weights_controls()
        self._steps: Any = self._slider(ipywidgets.SelectionSlider, "Step", options=names or [""])
        self._page_slider: Any = self._slider(ipywidgets.IntSlider, "Page", value=0, min=0, max=0)
        self._choice: Any = ipywidgets.Dropdown(description="Takes", options=[("none", 0)], value=0)
        self._play: Any = ipywidgets.Play(min=0, max=0, interval=PLAY_MS, show_repeat=False)
        self._play.add_class("fwd-play")
        self._play.observe(self._played, names="value")
        self._choosers[self._play] = "step"
        self._previous: Any = self._button("◂ previous", "previous step", self.previous_step)
        self._next: Any = self._button("next ▸", "next step", self.next_step)
        self._previous.add_class("fwd-previous-step")
        self._next.add_class("fwd-next-step")
        self._choose_by(self._table, "step")
        self.children = [
            row(samples, *weights),
            row(
                link(self._steps, "step", "fwd-step"),
                self._previous,
                self._next,
                self._play,
            ),
            self._status,
            self._code,
            self._happened,
            row(link(self._choice, "operand", "fwd-operand")),
            row(link(self._page_slider, "page", "fwd-page")),
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
