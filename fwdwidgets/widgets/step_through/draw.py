"""What the figure of `StepThrough` shows: what a step takes and gives, and the difference."""

from __future__ import annotations

from torch import Tensor

from fwdwidgets import display, figures
from fwdwidgets.widgets.shared import Plot, panels
from fwdwidgets.widgets.step_through.compute import Look
from fwdwidgets.widgets.step_through.figure import StepFigure
from fwdwidgets.widgets.step_through.words import title


class Picture:
    """Draws steps on one figure.

    Attributes:
        plot: the figure on the page.
    """

    def __init__(self) -> None:
        self._figure = StepFigure()
        self.plot = Plot(self._figure.canvas, "one step")

    def draw(self, look: Look | None, page: int) -> None:
        """Draw what a step takes and gives, and the difference; without a step, nothing.

        Args:
            look: at a step.
            page: of values that are too large for one picture.
        """
        drawing = figures.Drawing()
        if look is None:
            for panel in (self._figure.before, self._figure.after, self._figure.change):
                _draw_value(drawing, panel, "", None, page, None)
            self.plot.draw(drawing, "nothing chosen")
            return
        _draw_step(drawing, self._figure, look, page)
        self.plot.draw(drawing, f"step {look.step.name}: takes, gives, difference")


def _draw_step(drawing: figures.Drawing, figure: StepFigure, look: Look, page: int) -> None:
    """Draw both values, in one colour range where they can be compared, and their difference."""
    before, after, operand, step = look.before, look.after, look.operand, look.step
    ends = None
    if before is not None and after is not None and before.shape == after.shape:
        ends = _ends(before, after)
    took = title("takes", operand.name, operand.shape) if operand else ""
    gave = title("gives", step.name, step.shape) if step.shape is not None else ""
    difference = look.change.difference if look.change and look.change.changed else None
    less = "" if difference is None else "<b>gives minus takes</b>"
    _draw_value(drawing, figure.before, took, before, page, ends)
    _draw_value(drawing, figure.after, gave, after, page, ends)
    if ends is not None and after is not None:
        _share_scale(drawing, (figure.before, figure.after), after)
    _draw_value(drawing, figure.change, less, difference, page, None)


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
