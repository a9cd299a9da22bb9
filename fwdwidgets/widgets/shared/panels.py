"""The panels of a figure, from tensors: what `display` makes of them goes where `figures` says."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from fwdwidgets import display, figures
from fwdwidgets.networks import Answer, answer_picture, top_classes
from fwdwidgets.trace import Step

AXES = ("logits", "probabilities")


def draw_input(drawing: figures.Drawing, panel: figures.Heatmap, batch: Tensor) -> None:
    """Draw the input `(1, ...)` as the network gets it, all of it however large."""
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
