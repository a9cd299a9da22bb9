"""The same input in train mode and in eval mode, and what autograd keeps of it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import count, islice
from typing import Any

import ipywidgets
import numpy as np
import torch
import traitlets
from torch import Tensor, nn
from traitlets import observe, validate

from fwdwidgets import badge, display, figures
from fwdwidgets.diagnose import explain_failure, explain_nonfinite
from fwdwidgets.kept import Held, held_bytes
from fwdwidgets.modes import (
    ModeRun,
    Statistics,
    explain_careless,
    run_in_mode,
    statistics,
)
from fwdwidgets.outputs import find_head, probabilities
from fwdwidgets.samples import batch_of_one, check_class_names
from fwdwidgets.widgets import _panels as panels
from fwdwidgets.widgets._base import BadValue, Index, Text, row
from fwdwidgets.widgets._mode_tables import held_table, norm_table
from fwdwidgets.widgets._plot import Plot
from fwdwidgets.widgets._weighted import WeightedWidget

MAX_MATES = 31
"""So many other samples may stand in the batch."""
MAX_DRAW = 99
LAST_DRAWS = 10
"""So many draws stand beside each other, the chosen one last."""


class Modes(WeightedWidget):
    """One sample, run in train mode and in eval mode: what differs, and what autograd keeps.

    Example:
        >>> fw.Modes(fw.models.ImageClassifier, fw.datasets.course())

    Args:
        model: an `nn.Module`, or a class or factory that makes one; it is left as found.
        dataset: anything indexable of `(input, label)`.
        class_names: one name a class; by default `dataset.classes`.
        sample: index into the dataset; it is the first of the batch.
        seed: what the weights are drawn under; None means the weights as given.
        layer: the name of a step; None means the first dropout or BatchNorm, else the last step.
        draw: what dropout is drawn under, 0 to 99.
        mates: how many other samples are in the batch with it, 0 to 31.
        mates_from: index of the first of them; the others follow it in the dataset, from its
            beginning after its end. None means the second sample.

    Attributes:
        dropped: how many numbers of the sample the chosen dropout dropped in train mode; None
            where the layer is no dropout.
        same: whether the sample's output is the same in both modes, bit for bit.
        held: bytes kept for the way back, by how the forward pass was run.

    Raises:
        TypeError: model, dataset or a keyword is of the wrong kind.
        ValueError: the dataset is empty, or a state is out of range.
    """

    layer = Text(None, allow_none=True)
    draw = Index(0)
    mates = Index(0)
    mates_from = Index(1)
    dropped = traitlets.Int(None, allow_none=True, read_only=True)
    same = traitlets.Bool(None, allow_none=True, read_only=True)
    held = traitlets.Dict(read_only=True)

    def __init__(
        self,
        model: nn.Module | Callable[[], nn.Module],
        dataset: Any,
        *,
        class_names: Sequence[str] | None = None,
        sample: int = 0,
        seed: int | None = None,
        layer: str | None = None,
        draw: int = 0,
        mates: int = 0,
        mates_from: int | None = None,
        **unknown: Any,
    ) -> None:
        """See the class."""
        super().__init__("train and eval", unknown, model, dataset, class_names, training=False)
        self._make_figure()
        self._said = ipywidgets.HTML()
        self._said.add_class("fwd-badge")
        self._tables = ipywidgets.HTML()
        self._tables.add_class("fwd-tables")
        self._drawn: dict[int, Tensor | None] = {}  # the output of train mode by draw
        self._train: ModeRun
        self._eval: ModeRun
        self._inputs: Tensor
        self._norms: list[Statistics] = []
        self._held: list[Held] = []
        self._begin(sample, seed, None)
        self.draw, self.mates = draw, mates
        self.mates_from = min(1, self._length - 1) if mates_from is None else mates_from
        self._run_both()
        self._layer_slider = self._slider(
            ipywidgets.SelectionSlider, "Layer", options=self._layers() or [""]
        )
        self.layer = layer if layer is not None else self._first_layer()
        self._build()
        self._quiet = False
        self._show()

    @property
    def figure(self) -> Any:
        """The `plotly.graph_objects.Figure` on the screen; read it, do not change it."""
        return self._plot.figure

    # --- state ----------------------------------------------------------------------------------

    @validate("draw", "mates", "mates_from")
    def _valid_number(self, proposal: dict[str, Any]) -> int:
        name, value = proposal["trait"].name, proposal["value"]
        last = self._length - 1
        most = {"draw": MAX_DRAW, "mates": min(MAX_MATES, last), "mates_from": last}[name]
        if not 0 <= value <= most:
            with self._told():
                raise BadValue(f"{name}={value} is out of range: choose 0 to {most}.")
        return int(value)

    @validate("layer")
    def _valid_layer(self, proposal: dict[str, Any]) -> str:
        if proposal["value"] not in self._layers():
            with self._told():
                raise BadValue(
                    f"layer={proposal['value']!r} is not a step of this forward pass; choose one "
                    f"of {', '.join(self._layers())}."
                )
        return str(proposal["value"])

    @observe("draw", "mates", "mates_from")
    def _run_changed(self, change: dict[str, Any]) -> None:
        if not self._quiet:
            drawn = change["name"] == "draw"
            if not drawn:
                self._drawn.clear()
            self._run_and_show(drawn=drawn)

    @observe("layer")
    def _layer_changed(self, _: Any) -> None:
        if not self._quiet:
            with self._quietly():
                self.layer = self.layer or self._first_layer()
            self._error = ""
            self._show()

    def _rerun(self) -> None:
        self._drawn.clear()
        self._run_and_show()
        if self._eval.trace.error is not None:
            raise self._eval.trace.error

    def run_again(self) -> None:
        """Run the same input again, dropout drawn anew; after the last draw comes the first."""
        self.draw = (self.draw + 1) % (MAX_DRAW + 1)

    # --- compute --------------------------------------------------------------------------------

    def _indices(self) -> list[int]:
        """The sample, and after it its batch-mates; it is none of its own."""
        others = (i % self._length for i in count(self.mates_from))
        mates = (i for i in others if i != self.sample)
        return [self.sample, *islice(mates, self.mates)]

    def _batch(self) -> Tensor:
        """The samples of the batch, `(mates + 1, ...)`."""
        network = self._forward.network
        assert network is not None, "the weights are settled"
        indices = self._indices()
        inputs = [batch_of_one(self._load(index).input, network) for index in indices]
        shapes = {tuple(each.shape[1:]) for each in inputs}
        if len(shapes) > 1:
            raise BadValue(
                f"samples {_listed(indices)} have different shapes, "
                f"{' and '.join(map(str, sorted(shapes)))}: a batch needs equal ones. Set mates=0."
            )
        return torch.cat(inputs)

    def _run_both(self, *, drawn: bool = False) -> None:
        """Run in both modes, and measure; another draw holds as many bytes as the last one."""
        batch = self._inputs = self._batch()
        forward = self._forward
        self._train = run_in_mode(forward, batch, training=True, draw=self.draw)
        self._eval = run_in_mode(forward, batch, training=False, draw=self.draw)
        failed = self._eval.trace.error is not None
        if not drawn or self._norms:
            self._norms = [] if failed else statistics(forward, batch, draw=self.draw)
        if not drawn:
            self._held = [] if failed else held_bytes(forward, batch, training=False)
        train, evaluated = self._output(self._train), self._output(self._eval)
        both = train is not None and evaluated is not None
        if evaluated is not None:
            check_class_names(self._names, len(evaluated))
        self.set_trait("same", _same(train, evaluated) if both else None)  # type: ignore[arg-type]
        self.set_trait("held", {h.context: h.bytes for h in self._held if h.bytes is not None})

    def _last_draws(self) -> dict[int, Tensor]:
        """The output of train mode in this draw and in those before it, at most `LAST_DRAWS`."""
        self._drawn[self.draw] = self._output(self._train)
        last = range(max(0, self.draw - LAST_DRAWS + 1), self.draw + 1)
        for draw in last:
            if draw not in self._drawn:
                run = run_in_mode(self._forward, self._inputs, training=True, draw=draw)
                self._drawn[draw] = self._output(run)
        return {n: out for n in last if (out := self._drawn[n]) is not None}

    def _output(self, run: ModeRun) -> Tensor | None:
        """The sample's row of the output as probabilities, or as it is."""
        output = run.trace.output
        if not isinstance(output, Tensor) or output.dim() != 2 or not output.numel():
            return None
        line = display.as_float(output.detach()[0])
        chances = probabilities(line, find_head(run.trace))
        return chances if len(chances) else line

    def _layers(self) -> list[str]:
        """Steps that both modes have."""
        return [
            s.name
            for s in self._eval.trace
            if s.value is not None and s.name in self._names_of(self._train)
        ]

    @staticmethod
    def _names_of(run: ModeRun) -> set[str]:
        return {step.name for step in run.trace if step.value is not None}

    def _first_layer(self) -> str | None:
        names = self._layers()
        wanted = [n for n in names if self._eval.trace[n].op in ("dropout", "batch_norm")]
        return next(iter(wanted or names[-1:]), None)

    # --- show -----------------------------------------------------------------------------------

    def _run_and_show(self, *, drawn: bool = False) -> None:
        with self._told():
            self._run_both(drawn=drawn)
        names = self._layers()
        with self._quietly():
            if names != list(self._layer_slider.options) and names:
                kept = self.layer if self.layer in names else self._first_layer()
                self._layer_slider.options = names
                self.layer = self._layer_slider.value = kept
        self._error = ""
        self._show()

    def _show(self) -> None:
        trace = self._eval.trace
        if trace.error is not None:
            self._tell_error(explain_failure(trace))
            self._plot.old = True
            return
        chosen = self._train.dropped.get(self.layer or "")
        self.set_trait("dropped", int((~chosen.kept[0]).sum()) if chosen else None)
        if self._train.trace.error is not None:
            self._notes["train"] = "Train mode: " + explain_failure(self._train.trace)
        else:
            self._notes["train"] = ""
        self._notes["careless"] = explain_careless(self._forward.network, self._train, self._eval)
        self._notes["finite"] = explain_nonfinite(trace, self._inputs)
        self._said.value = badge.badge_html("neutral", self._describe())
        self._tables.value = norm_table(self._norms) + held_table(self._held)
        self._draw()
        self._follow_weights()
        self._follow()
        self._show_message()

    def _describe(self) -> str:
        chosen = self._train.dropped.get(self.layer or "")
        if chosen is not None:
            total = chosen.kept[0].numel()
            too = self._eval.dropped.get(chosen.name)
            still = f"{int((~too.kept[0]).sum())} of {total} are" if too else "nothing is"
            return (
                f"Train mode, draw {self.draw}: {self.layer} dropped {self.dropped} of {total}, "
                f"marked by a cross (p = {chosen.p:g}); the others are multiplied by "
                f"{chosen.scale:.4g}. Eval mode: {still} dropped."
            )
        if self.layer in self._names_of(self._eval):
            if self._eval.trace[self.layer].op == "batch_norm":
                return (
                    f"Train mode: BatchNorm {self.layer} uses mean and variance of this batch, "
                    f"samples {_listed(self._indices())}. Eval mode: it uses its running "
                    "statistics, whatever the batch."
                )
        if self.same is None:
            return "Both modes have run; look at the layers."
        if self.same:
            return "Both modes give the same output for this sample, bit for bit."
        return "The two modes give different outputs for the same sample and weights."

    def _make_figure(self) -> None:
        board = figures.Board()
        self._left = figures.Layer(board, "train")
        self._right = figures.Layer(board, "eval")
        self._bars = figures.NamedBars(board, "output", series=2)
        self._runs = figures.Lines(board, ["train mode", "eval mode"], x="draw", y="output")
        narrow = [(0, 0.88, 0.8, 1), (0, 0.88, 0.52, 0.72), (0.3, 1, 0.22, 0.42)]
        narrow += [(0.14, 1, 0.04, 0.14)]
        wide = [(0, 0.45, 0.58, 1), (0.52, 0.97, 0.58, 1), (0.12, 0.45, 0.06, 0.38)]
        wide += [(0.58, 0.97, 0.06, 0.38)]
        canvas = board.canvas(
            {
                0: figures.View(1080, narrow, {"b": 40}),
                640: figures.View(560, wide, {"b": 56}),
            },
            showlegend=True,
        )
        self._plot = Plot(canvas, "train and eval")
        self._plot.add_class("fwd-figure")

    def _draw(self) -> None:
        drawing = figures.Drawing()
        self._plot.old = False
        panels_of = [
            (self._left, "train mode", self._train),
            (self._right, "eval mode", self._eval),
        ]
        values = [self._own_value(run) for *_, run in panels_of]
        shown = [value.flatten() for value in values if value is not None]
        ends = display.symmetric_range(torch.cat(shown)) if shown else None
        for (panel, mode, run), one in zip(panels_of, values, strict=True):
            if one is None:
                panel.hide(drawing)
                panel.say(drawing, f"<b>{mode}</b>")
                continue
            where = display.grid(tuple(one.shape))
            panels.draw_value(drawing, panel, one, where, ends)
            if self.layer in run.dropped:
                self._mark_dropped(drawing, panel, run.dropped[self.layer].kept[: len(one)], where)
            if where.kind == "bars":
                self._share_scale(drawing)
            part = f", {where.shown}" if where.shown else ""
            name = figures.escape(self.layer or "")
            panel.say(drawing, f"<b>{mode}</b> {name} {tuple(one.shape)}{part}")
        self._draw_outputs(drawing)
        label = f"sample {self.sample} in train and eval mode, layer {self.layer}"
        self._plot.draw(drawing, label)

    def _own_value(self, run: ModeRun) -> Tensor | None:
        """What the chosen layer gave for the sample, without its batch-mates'."""
        value: Tensor | None = (
            run.trace[self.layer].value if self.layer in self._names_of(run) else None
        )
        if value is None or not value.dim() or len(value) != self.mates + 1:
            return value
        return value[:1]

    def _share_scale(self, drawing: figures.Drawing) -> None:
        """Give the bars of both modes one scale, on which 1.333 times as much looks so."""
        keys = [f"yaxis{panel.heatmap.axis}.range" for panel in (self._left, self._right)]
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

    def _draw_outputs(self, drawing: figures.Drawing) -> None:
        train, evaluated = self._output(self._train), self._output(self._eval)
        if evaluated is None or train is None:
            self._bars.hide(drawing)
            self._runs.hide(drawing)
            return
        best = evaluated.nan_to_num(-1).topk(min(10, len(evaluated))).indices.sort().values
        names = [self._name(int(i)) for i in best]
        pair = torch.stack([train[best], evaluated[best]]).numpy()
        self._bars.draw(drawing, names, pair, series=["train mode", "eval mode"])
        classes = find_head(self._eval.trace) != "value"
        self._bars.say(drawing, "<b>probabilities</b>" if classes else "<b>output</b>")
        top = int(evaluated.nan_to_num(-1).argmax())
        draws = self._last_draws()
        x = np.array(list(draws))
        y = np.array([float(output[top]) for output in draws.values()])
        first = max(0, self.draw - LAST_DRAWS + 1)
        ends = np.array([first - 0.5, first + LAST_DRAWS - 0.5])
        level = np.full(2, float(evaluated[top]))
        self._runs.draw(
            drawing,
            [(x, y), (ends, level)],
            points=(x, y),
            texts=["train mode"] * len(x),
            x_range=(ends[0], ends[1]),
            y_range=_with_room(np.append(y, level)),
        )
        sizes = [16 if draw == self.draw else 9 for draw in draws]
        marker = {"color": figures.SERIES[0], "size": sizes, "symbol": "diamond"}
        drawing.trace(self._runs.points, marker=marker)  # in the colour of train mode
        for number in self._runs.traces:  # the bars beside have the same names and colours
            drawing.trace(number, showlegend=False)
        self._runs.say(drawing, f"<b>{figures.escape(self._name(top))}</b>, draw after draw")

    # --- controls -------------------------------------------------------------------------------

    def _build(self) -> None:
        draws = self._slider(ipywidgets.IntSlider, "Draw", value=self.draw, min=0, max=MAX_DRAW)
        most = min(MAX_MATES, self._length - 1)
        mates = self._slider(ipywidgets.IntSlider, "Mates", value=self.mates, min=0, max=most)
        first = self._slider(
            ipywidgets.IntSlider, "First mate", value=self.mates_from, min=0, max=self._length - 1
        )
        again = self._button("run again", "the same input, dropout drawn anew", self.run_again)
        self.children = [
            row(self._sample_slider(), *self._weights_controls()),
            row(
                self._link(draws, "draw", "fwd-draw"),
                again,
            ),
            row(
                self._link(mates, "mates", "fwd-mates"),
                self._link(first, "mates_from", "fwd-mates-from"),
            ),
            row(self._link(self._layer_slider, "layer", "fwd-layer")),
            self._said,
            self._plot,
            self._message,
            self._tables,
            self._frame,
        ]
        self._keep()


def _same(one: Tensor, other: Tensor) -> bool:
    """Whether all numbers are the same, NaN at the same places."""
    nans = torch.equal(one.isnan(), other.isnan())
    return nans and torch.equal(one[~one.isnan()], other[~other.isnan()])


def _listed(indices: Sequence[int]) -> str:
    """Indices in words, the middle of many left out."""
    few = indices if len(indices) <= 6 else [*indices[:4], "…", indices[-1]]
    return ", ".join(map(str, few))


def _with_room(values: np.ndarray) -> tuple[float, float]:
    """An axis range in which no mark on a value is cut; never empty."""
    finite = values[np.isfinite(values)]
    low, high = float(finite.min(initial=np.inf)), float(finite.max(initial=-np.inf))
    if low > high:
        return 0.0, 1.0
    room = (high - low) * 0.15 or 0.05
    return low - room, high + room
