"""The computational graph of a function, and what is known of it at each step of a walk."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor, nn

from fwdwidgets.trace import left_as_found
from fwdwidgets.widgets.computation_graph import words
from fwdwidgets.widgets.computation_graph.chain_rule import Backward, backward, gradients
from fwdwidgets.widgets.computation_graph.graph import Graph
from fwdwidgets.widgets.computation_graph.recorder import GraphRecorder, TooManyNodes

MAX_NODES = 80
"""A graph with more nodes than these is not drawn: nobody could read it."""


@dataclass(frozen=True, eq=False)
class Walk:
    """A walk through a graph: forward one node at a time, and back one edge at a time.

    Attributes:
        graph: of the function.
        steps: the name of each computed node; then, if there is a backward pass, None for its
            start and each `Backward`.
    """

    graph: Graph
    steps: tuple[str | Backward | None, ...]

    def __len__(self) -> int:
        """How many steps there are."""
        return len(self.steps)

    def here(self, step: int) -> str | Backward | None:
        """The step just taken, for a position from 0 to `len(walk)`; empty before the first."""
        return self.steps[step - 1] if step else ""

    def computed(self, step: int) -> set[str]:
        """The names of the nodes that are computed by then."""
        return {node.name for node in self.graph.operations[:step]}

    def gradients(self, step: int | None = None) -> dict[str, Tensor]:
        """The gradients that are known by then, by node; at the end for None.

        That of the output, where the backward pass begins, is ones.
        """
        gone = self.steps[len(self.graph.operations) : step]
        if not gone:
            return {}
        output = self.graph.nodes[self.graph.output]
        ways = [way for way in gone if isinstance(way, Backward)]
        return {output.name: torch.ones_like(output.value), **gradients(ways)}


def walk_graph(function: Callable[..., Any], leaves: Mapping[str, Tensor]) -> Walk:
    """Run a function on its leaves, and go back; it takes and raises what `trace_graph` does."""
    graph = trace_graph(function, leaves)
    forward = tuple(node.name for node in graph.operations)
    return Walk(graph, (*forward, None, *backward(graph)) if graph.goes_back else forward)


def trace_graph(
    function: Callable[..., Any], leaves: Mapping[str, Tensor], limit: int = MAX_NODES
) -> Graph:
    """Run a function once on its leaves and keep every operation.

    The random state and a module are left as found. The result of `backward` is compared with
    PyTorch's own backward pass; if they differ, the widget says so and shows no gradients.

    Args:
        function: takes the leaves by keyword and returns one tensor; a function or an
            `nn.Module`, whose parameters become nodes of their own.
        leaves: the inputs, by keyword; those of integers have no gradient.
        limit: of nodes.

    Raises:
        TypeError: the function does not take these keywords or returns no tensor.
        ValueError: it has more nodes than `limit`, or returns none that it computed.
    """
    given = {
        name: leaf.detach().clone().requires_grad_(leaf.is_floating_point())
        for name, leaf in leaves.items()
    }
    recorder = GraphRecorder(function, given, limit)
    error: Exception | None = None
    result: Any = None
    modules = function.modules() if isinstance(function, nn.Module) else ()
    try:
        with left_as_found(modules) as recorder.keep, torch.enable_grad(), recorder:
            result = function(**given)
            returned = recorder.name_of(result) if isinstance(result, Tensor) else None
    except TooManyNodes:
        raise ValueError(
            f"this graph has more than {limit} nodes: too many to draw. Pass a smaller function, "
            "or a module of fewer operations."
        ) from None
    except Exception as raised:
        error = raised
        if isinstance(raised, TypeError) and not recorder.nodes_computed:
            # it does not take these arguments
            raise TypeError(
                f"the function does not take {', '.join(given)} alone ({raised}): pass each of its "
                "inputs by keyword, as in a=2."
            ) from raised
    if error is not None:
        return Graph(recorder.nodes, next(reversed(recorder.nodes)), error)
    if not isinstance(result, Tensor):
        raise TypeError(
            f"the function returned {type(result).__name__}: return one tensor, such as the last "
            "result."
        )
    if any(node.value.is_complex() for node in recorder.nodes.values()):
        raise TypeError(
            "the function computes complex numbers, which have no graph of plain derivatives here: "
            "pass one of real numbers."
        )
    if returned is None:
        raise ValueError(
            "the function returned a tensor that it did not compute from its leaves by PyTorch's "
            "operations: compute with the tensors themselves, without .item(), float() or NumPy."
        )
    if returned in recorder.unnamed:
        own = getattr(function, "__name__", "")
        name = own if own.isidentifier() else "output"
        returned = recorder.rename(recorder.nodes[returned], name)
    graph = Graph(recorder.nodes, returned)
    return replace(graph, one_way=_one_way(graph, result, given))


def _one_way(graph: Graph, result: Tensor, given: Mapping[str, Tensor]) -> str:
    """Why PyTorch does not go back, or elsewhere; empty where it does as `backward`."""
    if not result.requires_grad:
        return words.say_no_graph(graph.output)
    wanted = {name: leaf for name, leaf in given.items() if leaf.requires_grad}
    if not wanted:
        return ""
    try:
        expected = torch.autograd.grad(result.sum(), list(wanted.values()), allow_unused=True)
    except RuntimeError as error:
        return words.say_refused(graph.output, str(error))
    ways = backward(graph)
    found = {graph.output: torch.ones_like(result), **gradients(ways)}
    for name, gradient in zip(wanted, expected, strict=True):
        ours = found.get(name)
        if ours is None and gradient is None:
            continue
        if ours is not None and gradient is not None:
            # Large ways may cancel: what counts is the error beside the ways, not beside their sum.
            sizes = [way.product.abs().max() for way in ways if way.parent == name]
            room = 1e-3 * float(sum(size for size in sizes if size.isfinite())) + 1e-6
            if torch.allclose(ours, gradient, rtol=1e-3, atol=room, equal_nan=True):
                continue
        return words.say_other_way(name, gradient)
    return ""


def called(function: Callable[..., Any]) -> str:
    """What code calls a function: its own name, `model` for a module, else `function`."""
    if isinstance(function, nn.Module):
        return "model"
    name = getattr(function, "__name__", "function")
    return "function" if name == "<lambda>" else name


def source_of(function: Callable[..., Any]) -> str:
    """The source of a function, or of a module's `forward`; empty where there is none."""
    target = function.forward if isinstance(function, nn.Module) else function
    try:
        return inspect.cleandoc("\n" + inspect.getsource(target))
    except (OSError, TypeError):
        return ""
