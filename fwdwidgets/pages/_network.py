"""What the page of a `ForwardPass` needs to run the network again by itself.

The drawing is not written twice: Python draws each layer once, and what of that drawing follows
from the numbers is marked as a slot, with the name of the graph's output that goes there.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from typing import Any

import numpy as np

from fwdwidgets import display, figures
from fwdwidgets.compute import Run
from fwdwidgets.diagnose import explain_nonfinite
from fwdwidgets.pages._archive import Archive
from fwdwidgets.pages._onnx import CannotExport, Exported, Proof, Prover, export, weights_of
from fwdwidgets.pages._recording import FEW, text_of
from fwdwidgets.pages._snapshot import Snapshots
from fwdwidgets.samples import Sample
from fwdwidgets.widgets import _panels as panels
from fwdwidgets.widgets.forward_pass import ForwardPass

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
        self.graphs: list[dict[str, Any]] = []
        self.samples = self._load_samples()
        self.weights = self._list_weights()

    def _load_samples(self) -> list[Sample]:
        length = len(self.widget.dataset)
        wanted = self.choices.get("sample", range(min(FEW, length)))
        return [self.widget._load(i) for i in sorted({*map(int, wanted), self.widget.sample})]

    def _list_weights(self) -> list[tuple[str, int | None]]:
        """Seeds, or epochs, and the weights as given."""
        widget = self.widget
        if self.forward.epochs:
            last = self.forward.epochs - 1
            spread = np.linspace(0, last, min(last + 1, max(2, self._few(self.forward.epochs))))
            epochs = self.choices.get("epoch", spread.round())
            return [("epoch", i) for i in sorted({*map(int, epochs), widget.epoch or 0})]
        wanted = {*map(int, self.choices.get("seed", range(self._few())))}
        if widget.seed is not None:
            wanted |= {widget.seed}
        seeds: list[tuple[str, int | None]] = [("seed", i) for i in sorted(wanted)]
        return [*seeds, ("seed", None)] if self.forward.has_own_weights else seeds

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
        try:
            with self.forward.mode() as network:
                exported = export(network, now.batch)
            prover = Prover(exported)
            told, sets = self._prove(prover, exported)
        finally:
            self._use(*self._shown_weights())
        plan = {
            "batch": exported.batch,
            "shape": list(now.batch.shape),
            "samples": [self._describe_sample(sample) for sample in self.samples],
            "weights": sets,
            "told": told,
            "layers": [self._plan_layer(name, exported) for name in widget._layers()],
            "input": self._plan_input(exported),
            "graphs": self.graphs,
            "classes": self._plan_classes(),
            "controls": self._plan_controls(),
            "parts": self._number_parts(),
            "notice": getattr(widget.dataset, "notice", ""),
            "names": self._name_classes(),
            "own": own_sample and self._takes_pictures(),
        }
        return NetworkPage(exported.model, plan, prover.proof, len(self.samples), len(self.weights))

    def _shown_weights(self) -> tuple[str, int | None]:
        widget = self.widget
        return ("epoch", widget.epoch) if self.forward.epochs else ("seed", widget.seed)

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
            state = weights_of(self.forward.network)
            for index, sample in enumerate(self.samples):
                run = self.forward.run(sample.input)
                where = f"sample {sample.index}, {self._words(weights)}"
                if run.failure or run.answer is None:
                    raise CannotExport(f"{where}: its forward pass gives no answer")
                if [step.name for step in run.trace if step.value is not None] != names:
                    raise CannotExport(f"{where}: the forward pass takes another path")
                prover.check(run, state)
                if note := self._note(run):
                    told[f"{index},{number}"] = note
            fed = {fed: self.archive.array(state[n].numpy()) for n, fed in exported.weights.items()}
            sets.append({"feeds": fed, **self._describe_weights(weights)})
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
        label = sample.label
        return {
            "index": sample.index,
            "input": self.archive.array(sample.input.numpy()),
            "label": None if label is None else (int(label) if label == int(label) else label),
        }

    def _name_classes(self) -> list[str]:
        answer = self.widget._now.answer
        assert answer is not None, "checked before"
        return [self.widget._name(index) for index in range(len(answer.probabilities))]

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

    # --- how numbers become the picture ---------------------------------------------------------

    def _picture(self, name: str, exported: Exported) -> dict[str, Any]:
        """The graph of a picture; equal ones are kept once."""
        graph = exported.pictures[name]
        tree = self.archive.array(np.frombuffer(graph.model, np.uint8))
        if tree not in self.graphs:
            self.graphs.append(tree)
        number = self.graphs.index(tree)
        return {"graph": number, "sources": graph.sources, "outputs": graph.outputs}

    def _plan_layer(self, name: str, exported: Exported) -> dict[str, Any]:
        step = self.widget.trace[name]
        shape = tuple(step.shape or ())
        pages = []
        for number in range(display.grid(shape).pages):
            where = display.grid(shape, number)
            drawing = figures.Drawing()
            panel = self.widget._figure.layer
            panels.draw_step(drawing, panel, step, where)
            picture = f"steps.{name}.picture" + (f".{number}" if number else "")
            bars = where.kind == "bars"
            slots: list[list[Any]] = []
            if bars:
                slots += [[f"traces.{panel.bars}.y", "picture", "values"]]
                slots += [[f"layout.yaxis{panel.heatmap.axis}.range", "picture", "bars"]]
            elif where.kind != "empty":
                slots += _heatmap_slots(panel.heatmap)
            pages.append(
                {
                    **self._template(drawing, slots),
                    **self._picture(picture, exported),
                    "marks": panel.marks,
                    "cells": _cells(where),
                }
            )
        return {"name": name, "size": math.prod(shape), "pages": pages}

    def _plan_input(self, exported: Exported) -> dict[str, Any]:
        drawing = figures.Drawing()
        panel = self.widget._figure.input
        panels.draw_input(drawing, panel, self.widget._now.batch)
        shape = tuple(self.widget._now.batch.shape)
        where = display.grid(shape, 0, sys.maxsize, display.INPUT_ASPECT)
        slots = _heatmap_slots(panel) if where.kind != "empty" else []
        if where.kind == "bars":
            slots[0][2] = "upright"
        return {**self._template(drawing, slots), **self._picture("input.picture", exported)}

    def _plan_classes(self) -> dict[str, Any] | None:
        answer = self.widget._now.answer
        assert answer is not None, "checked before"
        if answer.head == "value":
            return None
        panel = self.widget._figure.classes
        drawing = figures.Drawing()
        panels.draw_answer(drawing, panel, answer, self.widget.label, self.widget._name)
        logits, chances = panel.logits, panel.probabilities
        return {
            **self._template(drawing, []),
            "head": answer.head,
            "shown": {
                "logits": None if answer.logits is None else _bars_place(logits),
                "probabilities": _bars_place(chances),
            },
            "axis": logits.axis,
            "title": [logits._title, chances._title],
            "titles": ["logits", answer.head_name],
            "colors": {
                "true": figures.TRUE, "predicted": figures.PREDICTED, "other": figures.OTHER,
            },
        }  # fmt: skip

    def _template(self, drawing: figures.Drawing, slots: Sequence[Sequence[Any]]) -> dict[str, Any]:
        """A drawing by place, less what the slots fill: place to piece."""
        taken = {slot[0] for slot in slots}
        places = {f"layout.{path}": value for path, value in drawing.layout.items()}
        for number, properties in drawing.traces.items():
            places |= {f"traces.{number}.{name}": value for name, value in properties.items()}
        fixed = {p: self.archive.piece(value) for p, value in places.items() if p not in taken}
        return {"fixed": fixed, "slots": [list(slot) for slot in slots]}

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


def _heatmap_slots(panel: figures.Heatmap) -> list[list[Any]]:
    color = f"layout.coloraxis{panel.color}"
    return [
        [f"traces.{panel.trace}.z", "picture", "values"],
        [f"{color}.cmin", "range", "low"],
        [f"{color}.cmax", "range", "high"],
        [f"{color}.colorbar.tickvals", "range", "ticks"],
    ]


def _bars_place(panel: figures.NamedBars) -> dict[str, Any]:
    return {"trace": panel.traces[0], "axis": panel.axis, "numbers": panel._numbers}


def _cells(where: display.Grid) -> dict[str, Any]:
    """Which cells of a picture are the tensor's own and no gap."""
    tiles = where.stop[0] - where.start[0]
    many = where.stop[2] - where.start[2] if where.kind != "mosaic" else tiles
    return {"kind": where.kind, "tile": where.tile, "columns": where.tiles[1], "many": many}
