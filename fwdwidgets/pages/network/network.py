"""What the page of a `ForwardPass` needs to run the network again by itself."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from html import escape
from typing import Any

import numpy as np
from torch.nn.parameter import is_lazy

from fwdwidgets import display, figures
from fwdwidgets.advice import explain_nonfinite
from fwdwidgets.data import Sample
from fwdwidgets.networks import Run
from fwdwidgets.pages.network.drawings import Drawings
from fwdwidgets.pages.network.onnx import (
    CannotExport,
    Exported,
    export,
    kernels_input,
    weight_input,
    weights_of,
)
from fwdwidgets.pages.network.proof import Proof, Prover
from fwdwidgets.pages.recorded import FEW, Archive, Snapshots, text_of
from fwdwidgets.widgets.forward_pass.widget import ForwardPass

FED = ("float32", "float64", "int64", "int32", "uint8", "int8", "bool")
"""What a page can feed to the network: `ARRAYS` in network.js."""
OWN_SIZES = range(4, 257)
"""A reader's own picture can be drawn for inputs of so many rows and columns."""


@dataclass(frozen=True)
class NetworkPage:
    """A page that runs the network.

    Attributes:
        model: the ONNX file.
        plan: what `network.js` reads.
        proof: how far the graph is from PyTorch.
        samples: how many samples the page has.
        weights: how many sets of weights.
    """

    model: bytes
    plan: dict[str, Any]
    proof: Proof
    samples: int
    weights: int


def plan_network(
    widget: ForwardPass,
    choices: Mapping[str, Iterable[Any]],
    archive: Archive,
    parts: Snapshots,
    *,
    own_sample: bool,
    megabytes: float,
) -> NetworkPage:
    """Export the network of a widget, prove it, and say how its numbers become the picture.

    Raises:
        CannotExport: the model cannot run in a page; the message says why.
    """
    return _Planner(widget, choices, archive, parts, megabytes).plan(own_sample)


