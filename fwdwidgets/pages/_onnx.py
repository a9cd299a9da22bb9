"""A network and all that is drawn of it as ONNX graphs, proven against PyTorch.

`ForwardView` is exported as a whole, and the graph is then cut: one part is the network, with
every step's value as an output, and a small one lays out the picture of one layer, so that no
move computes a picture that is not shown. The weights are inputs of the network's graph: one
session serves every seed and checkpoint.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.func import functional_call

from fwdwidgets import display
from fwdwidgets._state import left_as_found
from fwdwidgets.compute import ForwardView, Run

LARGEST_DIFFERENCE = 1e-4
"""Relative to the largest magnitude of a step; a model that is off by more is not exported."""


class CannotExport(Exception):
    """The model cannot run in a page; the message says why."""


@dataclass(frozen=True)
class PictureGraph:
    """A graph that lays out one picture.

    Attributes:
        model: the ONNX file; its inputs are `in0`, `in1`, ..., its outputs `picture`, `range` and
            for a step `odd`.
        sources: what its inputs are: names of outputs of the network's graph, or of its batch.
        outputs: the names of its outputs.
    """

    model: bytes
    sources: tuple[str, ...]
    outputs: tuple[str, ...]


@dataclass(frozen=True)
class Exported:
    """The graphs of a `ForwardView`.

    Attributes:
        model: the ONNX file of the network; outputs are `steps.NAME.value` and `answer.NAME`.
        batch: the name of its input that takes a sample, `(1, ...)`.
        weights: the name of each other input, by the weight that it takes.
        outputs: the names of its outputs.
        pictures: by the name of the picture, such as `steps.conv1.picture` or `input.picture`.
    """

    model: bytes
    batch: str
    weights: Mapping[str, str]
    outputs: tuple[str, ...]
    pictures: Mapping[str, PictureGraph]


@dataclass(frozen=True)
class Proof:
    """How far an exported graph is from PyTorch.

    Attributes:
        largest: the largest difference of a value, relative to the largest magnitude of its step.
        where: the name of that step.
        values: how many values were compared.
        runs: in how many forward passes.
    """

    largest: float
    where: str
    values: int
    runs: int


class _FedView(nn.Module):
    """`ForwardView` of a model whose weights come with the batch."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.view = ForwardView(model)

    def forward(self, batch: Tensor, weights: dict[str, Tensor]) -> dict[str, Tensor]:
        named = {f"model.{name}": weight for name, weight in weights.items()}
        view = functional_call(self.view, named, (batch,))
        return {f"{part}.{name}": value for part, d in view.items() for name, value in d.items()}


def weights_of(model: nn.Module) -> dict[str, Tensor]:
    """Parameters and buffers by name, those that are one tensor under two names once."""
    named = {**dict(model.named_parameters()), **dict(model.named_buffers())}
    return {name: tensor.detach() for name, tensor in named.items()}


def export(model: nn.Module, batch: Tensor) -> Exported:
    """Export a network with all that is drawn of it.

    Args:
        model: in the mode that it shall run in.
        batch: `(1, ...)`, one sample.

    Raises:
        CannotExport: torch.export or the ONNX exporter does not take it.
    """
    try:
        import onnx  # noqa: F401
        import onnxscript  # noqa: F401
    except ImportError:
        raise CannotExport('onnx is not installed: pip install "fwdwidgets[pages]"') from None
    if changed := _changed_by_forward(model, batch):
        where, _, name = changed[0].rpartition(".")
        who = f"step {where!r}" if where else "the model"
        raise CannotExport(
            f"{who} writes to its own {name} in each forward pass, as BatchNorm in train mode does"
        )
    fed, weights = _FedView(model), weights_of(model)
    try:
        with torch.no_grad(), warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of the exporter's own use of deprecated functions
            names = list(fed(batch, weights))
            program = torch.export.export(fed, (batch, weights))
            made = torch.onnx.export(program, (), dynamo=True, verbose=False)
        assert made is not None, "an exported program makes an ONNX program"
        proto = made.model_proto
    except Exception as error:  # whatever it is: the model goes another way
        raise CannotExport(_first_sentence(error)) from error
    return _tidy(proto, names, list(weights))


def _changed_by_forward(model: nn.Module, batch: Tensor) -> list[str]:
    """The names of buffers that a forward pass writes to, or takes another tensor for."""
    before = {name: (buffer, buffer._version) for name, buffer in model.named_buffers()}
    with torch.no_grad(), left_as_found(model.modules()):
        model(batch.clone())
        after = {name: (buffer, buffer._version) for name, buffer in model.named_buffers()}
    return [
        name
        for name, (buffer, version) in after.items()
        if name not in before or before[name][0] is not buffer or before[name][1] != version
    ]


