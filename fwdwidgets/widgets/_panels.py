"""The panels of a figure, from tensors: what `display` makes of them goes where `figures` says."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

import numpy as np
from torch import Tensor

from fwdwidgets import display, figures
from fwdwidgets.outputs import Answer, top_classes
from fwdwidgets.trace import Step


def draw_input(drawing: figures.Drawing, panel: figures.Heatmap, batch: Tensor) -> None:
    """Draw the input `(1, ...)` as the network gets it, all of it however large."""
    where = display.grid(tuple(batch.shape), 0, sys.maxsize, display.INPUT_ASPECT)
    panel.say(drawing, f"<b>input</b> {tuple(batch.shape)}")
    if where.kind == "empty":
        panel.hide(drawing)
        return
    z = display.arrange(batch, where)
    picture = z[:, None] if where.kind == "bars" else z  # a short vector stands upright
    low, high = display.full_range(batch).tolist()
    panel.draw(drawing, picture.numpy(), (low, high), **_place(where))


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
    z = display.arrange(value, where)
    if where.kind == "bars":
        panel.draw_bars(drawing, z.numpy(), where.unit)
    else:
        low, high = (display.symmetric_range(value) if ends is None else ends).tolist()
        panel.draw_picture(drawing, z.numpy(), (low, high), **_place(where))
    _mark_nonfinite(drawing, panel, value, where)


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
    chances = answer.probabilities
    classes = top_classes(chances, label)
    many = ""
    if len(classes) < len(chances):
        many = f"{len(classes)} of {len(chances):,} classes"
    panel.draw(
        drawing,
        classes,
        [name(index) for index in classes],
        None if answer.logits is None else answer.logits[classes].numpy(),
        chances[classes].numpy(),
        prediction=answer.prediction,
        label=label,
        titles=("logits", answer.head_name),
        note=many,
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


def _mark_nonfinite(
    drawing: figures.Drawing, panel: figures.Layer, value: Tensor, where: display.Grid
) -> None:
    """Mark NaN and infinity of a layer, which the gaps of its picture would hide."""
    odd = display.arrange((~value.isfinite()).float(), where) == 1
    if not bool(odd.any()):
        panel.draw_marks(drawing, np.empty(0), np.empty(0), [])
        return
    cells = odd.nonzero()[: figures.MAX_MARKS].numpy()  # (marks, 2), of bars (marks, 1)
    values = display.arrange(value, where)[odd][: figures.MAX_MARKS].tolist()
    text = [f"{number:g}".replace("nan", "NaN") for number in values]
    bars = where.kind == "bars"
    y, x = (np.zeros(len(cells)), cells[:, 0]) if bars else cells.T
    panel.draw_marks(drawing, y, x, text)
