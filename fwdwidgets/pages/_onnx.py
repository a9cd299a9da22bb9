"""A network with all that is drawn of it as one ONNX graph, proven against PyTorch.

The weights are inputs of the graph, so that one session serves every seed and checkpoint.
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
from fwdwidgets.compute import ForwardView, Run

LARGEST_DIFFERENCE = 1e-4
"""Relative to the largest magnitude of a step; a model that is off by more is not exported."""


class CannotExport(Exception):
    """The model cannot run in a page; the message says why."""


@dataclass(frozen=True)
class Exported:
    """A graph of `ForwardView`.

    Attributes:
        model: the ONNX file.
        batch: the name of the input that takes a sample, `(1, ...)`.
        weights: the name of each other input, by the weight that it takes.
        outputs: the names of the outputs, such as `steps.conv1.picture`.
    """

    model: bytes
    batch: str
    weights: Mapping[str, str]
    outputs: tuple[str, ...]


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


def _first_sentence(error: Exception) -> str:
    text = str(error.__cause__ or error).strip().split("\n")[0]
    return f"{type(error.__cause__ or error).__name__}: {text[:200]}"


def _tidy(proto: Any, names: list[str], weights: list[str]) -> Exported:
    """Name the outputs, drop unused inputs, and all that tells of the machine that exported."""
    from onnx import helper

    graph = proto.graph
    outputs = list(graph.output)
    for out, name in zip(outputs, names, strict=True):
        # By a node of their own: two outputs may be one tensor, and one may be a constant.
        graph.node.append(helper.make_node("Identity", [out.name], [name]))
        out.name = name
    del graph.output[:]
    graph.output.extend(outputs)
    used = {name for node in graph.node for name in node.input}
    batch, *others = [i.name for i in graph.input]
    fed = {weight: name for weight, name in zip(weights, others, strict=True) if name in used}
    kept = [i for i in graph.input if i.name == batch or i.name in fed.values()]
    del graph.input[:]
    graph.input.extend(kept)
    del graph.value_info[:]
    functions = [node for function in proto.functions for node in (function, *function.node)]
    everything = (proto, graph, *graph.node, *graph.input, *graph.output, *graph.initializer)
    for owner in (*everything, *functions):
        del owner.metadata_props[:]
        owner.doc_string = ""
    return Exported(proto.SerializeToString(), batch, fed, tuple(names))


class Prover:
    """Runs an exported graph beside PyTorch, and keeps the largest difference."""

    def __init__(self, exported: Exported) -> None:
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.log_severity_level = 3
        options.intra_op_num_threads = 1
        try:
            self._session = onnxruntime.InferenceSession(
                exported.model, options, providers=["CPUExecutionProvider"]
            )
        except Exception as error:  # onnxruntime raises kinds of its own
            raise CannotExport(_first_sentence(error)) from error
        self._exported = exported
        self.proof = Proof(0.0, "", 0, 0)

    def check(self, run: Run, weights: Mapping[str, Tensor]) -> None:
        """Compare one forward pass that PyTorch has made.

        Raises:
            CannotExport: a step differs by more than `LARGEST_DIFFERENCE`.
        """
        feeds = {self._exported.batch: run.batch.numpy()}
        for name, fed in self._exported.weights.items():
            feeds[fed] = weights[name].numpy()
        try:
            values = self._session.run(None, feeds)
        except Exception as error:  # onnxruntime raises kinds of its own
            raise CannotExport(_first_sentence(error)) from error
        found = dict(zip(self._exported.outputs, values, strict=True))
        proof = self.proof
        largest, where, many = proof.largest, proof.where, proof.values
        for name, step, expected in _expected(run):
            got = found.pop(name)
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
