"""What the figure shows: the largest results of a forward pass, or the values of one step."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from fwdwidgets import display, figures
from fwdwidgets.widgets.shared import panels
from fwdwidgets.widgets.what_went_wrong.figure import WrongFigure

MOST_BARS = 14
"""The most steps with a bar: those with the largest results, and the chosen one."""


def draw_bytes(
    drawing: figures.Drawing,
    figure: WrongFigure,
    sizes: Mapping[str, int],
    chosen: str | None,
    batch: int,
) -> None:
    """Draw how many bytes the steps' results take.

    Args:
        drawing: what the redraw assigns; added to.
        figure: where it is drawn.
        sizes: bytes by the name of a step, in the order of the steps.
        chosen: the name of the step that is marked.
        batch: how many samples the bytes are for.
    """
    largest = sorted(sizes, key=lambda name: sizes[name], reverse=True)[:MOST_BARS]
    shown = {name: sizes[name] for name in sizes if name in largest or name == chosen}
    values = torch.tensor(list(shown.values()), dtype=torch.float64)
    many = f", {len(shown)} of {len(sizes)} steps" if len(shown) < len(sizes) else ""
    ends = display.value_range(values).tolist()
    figure.draw_bytes(drawing, shown, ends, chosen, f"batch of {batch:,}{many}")


def draw_values(
    drawing: figures.Drawing, figure: WrongFigure, operands: list[Tensor], result: Tensor | None
) -> None:
    """Draw what went into a step, its first two operands, and what came out.

    Args:
        drawing: what the redraw assigns; added to.
        figure: where it is drawn.
        operands: of any shapes.
        result: of any shape; None of a step that failed.
    """
    figure.bars.hide(drawing)
    first, second = (operands[n] if n < len(operands) else None for n in (0, 1))
    for panel, name, value in zip(
        figure.values, ("went in", "and", "came out"), (first, second, result), strict=True
    ):
        if value is None:
            figure.clear(drawing, panel)
            continue
        where = display.grid(tuple(value.shape))
        figure.name_value(drawing, panel, name, tuple(value.shape), where.shown)
        panels.draw_value(drawing, panel, display.as_float(value), where)
