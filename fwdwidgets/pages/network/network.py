"""What a widget's page needs to run the widget's network."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from html import escape
from typing import Any

from torch.nn.parameter import is_lazy

from fwdwidgets import display, figures
from fwdwidgets.advice import explain_nonfinite
from fwdwidgets.data import Sample
from fwdwidgets.networks import Answer, Run
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
from fwdwidgets.pages.network.samples import (
    check_one_shape,
    check_pictures,
    class_of,
    load_samples,
)
from fwdwidgets.pages.network.weights import WeightSets
from fwdwidgets.pages.recorded import Archive, Snapshots, text_of
from fwdwidgets.widgets.shared import NetworkView

FED = ("float32", "float64", "int64", "int32", "uint8", "int8", "bool")
"""What a page can feed to the network: `ARRAYS` in network.js."""


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
    view: NetworkView,
    choices: Mapping[str, Iterable[Any]],
    archive: Archive,
    parts: Snapshots,
    *,
    own_sample: bool,
    megabytes: float,
) -> NetworkPage:
    """Export the network of a widget, prove it, and say how its numbers become the picture.

    Args:
        view: what the widget shows.
        choices: the values of each control to include, by its name.
        archive: keeps arrays and pieces.
        parts: numbers the parts of the widget.
        own_sample: let the reader use their own picture.
        megabytes: how large the weights may become if the author chose none, in MB.

    Raises:
        CannotExport: the model cannot run in a page; the message says why.
        ValueError: `own_sample` is asked for where no picture can be the input.
    """
    samples = load_samples(view, choices.get("sample"))
    weights = WeightSets(view, choices, megabytes)
    return _Planner(view, samples, weights, archive, parts).plan(own_sample)


class _Planner:
    def __init__(
        self,
        view: NetworkView,
        samples: list[Sample],
        weights: WeightSets,
        archive: Archive,
        parts: Snapshots,
    ) -> None:
        self.view, self.archive, self.parts = view, archive, parts
        self.samples, self.weights = samples, weights

    def plan(self, own_sample: bool) -> NetworkPage:
        view = self.view
        self._check()
        with self.weights.put_back():
            exported, prover, told, sets = self._export_and_prove()
        drawings = Drawings(view, exported, self.archive)
        plan = {
            "inputs": sorted(exported.inputs),
            "answers": [name for name in exported.outputs if name.startswith("answer.")],
            "shape": list(view.run.batch.shape),
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
            "layers": [drawings.plan_layer(name) for name in view.layers],
            "classes": drawings.plan_classes(),
            "badges": drawings.plan_badges(),
            "graphs": drawings.graphs,
            "mostMarks": figures.MAX_MARKS,
            "controls": self._plan_controls(),
            "parts": self._number_parts(),
            "notice": view.notice,
            "own": own_sample,
        }
        if own_sample:
            check_pictures(self.samples)
        many = len(self.samples), len(self.weights.all)
        return NetworkPage(exported.model, plan, prover.proof, *many)

    def _check(self) -> None:
        """Refuse what cannot be exported before the long work begins."""
        run = self.view.run
        if self.view.forward.training:
            raise CannotExport("it runs in train mode, where dropout and BatchNorm change it")
        if run.failure or run.answer is None:
            raise CannotExport("its forward pass gives no answer for the sample shown")
        check_one_shape(self.samples)
        fed = {"the input": run.batch, **weights_of(self.weights.network)}
        for name, tensor in fed.items():
            if (dtype := str(tensor.dtype).removeprefix("torch.")) not in FED:
                raise CannotExport(f"{name} is {dtype}; a page can feed {', '.join(FED)}")

    @property
    def _answer(self) -> Answer:
        assert self.view.run.answer is not None, "checked before"
        return self.view.run.answer

    # --- run ------------------------------------------------------------------------------------

    def _export_and_prove(self) -> tuple[Exported, Prover, dict[str, str], list[dict[str, Any]]]:
        """Export the network, and prove every sample under all weights; see `_prove`."""
        for tiled in (True, False):
            with self.weights.put_back():
                with self.view.forward.mode() as network:
                    exported = export(network, self.view.run, tiled=tiled)
                try:
                    prover = Prover(exported)
                    return exported, prover, *self._prove(prover, exported)
                except CannotExport:
                    # NaN or infinity in one number spreads over its whole tile.
                    if not exported.kernels:
                        raise
        raise AssertionError("the second export has no kernels")

    def _prove(
        self, prover: Prover, exported: Exported
    ) -> tuple[dict[str, str], list[dict[str, Any]]]:
        """Run every sample under all weights; return notes on some runs, and the weights."""
        told: dict[str, str] = {}
        sets: list[dict[str, Any]] = []
        forward = self.view.forward
        for number, weights in enumerate(self.weights.all):
            self.weights.use(weights)
            if any(map(is_lazy, self.weights.network.parameters())):
                forward.run(self.samples[0].input)  # only now does it have weights
            state = weights_of(self.weights.network)
            prover.use(state)
            words = self.weights.in_words(weights)
            for index, sample in enumerate(self.samples):
                run = forward.run(sample.input)
                self._check_run(run, f"sample {sample.index}, {words}")
                prover.check(run, class_of(sample, self._answer))
                if note := _note(run):
                    told[f"{index},{number}"] = note
            feeds = {
                weight_input(name): self.archive.array(weight.numpy())
                for name, weight in state.items()
                if weight_input(name) in exported.inputs or name in exported.kernels
            }
            status = escape(self.weights.status(weights))
            sets.append({"feeds": feeds, "words": words, "status": status})
        return told, sets

    def _check_run(self, run: Run, where: str) -> None:
        if run.failure or run.answer is None:
            raise CannotExport(f"{where}: its forward pass gives no answer")
        if [step.name for step in run.trace if step.value is not None] != self.view.layers:
            raise CannotExport(f"{where}: the forward pass takes another path")

    # --- what the page reads --------------------------------------------------------------------

    def _describe_sample(self, sample: Sample) -> dict[str, Any]:
        label = class_of(sample, self._answer)
        return {
            "index": sample.index,
            "input": self.archive.array(sample.input.numpy()),
            "label": -1 if label is None else label,
            "target": "" if sample.label is None else f"{sample.label:.6g}",
        }

    def _plan_controls(self) -> list[dict[str, Any]]:
        view, kind, drawn = self.view, self.weights.kind, self.weights.numbers
        shapes = [tuple(step.shape) for step in view.run.trace if step.shape is not None]
        pages = max(display.grid(shape).pages for shape in shapes)
        values: dict[str, list[Any]] = {"sample": [sample.index for sample in self.samples]}
        values[kind] = drawn or [view.controls[kind].value]
        if kind == "seed":
            values["given"] = [False] * bool(drawn) + [True] * view.forward.has_own_weights
        values |= {"layer": view.layers, "page": list(range(pages))}
        now = {**view.state, "given": view.state["seed"] is None}
        if now[kind] not in drawn:
            now[kind] = values[kind][0]
        return [
            {
                "name": name,
                "part": self.parts.number(view.controls[name]),
                "values": choices,
                "texts": [text_of(view.controls[name], value) for value in choices],
                "now": choices.index(now[name]),
            }
            for name, choices in values.items()
        ]

    def _number_parts(self) -> dict[str, int]:
        controls = self.view.controls
        shown = [name for name in ("layer", "page", "given") if name in controls]
        named = {**self.view.parts, **{name: controls[name] for name in shown}}
        return {name: self.parts.number(part) for name, part in named.items()}


def _note(run: Run) -> str:
    """What the message line says about this run only."""
    assert run.answer is not None, "checked before"
    return " ".join(filter(None, [run.answer.note, explain_nonfinite(run.trace, run.batch)]))
