"""The chain rule on a graph: what flows back along each edge, and the gradients it sums to.

Each operation was kept with its operands, so autograd computes its local derivatives on that one
operation; their products, summed over all paths back, are the gradients.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from fwdwidgets.widgets.computation_graph.graph import Graph, Node


@dataclass(frozen=True, eq=False)
class Backward:
    """One step of the backward pass: from a node to one of its operands.

    Attributes:
        node: the name of the node.
        parent: the name of the operand.
        upstream: the gradient of the output with respect to the node, in the node's shape.
        local: the derivative of the node with respect to the operand if both are single numbers,
            else None.
        product: what flows back along this edge, in the operand's shape.
        total: the operand's gradient so far, including this edge.
    """

    node: str
    parent: str
    upstream: Tensor
    local: Tensor | None
    product: Tensor
    total: Tensor


def backward(graph: Graph) -> list[Backward]:
    """Go back through a graph, one operand of one node at a time, by the chain rule.

    A gradient is complete when all edges to its node are done: dL/dp is the sum over all nodes n
    that use p of dL/dn · dn/dp. An output of many numbers starts from ones: the gradient of its
    sum.

    Returns:
        The steps in an order in which they can be done; edges without a gradient are left out
        (an operand of integers, or one that the output does not depend on).
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
    """Run the operation again, on copies of its operands that belong to no other graph."""
    pairs = zip(node.operands, node.differentiable, strict=True)
    operands = [o.detach().clone().requires_grad_(wanted) for o, wanted in pairs]
    assert node.call is not None, "only an operation is repeated"
    with torch.enable_grad(), torch.random.fork_rng(devices=[], enabled=node.random is not None):
        if node.random is not None:
            torch.set_rng_state(node.random)
        # Clones: an operation that works in place may not write to a leaf.
        result = node.call([o.clone() for o in operands])
        return (result if isinstance(result, Tensor) else result[node.part]), operands
