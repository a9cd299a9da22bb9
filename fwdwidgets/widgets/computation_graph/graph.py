"""A computational graph: its nodes, each with its value, its operands and its source."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from torch import Tensor

_SIGNS = {
    "add": "+",
    "sub": "-",
    "mul": "\u00d7",
    "div": "÷",
    "pow": "^",
    "matmul": "@",
    "neg": "-",
}


@dataclass(frozen=True, eq=False)
class Node:
    """One number or tensor of a graph.

    Attributes:
        name: unique: the variable that it was assigned to, else its operation.
        kind: `"leaf"`, `"parameter"`, `"constant"` or `"operation"`.
        op: the operation, or an empty text.
        value: as it was at that moment, detached.
        parents: the names of its operands, in call order; one that is used twice stands twice.
        source: the expression, or an empty text.
        tracked: whether PyTorch computes a gradient for it.
        random: the random state before it, if it draws random numbers; it is repeated from there.
        part: which result of an operation with several this is.
    """

    name: str
    kind: str
    op: str
    value: Tensor
    parents: tuple[str, ...] = ()
    source: str = ""
    tracked: bool = False
    random: Tensor | None = None
    call: Callable[..., Any] | None = field(default=None, repr=False)
    operands: tuple[Tensor, ...] = field(default=(), repr=False)
    differentiable: tuple[bool, ...] = field(default=(), repr=False)
    part: int = 0

    @property
    def sign(self) -> str:
        """The operation as a sign where it has one, else its name."""
        return _SIGNS.get(self.op, self.op)


@dataclass(frozen=True, eq=False)
class Graph:
    """The nodes of one run, leaves first, then in the order in which they were computed.

    Attributes:
        nodes: all of them, by name.
        output: the name of the node that the function returned.
        error: the exception that ended the run, or None; `nodes` are those up to it.
        one_way: a sentence on why PyTorch has no backward pass here, or a different one; empty if
            `backward` agrees with PyTorch.
    """

    nodes: Mapping[str, Node]
    output: str
    error: Exception | None = None
    one_way: str = ""

    @property
    def leaves(self) -> dict[str, Tensor]:
        """The inputs, by name."""
        return {name: node.value for name, node in self.nodes.items() if node.kind == "leaf"}

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
