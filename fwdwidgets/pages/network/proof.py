"""Exported graphs compared with PyTorch: no page is written if its numbers differ."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from fwdwidgets.display import as_float
from fwdwidgets.networks import Answer, Run, answer_picture, rank_classes
from fwdwidgets.pages.network.onnx import (
    CannotExport,
    Exported,
    Layout,
    first_sentence,
    kernels_input,
    weight_input,
)

LARGEST_DIFFERENCE = 1e-4
"""Relative to a step's largest magnitude; a model with larger differences is not exported."""


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


class Prover:
    """Runs the exported graphs beside PyTorch, and keeps the largest difference.

    The graph of each layout is proven at once, on numbers with NaN and infinity among them.
    """

    def __init__(self, exported: Exported) -> None:
        self._exported = exported
        self._network = _session(exported.model)
        self._transforms = {graph: _session(graph) for graph in exported.kernels.values()}
        self._weights: dict[str, np.ndarray] = {}
        self.proof = Proof(0.0, "", 0, 0)
        for layout, (graph, names) in exported.pictures.items():
            _prove_picture(layout, graph, names)

    def use(self, weights: Mapping[str, Tensor]) -> None:
        """Take the weights of the network, by name, for the passes that follow."""
        named = {weight_input(name): weight.numpy() for name, weight in weights.items()}
        for name, graph in self._exported.kernels.items():
            value = {"value": named[weight_input(name)]}
            made = _run(self._transforms[graph], value, ("kernels",))
            named[kernels_input(name)] = made["kernels"]
        self._weights = named

    def check(self, run: Run, label: int | None) -> None:
        """Compare one forward pass that PyTorch has made.

        Args:
            run: the forward pass, with the weights in use.
            label: the true class of its sample; None if it has none, or if it is not a class.

        Raises:
            CannotExport: a step differs by more than `LARGEST_DIFFERENCE`.
        """
        true = torch.full((), -1 if label is None else label)
        feeds = {**self._weights, "batch": run.batch.numpy(), "label": true.numpy()}
        fed = {name: feeds[name] for name in self._exported.inputs}
        found = _run(self._network, fed, self._exported.outputs)
        proof = self.proof
        largest, where, many = proof.largest, proof.where, proof.values
        for name, step, expected in _expected(run, true, found):
            if name not in found:
                raise CannotExport(f"step {step!r} is not in the exported graph")
            many += expected.size
            difference = relative_difference(found.pop(name), expected)
            if not difference <= LARGEST_DIFFERENCE:
                raise CannotExport(
                    f"step {step!r} gives other numbers in the exported graph, off by "
                    f"{difference:.1e} of its largest (allowed: {LARGEST_DIFFERENCE:g})"
                )
            if difference > largest:
                largest, where = difference, step
        if found:
            raise CannotExport(f"the exported graph has a step that did not run: {min(found)}")
        self.proof = Proof(largest, where, many, proof.runs + 1)


def _expected(
    run: Run, label: Tensor, found: dict[str, np.ndarray]
) -> Iterator[tuple[str, str, np.ndarray]]:
    """The name of each output, its step, and the value that PyTorch computes.

    Classes found in another order are taken from `found` where they are equally likely.
    """
    for step in run.trace:
        if step.value is not None:
            yield f"steps.{step.name}", step.name, as_float(step.value).numpy()
    answer = run.answer
    assert answer is not None, "a failed forward pass is not exported"
    yield "answer.output", "output", answer.output.numpy()
    if answer.head == "value":
        return
    classes, prediction = _as_likely(answer, label, found)
    yield "answer.prediction", "prediction", prediction.numpy()
    chance = answer.probabilities[prediction.clamp(min=0)]
    yield "answer.probability", "probabilities", chance.numpy()
    for name, drawn in answer_picture(answer, classes).items():
        yield f"answer.{name}", name.partition(".")[0], drawn.numpy()


def _as_likely(
    answer: Answer, label: Tensor, found: dict[str, np.ndarray]
) -> tuple[Tensor, Tensor]:
    """The ranked classes and the prediction: as found, if they are as likely as PyTorch's.

    Two classes that differ by a rounding error may swap places without any number being wrong.
    """
    classes = rank_classes(answer.probabilities, label)
    prediction = torch.full((), -1 if answer.prediction is None else answer.prediction)
    chances = torch.cat([answer.probabilities, answer.probabilities.new_full((1,), torch.nan)])
    taken = []
    for name, expected in (("classes", classes), ("prediction", prediction)):
        got = torch.as_tensor(found[f"answer.{name}"])
        same = got.shape == expected.shape and bool(((got < 0) == (expected < 0)).all())
        if same and int(got.max()) < len(chances) - 1:
            far = relative_difference(chances[got].numpy(), chances[expected].numpy())
            taken.append(got if far <= LARGEST_DIFFERENCE else expected)
        else:
            taken.append(expected)
    return taken[0], taken[1]


def _prove_picture(layout: Layout, graph: bytes, names: tuple[str, ...]) -> None:
    """Lay out numbers by the graph and by PyTorch."""
    generator = torch.Generator().manual_seed(0)
    value = 9 * torch.randn(layout.shape, generator=generator)
    if layout.dtype.is_floating_point:
        odd = torch.tensor([torch.nan, torch.inf, -torch.inf])[: value.numel()]
        value.view(-1)[:: max(1, value.numel() // 3)][: len(odd)] = odd
    value = (value if layout.dtype.is_signed else value.abs()).to(layout.dtype)
    found = _run(_session(graph), {"value": value.numpy()}, names)
    for name, expected in layout.view(value).items():
        if not relative_difference(found[name], expected.numpy()) <= LARGEST_DIFFERENCE:
            raise CannotExport(
                f"a value of shape {layout.shape} is laid out otherwise in the exported graph"
            )


def _session(model: bytes) -> Any:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    options.intra_op_num_threads = 1
    try:
        return onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    except Exception as error:  # onnxruntime raises its own kinds of error
        raise CannotExport(first_sentence(error)) from error


def _run(
    session: Any, feeds: Mapping[str, np.ndarray], names: tuple[str, ...]
) -> dict[str, np.ndarray]:
    try:
        return dict(zip(names, session.run(list(names), feeds), strict=True))
    except Exception as error:  # onnxruntime raises its own kinds of error
        raise CannotExport(first_sentence(error)) from error


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
