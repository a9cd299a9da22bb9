"""What the figure of `StepThrough` shows: what a step takes and gives, and the difference."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from fwdwidgets import display, figures
from fwdwidgets.trace import Shape, Step
from fwdwidgets.widgets.shared import panels
from fwdwidgets.widgets.step_through.compute import Change, Operand
from fwdwidgets.widgets.step_through.figure import StepFigure
from fwdwidgets.widgets.step_through.words import title


@dataclass(frozen=True, eq=False)
class Shown:
    """What the figure shows.

    Attributes:
        step: the chosen step, None where there is none.
        operand: what it took, None where it took nothing.
        change: from that to its output; None where one of them is not known.
        page: of values that are too large for one picture.
    """

    step: Step | None
    operand: Operand | None
    change: Change | None
    page: int

    @property
    def before(self) -> Tensor | None:
        """What the step took."""
        return self.operand.value if self.operand else None

    @property
    def after(self) -> Tensor | None:
        """What it gave."""
        return self.step.value if self.step else None


def draw_step(drawing: figures.Drawing, figure: StepFigure, shown: Shown) -> None:
    """Draw both values, in one colour range where they can be compared, and their difference."""
    before, after, operand, step = shown.before, shown.after, shown.operand, shown.step
    ends = None
    if before is not None and after is not None and before.shape == after.shape:
        ends = _ends(before, after)
    took = title("takes", operand.name, operand.shape) if operand else ""
    gave = title("gives", step.name, step.shape) if step and step.shape is not None else ""
    change = shown.change
    difference = change.difference if change and change.changed else None
    less = "" if difference is None else "<b>gives minus takes</b>"
    _draw_value(drawing, figure.before, took, before, shown.page, ends)
    _draw_value(drawing, figure.after, gave, after, shown.page, ends)
    if ends is not None and after is not None:
        _share_scale(drawing, (figure.before, figure.after), after)
    _draw_value(drawing, figure.change, less, difference, shown.page, None)


def count_pages(step: Step | None, operand: Operand | None) -> int:
    """How many pages the larger of both values has."""
    shapes: list[Shape | None] = [operand.shape] if operand else []
    shapes += [step.shape] if step else []
    return max([1, *(display.grid(shape).pages for shape in shapes if shape is not None)])


def _draw_value(
    drawing: figures.Drawing,
    panel: figures.Layer,
    title: str,
    value: Tensor | None,
    page: int,
    ends: Tensor | None,
) -> None:
    if value is None:
        panel.say(drawing, title)
        panel.hide(drawing)
        return
    where = display.grid(tuple(value.shape), page)
    panel.say(drawing, title + (f"<br>{where.shown}" if where.shown else ""))
    panels.draw_value(drawing, panel, value, where, ends)


def _ends(before: Tensor, after: Tensor) -> Tensor:
    """The ends of a colour scale that two values share: zero is in its middle."""
    ends = [display.symmetric_range(value).double() for value in (before, after)]
    return ends[0] if ends[0][1] > ends[1][1] else ends[1]


def _share_scale(
    drawing: figures.Drawing, layers: tuple[figures.Layer, ...], value: Tensor
) -> None:
    """Let bars that can be compared, those of `value` among them, stand on one scale."""
    if display.grid(tuple(value.shape)).kind != "bars":
        return
    ranges = [drawing.layout[f"yaxis{layer.heatmap.axis}.range"] for layer in layers]
    low, high = min(low for low, _ in ranges), max(high for _, high in ranges)
    for layer in layers:
        drawing.layout[f"yaxis{layer.heatmap.axis}.range"] = [low, high]
