"""A network and everything drawn from it, as ONNX graphs.

One graph is the network with every step's value and the answer as outputs; its weights are inputs,
so that one session serves every seed and checkpoint. A small one for each layout lays a picture
out: layers of one shape share it, and no move computes a picture that is not shown. Another
transforms the kernels of a large convolution, see `_winograd`. All are exported at once, because
each export takes a second to start, and then cut apart.
"""

from __future__ import annotations

import logging
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from dataclasses import dataclass
from importlib.util import find_spec
from io import StringIO
from typing import Any

import torch
from torch import Tensor, nn
from torch.func import functional_call

from fwdwidgets import display
from fwdwidgets.networks import ForwardView, PictureView, Run
from fwdwidgets.pages.network import winograd
from fwdwidgets.trace import left_as_found

NEEDED = ("onnx", "onnxruntime", "onnxscript")
"""The packages of the extra `pages` that the export runs."""


class CannotExport(Exception):
    """The model cannot run in a page; the message says why."""


@dataclass(frozen=True)
class Layout:
    """What is laid out in one way.

    Attributes:
        where: the layout.
        shape: of the values.
        dtype: of the values.
        of_input: whether it is the network's input; else the value of a step.
    """

    where: display.Grid
    shape: tuple[int, ...]
    dtype: torch.dtype
    of_input: bool = False

    @property
    def view(self) -> PictureView:
        """The module that lays out such a value."""
        return PictureView(self.where, of_input=self.of_input)


@dataclass(frozen=True)
class Exported:
    """The graphs of a network.

    Attributes:
        model: the ONNX file of the network, whose inputs are `batch`, `label` (of classes),
            weights, see `weight_input`, and transformed kernels, see `kernels_input`.
        inputs: the names of the inputs that it takes.
        kernels: the ONNX file that transforms a weight, with the input `value` and the output
            `kernels`, by the name of the weight.
        outputs: the names of its outputs, those of `ForwardView`.
        pictures: the ONNX file of each layout, with the input `value`, and the names of its
            outputs, those of `PictureView`.
    """

    model: bytes
    inputs: frozenset[str]
    kernels: Mapping[str, bytes]
    outputs: tuple[str, ...]
    pictures: Mapping[Layout, tuple[bytes, tuple[str, ...]]]


class _Everything(nn.Module):
    """`ForwardView` of a model whose weights come with the batch, and all else that is exported.

    Args:
        model: the network.
        pictures: one for each layout.
        tiles: the weights whose kernels come transformed, and the size of their tiles.
    """

    def __init__(
        self, model: nn.Module, pictures: list[PictureView], tiles: Mapping[str, int]
    ) -> None:
        super().__init__()
        self.view = ForwardView(model)
        self.pictures = nn.ModuleList(pictures)
        self.tiles = tiles

    def forward(
        self,
        batch: Tensor,
        label: Tensor,
        weights: dict[str, Tensor],
        kernels: dict[str, Tensor],
        values: list[Tensor],
    ) -> dict[str, Tensor]:
        named = {f"model.{name}": weight for name, weight in weights.items()}
        with winograd.Convolutions((weights[name], kernels[name]) for name in self.tiles):
            # A copy goes in: a forward that works in place must not change the dataset.
            given = (batch.clone(), label)
            made: dict[str, Tensor] = functional_call(self.view, named, given)
        for name, size in self.tiles.items():
            made[kernels_input(name)] = winograd.transform(weights[name], size)
        for number, (picture, value) in enumerate(zip(self.pictures, values, strict=True)):
            made |= {f"{number}.{name}": tensor for name, tensor in picture(value).items()}
        return made


def weights_of(model: nn.Module) -> dict[str, Tensor]:
    """Parameters and buffers by name; a tensor with two names is listed once."""
    named = {**dict(model.named_parameters()), **dict(model.named_buffers())}
    return {name: tensor.detach() for name, tensor in named.items()}


def weight_input(name: str) -> str:
    """The input of the network's graph that takes a weight."""
    return f"weights.{name}"


def kernels_input(name: str) -> str:
    """The input of the network's graph that takes the transformed kernels of a weight."""
    return f"kernels.{name}"


def input_layout(batch: Tensor) -> Layout:
    """How a batch of one sample is laid out."""
    shape = tuple(batch.shape)
    return Layout(display.input_grid(shape), shape, batch.dtype, of_input=True)


def layer_layout(value: Tensor, page: int = 0) -> Layout:
    """How a page of a step's value is laid out."""
    shape = tuple(value.shape)
    return Layout(display.grid(shape, page), shape, value.dtype)


