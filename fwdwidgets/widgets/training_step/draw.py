"""What the figure of a training step shows: a parameter before and now, and what moved it."""

from __future__ import annotations

import torch
from torch import Tensor

from fwdwidgets import display, figures
from fwdwidgets.widgets.shared import panels
from fwdwidgets.widgets.training_step.compute import TrainingLoop
from fwdwidgets.widgets.training_step.figure import TrainingFigure
from fwdwidgets.widgets.training_step.words import last_loss


def draw_loop(
    drawing: figures.Drawing, figure: TrainingFigure, loop: TrainingLoop, parameter: str
) -> None:
    """Draw where a loop stands.

    Args:
        drawing: what the redraw assigns; added to.
        figure: where it is drawn.
        loop: the lines run so far.
        parameter: the name of the parameter that is drawn.
    """
    now, before = loop.weights()[parameter], loop.before[parameter]
    gradient = loop.gradients().get(parameter)
    ends = display.symmetric_range(torch.stack([now, before]))
    _draw_tensor(drawing, figure.output, loop.output, "output")
    _draw_tensor(drawing, figure.before, before, f"{parameter} before", ends)
    _draw_tensor(drawing, figure.gradient, gradient, f"{parameter}.grad")
    _draw_tensor(drawing, figure.after, now, f"{parameter} now", ends)
    _draw_tensor(drawing, figure.difference, now - before, "now - before")
    figure.draw_losses(drawing, loop.losses, last_loss(loop))


def _draw_tensor(
    drawing: figures.Drawing,
    panel: figures.Layer,
    value: Tensor | None,
    title: str,
    ends: Tensor | None = None,
) -> None:
    if value is None:
        panel.hide(drawing)
        panel.say(drawing, f"<b>{figures.escape(title)}</b><br>not there yet")
        return
    shape = tuple(value.shape)
    # A lone vector stands as one row; the batch axis of one is left out by the grid.
    drawn = shape if len(shape) != 1 else (1, *shape)
    panels.draw_value(drawing, panel, value.detach().reshape(drawn), display.grid(drawn), ends)
    panel.say(drawing, f"<b>{figures.escape(title)}</b><br>{shape}")
