"""The computational graph of a function: its nodes as they run, and the chain rule back.

Each operation is kept with its operands, so that its local derivatives are taken by autograd on
that one operation alone; their products, summed along the ways back, are the gradients.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor, nn

from fwdwidgets.trace import left_as_found
from fwdwidgets.widgets.computation_graph.recorder import GraphRecorder, Node, TooManyNodes

MAX_NODES = 80
"""A graph with more nodes than these is not drawn: nobody could read it."""


@dataclass(frozen=True, eq=False)
class Backward:
    """One way back: from a node to one of its operands.

    Attributes:
        node: the name of the node.
        parent: the name of the operand.
        upstream: the gradient of the output by the node, of the node's shape.
        local: the derivative of the node by the operand, where both are one number; else None.
        product: what goes back this way, of the operand's shape.
        total: the operand's gradient so far, this way included.
    """

    node: str
    parent: str
    upstream: Tensor
    local: Tensor | None
    product: Tensor
    total: Tensor


@dataclass(frozen=True, eq=False)
class Graph:
    """The nodes of one run, leaves first, then in the order in which they were computed.

    Attributes:
        nodes: all of them, by name.
        output: the name of the node that the function returned.
        error: the exception that ended the run, or None; `nodes` are those up to it.
        one_way: why PyTorch does not go back through it, or not by the same numbers, in a
            sentence; empty where `backward` agrees with it.
    """

    nodes: Mapping[str, Node]
    output: str
    error: Exception | None = None
    one_way: str = ""

    @property
    def operations(self) -> list[Node]:
        """The computed nodes, in order."""
        return [node for node in self.nodes.values() if node.kind == "operation"]

    @property
    def goes_back(self) -> bool:
        """Whether there is a way back to the leaves."""
        return not self.error and not self.one_way

    def __repr__(self) -> str:
        lines = [
            f"{node.name} = {node.sign}({', '.join(node.parents)})"
            if node.parents
            else f"{node.name}: {node.kind}"
            for node in self.nodes.values()
        ]
        return "\n".join([*lines, f"output: {self.output}"])


def trace_graph(
    function: Callable[..., Any], leaves: Mapping[str, Tensor], limit: int = MAX_NODES
) -> Graph:
    """Run a function once on its leaves and keep every operation.

    The random state and a module are left as found. What comes out of `backward` is compared with
    PyTorch's own way back, so that a difference is told and never shown.

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
            # it was not called as it wants to be
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
        called = getattr(function, "__name__", "")
        name = called if called.isidentifier() else "output"
        returned = recorder.rename(recorder.nodes[returned], name)
    graph = Graph(recorder.nodes, returned)
    return replace(graph, one_way=_one_way(graph, result, given))


def _one_way(graph: Graph, result: Tensor, given: Mapping[str, Tensor]) -> str:
    """Why PyTorch does not go back, or elsewhere; empty where it does as `backward`."""
    if not result.requires_grad:
        return (
            f"Nothing goes back from {graph.output}: PyTorch kept no graph of it, for it was made "
            "under no_grad, detached, or holds no floats."
        )
    wanted = {name: leaf for name, leaf in given.items() if leaf.requires_grad}
    if not wanted:
        return ""
    try:
        expected = torch.autograd.grad(result.sum(), list(wanted.values()), allow_unused=True)
    except RuntimeError as error:
        reason = str(error).partition(" Hint:")[0]
        return f"Nothing goes back from {graph.output}: PyTorch says {reason}"
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
        return (
            f"PyTorch comes back to {name} by another way, with {_told(gradient)}: something in "
            "this function has a backward of its own. The way back is not shown."
        )
    return ""


def _told(gradient: Tensor | None) -> str:
    if gradient is None:
        return "no gradient"
    few = gradient.numel() <= 8
    return f"the gradient {gradient.tolist() if few else 'of shape ' + str(tuple(gradient.shape))}"


