"""The figure of `Modes`: a layer and the output in both modes, and a class draw after draw."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from fwdwidgets import display, figures
from fwdwidgets.networks import find_head
from fwdwidgets.widgets.modes.compute import ModeRun
from fwdwidgets.widgets.shared import Plot, panels

LAST_DRAWS = 10
"""So many draws stand beside each other, the chosen one last."""


@dataclass(frozen=True, eq=False)
class Shown:
    """What the figure shows.

    Attributes:
        label: the figure in words.
        train: the run in train mode.
        evaluated: the run in eval mode.
        layer: the name of a step.
        batch: how many samples were in the batch; the first is shown.
        outputs: of the first sample in train and eval mode, `(classes,)`; None where there is none.
        draw: what dropout was drawn under.
        draws: the output of train mode by draw, this one included.
        name: of a class.
    """

    label: str
    train: ModeRun
    evaluated: ModeRun
    layer: str
    batch: int
    outputs: tuple[Tensor, Tensor] | None
    draw: int
    draws: Mapping[int, Tensor]
    name: Callable[[int], str]


class ModeFigure:
    """Train mode beside eval mode.

    Attributes:
        plot: the figure on the page.
        left: the layer in train mode.
        right: the layer in eval mode.
        bars: the output in both modes.
        runs: the likeliest class, draw after draw.
    """

    def __init__(self) -> None:
        board = figures.Board()
        self.left = figures.Layer(board, "train")
        self.right = figures.Layer(board, "eval")
        self.bars = figures.NamedBars(board, "output", series=2)
        self.runs = figures.Lines(board, ["train mode", "eval mode"], x="draw", y="output")
        narrow = [(0, 0.88, 0.8, 1), (0, 0.88, 0.52, 0.72), (0.3, 1, 0.22, 0.42)]
        narrow += [(0.14, 1, 0.04, 0.14)]
        wide = [(0, 0.45, 0.58, 1), (0.52, 0.97, 0.58, 1), (0.12, 0.45, 0.06, 0.38)]
        wide += [(0.58, 0.97, 0.06, 0.38)]
        canvas = board.canvas(
            {
                0: figures.View(1080, narrow, {"b": 40}),
                640: figures.View(560, wide, {"b": 56, "r": 24}),
            },
            showlegend=True,
        )
        self.plot = Plot(canvas, "train and eval")
        self.plot.add_class("fwd-figure")

    def draw(self, shown: Shown) -> None:
        """Draw all of it."""
        drawing = figures.Drawing()
        self.plot.old = False
        sides = [
            (self.left, "train mode", shown.train),
            (self.right, "eval mode", shown.evaluated),
        ]
        values = [_own_value(run, shown) for *_, run in sides]
        numbers = [value.flatten() for value in values if value is not None]
        ends = display.symmetric_range(torch.cat(numbers)) if numbers else None
        for (panel, mode, run), one in zip(sides, values, strict=True):
            if one is None:
                panel.hide(drawing)
                panel.say(drawing, f"<b>{mode}</b>")
                continue
            where = display.grid(tuple(one.shape))
            panels.draw_value(drawing, panel, one, where, ends)
            if shown.layer in run.dropped:
                kept = run.dropped[shown.layer].kept[: len(one)]
                self._mark_dropped(drawing, panel, kept, where)
            if where.kind == "bars":
                self._share_scale(drawing)
            part = f", {where.shown}" if where.shown else ""
            name = figures.escape(shown.layer)
            panel.say(drawing, f"<b>{mode}</b> {name} {tuple(one.shape)}{part}")
        self._draw_outputs(drawing, shown)
        self.plot.draw(drawing, shown.label)

    def _share_scale(self, drawing: figures.Drawing) -> None:
        """Give the bars of both modes one scale, on which 1.333 times as much looks so."""
        keys = [f"yaxis{panel.heatmap.axis}.range" for panel in (self.left, self.right)]
        drawn = [key for key in keys if key in drawing.layout]
        low = min(drawing.layout[key][0] for key in drawn)
        high = max(drawing.layout[key][1] for key in drawn)
        drawing.layout |= {key: [low, high] for key in drawn}

    def _mark_dropped(
        self, drawing: figures.Drawing, panel: figures.Layer, kept: Tensor, where: display.Grid
    ) -> None:
        """Mark each dropped number with a cross, on its cell or at the foot of its bar."""
        places = (display.arrange((~kept).float(), where) == 1).nonzero()
        cells = places[: figures.MAX_MARKS].numpy()
        y, x = (np.zeros(len(cells)), cells[:, 0]) if where.kind == "bars" else cells.T
        panel.draw_marks(drawing, y, x, ["dropped"] * len(cells))

    def _draw_outputs(self, drawing: figures.Drawing, shown: Shown) -> None:
        if shown.outputs is None:
            self.bars.hide(drawing)
            self.runs.hide(drawing)
            return
        train, evaluated = shown.outputs
        best = evaluated.nan_to_num(-1).topk(min(10, len(evaluated))).indices.sort().values
        names = [shown.name(int(i)) for i in best]
        pair = torch.stack([train[best], evaluated[best]])
        ends = display.value_range(pair).tolist()
        self.bars.draw(drawing, names, pair.numpy(), ends, series=["train mode", "eval mode"])
        classes = find_head(shown.evaluated.trace) != "value"
        self.bars.say(drawing, "<b>probabilities</b>" if classes else "<b>output</b>")
        self._draw_runs(drawing, shown, evaluated, int(evaluated.nan_to_num(-1).argmax()))

    def _draw_runs(
        self, drawing: figures.Drawing, shown: Shown, evaluated: Tensor, top: int
    ) -> None:
        """The likeliest class in the last draws of train mode, beside the level of eval mode."""
        draws = shown.draws
        x = np.array(list(draws))
        y = np.array([float(output[top]) for output in draws.values()])
        first = max(0, shown.draw - LAST_DRAWS + 1)
        ends = np.array([first - 0.5, first + LAST_DRAWS - 0.5])
        level = np.full(2, float(evaluated[top]))
        self.runs.draw(
            drawing,
            [(x, y), (ends, level)],
            points=(x, y),
            texts=["train mode"] * len(x),
            x_range=(ends[0], ends[1]),
            y_range=_with_room(np.append(y, level)),
        )
        sizes = [16 if draw == shown.draw else 9 for draw in draws]
        marker = {"color": figures.SERIES[0], "size": sizes, "symbol": "diamond"}
        drawing.trace(self.runs.points, marker=marker)  # in the colour of train mode
        for number in self.runs.traces:  # the bars beside have the same names and colours
            drawing.trace(number, showlegend=False)
        self.runs.say(drawing, f"<b>{figures.escape(shown.name(top))}</b>, draw after draw")


def _own_value(run: ModeRun, shown: Shown) -> Tensor | None:
    """What the chosen layer gave for the sample, without its batch-mates'."""
    value = run.trace[shown.layer].value if shown.layer in run.trace else None
    if value is None or not value.dim() or len(value) != shown.batch:
        return value
    return value[:1]


def _with_room(values: np.ndarray) -> tuple[float, float]:
    """An axis range in which no mark on a value is cut; never empty."""
    finite = values[np.isfinite(values)]
    low, high = float(finite.min(initial=np.inf)), float(finite.max(initial=-np.inf))
    if low > high:
        return 0.0, 1.0
    room = (high - low) * 0.15 or 0.05
    return low - room, high + room
