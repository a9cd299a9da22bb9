"""One forward pass on the figure, and its answer as a badge."""

from __future__ import annotations

from collections.abc import Callable

from fwdwidgets import display
from fwdwidgets.data import Sample
from fwdwidgets.figures import Drawing, badge
from fwdwidgets.networks import Answer, Run
from fwdwidgets.trace import Step
from fwdwidgets.widgets.forward_pass.figure import ForwardFigure
from fwdwidgets.widgets.shared import Plot, SamplePanels


class Picture:
    """Draws forward passes on one figure, and knows which of them it shows.

    Attributes:
        plot: the figure on the page.
        panels: what it is made of.
        shows: the choice that it shows, in words; empty before the first drawing.
    """

    def __init__(self) -> None:
        figure = ForwardFigure()
        self.panels = SamplePanels(figure.input, figure.layer, figure.classes)
        self.plot = Plot(figure.canvas, "forward pass")
        self.plot.add_class("fwd-figure")
        self.shows = ""

    def draw(
        self,
        layer: str | None,
        step: Step | None,
        where: display.Grid,
        choice: str,
        *,
        run: Run | None = None,
        label: int | None = None,
        name: Callable[[int], str] = str,
    ) -> None:
        """Draw a layer; with `run` the input and the answer of a new forward pass too.

        Args:
            layer: the name of the layer.
            step: the step of that name; None where there is none.
            where: how its value is laid out.
            choice: sample and weights, in words.
            run: the new forward pass.
            label: the true class of its sample.
            name: gives the name of a class.
        """
        drawing = Drawing()
        if run is not None:
            self.panels.draw_input(drawing, run.batch)
            self.panels.draw_answer(drawing, run.answer, label, name)
            self.plot.old = False
            self.shows = choice
        self.panels.draw_layer(drawing, step, where)
        self.plot.draw(drawing, f"{choice}: input, {layer}, answer")


def badge_of(answer: Answer | None, sample: Sample, name: Callable[[int | None], str]) -> str:
    """The answer as a badge: right, wrong, or without a label; a value beside its target."""
    if answer is None:
        return badge.badge_html("neutral", "no answer")
    if answer.head == "value":
        target = sample.label
        return badge.badge_html(
            "neutral",
            f"value: {answer.output.item():.6g}",
            "" if target is None else f"target: {target:.6g}",
        )
    prediction, label = answer.prediction, sample.class_index
    chance = answer.probabilities[prediction].item() if prediction is not None else 0.0
    return badge.answer_badge(prediction, label, name(prediction), name(label), chance)
