"""`StepThrough`: the source of `forward`, one expression after the other, as it ran."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from html import escape
from typing import Any

import ipywidgets
import traitlets
from torch import Tensor, nn
from traitlets import observe, validate

from fwdwidgets import display, figures
from fwdwidgets.advice import explain_failure, explain_nonfinite
from fwdwidgets.data import batch_of_one
from fwdwidgets.trace import ForwardTrace, LineWatch, Listing, Shape, Tracer, read_source
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
    panels,
    row,
)
from fwdwidgets.widgets.step_through import words
from fwdwidgets.widgets.step_through.compute import Operand, compare, find_operands
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
        seed: what the weights are drawn under; None means the weights as given, of a class or
            factory seed 0.
        step: the name of a step, or its index; None means the first.
        training: run in train mode, dropout drawn under a fixed seed; by default in eval mode.
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
        given = model, dataset, class_names, bool(training), checkpoints
        super().__init__("forward pass step by step", unknown, *given)
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
        return self._within("page", proposal["value"], self._pages(), "page")

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
        mode = "train mode (dropout drops)" if self._forward.training else "eval mode"
        label = self._sample.class_index
        name = f" ({self._name(label)})" if label is not None else ""
        self._status.value = escape(
            f"sample {self.sample}{name} of {self._length:,} · {self._describe_weights()} · {mode}"
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
        index = self._index
        step = None if index is None else self.trace.steps[index]
        operand = self._operands[self.operand] if self._operands else None
        before = operand.value if operand else None
        after = step.value if step else None
        change = compare(before, after) if before is not None and after is not None else None
        self.set_trait("changed", change.changed if change else None)
        self.set_trait("zeroed", change.zeroed if change else None)
        drawing = figures.Drawing()
        where = self._figure
        took = "input" if operand is None else _title("takes", operand.name, operand.shape)
        ends = None
        if before is not None and after is not None and before.shape == after.shape:
            ends = _ends(before, after)
        self._draw_value(drawing, where.before, took if operand else "", before, ends)
        gave = _title("gives", step.name, step.shape) if step and step.shape is not None else ""
        self._draw_value(drawing, where.after, gave, after, ends)
        if ends is not None and after is not None:
            _share_scale(drawing, (where.before, where.after), after)
        difference = change.difference if change and change.changed else None
        self._draw_value(drawing, where.change, "<b>gives minus takes</b>", difference, None)
        text = "nothing chosen" if step is None else f"step {step.name}: takes, gives, difference"
        self._plot.draw(drawing, text)
        self._show_code(index)
        pages = self._pages()
        with self._quietly():
            self._page_slider.max = pages - 1
        self._page_slider.layout.display = "flex" if pages > 1 else "none"
        sentences = []
        if step is not None and index is not None:
            head = f"Step {index + 1} of {len(self.trace)}"
            sentences = words.describe_step(head, step, self._operands, operand, change)
            sentences += words.describe_path(self._listing)
        self._happened.value = "".join(f"<div>{sentence}</div>" for sentence in sentences)
        self._follow()
        self._show_message()

    def _show_code(self, index: int | None) -> None:
        network = self._forward.network
        if index is None or network is None:
            self._listing, self._code.value = None, ""
            return
        self._listing = shown = read_source(network, self.trace, self._watch.visits, index)
        self._code.value = listing_html(shown.title, shown.inside, shown.lines, shown.mark)

    def _draw_value(
        self,
        drawing: figures.Drawing,
        panel: figures.Layer,
        title: str,
        value: Tensor | None,
        ends: Tensor | None,
    ) -> None:
        if value is None:
            panel.say(drawing, title if panel is not self._figure.change else "")
            panel.hide(drawing)
            return
        where = display.grid(tuple(value.shape), self.page)
        panel.say(drawing, title + (f"<br>{where.shown}" if where.shown else ""))
        panels.draw_value(drawing, panel, value, where, ends)

    def _pages(self) -> int:
        index = self._index
        shapes: list[Shape | None] = [operand.shape for operand in self._operands]
        shapes = shapes[self.operand : self.operand + 1]
        shapes += [] if index is None else [self.trace.steps[index].shape]
        return max([1, *(display.grid(shape).pages for shape in shapes if shape is not None)])

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


def _title(verb: str, name: str, shape: Shape) -> str:
    return f"<b>{verb}</b> {figures.escape(name)} {words.shape_text(shape)}"


def _ends(before: Tensor, after: Tensor) -> Tensor:
    """The ends of a colour scale that two values share: zero is in its middle."""
    ends = [display.symmetric_range(value).double() for value in (before, after)]
    return ends[0] if ends[0][1] > ends[1][1] else ends[1]


def _share_scale(
    drawing: figures.Drawing, layers: tuple[figures.Layer, ...], value: Tensor
) -> None:
    """Let bars that can be compared, those of `value` among them, stand on one scale."""
    if display.grid(tuple(value.shape)).kind != "bars":
        return
    ranges = [drawing.layout[f"yaxis{layer.heatmap.axis}.range"] for layer in layers]
    low, high = min(low for low, _ in ranges), max(high for _, high in ranges)
    for layer in layers:
        drawing.layout[f"yaxis{layer.heatmap.axis}.range"] = [low, high]
