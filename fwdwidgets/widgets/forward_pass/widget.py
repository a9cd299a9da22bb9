"""Explore one forward pass: choose sample, seed and layer; see what the network computes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import ipywidgets
import traitlets
from torch import nn
from traitlets import observe, validate

from fwdwidgets import display
from fwdwidgets.advice import explain_nonfinite
from fwdwidgets.networks import Run
from fwdwidgets.trace import ForwardTrace, Step
from fwdwidgets.widgets.forward_pass import words
from fwdwidgets.widgets.forward_pass.compute import (
    find_wrong,
    first_layer,
    layers_of,
    layout_of,
    results_of,
)
from fwdwidgets.widgets.forward_pass.draw import Picture, badge_of
from fwdwidgets.widgets.shared import (
    Index,
    NetworkView,
    StepTable,
    Text,
    WeightedWidget,
    check_index,
    check_step,
    html,
    nearest_step,
    row,
)

SEARCH_SECONDS = 5.0
"""How long the search for a wrong sample runs before it reports where it got to."""


class ForwardPass(WeightedWidget):
    """One sample through a network: the input, any layer, the answer, right or wrong.

    Example:
        >>> fw.ForwardPass(MyNetwork(), [(image, 3), (other, 7)], class_names=names)

    Args:
        model: an `nn.Module`, or a class or factory that makes one without arguments.
        dataset: any indexable object of `(input, label)` pairs; `(input, None)` has no label.
        class_names: one name per class; by default `dataset.classes`.
        sample: index into the dataset.
        seed: the seed of the random weights; None means the weights as given, of a class or
            factory seed 0.
        layer: the name of a step; None means the first step with a spatial value, else the
            first step.
        training: run in train mode, dropout with a fixed seed; by default in eval mode.
            The model is put back as it was either way.
        checkpoints: weights by epoch, from `fw.train`, or a list of state dicts: then an epoch
            is chosen instead of a seed.
        epoch: index into the checkpoints; None means the first.

    Attributes:
        label: the true class index, None without a label.
        prediction: the predicted class index, None where there is no answer.
        correct: whether they are the same; None without one of them.
        probabilities: one float per class; empty where there is no answer.
        page: which page of a layer that is too large for one picture, from 0.

    Raises:
        TypeError: model, dataset or a keyword is of the wrong kind.
        ValueError: the dataset is empty, class names are too few, or sample, seed or layer is
            not one that there is. What the model does with a valid sample never raises here:
            the widget says it in a sentence.
    """

    layer = Text(None, allow_none=True)
    page = Index(0)
    label = traitlets.Int(None, allow_none=True, read_only=True)
    prediction = traitlets.Int(None, allow_none=True, read_only=True)
    correct = traitlets.Bool(None, allow_none=True, read_only=True)
    probabilities = traitlets.Tuple(read_only=True)

    def __init__(
        self,
        model: nn.Module | Callable[[], nn.Module],
        dataset: Any,
        *,
        class_names: Sequence[str] | None = None,
        sample: int = 0,
        seed: int | None = None,
        layer: str | None = None,
        training: bool = False,
        checkpoints: Sequence[Any] | None = None,
        epoch: int | None = None,
        **unknown: Any,
    ) -> None:
        """See the class."""
        given = model, dataset, class_names
        super().__init__(
            "forward pass", unknown, *given, training=training, checkpoints=checkpoints
        )
        self._picture = Picture()
        self._plot = self._picture.plot
        self._table = StepTable()
        self._badge = html("fwd-badge")
        self._run: Run | None = None
        self._begin(sample, seed, epoch)
        self._run_network()
        self._check_sample(self._sample)
        self._build_controls()
        self.layer = layer if layer is not None else first_layer(self.trace)
        self._network_view = self._view_for_page
        self._quiet = False
        self._show_run()

    @property
    def trace(self) -> ForwardTrace:
        """The recorded forward pass of the current sample and weights."""
        return self._now.trace

    @property
    def _now(self) -> Run:
        assert self._run is not None, "the constructor runs the network"
        return self._run

    # --- state --------------------------------------------------------------------------------

    @validate("layer")
    def _valid_layer(self, proposal: dict[str, Any]) -> str:
        with self._told():
            return check_step("layer", proposal["value"], self._layers())

    @validate("page")
    def _valid_page(self, proposal: dict[str, Any]) -> int:
        pages = self._grid().pages
        has = f"this layer has {pages} {'page' if pages == 1 else 'pages'}"
        with self._told():
            return check_index("page", proposal["value"], pages, has)

    def _rerun(self) -> None:
        self._run_network()
        self._show_run()
        if self.trace.error is not None:
            raise self.trace.error

    def _run_network(self) -> None:
        self._run = self._forward.run(self._sample.input)
        answer = self._run.answer
        if answer is not None:
            self._classes = None if answer.head == "value" else len(answer.probabilities)

    @observe("layer")
    def _layer_changed(self, _: Any) -> None:
        if self._quiet:
            return
        with self._quietly():
            self.layer = self.layer or first_layer(self.trace)
            self.page = 0
        self._notes["path"] = ""
        self._show_layer()

    @observe("page")
    def _page_changed(self, _: Any) -> None:
        if not self._quiet:
            self._show_layer()

    def _layers(self) -> list[str]:
        return layers_of(self.trace)

    # --- draw ---------------------------------------------------------------------------------

    def _show_run(self) -> None:
        """Show a new trace: results, layers, figure, badge, table, sentences."""
        answer = self._now.answer
        for name, value in results_of(answer, self._sample).items():
            self.set_trait(name, value)
        self._error = self._now.failure
        self._notes |= {
            "path": self._follow_path(),
            "data": getattr(self.dataset, "notice", ""),
            "output": answer.note if answer else "",
            "steps": "" if len(self.trace) else words.UNSEEN,
            "old": "",
        }
        if self.trace.error is not None and self._picture.shows:
            self._plot.old = True
            self._notes["old"] = words.old_picture(self._picture.shows)
        else:
            self._draw(everything=True)
        # The picture is on its way; what follows takes its time.
        self._notes["finite"] = explain_nonfinite(self.trace, self._now.batch)
        weights = self._describe_weights()
        self._status.value = self._describe_run(weights, self.seed is not None)
        self._badge.value = badge_of(self._now.answer, self._sample, self._name)
        self._show_choice()

    def _show_layer(self) -> None:
        """Show another layer, or another page of it, of the trace that there is."""
        old = bool(self._notes["old"])
        self._notes["old"] = ""
        self._error = self._now.failure
        self._draw(everything=old)
        self._show_choice()

    def _show_choice(self) -> None:
        where = self._grid()
        with self._quietly():
            self.page = where.page  # a smaller layer may have fewer pages
            self._page_slider.value = where.page
            self._page_slider.max = where.pages - 1
        self._page_slider.layout.display = "flex" if where.pages > 1 else "none"
        self._table.show(self.trace, self.layer or "")
        self._follow_weights()
        self._follow()
        self._show_message()

    def _follow_path(self) -> str:
        """Keep the chosen step; where this sample's path lacks it, take the nearest earlier one.

        Returns:
            A sentence when the step was not kept, else an empty text.
        """
        names, before = self._layers(), list(self._layer_slider.options)
        if names == before or not names:
            return ""
        layer, told = first_layer(self.trace), ""
        if self.layer:
            layer, told = nearest_step(self.layer, before, names, self.sample)
        with self._quietly():
            if layer != self.layer:
                self.layer, self.page = layer, 0
            self._layer_slider.options = names
            self._layer_slider.value = layer
        return told

    @property
    def _step(self) -> Step | None:
        return self.trace[self.layer] if self.layer in self._layers() else None

    def _grid(self) -> display.Grid:
        return layout_of(self._step, self.page)

    def _draw(self, *, everything: bool) -> None:
        """Draw the layer, and all the rest too where the forward pass is a new one."""
        self._picture.draw(
            self.layer,
            self._step,
            self._grid(),
            f"sample {self.sample}, {self._describe_weights()}",
            run=self._now if everything else None,
            label=self.label,
            name=self._name,
        )

    def _describe_run(self, weights: str, drawn: bool) -> str:
        return words.describe_run(
            weights, self._length, training=self._forward.training, drawn=drawn
        )

    def _view_for_page(self) -> NetworkView:
        parts = {
            "plot": self._plot,
            "badge": self._badge,
            "status": self._status,
            "message": self._message,
            "table": self._table,
        }
        panels, shown = self._picture.panels, {"layer": self.layer, "page": self.page}
        return self._view_run(self._now, panels, self._describe_run, parts, shown)

    # --- controls -----------------------------------------------------------------------------

    def _build_controls(self) -> None:
        link, button = self._link, self._button
        samples, weights = self._sample_slider(), self._weights_controls()
        tip = "{} sample that is answered wrong"
        previous_wrong = button("◂ wrong", tip.format("previous"), self.previous_wrong)
        next_wrong = button("wrong ▸", tip.format("next"), self.next_wrong)
        self._leave_to_page(previous_wrong, "fwd-previous-wrong")
        self._leave_to_page(next_wrong, "fwd-next-wrong")
        previous_wrong.disabled = next_wrong.disabled = self._length == 1
        self._layer_slider = self._slider(
            ipywidgets.SelectionSlider, "Layer", options=self._layers() or [""]
        )
        self._page_slider = self._slider(ipywidgets.IntSlider, "Page", value=0, min=0, max=0)
        self._status = html("fwd-status")
        self._choose_by(self._table, "layer")
        self.children = [
            row(samples, previous_wrong, next_wrong, self._random_button()),
            row(*weights),
            row(
                link(self._layer_slider, "layer", "fwd-layer"),
                link(self._page_slider, "page", "fwd-page"),
            ),
            self._status,
            self._badge,
            self._plot,
            self._message,
            self._table,
            self._frame,
        ]
        self._keep()

    def next_wrong(self) -> None:
        """Go to the next sample that the network answers wrong; past the last, from the first."""
        self._find_wrong(1)

    def previous_wrong(self) -> None:
        """Go to the previous sample that the network answers wrong."""
        self._find_wrong(-1)

    def _find_wrong(self, step: int) -> None:
        answer = self._now.answer
        if answer is not None and answer.head == "value":
            self._tell(search=words.NO_CLASSES)
            return
        search = find_wrong(
            self._forward, self._load, self.sample, step, self._length, SEARCH_SECONDS
        )
        told = words.search_ended(search, self.sample, self._length)
        if not search.found and not search.out_of_time:
            self._tell(search=told)
            return
        self._notes["search"] = told
        self.sample = search.index
