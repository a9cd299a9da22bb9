"""Keeps each operation of a small function, with copies of its operands."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode
from torch.utils._pytree import tree_flatten, tree_unflatten

from fwdwidgets.trace import operation_name
from fwdwidgets.widgets.computation_graph.assignments import find_target
from fwdwidgets.widgets.computation_graph.graph import Node


class TooManyNodes(Exception):
    """The graph grew over its limit."""


class GraphRecorder(TorchFunctionMode):
    """Keeps each operation on known tensors, with copies of its operands."""

    def __init__(self, function: Any, leaves: Mapping[str, Tensor], limit: int) -> None:
        super().__init__()
        self.nodes: dict[str, Node] = {}
        # The tensor is held, so that its id stays its own; its version tells a write that came
        # by another name, such as that of a view.
        self._known: dict[int, tuple[str, Tensor, int]] = {}
        self.keep: Callable[[list[Tensor]], None] = lambda operands: None
        self._limit = limit
        self.nodes_computed = 0
        self.unnamed: set[str] = set()
        """The nodes that no variable was assigned, which are called by their operation."""
        for name, leaf in leaves.items():
            node = Node(name, "leaf", "", leaf.detach().clone(), tracked=leaf.requires_grad)
            self._add(node, leaf)
        self._parameters = (
            {id(p): name for name, p in (*function.named_parameters(), *function.named_buffers())}
            if isinstance(function, nn.Module)
            else {}
        )

    def name_of(self, tensor: Tensor) -> str | None:
        """The node of a tensor; None if it has none.

        Raises:
            ValueError: it has been written into since, by way of another tensor.
        """
        known = self._known.get(id(tensor))
        if known is None:
            return None
        name, _, version = known
        if _version(tensor) != version:
            if self.nodes[name].kind == "constant":  # such as a running mean: it is another now
                return None
            raise ValueError(
                f"{name} was written into by way of a tensor that shares its memory: a graph has "
                "a node for each new tensor. Write into a .clone(), or use torch.where, torch.cat "
                "or torch.stack to make one."
            )
        return name

    def __torch_function__(
        self, func: Any, types: Any, args: Any = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        kwargs = kwargs or {}
        flat, spec = tree_flatten((args, kwargs))
        places = [i for i, each in enumerate(flat) if isinstance(each, Tensor)]
        operands = [flat[i] for i in places]
        copies = tuple(o.detach().clone() for o in operands)
        differentiable = tuple(o.requires_grad for o in operands)
        parents_known = [self.name_of(o) for o in operands]
        self.keep(operands)
        before = torch.get_rng_state()
        result = func(*args, **kwargs)
        several = isinstance(result, (tuple, list))
        results = list(result) if several else [result]
        if not any(map(self._matters, operands, parents_known)):
            return result
        if getattr(func, "__name__", "") == "__setitem__":
            written = find_target(sys._getframe(1))[1] or "a write by index"
            raise ValueError(
                f"{written} writes into a tensor: a graph has a node "
                "for each new tensor. Use torch.where, torch.cat or torch.stack to make one."
            )
        reads = getattr(func, "__name__", "") == "__get__"
        if reads and operation_name(func) not in ("T", "mT", "H", "mH"):
            return result
        if not any(isinstance(each, Tensor) for each in results):
            return result
        parents = tuple(
            name or self._operand(operand, copy)
            for name, operand, copy in zip(parents_known, operands, copies, strict=True)
        )

        def call(given: list[Tensor]) -> Any:
            again = list(flat)
            for place, value in zip(places, given, strict=True):
                again[place] = value
            repeated_args, repeated_kwargs = tree_unflatten(again, spec)
            return func(*repeated_args, **repeated_kwargs)

        op = operation_name(func)
        target, source = find_target(sys._getframe(1))
        drew = not torch.equal(before, torch.get_rng_state())
        for part, each in enumerate(results):
            if isinstance(each, Tensor):
                name = self._free(target or op)
                value = each.detach().clone()
                node = Node(
                    name,
                    "operation",
                    op,
                    value,
                    parents,
                    source,
                    each.requires_grad,
                    before if drew else None,
                    call,
                    copies,
                    differentiable,
                    part,
                )
                self._add(node, each)
                self.nodes_computed += 1
                if not target:
                    self.unnamed.add(name)
        return result

    def rename(self, node: Node, name: str) -> str:
        """Give the last node another name, or that with a number where it is taken."""
        del self.nodes[node.name]
        name = self._free(name)
        self.nodes[name] = replace(node, name=name)
        return name

    def _matters(self, operand: Tensor, name: str | None) -> bool:
        """Whether it comes from a leaf or a parameter; counting batches, say, does not."""
        if name is not None:
            return self.nodes[name].kind != "constant"
        return operand.requires_grad and id(operand) in self._parameters

    def _operand(self, tensor: Tensor, copy: Tensor) -> str:
        parameter = self._parameters.get(id(tensor))
        trained = parameter is not None and tensor.requires_grad
        kind = "parameter" if trained else "constant"
        node = Node(self._free(parameter or "constant"), kind, "", copy, tracked=trained)
        self._add(node, tensor)
        return node.name

    def _add(self, node: Node, tensor: Tensor) -> None:
        if len(self.nodes) >= self._limit:
            raise TooManyNodes
        self.nodes[node.name] = node
        self._known[id(tensor)] = node.name, tensor, _version(tensor)

    def _free(self, name: str) -> str:
        if name not in self.nodes:
            return name
        number = 2
        while f"{name}_{number}" in self.nodes:
            number += 1
        return f"{name}_{number}"


def _version(tensor: Tensor) -> int:
    return -1 if tensor.is_inference() else tensor._version
