"""What the figure of `Modes` shows: one layer and the output of both modes, from tensors."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from fwdwidgets import display, figures
from fwdwidgets.networks import find_head
from fwdwidgets.widgets.modes.compute import BothModes, ModeRun
from fwdwidgets.widgets.modes.figure import MODES, ModeFigure
from fwdwidgets.widgets.modes.random_draws import LAST_DRAWS
from fwdwidgets.widgets.shared import panels


@dataclass(frozen=True, eq=False)
class Shown:
    """What the figure shows.

    Attributes:
        both: the runs in both modes.
        layer: the name of a step.
        batch: how many samples were in the batch; the first is shown.
        draw: the seed of dropout's random numbers.
        draws: the answer of train mode by draw, this one included.
        name: of a class.
    """

    both: BothModes
    layer: str
    batch: int
    draw: int
    draws: Mapping[int, Tensor]
    name: Callable[[int], str]


def draw_modes(drawing: figures.Drawing, figure: ModeFigure, shown: Shown) -> None:
    """Draw all of it."""
    _draw_layers(drawing, figure, shown)
    answers = shown.both.answers()
    if answers is None:
        figure.bars.hide(drawing)
        figure.runs.hide(drawing)
        return
    train, evaluated = answers
    best = evaluated.nan_to_num(-1).topk(min(10, len(evaluated))).indices.sort().values
    names = [shown.name(int(i)) for i in best]
    pair = torch.stack([train[best], evaluated[best]])
    ends = display.value_range(pair).tolist()
    figure.bars.draw(drawing, names, pair.numpy(), ends, series=list(MODES))
    classes = find_head(shown.both.evaluated.trace) != "value"
    figure.bars.say(drawing, "<b>probabilities</b>" if classes else "<b>output</b>")
    top = int(evaluated.nan_to_num(-1).argmax())  # the likeliest class
    figure.draw_runs(
        drawing,
        list(shown.draws),
        [float(answer[top]) for answer in shown.draws.values()],
        float(evaluated[top]),
        chosen=shown.draw,
        most=LAST_DRAWS,
    )
    figure.runs.say(drawing, f"<b>{figures.escape(shown.name(top))}</b>, draw after draw")


def _draw_layers(drawing: figures.Drawing, figure: ModeFigure, shown: Shown) -> None:
    """Draw the chosen layer in both modes, in one colour range."""
    runs = (shown.both.train, shown.both.evaluated)
    values = [_own_value(run, shown) for run in runs]
    numbers = [value.flatten() for value in values if value is not None]
    ends = display.symmetric_range(torch.cat(numbers)) if numbers else None
    sides = (figure.left, figure.right)
    for panel, mode, run, value in zip(sides, MODES, runs, values, strict=True):
        if value is None:
            panel.hide(drawing)
            panel.say(drawing, f"<b>{mode}</b>")
            continue
        where = display.grid(tuple(value.shape))
        panels.draw_value(drawing, panel, value, where, ends)
        bars = where.kind == "bars"
        if shown.layer in run.dropped:
            kept = run.dropped[shown.layer].kept[: len(value)]
            cells = display.arrange((~kept).float(), where) == 1
            figure.mark_dropped(drawing, panel, cells.numpy(), bars=bars)
        if bars:
            figure.share_scale(drawing)
        part = f", {where.shown}" if where.shown else ""
        name = figures.escape(shown.layer)
        panel.say(drawing, f"<b>{mode}</b> {name} {tuple(value.shape)}{part}")


def _own_value(run: ModeRun, shown: Shown) -> Tensor | None:
    """What the chosen layer gave for the sample, without its batch-mates'."""
    value = run.trace[shown.layer].value if shown.layer in run.trace else None
    if value is None or not value.dim() or len(value) != shown.batch:
        return value
    return value[:1]
