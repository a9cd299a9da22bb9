"""The same input in train mode and in eval mode, and what autograd keeps."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import ipywidgets
import traitlets
from torch import Tensor, nn
from traitlets import observe, validate

from fwdwidgets import figures
from fwdwidgets.advice import explain_failure, explain_nonfinite
from fwdwidgets.data import check_class_names
from fwdwidgets.figures import badge
from fwdwidgets.widgets.modes.batch import batch_indices, stack_samples
from fwdwidgets.widgets.modes.compute import BothModes, run_both
from fwdwidgets.widgets.modes.draw import Shown, draw_modes
from fwdwidgets.widgets.modes.figure import ModeFigure
from fwdwidgets.widgets.modes.norms import Statistics, statistics
from fwdwidgets.widgets.modes.random_draws import Draws
from fwdwidgets.widgets.modes.saved_tensors import Held, held_bytes
from fwdwidgets.widgets.modes.tables import held_table, norm_table
from fwdwidgets.widgets.modes.words import (
    describe_layer,
    describe_outputs,
    explain_careless,
    explain_unseen,
)
from fwdwidgets.widgets.shared import (
    Index,
    Plot,
    Text,
    WeightedWidget,
    check_index,
    check_step,
    html,
    row,
)

MAX_MATES = 31
"""The most other samples in the batch."""
MAX_DRAW = 99


class Modes(WeightedWidget):
    """One sample, run in train mode and in eval mode: what differs, and what autograd keeps.

    Example:
        >>> fw.Modes(fw.models.ImageClassifier, fw.datasets.course())

    Args:
        model: an `nn.Module`, or a class or factory that makes one; it is left as found.
        dataset: any indexable dataset of `(input, label)`.
        class_names: one name per class; by default `dataset.classes`.
        sample: index into the dataset; it is the first of the batch.
        seed: the seed of the random weights; None means the weights as given.
        layer: the name of a step; None means the first one that drops numbers or uses different
            statistics in the two modes, else the last step.
        draw: the seed of dropout's random numbers, 0 to 99.
        mates: how many other samples are in the batch with it, 0 to 31.
        mates_from: index of the first of them; the others follow it in the dataset, which
            continues from its beginning after its end. None means the second sample.

    Attributes:
        dropped: how many numbers of the sample the chosen dropout dropped in train mode; None
            if the layer is not a dropout.
        same: whether the sample's output is the same in both modes, bit for bit.
        held: bytes kept for the backward pass, by the way the forward pass was run.

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
        self._plot = Plot(self._figure.canvas, "train and eval")
        self._said = html("fwd-badge")
        self._tables = html("fwd-tables")
        self._draws = Draws()
        self._both: BothModes
        self._inputs: Tensor
        self._norms: list[Statistics] = []
        self._held: list[Held] = []
        self._begin(sample, seed, None)
        self.draw, self.mates = draw, mates
        self.mates_from = min(1, self._length - 1) if mates_from is None else mates_from
        self._run_both()
        self._layer_slider = self._slider(
            ipywidgets.SelectionSlider, "Layer", options=self._both.layers or [""]
        )
        self.layer = layer if layer is not None else self._both.first_layer
        self._build()
        self._quiet = False
        self._show()

    # --- state ----------------------------------------------------------------------------------

    @validate("draw", "mates", "mates_from")
    def _valid_number(self, proposal: dict[str, Any]) -> int:
        name, value = proposal["trait"].name, proposal["value"]
        last = self._length - 1
        most = {"draw": MAX_DRAW, "mates": min(MAX_MATES, last), "mates_from": last}[name]
        with self._told():
            return check_index(name, value, most + 1)

    @validate("layer")
    def _valid_layer(self, proposal: dict[str, Any]) -> str:
        with self._told():
            return check_step("layer", proposal["value"], self._both.layers)

    @observe("draw", "mates", "mates_from")
    def _run_changed(self, change: dict[str, Any]) -> None:
        if not self._quiet:
            drawn = change["name"] == "draw"
            if not drawn:
                self._draws.clear()
            self._run_and_show(drawn=drawn)

    @observe("layer")
    def _layer_changed(self, _: Any) -> None:
        if not self._quiet:
            with self._quietly():
                self.layer = self.layer or self._both.first_layer
            self._error = ""
            self._show()

    def _rerun(self) -> None:
        self._draws.clear()
        self._run_and_show()
        error = self._both.evaluated.trace.error
        if error is not None:
            raise error

    def run_again(self) -> None:
        """Run the same input with the next dropout draw; after the last draw comes the first."""
        self.draw = (self.draw + 1) % (MAX_DRAW + 1)

    # --- compute --------------------------------------------------------------------------------

    def _indices(self) -> list[int]:
        return batch_indices(self.sample, self.mates, self.mates_from, self._length)

    def _run_both(self, *, drawn: bool = False) -> None:
        """Run in both modes, and measure; another draw holds as many bytes as the last one."""
        forward = self._forward
        assert forward.network is not None, "the weights are settled"
        samples = [self._load(index) for index in self._indices()]
        batch = self._inputs = stack_samples(samples, forward.network)
        both = self._both = run_both(forward, batch, draw=self.draw)
        failed = both.evaluated.trace.error is not None
        if not drawn or self._norms:
            self._norms = [] if failed else statistics(forward, batch, draw=self.draw)
        if not drawn:
            self._held = [] if failed else held_bytes(forward, batch, training=False)
        answer = both.evaluated.answer()
        if answer is not None:
            check_class_names(self._names, len(answer))
        self.set_trait("same", both.same())
        self.set_trait("held", {h.context: h.bytes for h in self._held if h.bytes is not None})

    # --- show -----------------------------------------------------------------------------------

    def _run_and_show(self, *, drawn: bool = False) -> None:
        with self._told():
            self._run_both(drawn=drawn)
        names = self._both.layers
        with self._quietly():
            if names != list(self._layer_slider.options) and names:
                kept = self.layer if self.layer in names else self._both.first_layer
                self._layer_slider.options = names
                self.layer = self._layer_slider.value = kept
        self._error = ""
        self._show()

    def _show(self) -> None:
        both, trace = self._both, self._both.evaluated.trace
        if trace.error is not None:
            self._tell_error(explain_failure(trace))
            self._plot.old = True
            return
        chosen = both.train.dropped.get(self.layer or "")
        self.set_trait("dropped", int((~chosen.kept[0]).sum()) if chosen else None)
        failed = both.train.trace.error is not None
        self._notes["train"] = f"Train mode: {explain_failure(both.train.trace)}" if failed else ""
        network = self._forward.network
        self._notes["careless"] = explain_careless(network, both.train, both.evaluated)
        self._notes["unseen"] = explain_unseen(both.train, both.evaluated)
        self._notes["finite"] = explain_nonfinite(trace, self._inputs)
        self._said.value = badge.badge_html("neutral", self._describe())
        self._tables.value = norm_table(self._norms) + held_table(self._held)
        self._draw()
        self._follow_weights()
        self._follow()
        self._show_message()

    def _describe(self) -> str:
        both, layer = self._both, self.layer or ""
        said = describe_layer(layer, both.train, both.evaluated, self.draw, self._indices())
        return said or describe_outputs(self.same)

    def _draw(self) -> None:
        draws: dict[int, Tensor] = {}
        if self._both.answers() is not None:
            draws = self._draws.last(self._forward, self._inputs, self.draw, self._both.train)
        shown = Shown(self._both, self.layer or "", self.mates + 1, self.draw, draws, self._name)
        drawing = figures.Drawing()
        draw_modes(drawing, self._figure, shown)
        self._plot.old = False
        label = f"sample {self.sample} in train and eval mode, layer {self.layer}"
        self._plot.draw(drawing, label)

    # --- controls -------------------------------------------------------------------------------

    def _build(self) -> None:
        draws = self._slider(
            ipywidgets.IntSlider, "Draw", value=self.draw, min=0, max=MAX_DRAW, from_start=True
        )
        most = min(MAX_MATES, self._length - 1)
        mates = self._slider(ipywidgets.IntSlider, "Mates", value=self.mates, min=0, max=most)
        first = self._slider(
            ipywidgets.IntSlider, "First mate", value=self.mates_from, min=0, max=self._length - 1
        )
        again = self._button("run again", "the same input, dropout drawn again", self.run_again)
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
