"""The same input in train mode and in eval mode, and what autograd keeps of it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import count, islice
from typing import Any

import ipywidgets
import torch
import traitlets
from torch import Tensor, nn
from traitlets import observe, validate

from fwdwidgets import display
from fwdwidgets.advice import explain_failure, explain_nonfinite
from fwdwidgets.data import batch_of_one, check_class_names
from fwdwidgets.figures import badge
from fwdwidgets.networks import find_head, probabilities
from fwdwidgets.widgets.modes.compute import DROPOUTS, ModeRun, run_in_mode
from fwdwidgets.widgets.modes.figure import LAST_DRAWS, ModeFigure, Shown
from fwdwidgets.widgets.modes.norms import Statistics, statistics
from fwdwidgets.widgets.modes.saved_tensors import Held, held_bytes
from fwdwidgets.widgets.modes.tables import held_table, norm_table
from fwdwidgets.widgets.modes.words import describe_layer, explain_careless, explain_unseen, listed
from fwdwidgets.widgets.shared import BadValue, Index, Text, WeightedWidget, row

MAX_MATES = 31
"""So many other samples may stand in the batch."""
MAX_DRAW = 99


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
        layer: the name of a step; None means the first that drops or goes by other statistics
            in one mode than in the other, else the last step.
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
        self._figure = ModeFigure()
        self._plot = self._figure.plot
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
                f"samples {listed(indices)} have different shapes, "
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
        train, evaluated = self._train, self._eval
        wanted = [
            n
            for n in names
            if evaluated.trace[n].op in DROPOUTS or train.norms.get(n) is not evaluated.norms.get(n)
        ]
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
        self._notes["unseen"] = explain_unseen(self._train, self._eval)
        self._notes["finite"] = explain_nonfinite(trace, self._inputs)
        self._said.value = badge.badge_html("neutral", self._describe())
        self._tables.value = norm_table(self._norms) + held_table(self._held)
        self._draw()
        self._follow_weights()
        self._follow()
        self._show_message()

    def _describe(self) -> str:
        said = describe_layer(self.layer or "", self._train, self._eval, self.draw, self._indices())
        if said:
            return said
        if self.same is None:
            return "Both modes have run; look at the layers."
        if self.same:
            return "Both modes give the same output for this sample, bit for bit."
        return "The two modes give different outputs for the same sample and weights."

    def _draw(self) -> None:
        train, evaluated = self._output(self._train), self._output(self._eval)
        outputs = None if train is None or evaluated is None else (train, evaluated)
        self._figure.draw(
            Shown(
                label=f"sample {self.sample} in train and eval mode, layer {self.layer}",
                train=self._train,
                evaluated=self._eval,
                layer=self.layer or "",
                batch=self.mates + 1,
                outputs=outputs,
                draw=self.draw,
                draws=self._last_draws() if outputs else {},
                name=self._name,
            )
        )

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