def backward(graph: Graph) -> list[Backward]:
    """Go back through a graph, one operand of one node at a time, by the chain rule.

    A gradient is complete when all ways to it were gone: dL/dp is the sum over all nodes n that
    use p of dL/dn · dn/dp. An output of many numbers starts from ones: the gradient of its sum.

    Returns:
        The ways in the order in which they can be gone; those that nothing comes back along are
        left out (an operand of integers, or one that the output does not depend on).
    """
    output = graph.nodes[graph.output]
    if graph.one_way or not output.tracked:
        return []
    gradients: dict[str, Tensor] = {graph.output: torch.ones_like(output.value)}
    ways: list[Backward] = []
    for node in reversed(graph.operations):
        upstream = gradients.get(node.name)
        if upstream is None or not node.tracked:
            continue
        for index, (parent, product) in enumerate(_products(node, upstream)):
            if product is None:
                continue
            before = gradients.get(parent)
            total = product if before is None else before + product
            gradients[parent] = total
            local = None
            if node.value.numel() == 1 and product.numel() == 1:
                local = _local(node, index)
            ways.append(Backward(node.name, parent, upstream, local, product, total))
    return ways


def gradients(ways: list[Backward]) -> dict[str, Tensor]:
    """The gradient of each node that the ways back reach."""
    return {way.parent: way.total for way in ways}


def layers(graph: Graph) -> list[list[str]]:
    """The nodes by their distance from the leaves, each layer ordered to keep edges short.

    A leaf stands just before the first node that uses it.
    """
    depth: dict[str, int] = {}
    for node in graph.nodes.values():
        depth[node.name] = max((depth[p] + 1 for p in node.parents), default=0)
    for node in reversed(list(graph.nodes.values())):
        users = [depth[n.name] for n in graph.nodes.values() if node.name in n.parents]
        if not node.parents and users:
            depth[node.name] = min(users) - 1
    rows: list[list[str]] = [[] for _ in range(max(depth.values(), default=0) + 1)]
    for name, at in depth.items():
        rows[at].append(name)
    place = {name: float(i) for row in rows for i, name in enumerate(row)}
    for _ in range(4):  # settles within a few rounds
        for row in (*rows, *reversed(rows)):
            row.sort(key=lambda name: _middle(graph, name, place))
            place |= {name: i - len(row) / 2 for i, name in enumerate(row)}
    return rows


def _middle(graph: Graph, name: str, place: Mapping[str, float]) -> float:
    near = [place[p] for p in graph.nodes[name].parents]
    near += [place[n.name] for n in graph.nodes.values() if name in n.parents]
    return sum(near) / len(near) if near else place[name]


def _products(node: Node, upstream: Tensor) -> Iterator[tuple[str, Tensor | None]]:
    """Upstream times local derivative, for each operand of one operation."""
    result, operands = _repeat(node)
    wanted = [o for o in operands if o.requires_grad]
    found: list[Tensor | None] = [None] * len(wanted)
    if wanted and result.requires_grad:
        found = list(torch.autograd.grad(result, wanted, upstream, allow_unused=True))
    by_id = {id(o): g for o, g in zip(wanted, found, strict=True)}
    for parent, operand in zip(node.parents, operands, strict=True):
        yield parent, by_id.get(id(operand))


def _local(node: Node, index: int) -> Tensor:
    result, operands = _repeat(node)
    (derivative,) = torch.autograd.grad(result.sum(), [operands[index]], allow_unused=True)
    return torch.zeros_like(operands[index]) if derivative is None else derivative


def _repeat(node: Node) -> tuple[Tensor, list[Tensor]]:
    """The operation once more, on copies of its operands that belong to no other graph."""
    pairs = zip(node.operands, node.differentiable, strict=True)
    operands = [o.detach().clone().requires_grad_(wanted) for o, wanted in pairs]
    assert node.call is not None, "only an operation is repeated"
    with torch.enable_grad(), torch.random.fork_rng(devices=[], enabled=node.random is not None):
        if node.random is not None:
            torch.set_rng_state(node.random)
        # Clones: an operation that works in place may not write to a leaf.
        result = node.call([o.clone() for o in operands])
        return (result if isinstance(result, Tensor) else result[node.part]), operands


def source_of(function: Callable[..., Any]) -> str:
    """The source of a function, or of a module's `forward`; empty where there is none."""
    target = function.forward if isinstance(function, nn.Module) else function
    try:
        return inspect.cleandoc("\n" + inspect.getsource(target))
    except (OSError, TypeError):
        return ""
