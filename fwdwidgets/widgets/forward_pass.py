"""Explore one forward pass: choose sample, seed and layer; see what the network computes."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Sequence
from typing import Any

import ipywidgets
import traitlets
from torch import nn
from traitlets import observe, validate

from fwdwidgets import badge, display, figures
from fwdwidgets.compute import Forward, Run
from fwdwidgets.diagnose import explain_nonfinite
from fwdwidgets.samples import (
    Sample,
    check_class_names,
    dataset_length,
    get_sample,
)
from fwdwidgets.samples import (
    class_names as names_of,
)
from fwdwidgets.trace import ForwardTrace, Step
from fwdwidgets.widgets import _panels as panels
from fwdwidgets.widgets._base import BadValue, ForwardWidget, Index
from fwdwidgets.widgets._plot import Plot
from fwdwidgets.widgets._steps import StepTable

SEARCH_SECONDS = 5.0
"""How long the search for a wrong sample runs before it reports where it got to."""


class ForwardPass(ForwardWidget):
    """One sample through a network: the input, any layer, the answer, right or wrong.

    Example:
        >>> fw.ForwardPass(MyNetwork(), [(image, 3), (other, 7)], class_names=names)

    Args:
        model: an `nn.Module`, or a class or factory that makes one without arguments.
        dataset: anything indexable of `(input, label)`; `(input, None)` has no label.
        class_names: one name a class; by default `dataset.classes`.
        sample: index into the dataset.
        seed: what the weights are drawn under; None means the weights as given, of a class or
            factory seed 0.
        layer: the name of a step; None means the first step with a spatial value, else the
            first step.
        training: run in train mode, dropout drawn under a fixed seed; by default in eval mode.
            The model is put back as it was either way.

    Attributes:
        label: the true class index, None without a label.
        prediction: the predicted class index, None where there is no answer.
        correct: whether they are the same; None without one of them.
        probabilities: one float a class; empty where there is no answer.
        page: which page of a layer that is too large for one picture, from 0.

    Raises:
        TypeError: model, dataset or a keyword is of the wrong kind.
        ValueError: the dataset is empty, class names are too few, or sample, seed or layer is
            not one that there is. What the model does with a valid sample never raises here:
            the widget says it in a sentence.
    """

    sample = Index(0)
    seed = Index(None, allow_none=True)
    layer = traitlets.Unicode(None, allow_none=True)
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
        **unknown: Any,
    ) -> None:
        """See the class."""
        super().__init__("forward pass", unknown)
        self._forward = Forward(model, training=bool(training))
        self.dataset = dataset
        self._length = dataset_length(dataset)
        self._names = names_of(dataset, class_names)
        self._random = random.Random()
        self._pictured = ""  # what the figure shows, in words
        self._figure = figures.ForwardFigure()
        self._plot = Plot(self._figure.canvas, "forward pass")
        self._plot.add_class("fwd-figure")
        self._table = StepTable()
        self._badge = ipywidgets.HTML()
        self._badge.add_class("fwd-badge")
        self._run: Run | None = None
        self._sample = self._load(sample)
        self.sample, self.seed = sample, seed
        self._settle_seed()
        self._run = self._forward.run(self._sample.input)
        self._check_sample(self._sample)
        self._build_controls()
        self.layer = layer if layer is not None else self._first_layer()
        self._quiet = False
        self._show_run()

    @property
    def trace(self) -> ForwardTrace:
        """The recorded forward pass of the current sample and weights."""
        return self._now.trace

    @property
    def model(self) -> nn.Module | Callable[[], nn.Module]:
        """The model as it was given."""
        return self._forward.model

    @property
    def _now(self) -> Run:
        assert self._run is not None, "the constructor runs the network"
        return self._run

    @property
    def figure(self) -> Any:
        """The `plotly.graph_objects.Figure` on the screen; read it, do not change it."""
        return self._plot.figure

    # --- state --------------------------------------------------------------------------------

    @validate("sample")
    def _valid_sample(self, proposal: dict[str, Any]) -> int:
        with self._told():
            index: int = proposal["value"]
            loaded = self._load(index)
            self._check_sample(loaded)
            self._sample = loaded
            return index

    @validate("seed")
    def _valid_seed(self, proposal: dict[str, Any]) -> int:
        with self._told():
            self._forward.use_seed(proposal["value"])
            return int(proposal["value"])

    @validate("layer")
    def _valid_layer(self, proposal: dict[str, Any]) -> str:
        name: str = proposal["value"]
        if name not in self._layers():
            with self._told():
                raise BadValue(
                    f"layer={name!r} is not a step of this forward pass; "
                    f"choose one of {', '.join(self._layers())}."
                )
        return name

    @validate("page")
    def _valid_page(self, proposal: dict[str, Any]) -> int:
        pages = self._grid().pages
        if not 0 <= proposal["value"] < pages:
            with self._told():
                raise BadValue(
                    f"page={proposal['value']} is out of range; this layer has {pages} "
                    f"{'page' if pages == 1 else 'pages'}: choose 0 to {pages - 1}."
                )
        return int(proposal["value"])

    @observe("sample", "seed")
    def _sample_or_seed_changed(self, _: Any) -> None:
        if self._quiet:
            return
        self._settle_seed()
        self._run = self._forward.run(self._sample.input)
        self._show_run()
        if self.trace.error is not None:
            raise self.trace.error

    @observe("layer")
    def _layer_changed(self, _: Any) -> None:
        if self._quiet:
            return
        with self._quietly():
            self.layer = self.layer or self._first_layer()
            self.page = 0
        self._notes["path"] = ""
        self._show_layer()

    @observe("page")
    def _page_changed(self, _: Any) -> None:
        if not self._quiet:
            self._show_layer()

    def _settle_seed(self) -> None:
        """No seed means the weights as given; a class or factory has none, and takes seed 0."""
        if self.seed is None and self._forward.has_own_weights:
            self._forward.use_seed(None)
        elif self.seed is None:
            with self._quietly():
                self.seed = 0

    def _load(self, index: int) -> Sample:
        try:
            return get_sample(self.dataset, index, target=True)
        except IndexError as error:
            raise BadValue(str(error)) from None

    def _check_sample(self, sample: Sample) -> None:
        """Refuse class names or a label that do not go with the model's outputs."""
        answer, label = self._run.answer if self._run else None, sample.label
        if answer is None or answer.head == "value":
            return
        classes = len(answer.probabilities)
        if self._names is not None:
            check_class_names(self._names, classes)
        if label is not None and (label != int(label) or not 0 <= label < classes):
            raise BadValue(
                f"label={label!r} of sample {sample.index} is no class of this model, which has "
                f"{classes} outputs: a label must be an integer from 0 to {classes - 1}."
            )

    def _layers(self) -> list[str]:
        return [step.name for step in self.trace if step.value is not None]

    def _first_layer(self) -> str | None:
        """The first step with a spatial value, else the first step."""
        steps = [step for step in self.trace if step.shape is not None]
        spatial = (step for step in steps if len(step.shape or ()) >= 4)
        first = next(spatial, steps[0] if steps else None)
        return first.name if first else None

    # --- draw ---------------------------------------------------------------------------------

    def _show_run(self) -> None:
        """Show a new trace: results, layers, figure, badge, table, sentences."""
        answer, label = self._now.answer, self._sample.label
        prediction = answer.prediction if answer else None
        known = label is not None and not (answer is not None and answer.head == "value")
        self.set_trait("label", int(label) if known and label is not None else None)
        self.set_trait("prediction", prediction)
        both = known and prediction is not None
        self.set_trait("correct", prediction == self.label if both else None)
        self.set_trait("probabilities", tuple(answer.probabilities.tolist()) if answer else ())
        self._error = self._now.failure
        self._notes |= {
            "path": self._follow_path(),
            "data": getattr(self.dataset, "notice", ""),
            "output": answer.note if answer else "",
            "old": "",
        }
        if self.trace.error is not None and self._pictured:
            self._plot.old = True
            self._notes["old"] = f"The picture is old: it shows {self._pictured}."
        else:
            self._draw(everything=True)
        # The picture is on its way; what follows takes its time.
        self._notes["finite"] = explain_nonfinite(self.trace, self._now.batch)
        self._status.value = self._describe_run()
        self._badge.value = self._describe_answer()
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
            self._given.value = self.seed is None
        self._page_slider.layout.display = "flex" if where.pages > 1 else "none"
        self._table.show(self.trace, self.layer or "")
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
        wanted = self.layer
        with self._quietly():
            if wanted not in names:
                earlier = before[: before.index(wanted)] if wanted in before else []
                self.layer = next((n for n in reversed(earlier) if n in names), names[0])
                self.page = 0
            self._layer_slider.options = names
            self._layer_slider.value = self.layer
        if wanted in (self.layer, None):
            return ""
        return (
            f"The path of sample {self.sample} has no step {wanted!r}; shown is the nearest "
            f"earlier one, {self.layer!r}."
        )

    @property
    def _step(self) -> Step | None:
        return self.trace[self.layer] if self.layer in self._layers() else None

    def _grid(self) -> display.Grid:
        step = self._step
        return display.grid((step.shape if step else None) or (0,), self.page)

    def _draw(self, *, everything: bool) -> None:
        """Draw the layer, and all the rest too where the forward pass is a new one."""
        drawing = figures.Drawing()
        if everything:
            panels.draw_input(drawing, self._figure.input, self._now.batch)
            panels.draw_answer(
                drawing, self._figure.classes, self._now.answer, self.label, self._name
            )
            self._plot.old = False
            self._pictured = self._describe_choice()
        panels.draw_step(drawing, self._figure.layer, self._step, self._grid())
        self._plot.draw(drawing, f"{self._describe_choice()}: input, {self.layer}, answer")

    # --- in words -----------------------------------------------------------------------------

    def _describe_choice(self) -> str:
        weights = "weights as given" if self.seed is None else f"seed {self.seed}"
        return f"sample {self.sample}, {weights}"

    def _describe_run(self) -> str:
        mode = (
            "train mode (dropout drops)" if self._forward.training else "eval mode (dropout is off)"
        )
        weights = (
            "weights as given" if self.seed is None else f"weights drawn under seed {self.seed}"
        )
        return f"{mode} · {weights} · {self._length:,} samples"

    def _describe_answer(self) -> str:
        answer = self._now.answer
        if answer is None:
            return badge.badge_html("neutral", "no answer")
        if answer.head == "value":
            target = self._sample.label
            return badge.badge_html(
                "neutral",
                f"value: {answer.output.item():.6g}",
                "" if target is None else f"target: {target:.6g}",
            )
        chance = self.probabilities[self.prediction] if self.prediction is not None else 0.0
        names = self._name(self.prediction), self._name(self.label)
        return badge.answer_badge(self.prediction, self.label, *names, chance)

    def _name(self, index: int | None) -> str:
        if index is None:
            return ""
        return self._names[index] if self._names else f"class {index}"

    # --- controls -----------------------------------------------------------------------------

    def _build_controls(self) -> None:
        link, button = self._link, self._button
        slider = {"continuous_update": True}
        samples = ipywidgets.IntSlider(
            self.sample, 0, self._length - 1, description="Sample", **slider
        )
        seeds = ipywidgets.IntSlider(self.seed or 0, 0, 99, description="Seed", **slider)
        self._given = ipywidgets.Checkbox(description="weights as given", indent=False)
        self._given.add_class("fwd-given")
        self._given.observe(self._given_changed, names="value")
        self._given.disabled = not self._forward.has_own_weights
        self._layer_slider = ipywidgets.SelectionSlider(
            options=self._layers() or [""], description="Layer", **slider
        )
        self._page_slider = ipywidgets.IntSlider(0, 0, 0, description="Page", **slider)
        self._status = ipywidgets.HTML()
        self._status.add_class("fwd-status")
        self._table.observe(self._row_chosen, names="chosen")
        self.children = [
            _row(
                link(samples, "sample", "fwd-sample"),
                button("◂ wrong", "previous sample that is answered wrong", self.previous_wrong),
                button("wrong ▸", "next sample that is answered wrong", self.next_wrong),
                button("random", "a sample at random", self.random_sample),
            ),
            _row(link(seeds, "seed", "fwd-seed"), self._given),
            _row(
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
        for control in self._links.values():
            control.add_class("fwd-slider")
        self._keep(given=self._given)

    def _given_changed(self, change: dict[str, Any]) -> None:
        if not self._quiet:
            with self._from_page():
                self.seed = None if change["new"] else self._links["seed"].value
            self._show_choice()

    def _row_chosen(self, change: dict[str, Any]) -> None:
        if change["new"] != self.layer:
            with self._from_page():
                self.layer = change["new"]

    def random_sample(self) -> None:
        """Go to a sample at random; the global random state is left alone."""
        self.sample = self._random.randrange(self._length)

    def next_wrong(self) -> None:
        """Go to the next sample that the network answers wrong; past the last, from the first."""
        self._find_wrong(1)

    def previous_wrong(self) -> None:
        """Go to the previous sample that the network answers wrong."""
        self._find_wrong(-1)

    def _find_wrong(self, step: int) -> None:
        answer = self._now.answer
        if answer is None or answer.head == "value":
            self._tell(search="There is no right or wrong to look for: no class is predicted.")
            return
        start, until = self.sample, time.monotonic() + SEARCH_SECONDS
        for count in range(1, self._length):
            index = (start + step * count) % self._length
            sample = self._load(index)
            if (
                sample.label is not None
                and self._forward.predict(sample.input, answer.head) != sample.label
            ):
                self._notes["search"] = ""
                self.sample = index
                return
            if time.monotonic() > until:
                self._notes["search"] = (
                    f"No wrong answer among the {count:,} samples from {start} to {index}; "
                    "press again to search on from there."
                )
                self.sample = index
                return
        self._tell(search=f"Every other sample of the {self._length:,} is answered right.")


def _row(*children: ipywidgets.Widget) -> ipywidgets.HBox:
    row = ipywidgets.HBox(children)
    row.add_class("fwd-row")
    return row