def _first_sentence(error: Exception) -> str:
    text = str(error.__cause__ or error).strip().split("\n")[0].rstrip(".")
    return f"{type(error.__cause__ or error).__name__}: {text[:200]}"


def _tidy(proto: Any, names: list[str], weights: list[str]) -> Exported:
    """Cut the graph, and drop all that tells of the machine that exported it."""
    graph = proto.graph
    functions = [node for function in proto.functions for node in (function, *function.node)]
    everything = (proto, graph, *graph.node, *graph.input, *graph.output, *graph.initializer)
    for owner in (*everything, *functions):
        del owner.metadata_props[:]
        owner.doc_string = ""
    cutter = _Cutter(proto, dict(zip(names, (out.name for out in graph.output), strict=True)))
    batch, *others = [i.name for i in graph.input]
    outputs = [name for name in names if name.endswith(".value") or name.startswith("answer.")]
    model, used = cutter.cut(outputs, {i.name: i.name for i in graph.input}, outputs)
    fed = {weight: name for weight, name in zip(weights, others, strict=True) if name in used}
    sources = {batch: batch} | {cutter.tensors[n]: n for n in outputs if n.endswith(".value")}
    pictures = {}
    for name in names:
        part, _, number = name.partition(".picture")
        if name == f"{part}.picture{number}":
            wanted = [name, *(n for n in (f"{part}.range", f"{part}.odd") if n in names)]
            called = [n.rpartition(".")[2] for n in (f"{part}.picture", *wanted[1:])]
            small, taken = cutter.cut(wanted, sources, called, renumber=True)
            pictures[name] = PictureGraph(small, tuple(taken), tuple(called))
    return Exported(model, batch, fed, tuple(outputs), pictures)


class _Cutter:
    """Takes parts out of a graph.

    Args:
        proto: the whole model.
        tensors: the tensor of each output by our name for it.
    """

    def __init__(self, proto: Any, tensors: dict[str, str]) -> None:
        self.tensors = tensors
        self._proto = proto
        self._makers = {out: node for node in proto.graph.node for out in node.output}
        self._constants = {each.name: each for each in proto.graph.initializer}
        self._types = {each.name: each for each in (*proto.graph.input, *proto.graph.output)}

    def cut(
        self,
        wanted: list[str],
        sources: Mapping[str, str],
        called: list[str],
        *,
        renumber: bool = False,
    ) -> tuple[bytes, list[str]]:
        """The part of the graph that makes some outputs.

        Args:
            wanted: our names of the outputs.
            sources: where the part begins: our names by tensor.
            called: what the outputs are called in the part.
            renumber: call all tensors by number, so that equal parts are equal bytes.

        Returns:
            The ONNX file, and our names of the sources that it takes, in order.
        """
        import onnx
        from onnx import helper

        needed, constants, taken = set[int](), dict[str, Any](), dict[str, None]()
        left = [self.tensors[name] for name in wanted]
        while left:
            tensor = left.pop()
            if tensor in sources:
                taken[tensor] = None
            elif tensor in self._constants:
                constants[tensor] = self._constants[tensor]
            elif tensor and id(self._makers[tensor]) not in needed:
                needed.add(id(self._makers[tensor]))
                left += self._makers[tensor].input
        nodes = [node for node in self._proto.graph.node if id(node) in needed]
        given = [tensor for tensor in sources if tensor in taken]  # in the order of the sources
        names: dict[str, str] = {"": ""}
        made = [out for node in nodes for out in node.output]
        if renumber:
            names |= {tensor: f"t{n}" for n, tensor in enumerate((*constants, *made))}
            names |= {tensor: f"in{n}" for n, tensor in enumerate(given)}
        for name, output in zip(wanted, called, strict=True):
            if (tensor := self.tensors[name]) in made and names.get(tensor) not in called:
                names[tensor] = output
        part = onnx.ModelProto()
        part.CopyFrom(self._proto)
        graph = part.graph
        for field in (graph.node, graph.initializer, graph.input, graph.output, graph.value_info):
            del field[:]
        graph.name = "part"
        for node in nodes:
            copy = graph.node.add()
            copy.CopyFrom(node)
            copy.name = ""
            for side in (copy.input, copy.output):
                side[:] = [names.get(tensor, tensor) for tensor in side]
        for tensor, constant in constants.items():
            copy = graph.initializer.add()
            copy.CopyFrom(constant)
            copy.name = names.get(tensor, tensor)
        for tensor in given:
            copy = graph.input.add()
            copy.CopyFrom(self._types[tensor])
            copy.name = names.get(tensor, tensor)
        for name, output in zip(wanted, called, strict=True):
            tensor = self.tensors[name]
            if names.get(tensor) != output:  # one tensor is two outputs, or it is a constant
                known = names.get(tensor, tensor)
                graph.node.append(helper.make_node("Identity", [known], [output]))
            copy = graph.output.add()
            copy.CopyFrom(self._types[tensor])
            copy.name = output
        return part.SerializeToString(), [sources[tensor] for tensor in given]


