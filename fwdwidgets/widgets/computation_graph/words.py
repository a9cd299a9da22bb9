"""What a computational graph says of itself: the step just gone, and the same in PyTorch."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from torch import Tensor

    from fwdwidgets.widgets.computation_graph.chain_rule import Backward
    from fwdwidgets.widgets.computation_graph.graph import Graph, Node

MAX_NUMBERS = 8
"""So many numbers of a tensor are written out; of a larger one its shape."""


def describe(graph: Graph, here: str | Backward | None) -> str:
    """The step just gone, in words and numbers.

    Args:
        graph: where.
        here: the name of the node just computed, the `Backward` just done, None where the backward
            pass begins; empty before the first step.
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
    if not here.total.equal(here.product):
        text += f"; added to the ways before: {short(here.total)}"
    return text


def write_code(
    called: str,
    source: str,
    leaves: Mapping[str, Any],
    graph: Graph,
    found: Mapping[str, Any] | None,
) -> str:
    """The same in PyTorch.

    Args:
        called: what the code calls the function.
        source: of the function; empty where it is not known.
        leaves: by name, as floats or nested lists.
        graph: of the function.
        found: the gradient of each leaf, as a float or nested lists; None until the backward
            pass is done.
    """
    lines = ["import torch", ""]
    for name, value in graph.leaves.items():
        numbers = _literal(leaves[name]) if value.numel() <= MAX_NUMBERS else "..."
        asks = ", requires_grad=True" if value.is_floating_point() else ""
        lines.append(f"{name} = torch.tensor({numbers}{asks})")
    lines += ["", *source.splitlines(), ""]
    arguments = ", ".join(f"{name}={name}" for name in leaves)
    lines.append(f"output = {called}({arguments})")
    many = graph.nodes[graph.output].value.numel() != 1
    lines.append("output.sum().backward()" if many else "output.backward()")
    for name, value in graph.leaves.items():
        line = f"{name}.grad"
        if found is not None:
            known = found.get(name)
            few = value.numel() <= MAX_NUMBERS or known is None
            line += f"  # {_rounded(known) if few else tuple(value.shape)}"
        lines.append(line)
    return "\n".join(lines).replace("\n\n\n", "\n\n")


def notes(graph: Graph, found: Collection[str]) -> dict[str, str]:
    """What there is to say of a graph beside its steps, by topic; empty texts where nothing is.

    Args:
        graph: whose.
        found: the names of the nodes that have a gradient in the end.
    """
    return {
        "error": _say_error(graph),
        "sum": _say_sum(graph),
        "unused": _say_unused(graph, found),
        "one way": graph.one_way,
        "nonfinite": _say_nonfinite(graph),
    }


def _say_error(graph: Graph) -> str:
    if graph.error is None:
        return ""
    return f"The function stopped with {type(graph.error).__name__}: {graph.error}"


def _say_sum(graph: Graph) -> str:
    many = graph.nodes[graph.output].value.numel()
    if many == 1 or not graph.goes_back:
        return ""
    return f"{graph.output} has {many} numbers: the backward pass starts from their sum."


def _say_unused(graph: Graph, found: Collection[str]) -> str:
    """Which leaves get no gradient, and why; empty where all do."""
    leaves = graph.leaves
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


def _say_nonfinite(graph: Graph) -> str:
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


def say_no_graph(output: str) -> str:
    """Why nothing goes back: PyTorch kept no graph of the output."""
    return (
        f"Nothing goes back from {output}: PyTorch kept no graph of it, for it was made "
        "under no_grad, detached, or holds no floats."
    )


def say_refused(output: str, error: str) -> str:
    """Why nothing goes back: PyTorch refuses, with an error."""
    return f"Nothing goes back from {output}: PyTorch says {error.partition(' Hint:')[0]}"


def say_other_way(leaf: str, gradient: Tensor | None) -> str:
    """Why the backward pass is not shown: PyTorch comes to another gradient of a leaf."""
    if gradient is None:
        told = "no gradient"
    elif gradient.numel() <= MAX_NUMBERS:
        told = f"the gradient {gradient.tolist()}"
    else:
        told = f"the gradient of shape {tuple(gradient.shape)}"
    return (
        f"PyTorch comes back to {leaf} by another way, with {told}: something in "
        "this function has a backward of its own. The backward pass is not shown."
    )


def say_fixed(leaves: Collection[str]) -> str:
    """Which leaves have no sliders, for they hold too many numbers; empty where none do."""
    if not leaves:
        return ""
    return (
        f"{', '.join(leaves)} has too many numbers for a slider each: set widget.leaves to "
        "change it."
    )


def _rounded(numbers: Any) -> str:
    if isinstance(numbers, list):
        return f"[{', '.join(map(_rounded, numbers))}]"
    return "None" if numbers is None else f"{numbers:.4g}"


def name_above(node: Node) -> str:
    """What stands over a box: how it was made, or what it is, unless its name says so."""
    if node.kind == "operation":
        return node.sign if node.sign != node.name else ""
    return "" if node.kind in ("leaf", node.name) else node.kind


def describe_node(node: Node, done: bool, gradient: Tensor | None) -> str:
    """All that is known of a node: its source, its value if it is computed, its gradient if any."""
    told = f"{node.name} = {node.source or node.kind}\n{node.value if done else 'not computed'}"
    return told if gradient is None else f"{told}\ngradient {gradient}"


def short(value: Tensor, most: int = 40) -> str:
    """One number, a few, or the shape of more than fit in `most` characters."""
    if value.numel() == 1:
        return f"{value.item():.4g}"
    text = "[" + ", ".join(f"{number:.3g}" for number in value.flatten().tolist()[:9]) + "]"
    return text if value.dim() == 1 and len(text) <= most else str(tuple(value.shape))


def _signed(text: str) -> str:
    return f"({text})" if text.startswith("-") else text


def _literal(numbers: Any) -> str:
    """As Python writes it, so that it can be run again."""
    if isinstance(numbers, list):
        return f"[{', '.join(map(_literal, numbers))}]"
    finite = not isinstance(numbers, float) or math.isfinite(numbers)
    return repr(numbers) if finite else f'float("{numbers}")'
