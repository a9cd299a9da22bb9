"""The panels of a figure, from tensors: `display` lays them out, `figures` draws them."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from fwdwidgets import display, figures
from fwdwidgets.networks import Answer, answer_picture, top_classes
from fwdwidgets.trace import Step

AXES = ("logits", "probabilities")

Slot = tuple[str, str, int | str]
"""A place in the figure, the number that goes there, and what of it: the whole `array`, a plain
`list` of its numbers, or the one number at an index. The numbers have the names that
`networks.PictureView` gives them."""


@dataclass(frozen=True)
class SamplePanels:
    """The panels of one forward pass: the input, the value of a step, the answer.

    Each is declared once: how it is drawn from tensors, and which places of the figure depend
    only on the numbers. A page that computes the numbers itself fills these places.

    Attributes:
        input: what the network gets.
        layer: the value of a step.
        classes: logits and probabilities.
    """

    input: figures.Heatmap
    layer: figures.Layer
    classes: figures.Classes

    def draw_input(self, drawing: figures.Drawing, batch: Tensor) -> None:
        """Draw the input `(1, ...)` as the network gets it."""
        draw_input(drawing, self.input, batch)

    def input_slots(self) -> list[Slot]:
        """Where the numbers of an input go."""
        return _picture_slots(self.input)

    def draw_layer(self, drawing: figures.Drawing, step: Step | None, where: display.Grid) -> None:
        """Draw the value of a step as `where` lays it out, under its name and shape."""
        draw_step(drawing, self.layer, step, where)

    def layer_slots(self, where: display.Grid) -> list[Slot]:
        """Where the numbers of a step go that `where` lays out."""
        if where.kind == "bars":
            return [
                (f"traces.{self.layer.bars}.y", "picture", "array"),
                (f"layout.yaxis{self.layer.heatmap.axis}.range", "range", "list"),
            ]
        return _picture_slots(self.layer.heatmap)

    def draw_answer(
        self,
        drawing: figures.Drawing,
        answer: Answer | None,
        label: int | None,
        name: Callable[[int], str],
    ) -> None:
        """Draw logits and probabilities of an answer; nothing where there are no classes."""
        draw_answer(drawing, self.classes, answer, label, name)

    def answer_bars(self, answer: Answer) -> dict[str, figures.NamedBars]:
        """The panels that an answer has numbers for, by the name of the numbers."""
        bars = dict(zip(AXES, (self.classes.logits, self.classes.probabilities), strict=True))
        return bars if answer.logits is not None else {AXES[1]: bars[AXES[1]]}

    def answer_places(self, bars: Iterable[figures.NamedBars]) -> set[str]:
        """The places that follow from the numbers of an answer, its prediction and its label."""
        places = {f"layout.yaxis{self.classes.logits.axis}.ticktext"}
        for panel in bars:
            trace = f"traces.{panel.traces[0]}"
            places |= {f"{trace}.x", f"{trace}.marker", f"{trace}.hovertext"}
            places |= {f"layout.xaxis{panel.axis}.range", f"layout.yaxis{panel.numbers}.ticktext"}
        return places


def _picture_slots(panel: figures.Heatmap) -> list[Slot]:
    color = f"layout.coloraxis{panel.color}"
    return [
        (f"traces.{panel.trace}.z", "picture", "array"),
        (f"{color}.cmin", "range", 0),
        (f"{color}.cmax", "range", 1),
        (f"{color}.colorbar.tickvals", "ticks", "list"),
    ]


def draw_input(drawing: figures.Drawing, panel: figures.Heatmap, batch: Tensor) -> None:
    """Draw the whole input `(1, ...)` as the network gets it, however large it is."""
    where = display.input_grid(tuple(batch.shape))
    panel.say(drawing, f"<b>input</b> {tuple(batch.shape)}")
    if where.kind == "empty":
        panel.hide(drawing)
        return
    drawn = display.input_picture(batch, where)
    low, high = drawn["range"].tolist()
    panel.draw(drawing, drawn["picture"].numpy(), (low, high), **_place(where))


def draw_step(
    drawing: figures.Drawing, panel: figures.Layer, step: Step | None, where: display.Grid
) -> None:
    """Draw the value of a step as `where` lays it out, under its name and shape."""
    if step is None or step.value is None:
        panel.say(drawing, "")
        panel.hide(drawing)
        return
    op = "" if step.name == step.op else f" {step.op}"
    shown = f"<br>{where.shown}" if where.shown else ""
    panel.say(drawing, f"<b>{figures.escape(step.name)}</b>{op} {tuple(step.value.shape)}{shown}")
    draw_value(drawing, panel, step.value, where)


def draw_value(
    drawing: figures.Drawing,
    panel: figures.Layer,
    value: Tensor,
    where: display.Grid,
    ends: Tensor | None = None,
) -> None:
    """Draw a tensor of any shape, its NaN and infinite values marked.

    Args:
        drawing: what the redraw assigns; added to.
        panel: where it is drawn.
        value: of the shape that `where` was made for.
        where: the layout, from `display.grid(value.shape, page)`.
        ends: `(2,)`, the colour range; by default zero is in the middle and the largest
            magnitude at both ends.
    """
    if where.kind == "empty":
        panel.hide(drawing)
        return
    drawn = display.layer_picture(value, where, ends)
    z, (low, high) = drawn["picture"].numpy(), drawn["range"].tolist()
    if where.kind == "bars":
        panel.draw_bars(drawing, z, (low, high), where.unit)
    else:
        panel.draw_picture(drawing, z, (low, high), **_place(where))
    marked = drawn["marks"].numpy()
    y, x = marked.nonzero()
    few = slice(figures.MAX_MARKS)
    text = [f"{number:g}".replace("nan", "NaN") for number in z.reshape(marked.shape)[marked][few]]
    panel.draw_marks(drawing, y[few], x[few], text)


def draw_answer(
    drawing: figures.Drawing,
    panel: figures.Classes,
    answer: Answer | None,
    label: int | None,
    name: Callable[[int], str],
) -> None:
    """Draw logits and probabilities of an answer; nothing where there are no classes."""
    if answer is None or answer.head == "value":
        panel.hide(drawing)
        return
    classes = top_classes(answer.probabilities, label)
    drawn = answer_picture(answer, torch.tensor(classes))
    logits, many = drawn.get("logits"), len(answer.probabilities)
    panel.draw(
        drawing,
        classes,
        [name(index) for index in classes],
        None if logits is None else logits.numpy(),
        drawn["probabilities"].numpy(),
        ranges={key: drawn[f"{key}.range"].tolist() for key in AXES if f"{key}.range" in drawn},
        digits=int(drawn.get("logits.digits", 0)),
        prediction=answer.prediction,
        label=label,
        titles=("logits", answer.head_name),
        note=f"{len(classes)} of {many:,} classes" if len(classes) < many else "",
    )


def _place(where: display.Grid) -> dict[str, Any]:
    """What a heatmap needs to name its cells."""
    return {
        "kind": "strip" if where.kind == "bars" else where.kind,
        "unit": where.unit,
        "tile": where.tile,
        "tiles": where.tiles,
        "first": where.start,
    }
