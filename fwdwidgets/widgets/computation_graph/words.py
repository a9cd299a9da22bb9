"""What a computational graph says of itself: the step just gone, and the same in PyTorch."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Mapping
from typing import Any

import torch
from torch import Tensor, nn

from fwdwidgets.widgets.computation_graph.compute import Graph, source_of
from fwdwidgets.widgets.computation_graph.recorder import Node

MAX_NUMBERS = 8
"""So many numbers of a tensor are written out; of a larger one its shape."""


def describe(graph: Graph, here: Any) -> str:
    """The step just gone, in words and numbers.

    Args:
        graph: where.
        here: the name of the node just computed, the `Backward` just gone, None where the way back
            begins; empty before the first step.
    """
    output = graph.output
    if here == "":
        return "The leaves are given. Nothing is computed yet: go one step forward."
    if here is None:
        return f"Forward is done. Backward starts at the end: d{output}/d{output} = 1"
    if isinstance(here, str):
        node = graph.nodes[here]
        values = [short(graph.nodes[p].value) for p in node.parents]
        if len(node.parents) == 2 and len(node.sign) == 1:
            names = f" {node.sign} ".join(node.parents)
            numbers = f" {node.sign} ".join(f"({v})" if v[0] == "-" else v for v in values)
        else:
            names = f"{node.op}({', '.join(node.parents)})"
            numbers = f"{node.op}({', '.join(values)})"
        return f"{here} = {names} = {numbers} = {short(node.value)}"
    up, product = short(here.upstream), short(here.product)
    if here.local is None:
        text = (
            f"d{output}/d{here.parent}: the gradient of {here.node}, {up}, goes back through "
            f"{graph.nodes[here.node].op} and becomes {product}"
        )
    else:
        text = (
            f"d{output}/d{here.parent} = d{output}/d{here.node} · d{here.node}/d{here.parent} "
            f"= {_signed(up)} · {_signed(short(here.local))} = {product}"
        )
    if not torch.equal(here.total, here.product):
        text += f"; added to the ways before: {short(here.total)}"
    return text


def write_code(
    function: Callable[..., Any],
    leaves: Mapping[str, Tensor],
    graph: Graph,
    found: Mapping[str, Any] | None,
) -> str:
    """The same in PyTorch.

    Args:
        function: of the leaves.
        leaves: by name.
        graph: of the function.
        found: the gradient of each leaf, as a float or nested lists; None where the way back has
            not been gone to its end.
    """
    lines = ["import torch", ""]
    for name, value in leaves.items():
        numbers = _literal(plain(value)) if value.numel() <= MAX_NUMBERS else "..."
        asks = ", requires_grad=True" if value.is_floating_point() else ""
        lines.append(f"{name} = torch.tensor({numbers}{asks})")
    source = source_of(function)
    module = isinstance(function, nn.Module)
    called = "model" if module else getattr(function, "__name__", "function")
    lines += ["", *source.splitlines(), ""]
    arguments = ", ".join(f"{name}={name}" for name in leaves)
    called = "function" if called == "<lambda>" else called
    lines.append(f"output = {called}({arguments})")
    many = graph.nodes[graph.output].value.numel() != 1
    lines.append("output.sum().backward()" if many else "output.backward()")
    for name, value in leaves.items():
        line = f"{name}.grad"
        if found is not None:
            known = found.get(name)
            few = value.numel() <= MAX_NUMBERS or known is None
            line += f"  # {_rounded(known) if few else tuple(value.shape)}"
        lines.append(line)
    return "\n".join(lines).replace("\n\n\n", "\n\n")


def say_unused(graph: Graph, leaves: Mapping[str, Tensor], found: Collection[str]) -> str:
    """Which leaves get no gradient, and why; empty where all do.

    Args:
        graph: of the leaves.
        leaves: by name.
        found: the names of those that have a gradient.
    """
    whole = [name for name, leaf in leaves.items() if not leaf.is_floating_point()]
    floats = [name for name in leaves if name not in whole]
    unused = [name for name in floats if name not in found] if graph.goes_back else []
    said = []
    if unused:
        said.append(f"No way leads back to {', '.join(unused)}: grad stays None there.")
    if whole:
        said.append(
            f"{', '.join(whole)} holds no floats: no gradient, no sliders. Set widget.leaves "
            "to change it."
        )
    return " ".join(said)


def say_nonfinite(graph: Graph) -> str:
    """Which node is the first that holds NaN or infinity; empty where all is finite."""
    odd = next((node for node in graph.nodes.values() if not node.value.isfinite().all()), None)
    if odd is None:
        return ""
    first = odd.value[~odd.value.isfinite()].flatten()[0].item()
    made = f"{odd.name} = {first:g}" if odd.value.numel() == 1 else f"{odd.name} holds {first:g}"
    if odd.kind == "operation":
        given = ", ".join(f"{name} = {short(graph.nodes[name].value)}" for name in odd.parents)
        return f"{made}, the first that is not finite: {odd.op} made it of {given}."
    advice = " Move its slider, or set widget.leaves." if odd.kind == "leaf" else ""
    return f"{made}: it is not finite, and what is made of it may not be either.{advice}"


def _rounded(numbers: Any) -> str:
    if isinstance(numbers, list):
        return f"[{', '.join(map(_rounded, numbers))}]"
    return "None" if numbers is None else f"{numbers:.4g}"


def name_above(node: Node) -> str:
    """What stands over a box: how it was made, or what it is, unless its name says so."""
    if node.kind == "operation":
        return node.sign if node.sign != node.name else ""
    return "" if node.kind in ("leaf", node.name) else node.kind


def short(value: Tensor, most: int = 40) -> str:
    """One number, a few, or the shape of more than fit in `most` characters."""
    if value.numel() == 1:
        return f"{value.item():.4g}"
    text = "[" + ", ".join(f"{number:.3g}" for number in value.flatten().tolist()[:9]) + "]"
    return text if value.dim() == 1 and len(text) <= most else str(tuple(value.shape))


def _signed(text: str) -> str:
    return f"({text})" if text.startswith("-") else text


def plain(value: Tensor) -> Any:
    """A tensor as a float or nested lists; 0.1 of float32 is 0.1 and not 0.10000000149."""
    if not value.is_floating_point():
        return value.tolist()
    shortest = (value.float() if value.dtype is torch.bfloat16 else value).numpy().astype(str)
    return shortest.astype(float).tolist()


def _literal(numbers: Any) -> str:
    """As Python writes it, so that it can be run again."""
    if isinstance(numbers, list):
        return f"[{', '.join(map(_literal, numbers))}]"
    finite = not isinstance(numbers, float) or math.isfinite(numbers)
    return repr(numbers) if finite else f'float("{numbers}")'