class _Planner:
    def __init__(
        self,
        widget: ForwardPass,
        choices: Mapping[str, Iterable[Any]],
        archive: Archive,
        parts: Snapshots,
        megabytes: float,
    ) -> None:
        self.megabytes = megabytes
        self.widget, self.archive, self.parts = widget, archive, parts
        self.forward = widget._forward
        self.choices = choices
        self.samples = self._load_samples()
        self.weights = self._list_weights()

    def _load_samples(self) -> list[Sample]:
        length = len(self.widget.dataset)
        wanted = self.choices.get("sample", range(min(FEW, length)))
        samples = [self.widget._load(i) for i in sorted({*map(int, wanted), self.widget.sample})]
        for sample in samples:
            try:
                self.widget._check_sample(sample)
            except ValueError as error:
                raise CannotExport(str(error).rstrip(".")) from None
        return samples

    def _list_weights(self) -> list[tuple[str, int | None]]:
        """Seeds, or epochs, and the weights as given."""
        widget = self.widget
        if self.forward.epochs:
            last = self.forward.epochs - 1
            spread = np.linspace(0, last, min(last + 1, max(2, self._few(self.forward.epochs))))
            epochs = self.choices.get("epoch", spread.round())
            return [("epoch", i) for i in sorted({*map(int, epochs), widget.epoch or 0})]
        wanted = {*map(int, self.choices.get("seed", range(self._few())))}
        if "seed" not in self.choices and not self._can_be_drawn():
            wanted = set()
        if widget.seed is not None:
            wanted |= {widget.seed}
        seeds: list[tuple[str, int | None]] = [("seed", i) for i in sorted(wanted)]
        return [*seeds, ("seed", None)] if self.forward.has_own_weights else seeds

    def _can_be_drawn(self) -> bool:
        """Whether there are seeds of this model: of an instance not every parameter can be."""
        if not self.forward.has_own_weights:
            return True
        try:
            self._use("seed", 0)
        except ValueError:
            return False
        finally:
            self._use(*self._shown_weights())
        return True

    def _few(self, most: int = FEW) -> int:
        """How many sets of weights there are room for where the author names none."""
        assert self.forward.network is not None, "the widget has chosen one"
        size = sum(4 * weight.numel() for weight in weights_of(self.forward.network).values())
        return min(most, int(self.megabytes * 1e6 / max(1, size)))

    def _use(self, kind: str, number: int | None) -> None:
        if kind == "epoch" and number is not None:
            self.forward.use_epoch(number)
        else:
            self.forward.use_seed(number)

    # --- run ------------------------------------------------------------------------------------

    def plan(self, own_sample: bool) -> NetworkPage:
        widget = self.widget
        if self.forward.training:
            raise CannotExport("it runs in train mode, where dropout and BatchNorm change it")
        now = widget._now
        if now.failure or now.answer is None:
            raise CannotExport("its forward pass gives no answer for the sample shown")
        shapes = sorted({tuple(sample.input.shape) for sample in self.samples})
        if len(shapes) > 1:
            raise CannotExport(f"its samples have several shapes, {shapes[0]} and {shapes[-1]}")
        assert self.forward.network is not None, "the widget has chosen one"
        fed = {"the input": now.batch, **weights_of(self.forward.network)}
        for name, tensor in fed.items():
            if (dtype := str(tensor.dtype).removeprefix("torch.")) not in FED:
                raise CannotExport(f"{name} is {dtype}; a page can feed {', '.join(FED)}")
        try:
            exported, prover, told, sets = self._export_and_prove()
        finally:
            self._use(*self._shown_weights())
        drawings = Drawings(widget, exported, self.archive)
        plan = {
            "inputs": sorted(exported.inputs),
            "answers": [name for name in exported.outputs if name.startswith("answer.")],
            "shape": list(now.batch.shape),
            "samples": [self._describe_sample(sample) for sample in self.samples],
            "weights": sets,
            "kernels": {
                kernels_input(name): {
                    "weight": weight_input(name),
                    "graph": drawings.keep(graph),
                    "outputs": ["kernels"],
                }
                for name, graph in exported.kernels.items()
            },
            "told": told,
            "input": drawings.plan_input(),
            "layers": [drawings.plan_layer(name) for name in widget._layers()],
            "classes": drawings.plan_classes(),
            "badges": drawings.plan_badges(),
            "graphs": drawings.graphs,
            "mostMarks": figures.MAX_MARKS,
            "controls": self._plan_controls(),
            "parts": self._number_parts(),
            "notice": getattr(widget.dataset, "notice", ""),
            "own": own_sample and self._takes_pictures(),
        }
        return NetworkPage(exported.model, plan, prover.proof, len(self.samples), len(self.weights))

    def _shown_weights(self) -> tuple[str, int | None]:
        widget = self.widget
        return ("epoch", widget.epoch) if self.forward.epochs else ("seed", widget.seed)

    def _export_and_prove(self) -> tuple[Exported, Prover, dict[str, str], list[dict[str, Any]]]:
        """Export the network, and prove every sample under all weights; see `_prove`."""
        for tiled in (True, False):
            with self.forward.mode() as network:
                exported = export(network, self.widget._now, tiled=tiled)
            try:
                prover = Prover(exported)
                return exported, prover, *self._prove(prover, exported)
            except CannotExport:
                # NaN and infinity of one number spread over its tile.
                if not exported.kernels:
                    raise
            finally:
                self._use(*self._shown_weights())
        raise AssertionError("the second export has no kernels")

    def _prove(
        self, prover: Prover, exported: Exported
    ) -> tuple[dict[str, str], list[dict[str, Any]]]:
        """Run every sample under all weights; what is to be told of some, and the weights."""
        told: dict[str, str] = {}
        sets: list[dict[str, Any]] = []
        names = self.widget._layers()
        for number, weights in enumerate(self.weights):
            self._use(*weights)
            assert self.forward.network is not None, "_use chooses one"
            if any(map(is_lazy, self.forward.network.parameters())):
                self.forward.run(self.samples[0].input)  # only now does it have weights
            state = weights_of(self.forward.network)
            prover.use(state)
            for index, sample in enumerate(self.samples):
                run = self.forward.run(sample.input)
                where = f"sample {sample.index}, {self._words(weights)}"
                if run.failure or run.answer is None:
                    raise CannotExport(f"{where}: its forward pass gives no answer")
                if [step.name for step in run.trace if step.value is not None] != names:
                    raise CannotExport(f"{where}: the forward pass takes another path")
                prover.check(run, self._class_of(sample))
                if note := self._note(run):
                    told[f"{index},{number}"] = note
            feeds = {
                weight_input(name): self.archive.array(weight.numpy())
                for name, weight in state.items()
                if weight_input(name) in exported.inputs or name in exported.kernels
            }
            sets.append({"feeds": feeds, **self._describe_weights(weights)})
        return told, sets

    def _note(self, run: Run) -> str:
        """What the message line says of this run alone."""
        assert run.answer is not None, "checked before"
        return " ".join(filter(None, [run.answer.note, explain_nonfinite(run.trace, run.batch)]))

    # --- in words -------------------------------------------------------------------------------

    def _words(self, weights: tuple[str, int | None]) -> str:
        kind, number = weights
        if kind == "epoch" and number is not None:
            return self.forward.describe_epoch(number)
        return "weights as given" if number is None else f"seed {number}"

    def _describe_weights(self, weights: tuple[str, int | None]) -> dict[str, Any]:
        words = self._words(weights)
        drawn = "weights drawn under " if weights[0] == "seed" and weights[1] is not None else ""
        length = len(self.widget.dataset)
        return {
            "words": words,
            "status": escape(f"eval mode (dropout is off) · {drawn}{words} · {length:,} samples"),
        }

    def _describe_sample(self, sample: Sample) -> dict[str, Any]:
        label = self._class_of(sample)
        return {
            "index": sample.index,
            "input": self.archive.array(sample.input.numpy()),
            "label": -1 if label is None else label,
            "target": "" if sample.label is None else f"{sample.label:.6g}",
        }

    def _class_of(self, sample: Sample) -> int | None:
        """The true class of a sample; None where it has none or the network predicts no class."""
        answer = self.widget._now.answer
        assert answer is not None, "checked before"
        if answer.head == "value" or sample.label is None:
            return None
        return int(sample.label)

    def _takes_pictures(self) -> bool:
        """Whether a reader's own picture can be this network's input."""
        inputs = [sample.input for sample in self.samples]
        shape = tuple(inputs[0].shape)
        fits = len(shape) == 3 and shape[0] in (1, 3) and all(n in OWN_SIZES for n in shape[1:])
        if not fits or not inputs[0].is_floating_point():
            raise ValueError(
                "own_sample=True needs inputs that are pictures, (1, H, W) or (3, H, W) of floats, "
                f"4 to 256 high and wide; these are {shape} of {inputs[0].dtype}."
            )
        if min(i.min() for i in inputs) < 0 or max(i.max() for i in inputs) > 1:
            raise ValueError(
                "own_sample=True needs pictures of numbers from 0 to 1, for a page cannot know how "
                "others were normalised. Put the normalisation into the model."
            )
        return True

    # --- controls -------------------------------------------------------------------------------

    def _plan_controls(self) -> list[dict[str, Any]]:
        widget = self.widget
        pages = max(
            display.grid(tuple(step.shape)).pages for step in widget.trace if step.shape is not None
        )
        values: dict[str, list[Any]] = {"sample": [sample.index for sample in self.samples]}
        kind = self.weights[0][0]
        drawn = [number for _, number in self.weights if number is not None]
        values[kind] = drawn or [widget._links[kind].value]
        if kind == "seed":
            values["given"] = [False] * bool(drawn) + [True] * self.forward.has_own_weights
        values |= {"layer": widget._layers(), "page": list(range(pages))}
        now = {
            "sample": widget.sample,
            kind: getattr(widget, kind) if getattr(widget, kind) in drawn else values[kind][0],
            "given": widget.seed is None,
            "layer": widget.layer,
            "page": widget.page,
        }
        controls = widget._frame.controls
        controls = {**controls, "page": widget._page_slider}
        return [
            {
                "name": name,
                "part": self.parts.number(controls[name]),
                "values": choices,
                "texts": [text_of(controls[name], value) for value in choices],
                "now": choices.index(now[name]),
            }
            for name, choices in values.items()
        ]

    def _number_parts(self) -> dict[str, int]:
        widget = self.widget
        named = {
            "plot": widget._plot,
            "badge": widget._badge,
            "status": widget._status,
            "message": widget._message,
            "table": widget._table,
            "layer": widget._layer_slider,
            "page": widget._page_slider,
        }
        if widget._given is not None:
            named["given"] = widget._given
        return {name: self.parts.number(part) for name, part in named.items()}
