"""`CompareSeeds`: one sample through several networks that differ in their weights alone."""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterable, Sequence
from html import escape
from typing import Any

import ipywidgets
import numpy as np
import torch
import traitlets
from torch import nn
from traitlets import observe, validate

from fwdwidgets import display, figures
from fwdwidgets.advice import explain_nonfinite
from fwdwidgets.figures import badge
from fwdwidgets.networks import Answer, top_classes
from fwdwidgets.widgets.compare_seeds.compute import MOST, Comparison, Networks, agreement, spread
from fwdwidgets.widgets.compare_seeds.figure import ComparisonFigure
from fwdwidgets.widgets.shared import BadValue, Index, Plot, SampledWidget, Several, row

MAX_STEPS = 24
"""So many steps can be read below one another; of more, these are evenly spread."""


class CompareSeeds(SampledWidget):
    """One sample through two to six networks side by side: where they agree, how far apart.

    The networks are one model with its weights drawn under several seeds, or with
    `checkpoints=` loaded from several epochs of its training. Then a slider moves the last of
    them through the epochs, beside the others that stay: a prediction becomes right.

    The distance of two activations a and b of one step is the relative L2 distance
    d(a, b) = 2 |a - b| / (|a| + |b|), where |a| is the square root of the sum of all squares:
    0 where both are equal, 2 where b is -a. Activations that have nothing to do with each other
    stand at right angles: the square root of 2, about 1.41, where their lengths are the same.

    Example:
        >>> fw.CompareSeeds(MyNetwork, [(image, 3), (other, 7)], seeds=(0, 1, 42))

    Args:
        model: an `nn.Module`, or a class or factory that makes one without arguments.
        dataset: anything indexable of `(input, label)`; `(input, None)` has no label.
        class_names: one name a class; by default `dataset.classes`.
        sample: index into the dataset.
        seeds: two to six seeds; distances are to the first. None means 0, 1, 2.
        training: run in train mode, dropout drawn under a fixed seed; by default in eval mode.
        checkpoints: weights by epoch, from `fw.train`, or a list of state dicts: then epochs are
            compared in place of seeds.
        epochs: two to six indices into the checkpoints; None means up to six, evenly spread.
            The slider moves the last one.

    Attributes:
        epoch: the last of `epochs`, which the slider moves; None without checkpoints. Link it
            to that of another widget: `traitlets.link((compare, "epoch"), (forward, "epoch"))`.
        label: the true class index, None without a label.
        predictions: the predicted class index of each network, None where there is no answer.
        probabilities: one tuple a network, one float a class.
        agreement: how many networks predict the most frequent class.
        distances: by step, the distance of each network's activation to the first network's,
            NaN where there is none to compare; the input comes first.

    Raises:
        TypeError: model, dataset or a keyword is of the wrong kind.
        ValueError: the dataset is empty, class names are too few, or sample, seeds or epochs
            are not ones that there are. What a network does with a valid sample never raises
            here: the widget says it in a sentence.
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
        self._figure = ComparisonFigure(MOST)
        self._plot = Plot(self._figure.canvas, "networks side by side")
        self._plot.add_class("fwd-figure")
        self._compared: Comparison | None = None
        self._pictured = ""  # what the figure shows, in words
        self._sample = self._load(sample)
        self.sample = sample
        if seeds is not None or not self._networks.epochs:
            self.seeds = (0, 1, 2) if seeds is None else _as_tuple(seeds)
        if epochs is not None or self._networks.epochs:
            count = self._networks.epochs
            self.epochs = spread(count) if epochs is None else _as_tuple(epochs)
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

    @property
    def figure(self) -> Any:
        """The `plotly.graph_objects.Figure` on the screen; read it, do not change it."""
        return self._plot.figure

    # --- state --------------------------------------------------------------------------------

    @validate("seeds")
    def _valid_seeds(self, proposal: dict[str, Any]) -> tuple[int, ...]:
        with self._told():
            if self._networks.epochs:
                raise BadValue(
                    f"seeds={proposal['value']} cannot be chosen here: this widget compares the "
                    "weights of checkpoints. Choose epochs, or leave out checkpoints=."
                )
            return self._take("seeds", proposal["value"])

    @validate("epochs")
    def _valid_epochs(self, proposal: dict[str, Any]) -> tuple[int, ...]:
        with self._told():
            self._check_checkpoints("epochs", proposal["value"])
            return self._take("epochs", proposal["value"])

    @validate("epoch")
    def _valid_epoch(self, proposal: dict[str, Any]) -> int:
        with self._told():
            self._check_checkpoints("epoch", proposal["value"])
            return self._take("epochs", (*self.epochs[:-1], proposal["value"]))[-1]

    def _check_checkpoints(self, name: str, value: Any) -> None:
        if not self._networks.epochs:
            raise BadValue(
                f"{name}={value} cannot be chosen here: this widget has no checkpoints. "
                "Pass checkpoints=, or choose seeds."
            )

    def _take(self, name: str, chosen: tuple[Any, ...]) -> tuple[int, ...]:
        """Take the weights of these seeds or epochs."""
        try:
            numbers = tuple([operator.index(number) for number in chosen])
        except TypeError:
            numbers = ()
        if not 2 <= len(numbers) <= MOST:
            raise BadValue(f"{name}={chosen!r}: give 2 to {MOST} whole numbers, such as (0, 1, 2).")
        self._networks.use(numbers)
        return numbers

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
    def _now(self) -> Comparison:
        assert self._compared is not None, "the constructor runs the networks"
        return self._compared

    @property
    def _chosen(self) -> tuple[int, ...]:
        chosen: tuple[int, ...] = self.epochs if self._networks.epochs else self.seeds
        return chosen

    def _run_networks(self) -> None:
        self._compared = self._networks.run(self._sample.input)
        answers = self._compared.answers
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
        old = f"The picture is old: it shows {self._pictured}." if self._pictured else ""
        self._notes |= {
            "data": getattr(self.dataset, "notice", ""),
            "output": answers[0].note if answers else "",
            "old": "" if answers else old,
        }
        self._plot.old = bool(self._notes["old"])
        if answers:
            self._draw(answers)
        # The picture is on its way; what follows takes its time.
        self._notes["finite"] = self._describe_nonfinite()
        self._status.value = self._describe_agreement(answers)
        self._badges.value = "".join(
            self._describe_answer(name, answer)
            for name, answer in zip(self._titles(), answers, strict=bool(answers))
        )
        self._show_box()
        self._fewer.disabled = len(self._chosen) == 2
        self._more.disabled = len(self._chosen) == self._most
        self._follow()
        self._show_message()

    def _draw(self, answers: tuple[Answer, ...]) -> None:
        drawing, names = figures.Drawing(), self._titles()
        raw = torch.stack(
            [answer.output if answer.logits is None else answer.logits for answer in answers]
        )  # (networks, K)
        panels = self._figure
        title = "output" if answers[0].logits is None else "logits"
        panels.logits.say(drawing, f"<b>{title}</b>")
        if answers[0].head == "value":
            ends = display.value_range(raw).tolist()
            panels.logits.draw(drawing, ["value"], raw.numpy(), ends, series=names)
            panels.probabilities.hide(drawing)
            self._notes["classes"] = ""
        else:
            chances = torch.stack([answer.probabilities for answer in answers])
            classes = top_classes(chances.amax(dim=0), self.label)
            total = chances.shape[1]
            some = f"Drawn are {len(classes)} of {total:,} classes." if len(classes) < total else ""
            self._notes["classes"] = some
            rows = [self._name(index) for index in classes]
            signs = ["✓" if index == self.label else "" for index in classes]
            raw, chances = raw[:, classes], chances[:, classes]
            ends = display.value_range(raw).tolist()
            panels.logits.draw(drawing, rows, raw.numpy(), ends, series=names, signs=signs)
            panels.probabilities.say(drawing, f"<b>{answers[0].head_name}</b>")
            ends = display.value_range(chances).tolist()
            panels.probabilities.draw(drawing, rows, chances.numpy(), ends, series=names)
            for number in panels.probabilities.traces:
                drawing.trace(number, showlegend=False)  # the bars beside have it already
        self._draw_distances(drawing, names)
        self._pictured = self._describe_choice()
        self._plot.draw(drawing, f"{self._pictured}: logits, probabilities, distances by step")

    def _draw_distances(self, drawing: figures.Drawing, names: list[str]) -> None:
        steps = list(self.distances)
        shown = [steps[index] for index in spread(len(steps), MAX_STEPS)]
        self._notes["steps"] = ""
        if len(shown) < len(steps):
            self._notes["steps"] = (
                f"Distances are drawn for {len(shown)} of {len(steps)} steps; "
                "widget.distances has all."
            )
        panel = self._figure.distances
        panel.say(drawing, f"<b>distance to {names[0]}</b><br>0: the same, 1.41: unrelated")
        panel.draw(
            drawing,
            np.array([self.distances[step][1:] for step in shown], dtype=np.float32),
            (0.0, 2.0),
            rows=shown,
            columns=names[1:],
            number=".2f",
            hover=("step", "", f"distance to {names[0]}"),
        )

    # --- in words -----------------------------------------------------------------------------

    def _titles(self) -> list[str]:
        return [self._networks.describe(number) for number in self._chosen]

    def _describe_choice(self) -> str:
        return f"sample {self.sample}, {', '.join(self._titles())}"

    def _describe_nonfinite(self) -> str:
        for name, run in zip(self._titles(), self._now.runs, strict=True):
            told = explain_nonfinite(run.trace, run.batch)
            if told:
                return f"{name}: {told}"
        return ""

    def _describe_agreement(self, answers: tuple[Answer, ...]) -> str:
        mode = "train mode" if self._training else "eval mode"
        parts = [f"sample {self.sample} of {self._length:,}", mode]
        most, count = agreement(self.predictions)
        if answers and most is not None:
            total = len(answers)
            told = f"{count} of {total} agree: {self._name(most)}" if count > 1 else "none agree"
            if count == total:
                told = f"all {total} agree: {self._name(most)}"
            parts.append(told)
            if self.label is not None:
                right = sum(p == self.label for p in self.predictions)
                parts.append(f"{right} of {total} right ({self._name(self.label)})")
        return escape(" · ".join(parts))

    def _describe_answer(self, name: str, answer: Answer) -> str:
        if answer.head == "value":
            return badge.badge_html("neutral", f"{name}: {answer.output.item():.6g}")
        chosen = answer.prediction
        if chosen is None:
            return badge.badge_html("neutral", f"{name}: the output holds NaN or infinity")
        kind = "neutral"
        if self.label is not None:
            kind = "correct" if chosen == self.label else "incorrect"
        chance = float(answer.probabilities[chosen])
        return badge.badge_html(kind, f"{name}: {self._name(chosen)}", f"{chance:.1%}")

    # --- controls -----------------------------------------------------------------------------

    @property
    def _most(self) -> int:
        return min(MOST, self._networks.epochs or MOST)

    def _build_controls(self) -> None:
        count = self._networks.epochs
        kind = "Epochs" if count else "Seeds"
        self._box = ipywidgets.Text(
            description="Beside" if count else kind,
            tooltip="epochs that stay while the slider moves" if count else None,
            continuous_update=False,
        )
        self._box.add_class(f"fwd-{kind.lower()}")
        self._box.add_class("fwd-text")
        self._box.observe(self._typed, names="value")
        self._kept[kind.lower()] = self._box
        self._fewer = self._button("fewer", "take the last network away", self.show_fewer)
        self._more = self._button("more", "add another network", self.show_more)
        choose = [self._box, self._fewer, self._more]
        if count:
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
            row(
                self._sample_slider(),
                self._random_button(),
            ),
            row(*choose),
            self._status,
            self._badges,
            self._plot,
            self._message,
            self._frame,
        ]
        self._keep()

    def _typed(self, change: dict[str, Any]) -> None:
        if self._quiet:
            return
        with self._from_page():
            moved = (self.epoch,) if self._networks.epochs else ()
            try:
                numbers = tuple([int(word) for word in change["new"].replace(",", " ").split()])
            except ValueError:
                numbers = ()
            if not 2 <= len(numbers) + len(moved) <= MOST:
                name = "epochs" if moved else "seeds"
                raise BadValue(
                    f"{name}={change['new']!r}: write {2 - len(moved)} to {MOST - len(moved)} "
                    "whole numbers with commas, such as 0, 1, 2."
                )
            self._choose((*numbers, *moved))
        self._show_box()  # what could not be read stands in the message

    def _show_box(self) -> None:
        shown = self._chosen[:-1] if self._networks.epochs else self._chosen
        with self._quietly():
            self._box.value = ", ".join(map(str, shown))

    def _choose(self, numbers: tuple[int, ...]) -> None:
        if self._networks.epochs:
            self.epochs = numbers
        else:
            self.seeds = numbers

    def show_fewer(self) -> None:
        """Take the last network away, of epochs the last that stays; two are left at least."""
        chosen = self._chosen
        if len(chosen) > 2:
            self._choose((*chosen[:-2], chosen[-1]) if self._networks.epochs else chosen[:-1])

    def show_more(self) -> None:
        """Add a network: the seed after the largest, or the first epoch that is not shown."""
        chosen = self._chosen
        if len(chosen) >= self._most:
            return
        if not self._networks.epochs:
            self._choose((*chosen, max(chosen) + 1))
            return
        unseen = [epoch for epoch in range(self._networks.epochs) if epoch not in chosen]
        self._choose((*chosen[:-1], unseen[0], chosen[-1]))

    def show_others(self) -> None:
        """Take as many seeds that come after the largest of these."""
        first = max(self.seeds) + 1
        self.seeds = tuple(range(first, first + len(self.seeds)))


def _as_tuple(numbers: Any) -> Any:
    """A range, or another collection, as a tuple; the trait refuses what is none."""
    return tuple(numbers) if isinstance(numbers, Iterable) else numbers
