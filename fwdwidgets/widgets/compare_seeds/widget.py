"""`CompareSeeds`: one sample through several networks that differ only in their weights."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from html import escape
from typing import Any

import ipywidgets
import traitlets
from torch import nn
from traitlets import observe, validate

from fwdwidgets import figures
from fwdwidgets.networks import Answer
from fwdwidgets.widgets.compare_seeds.badges import answer_badges
from fwdwidgets.widgets.compare_seeds.box import ChoiceBox
from fwdwidgets.widgets.compare_seeds.choice import Choice, as_tuple
from fwdwidgets.widgets.compare_seeds.compute import (
    MOST,
    Comparison,
    Networks,
    agreement,
    explain_first_nonfinite,
    spread,
)
from fwdwidgets.widgets.compare_seeds.draw import Shown, draw_comparison
from fwdwidgets.widgets.compare_seeds.figure import ComparisonFigure
from fwdwidgets.widgets.compare_seeds.words import (
    describe_agreement,
    describe_choice,
    describe_classes,
    describe_old,
    describe_picture,
    describe_run,
    describe_steps,
)
from fwdwidgets.widgets.shared import Index, Plot, SampledWidget, Several, row


class CompareSeeds(SampledWidget):
    """One sample through two to six networks side by side: do they agree, how far apart are they?

    The networks are one model with weights drawn under several seeds or, with `checkpoints=`,
    loaded from several epochs of its training. Then a slider moves the last network through the
    epochs while the others stay: watch a prediction become right.

    The distance of two activations a and b of one step is the relative L2 distance
    d(a, b) = 2 |a - b| / (|a| + |b|), where |a| is the square root of the sum of all squares:
    0 if both are equal, 2 if b is -a. Unrelated activations of the same length are orthogonal, and
    their distance is the square root of 2, about 1.41.

    Example:
        >>> fw.CompareSeeds(MyNetwork, [(image, 3), (other, 7)], seeds=(0, 1, 42))

    Args:
        model: an `nn.Module`, or a class or factory that makes one without arguments.
        dataset: any indexable dataset of `(input, label)`; the label may be None.
        class_names: one name per class; by default `dataset.classes`.
        sample: index into the dataset.
        seeds: two to six seeds; distances are measured to the first. None means 0, 1, 2.
        training: run in train mode, with a fixed seed for dropout; by default in eval mode.
        checkpoints: weights by epoch, from `fw.train`, or a list of state dicts; then epochs are
            compared instead of seeds.
        epochs: two to six indices into the checkpoints; None means up to six, evenly spread.
            The slider moves the last one.

    Attributes:
        epoch: the last of `epochs`, which the slider moves; None without checkpoints. It can be
            linked to another widget: `traitlets.link((compare, "epoch"), (forward, "epoch"))`.
        label: the true class index; None without a label.
        predictions: the predicted class index of each network; None if it has no answer.
        probabilities: one tuple per network, one float per class.
        agreement: how many networks predict the most frequent class.
        distances: by step, the distance of each network's activation to the first network's; NaN
            if they cannot be compared. The input comes first.

    Raises:
        TypeError: model, dataset or a keyword is of the wrong kind.
        ValueError: the dataset is empty, there are too few class names, or sample, seeds or
            epochs are out of range. An error of a network on a valid sample never raises
            here: the widget shows it in a sentence.
    """

    seeds: Any = Several()
    epochs: Any = Several()
    epoch = Index(None, allow_none=True)
    label = traitlets.Int(None, allow_none=True, read_only=True)
    predictions: Any = traitlets.Tuple(read_only=True)
    probabilities: Any = traitlets.Tuple(read_only=True)
    agreement = traitlets.Int(0, read_only=True)
    distances: Any = traitlets.Dict(read_only=True)

    def __init__(
        self,
        model: nn.Module | Callable[[], nn.Module],
        dataset: Any,
        *,
        class_names: Sequence[str] | None = None,
        sample: int = 0,
        seeds: Sequence[int] | None = None,
        training: bool = False,
        checkpoints: Sequence[Any] | None = None,
        epochs: Sequence[int] | None = None,
        **unknown: Any,
    ) -> None:
        """See the class."""
        super().__init__("networks side by side", unknown, dataset, class_names)
        self._networks = Networks(model, training=bool(training), checkpoints=checkpoints)
        self._training = bool(training)
        self._choice = Choice(self._networks.epochs)
        self._figure = ComparisonFigure(MOST)
        self._plot = Plot(self._figure.canvas, "networks side by side")
        self._now: Comparison
        self._pictured = ""  # what the figure shows, in words
        self._sample = self._load(sample)
        self.sample = sample
        if seeds is not None or not self._networks.epochs:
            self.seeds = (0, 1, 2) if seeds is None else as_tuple(seeds)
        if epochs is not None or self._networks.epochs:
            self.epochs = spread(self._networks.epochs) if epochs is None else as_tuple(epochs)
            self.epoch = self.epochs[-1]
        self._build_controls()
        self._run_networks()
        self._check_sample(self._sample)
        self._quiet = False
        self._show()

    @property
    def model(self) -> nn.Module | Callable[[], nn.Module]:
        """The model as it was given."""
        return self._networks.model

    # --- state --------------------------------------------------------------------------------

    @validate("seeds", "epochs")
    def _valid_choice(self, proposal: dict[str, Any]) -> tuple[int, ...]:
        with self._told():
            numbers = self._choice.check(proposal["trait"].name, proposal["value"])
            self._networks.use(numbers)
            return numbers

    @validate("epoch")
    def _valid_epoch(self, proposal: dict[str, Any]) -> int:
        with self._told():
            self._choice.check_kind("epoch", proposal["value"])
            numbers = self._choice.check("epochs", (*self.epochs[:-1], proposal["value"]))
            self._networks.use(numbers)
            return numbers[-1]

    @observe("epoch")
    def _epoch_changed(self, change: dict[str, Any]) -> None:
        if self._quiet:
            return
        if change["new"] is not None:
            self.epochs = (*self.epochs[:-1], change["new"])
        else:  # there is always an epoch where there are checkpoints
            with self._quietly():
                self.epoch = self.epochs[-1]

    @observe("sample", "seeds", "epochs")
    def _choice_changed(self, _: Any) -> None:
        if self._quiet:
            return
        if self.epochs:
            with self._quietly():
                self.epoch = self.epochs[-1]
        self._run_networks()
        self._show()
        for run in self._now.runs:
            if run.trace.error is not None:
                raise run.trace.error

    @property
    def _chosen(self) -> tuple[int, ...]:
        chosen: tuple[int, ...] = getattr(self, self._choice.name)
        return chosen

    def _run_networks(self) -> None:
        self._now = self._networks.run(self._sample.input)
        answers = self._now.answers
        if answers:
            head = answers[0].head
            self._classes = None if head == "value" else len(answers[0].probabilities)

    # --- draw ---------------------------------------------------------------------------------

    def _show(self) -> None:
        answers = self._now.answers
        is_value = bool(answers) and answers[0].head == "value"
        self.set_trait("label", None if is_value else self._sample.class_index)
        self.set_trait("predictions", tuple([answer.prediction for answer in answers]))
        self.set_trait(
            "probabilities", tuple([tuple(answer.probabilities.tolist()) for answer in answers])
        )
        self.set_trait("agreement", agreement(self.predictions)[1])
        self.set_trait("distances", dict(self._now.distances))
        self._error = self._now.failure
        self._notes |= {
            "data": getattr(self.dataset, "notice", ""),
            "output": answers[0].note if answers else "",
            "old": "" if answers else describe_old(self._pictured),
        }
        self._plot.old = bool(self._notes["old"])
        if answers:
            self._draw(answers)
        # The picture is already on its way; the rest may take longer.
        titles = self._titles()
        self._notes["finite"] = explain_first_nonfinite(titles, self._now.runs)
        self._status.value = self._describe_status()
        self._badges.value = answer_badges(titles, answers, self.label, self._name)
        self._box.show(self._chosen)
        self._fewer.disabled = len(self._chosen) == 2
        self._more.disabled = len(self._chosen) == self._choice.most
        self._follow()
        self._show_message()

    def _draw(self, answers: tuple[Answer, ...]) -> None:
        titles, drawing = self._titles(), figures.Drawing()
        shown = Shown(titles, answers, self.distances, self.label, self._name)
        draw_comparison(drawing, self._figure, shown)
        self._notes |= {
            "classes": describe_classes(len(shown.drawn_classes), shown.classes),
            "steps": describe_steps(len(shown.drawn_steps), len(shown.distances)),
        }
        self._pictured = describe_choice(self.sample, titles)
        self._plot.draw(drawing, describe_picture(self._pictured))

    def _titles(self) -> list[str]:
        return [self._networks.describe(number) for number in self._chosen]

    def _describe_status(self) -> str:
        most, count = agreement(self.predictions)
        parts = describe_run(self.sample, self._length, self._training)
        parts += describe_agreement(self.predictions, most, count, self.label, self._name)
        return escape(" · ".join(parts))

    # --- controls -----------------------------------------------------------------------------

    def _build_controls(self) -> None:
        self._box = self._kept[self._choice.name] = ChoiceBox(self._choice, self._typed)
        self._fewer = self._button("fewer", "take the last network away", self.show_fewer)
        self._more = self._button("more", "add another network", self.show_more)
        choose = [self._box, self._fewer, self._more]
        if count := self._choice.epochs:
            epochs = self._slider(
                ipywidgets.IntSlider, "Epoch", value=self.epoch, min=0, max=count - 1
            )
            choose.insert(0, self._link(epochs, "epoch", "fwd-epoch"))
        else:
            choose.append(self._button("other seeds", "the next seeds", self.show_others))
        self._status, self._badges = ipywidgets.HTML(), ipywidgets.HTML()
        self._status.add_class("fwd-status")
        self._badges.add_class("fwd-badge")
        self._badges.add_class("fwd-badges")
        self.children = [
            row(self._sample_slider(), self._random_button()),
            row(*choose),
            self._status,
            self._badges,
            self._plot,
            self._message,
            self._frame,
        ]
        self._keep()

    def _typed(self, text: str) -> None:
        with self._from_page():
            self._choose(self._choice.read(text, self.epoch))
        self._box.show(self._chosen)  # what could not be read stands in the message

    def _choose(self, numbers: tuple[int, ...]) -> None:
        setattr(self, self._choice.name, numbers)

    def show_fewer(self) -> None:
        """Take the last network away, of epochs the last that stays; two are left at least."""
        self._choose(self._choice.fewer(self._chosen))

    def show_more(self) -> None:
        """Add a network: the seed after the largest, or the first epoch that is not shown."""
        self._choose(self._choice.more(self._chosen))

    def show_others(self) -> None:
        """Take as many seeds that come after the largest of these."""
        self.seeds = self._choice.others(self.seeds)