def _session(model: bytes) -> Any:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    options.intra_op_num_threads = 1
    try:
        return onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    except Exception as error:  # onnxruntime raises kinds of its own
        raise CannotExport(_first_sentence(error)) from error


class Prover:
    """Runs the exported graphs beside PyTorch, and keeps the largest difference."""

    def __init__(self, exported: Exported) -> None:
        self._exported = exported
        self._network = _session(exported.model)
        graphs = {picture.model for picture in exported.pictures.values()}
        self._pictures = {graph: _session(graph) for graph in graphs}
        self.proof = Proof(0.0, "", 0, 0)

    def check(self, run: Run, weights: Mapping[str, Tensor]) -> None:
        """Compare one forward pass that PyTorch has made.

        Raises:
            CannotExport: a step differs by more than `LARGEST_DIFFERENCE`.
        """
        found = self._run(run, weights)
        proof = self.proof
        largest, where, many = proof.largest, proof.where, proof.values
        for name, step, expected in _expected(run):
            got = found.pop(name, None)
            if got is None:
                raise CannotExport(f"step {step!r} is not in the exported graph")
            many += expected.size
            difference = relative_difference(got, expected)
            if not difference <= LARGEST_DIFFERENCE:
                raise CannotExport(
                    f"step {step!r} gives other numbers in the exported graph, off by "
                    f"{difference:.1e} of its largest (allowed: {LARGEST_DIFFERENCE:g})"
                )
            if difference > largest:
                largest, where = difference, step
        if left := [name for name in found if name.startswith("steps.") and "picture" in name]:
            raise CannotExport(f"the exported graph has a step that did not run: {left[0]}")
        self.proof = Proof(largest, where, many, proof.runs + 1)

    def _run(self, run: Run, weights: Mapping[str, Tensor]) -> dict[str, np.ndarray]:
        """Every output of all graphs."""
        exported = self._exported
        feeds = {exported.batch: run.batch.numpy()}
        for name, fed in exported.weights.items():
            feeds[fed] = weights[name].numpy()
        try:
            values = self._network.run(None, feeds)
            found = feeds | dict(zip(exported.outputs, values, strict=True))
            for name, picture in exported.pictures.items():
                given = {f"in{n}": found[source] for n, source in enumerate(picture.sources)}
                drawn = self._pictures[picture.model].run(None, given)
                part = name.partition(".picture")[0]
                found |= {
                    name if output == "picture" else f"{part}.{output}": value
                    for output, value in zip(picture.outputs, drawn, strict=True)
                }
        except Exception as error:  # onnxruntime raises kinds of its own
            raise CannotExport(_first_sentence(error)) from error
        return found


def _expected(run: Run) -> Iterable[tuple[str, str, np.ndarray]]:
    """The name of each output, its step, and what PyTorch says that it is."""
    for step in run.trace:
        if step.value is not None:
            shape = tuple(step.value.shape)
            for page in range(display.grid(shape).pages):
                name = f"steps.{step.name}.picture" + (f".{page}" if page else "")
                picture = display.arrange(step.value, display.grid(shape, page))
                yield name, step.name, picture.numpy()
            yield f"steps.{step.name}.range", step.name, display.symmetric_range(step.value).numpy()
    assert run.answer is not None, "a failed forward pass is not exported"
    yield "answer.output", "output", run.answer.output.numpy()
    yield "answer.probabilities", "probabilities", run.answer.probabilities.numpy()
    if run.answer.logits is not None:
        yield "answer.logits", "logits", run.answer.logits.numpy()


def relative_difference(got: np.ndarray, expected: np.ndarray) -> float:
    """The largest difference over the largest magnitude; infinite where NaN or shape differ."""
    if got.shape != expected.shape:
        return float("inf")
    odd = ~np.isfinite(expected)
    if not np.array_equal(got[odd], expected[odd], equal_nan=True):
        return float("inf")
    if odd.all():
        return 0.0
    difference = np.abs(got[~odd].astype(np.float64) - expected[~odd]).max(initial=0.0)
    return float(difference / max(np.abs(expected[~odd]).max(), 1e-30)) if difference else 0.0