def export(model: nn.Module, run: Run, *, tiled: bool = True) -> Exported:
    """Export a network with everything drawn from it.

    Args:
        model: in the mode to run in.
        run: a forward pass of it.
        tiled: whether large convolutions are computed in tiles, which is faster.

    Raises:
        CannotExport: torch.export or the ONNX exporter does not accept it.
    """
    if missing := [name for name in NEEDED if find_spec(name) is None]:
        raise CannotExport(f'no {", no ".join(missing)} here: pip install "fwdwidgets[pages]"')
    if changed := _changed_by_forward(model, run.batch):
        where, _, name = changed[0].rpartition(".")
        who = f"step {where!r}" if where else "the model"
        raise CannotExport(
            f"{who} writes to its own {name} in each forward pass, as BatchNorm in train mode does"
        )
    layouts = list(dict.fromkeys(_layouts(run)))
    weights = weights_of(model)
    values = [torch.zeros(each.shape, dtype=each.dtype) for each in layouts]
    try:
        tiles = winograd.find(model, run.batch) if tiled else {}
        everything = _Everything(model, [each.view for each in layouts], tiles)
        kernels = {name: winograd.transform(weights[name], size) for name, size in tiles.items()}
        arguments = (run.batch, torch.full((), -1), weights, kernels, values)
        with torch.no_grad(), _quietly():
            names = list(everything(*arguments))
            program = torch.export.export(everything, arguments)
            # onnxruntime optimises when it opens a graph; the exporter would take longer.
            made = torch.onnx.export(program, (), dynamo=True, verbose=False, optimize=False)
        assert made is not None, "an exported program makes an ONNX program"
        proto = made.model_proto
    except Exception as error:  # whatever it is: the page is made without the network
        raise CannotExport(_reason(error)) from error
    return _cut(proto, names, list(weights), list(kernels), layouts)


@contextmanager
def _quietly() -> Iterator[None]:
    """Hide what the exporter prints about its work, such as graphs that it gave up."""
    before = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        with warnings.catch_warnings(), redirect_stdout(StringIO()), redirect_stderr(StringIO()):
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(before)


def _layouts(run: Run) -> list[Layout]:
    """The layout of the input, and of each page of each step, without those that are empty."""
    layouts = [input_layout(run.batch)]
    for step in run.trace:
        if step.value is not None:
            pages = range(layer_layout(step.value).where.pages)
            layouts += [layer_layout(step.value, page) for page in pages]
    return [each for each in layouts if each.where.kind != "empty"]


def _cut(
    proto: Any, names: list[str], weights: list[str], tiled: list[str], layouts: list[Layout]
) -> Exported:
    """Cut the graph of everything apart."""
    from fwdwidgets.pages.network.cut import Cutter

    cutter = Cutter(proto)
    tensors = dict(zip(names, (each.name for each in proto.graph.output), strict=True))
    given = [each.name for each in proto.graph.input]
    fed = ["batch", "label", *map(weight_input, weights), *map(kernels_input, tiled)]
    inputs = dict(zip(given, fed, strict=False))
    outputs = [name for name in names if name.startswith(("steps.", "answer."))]
    model, used = cutter.cut(inputs, {name: tensors[name] for name in outputs})
    kernels = {}
    for name in tiled:
        weight = given[fed.index(weight_input(name))]
        kernels[name], _ = cutter.cut({weight: "value"}, {"kernels": tensors[kernels_input(name)]})
    pictures = {}
    for number, layout in enumerate(layouts):
        wanted = {
            name.partition(".")[2]: tensor
            for name, tensor in tensors.items()
            if name.startswith(f"{number}.")
        }
        picture, _ = cutter.cut({given[len(fed) + number]: "value"}, wanted)
        pictures[layout] = picture, tuple(wanted)
    return Exported(model, frozenset(used), kernels, tuple(outputs), pictures)


def _changed_by_forward(model: nn.Module, batch: Tensor) -> list[str]:
    """The names of buffers that a forward pass writes to or replaces by another tensor."""
    before = {name: (buffer, buffer._version) for name, buffer in model.named_buffers()}
    with torch.no_grad(), left_as_found(model.modules()):
        model(batch.clone())
        after = {name: (buffer, buffer._version) for name, buffer in model.named_buffers()}
    return [
        name
        for name, (buffer, version) in after.items()
        if name not in before or before[name][0] is not buffer or before[name][1] != version
    ]


def _reason(error: Exception) -> str:
    """Why a model was not exported."""
    if "data-dependent" in str(error):
        return (
            "its forward() asks for a value of a tensor, as an if or a while does, and may go "
            "another way for other numbers"
        )
    return f"PyTorch's exporter does not take it ({first_sentence(error)})"


def first_sentence(error: Exception) -> str:
    """The kind of an error, and the beginning of its message."""
    text = str(error.__cause__ or error).strip().split("\n")[0].rstrip(".")
    return f"{type(error.__cause__ or error).__name__}: {text[:200]}"
