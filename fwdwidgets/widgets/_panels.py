"""The panels of a figure, from tensors: what `display` makes of them goes where `figures` says."""

from __future__ import annotations

import sys
from collections.abc import Callable

import numpy as np
from torch import Tensor

from fwdwidgets import display, figures
from fwdwidgets.outputs import Answer, top_classes
from fwdwidgets.trace import Step

INPUT_ASPECT = 0.6
"""Width over height of the input's panel."""


def draw_input(drawing: figures.Drawing, batch: Tensor) -> None:
    """Draw the input `(1, ...)` as the network gets it, all of it however large."""
    where = display.grid(tuple(batch.shape), 0, sys.maxsize, INPUT_ASPECT)
    drawing.layout["annotations[0].text"] = f"<b>input</b> {tuple(batch.shape)}"
    if where.kind == "empty":
        figures.hide_heatmap(drawing, figures.INPUT)
        return
    z = display.arrange(batch, where)
    picture = z[:, None] if where.kind == "bars" else z  # a short vector stands upright
    _draw_heatmap(drawing, figures.INPUT, picture, display.full_range(batch), where)


def draw_layer(drawing: figures.Drawing, step: Step | None, where: display.Grid) -> None:
    """Draw the value of a step as `where` lays it out, its NaN and infinite values marked."""
    value = step.value if step is not None else None
    figures.draw_marks(drawing, np.empty(0), np.empty(0), [])
    if where.kind in ("bars", "empty"):
        figures.hide_heatmap(drawing, figures.LAYER)
    if where.kind != "bars":
        figures.hide_bars(drawing)
    drawing.layout["annotations[1].text"] = _layer_title(step, where)
    if value is None or where.kind == "empty":
        return
    z = display.arrange(value, where)
    if where.kind == "bars":
        figures.draw_bars(drawing, z.numpy(), where.unit)
    else:
        _draw_heatmap(drawing, figures.LAYER, z, display.symmetric_range(value), where)
    _mark_nonfinite(drawing, value, where)


def draw_answer(
    drawing: figures.Drawing,
    answer: Answer | None,
    label: int | None,
    name: Callable[[int], str],
) -> None:
    """Draw logits and probabilities of an answer; nothing where there are no classes."""
    if answer is None or answer.head == "value":
        figures.hide_classes(drawing)
        return
    chances = answer.probabilities
    classes = top_classes(chances, label)
    many = ""
    if len(classes) < len(chances):
        many = f"{len(classes)} of {len(chances):,} classes"
    head = {"sigmoids": "sigmoid", "logits": "softmax"}.get(answer.head, answer.head)
    figures.draw_classes(
        drawing,
        classes,
        [name(index) for index in classes],
        None if answer.logits is None else answer.logits[classes].numpy(),
        chances[classes].numpy(),
        prediction=answer.prediction,
        label=label,
        titles=("logits", head),
        note=many,
    )


def _layer_title(step: Step | None, where: display.Grid) -> str:
    if step is None or step.value is None:
        return ""
    op = "" if step.name == step.op else f" {step.op}"
    shown = f"<br>{where.shown}" if where.shown else ""
    return f"<b>{figures.escape(step.name)}</b>{op} {tuple(step.value.shape)}{shown}"


def _draw_heatmap(
    drawing: figures.Drawing, trace: int, z: Tensor, ends: Tensor, where: display.Grid
) -> None:
    low, high = ends.tolist()
    figures.draw_heatmap(
        drawing,
        trace,
        z.numpy(),
        (low, high),
        kind="strip" if where.kind == "bars" else where.kind,
        unit=where.unit,
        tile=where.tile,
        tiles=where.tiles,
        first=where.start,
    )


def _mark_nonfinite(drawing: figures.Drawing, value: Tensor, where: display.Grid) -> None:
    """Mark NaN and infinity of a layer, which the gaps of its picture would hide."""
    odd = display.arrange((~value.isfinite()).float(), where) == 1
    if not bool(odd.any()):
        return
    cells = odd.nonzero()[: figures.MAX_MARKS].numpy()  # (marks, 2), of bars (marks, 1)
    values = display.arrange(value, where)[odd][: figures.MAX_MARKS].tolist()
    text = [f"{number:g}".replace("nan", "NaN") for number in values]
    bars = where.kind == "bars"
    y, x = (np.zeros(len(cells)), cells[:, 0]) if bars else cells.T
    figures.draw_marks(drawing, y, x, text)
