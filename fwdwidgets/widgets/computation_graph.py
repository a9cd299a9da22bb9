"""A function as a graph: forward one node at a time, and back by the chain rule."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from html import escape
from typing import Any

import ipywidgets
import torch
import traitlets
from torch import Tensor, nn
from traitlets import observe, validate

from fwdwidgets import badge, graph_svg
from fwdwidgets._graph_recorder import Node
from fwdwidgets.graphs import (
    Backward,
    Graph,
    backward,
    gradients,
    layers,
    source_of,
    trace_graph,
)
from fwdwidgets.widgets._base import BadValue, ForwardWidget, Index, Named, row, shows

MAX_SLIDERS = 8
"""So many numbers of leaves have a slider; a larger tensor stays as it was given."""


class ComputationGraph(ForwardWidget):
    """Any function of named numbers or small tensors, as the graph that PyTorch builds of it.

    Example:
        >>> def g(a, b, c, d):
        ...     e = a + b
        ...     f = c * d
        ...     return e * f
        >>> fw.ComputationGraph(g, a=2, b=-4, c=-2, d=2)

    Args:
        function: takes the leaves by keyword and returns one tensor; a function, or an
            `nn.Module`, whose parameters are nodes too. A module is left as found.
        leaves: numbers, or tensors, by the function's own names; they are copied. Numbers and
            lists become floats; a tensor of integers, such as token ids, stays one, without a
            gradient.

    Attributes:
        leaves: the inputs by name, floats or nested lists; set it, or move the sliders.
        step: how far the graph has been gone: 0 nothing, then one computed node each, then one
            way back each.
        output: what the function returned, a float; None where it is not one number.
        gradients: of the output by each leaf, as floats or nested lists; leaves that the output
            does not depend on are left out.
        graph: the `fwdwidgets.graphs.Graph`.

    Raises:
        TypeError: the function is none, or does not take these leaves; a leaf is no number.
        ValueError: the graph is too large to draw, or is not made by PyTorch's operations.
    """

    leaves = Named()
    step = Index(0)
    output = traitlets.Float(None, allow_none=True, read_only=True)
    gradients = traitlets.Dict(read_only=True)

    def __init__(self, function: Callable[..., Any], /, **leaves: Any) -> None:
        """See the class."""
        super().__init__("computational graph", {})
        if not callable(function):
            raise TypeError(
                f"function={function!r} cannot be called: pass a function or an nn.Module, and "
                "its inputs by keyword."
            )
        if not leaves:
            raise TypeError("there is no leaf: pass the function's inputs by keyword, as in a=2.")
        self.function = function
        self._values = {name: _leaf(name, value) for name, value in leaves.items()}
        self._picture = ipywidgets.HTML()
        self._picture.add_class("fwd-picture")
        self._said = ipywidgets.HTML()
        self._said.add_class("fwd-badge")
        self._code = ipywidgets.HTML()
        self._code.add_class("fwd-code")
        self._sliders: dict[tuple[str, tuple[int, ...]], ipywidgets.FloatSlider] = {}
        self.graph: Graph
        self._ways: list[Backward]
        self._compute()
        self.leaves = self._plain_leaves()
        self._build()
        self._quiet = False
        self._show()

    # --- state ----------------------------------------------------------------------------------

    @validate("leaves")
    def _valid_leaves(self, proposal: dict[str, Any]) -> dict[str, Any]:
        with self._told():
            given = proposal["value"]
            if set(given) != set(self._values):
                raise BadValue(
                    f"leaves={sorted(given)} are not those of this graph: give a value to each of "
                    f"{', '.join(self._values)}."
                )
            values = {name: _leaf(name, given[name], old) for name, old in self._values.items()}
            for name, value in values.items():
                shape = tuple(self._values[name].shape)
                if tuple(value.shape) != shape:
                    raise BadValue(
                        f"{name} has shape {tuple(value.shape)}: this graph was made with "
                        f"{shape}; make a new widget for another shape."
                    )
            self._values = values
            return self._plain_leaves()

    @validate("step")
    def _valid_step(self, proposal: dict[str, Any]) -> int:
        last = len(self._steps)
        if not 0 <= proposal["value"] <= last:
            with self._told():
                raise BadValue(
                    f"step={proposal['value']} is out of range: this graph has {last} steps, "
                    f"choose 0 to {last}."
                )
        return int(proposal["value"])

    @observe("leaves")
    def _leaves_changed(self, _: Any) -> None:
        if self._quiet:
            return
        before = len(self._steps)
        self._error = ""
        self._compute()
        with self._quietly():
            if len(self._steps) != before:  # another branch was taken
                self._step_slider.max = len(self._steps)
                self.step = min(self.step, len(self._steps))
        self._show()

    @observe("step")
    def _step_changed(self, _: Any) -> None:
        if not self._quiet:
            self._error = ""
            self._show()

    def next_step(self) -> None:
        """Compute one node more, or go one way more back; at the end nothing happens."""
        self.step = min(self.step + 1, len(self._steps))

    def previous_step(self) -> None:
        """Take the last step back; at the beginning nothing happens."""
        self.step = max(self.step - 1, 0)

    # --- compute --------------------------------------------------------------------------------

    def _compute(self) -> None:
        graph = trace_graph(self.function, self._values)
        self.graph = graph
        self._ways = [] if graph.error else backward(graph)
        self._steps: list[Any] = [node.name for node in graph.operations]
        if self._goes_back:
            self._steps += [None, *self._ways]
        self._rows = layers(graph)
        self._picture.layout.flex = "1 1 100%" if len(self._rows) > 4 else None
        result = graph.nodes[graph.output].value
        number = float(result) if result.numel() == 1 and not graph.error else None
        self.set_trait("output", number)
        found = self._starting(gradients(self._ways))
        self.set_trait("gradients", {n: found[n].tolist() for n in self._values if n in found})
        self._notes |= {
            "error": f"The function stopped with {type(graph.error).__name__}: {graph.error}"
            if graph.error
            else "",
            "sum": f"{graph.output} has {result.numel()} numbers: the way back starts "
            "from their sum."
            if result.numel() != 1 and self._goes_back
            else "",
            "unused": self._say_unused(found),
            "one way": graph.one_way,
        }

    @property
    def _goes_back(self) -> bool:
        return not self.graph.error and not self.graph.one_way

    def _starting(self, found: dict[str, Tensor]) -> dict[str, Tensor]:
        """With the gradient that the way back starts from: ones, at the output."""
        if not self._goes_back:
            return {}
        output = self.graph.nodes[self.graph.output]
        return {output.name: torch.ones_like(output.value), **found}

    def _say_unused(self, found: dict[str, Tensor]) -> str:
        whole = [name for name in self._values if not self._values[name].is_floating_point()]
        floats = [name for name in self._values if name not in whole]
        unused = [name for name in floats if name not in found] if self._goes_back else []
        said = []
        if unused:
            said.append(f"No way leads back to {', '.join(unused)}: grad stays None there.")
        if whole:
            said.append(
                f"{', '.join(whole)} holds no floats: no gradient, no sliders. Set widget.leaves "
                "to change it."
            )
        return " ".join(said)

    # --- show -----------------------------------------------------------------------------------

    def _show(self) -> None:
        operations = self.graph.operations
        computed = {node.name for node in operations[: self.step]}
        gone = self._steps[len(operations) : self.step]
        reached = gradients([way for way in gone if way is not None])
        if gone:
            reached = self._starting(reached)
        here = self._steps[self.step - 1] if self.step else ""
        current = here if isinstance(here, str) else self.graph.output
        marked = None
        if isinstance(here, Backward):
            current, marked = here.parent, (here.parent, here.node)
        boxes = {}
        for name, node in self.graph.nodes.items():
            done = node.kind != "operation" or name in computed
            grad = f"grad {_short(reached[name], 11)}" if name in reached else ""
            boxes[name] = graph_svg.Box(
                name=name,
                above=_above(node),
                value=_short(node.value, 11) if done else "",
                below=grad,
                state="current" if name == current else "done" if done else "waiting",
                kind=node.kind,
                parents=node.parents,
                tip=f"{name} = {node.source or node.kind}\n{node.value if done else 'not computed'}"
                + (f"\ngradient {reached[name]}" if name in reached else ""),
            )
        said = self._describe(here)
        known = [f"{box.name} {box.value} {box.below}".strip() for box in boxes.values()]
        label = f"{said}. The graph: {'; '.join(known)}"
        self._picture.value = graph_svg.graph_svg(self._rows, boxes, label, marked)
        self._said.value = badge.badge_html("neutral", said)
        self._code.value = self._write_code()
        self._show_message()
        self._follow()
        with self._quietly():
            for (name, index), slider in self._sliders.items():
                number = float(self._values[name][index])
                slider.min, slider.max = min(slider.min, number), max(slider.max, number)
                if not shows(slider, number, slider.value):
                    slider.value = number

    def _describe(self, here: Any) -> str:
        """The step just gone, in words and numbers."""
        output = self.graph.output
        if here == "":
            return "The leaves are given. Nothing is computed yet: go one step forward."
        if here is None:
            return f"Forward is done. Backward starts at the end: d{output}/d{output} = 1"
        if isinstance(here, str):
            node = self.graph.nodes[here]
            values = [_short(self.graph.nodes[p].value) for p in node.parents]
            if len(node.parents) == 2 and len(node.sign) == 1:
                names = f" {node.sign} ".join(node.parents)
                numbers = f" {node.sign} ".join(f"({v})" if v[0] == "-" else v for v in values)
            else:
                names = f"{node.op}({', '.join(node.parents)})"
                numbers = f"{node.op}({', '.join(values)})"
            return f"{here} = {names} = {numbers} = {_short(node.value)}"
        up, product = _short(here.upstream), _short(here.product)
        if here.local is None:
            text = (
                f"d{output}/d{here.parent}: the gradient of {here.node}, {up}, goes back through "
                f"{self.graph.nodes[here.node].op} and becomes {product}"
            )
        else:
            text = (
                f"d{output}/d{here.parent} = d{output}/d{here.node} · d{here.node}/d{here.parent} "
                f"= {_signed(up)} · {_signed(_short(here.local))} = {product}"
            )
        if not torch.equal(here.total, here.product):
            text += f"; added to the ways before: {_short(here.total)}"
        return text

    def _write_code(self) -> str:
        """The same in PyTorch, with what is known so far behind it."""
        lines = ["import torch", ""]
        for name, value in self._values.items():
            numbers = repr(_plain(value)) if value.numel() <= MAX_SLIDERS else "..."
            asks = ", requires_grad=True" if value.is_floating_point() else ""
            lines.append(f"{name} = torch.tensor({numbers}{asks})")
        source = source_of(self.function)
        module = isinstance(self.function, nn.Module)
        called = "model" if module else getattr(self.function, "__name__", "function")
        lines += ["", *source.splitlines(), ""]
        arguments = ", ".join(f"{name}={name}" for name in self._values)
        called = "function" if called == "<lambda>" else called
        lines.append(f"output = {called}({arguments})")
        many = self.graph.nodes[self.graph.output].value.numel() != 1
        lines.append("output.sum().backward()" if many else "output.backward()")
        done = self.step == len(self._steps) and not self.graph.error
        for name in self._values:
            known = self.gradients.get(name)
            few = self._values[name].numel() <= MAX_SLIDERS
            found = (
                _rounded(known) if few or known is None else str(tuple(self._values[name].shape))
            )
            lines.append(f"{name}.grad" + (f"  # {found}" if done else ""))
        text = "\n".join(lines).replace("\n\n\n", "\n\n")
        return f'<pre tabindex="0" aria-label="the same in PyTorch">{escape(text)}</pre>'

    # --- controls -------------------------------------------------------------------------------

    def _build(self) -> None:
        self._step_slider = self._slider(
            ipywidgets.IntSlider, "Step", value=0, min=0, max=len(self._steps)
        )
        sliders, fixed = [], []
        for name, value in self._values.items():
            if not value.is_floating_point():
                continue
            if len(self._sliders) + value.numel() > MAX_SLIDERS:
                fixed.append(name)
                continue
            for index in itertools.product(*map(range, value.shape)):
                sliders.append(self._leaf_slider(name, index, float(value[index])))
        if fixed:
            self._notes["fixed"] = (
                f"{', '.join(fixed)} has too many numbers for a slider each: set widget.leaves to "
                "change it."
            )
        self.children = [
            *([row(*sliders)] if sliders else []),
            row(
                self._link(self._step_slider, "step", "fwd-step"),
                self._button("◂ back", "one step back", self.previous_step),
                self._button("next ▸", "one step on", self.next_step),
            ),
            self._said,
            row(self._picture, self._code),
            self._message,
            self._frame,
        ]
        self._keep()

    def _leaf_slider(
        self, name: str, index: tuple[int, ...], value: float
    ) -> ipywidgets.FloatSlider:
        title = name + (f"[{', '.join(map(str, index))}]" if index else "")
        reach = max(5.0, 2 * abs(value))
        slider = self._slider(
            ipywidgets.FloatSlider, title, value=value, min=-reach, max=reach, step=0.1
        )
        slider.add_class("fwd-leaf")

        def moved(change: dict[str, Any]) -> None:
            known = float(self._values[name][index])
            if not self._quiet and not shows(change["owner"], known, change["new"]):
                with self._from_page():
                    values = {n: v.clone() for n, v in self._values.items()}
                    values[name][index] = change["new"]
                    self.leaves = {n: _plain(v) for n, v in values.items()}

        slider.observe(moved, names="value")
        self._sliders[name, index] = self._kept[title] = slider
        return slider

    def _plain_leaves(self) -> dict[str, Any]:
        return {name: _plain(value) for name, value in self._values.items()}


def _leaf(name: str, value: Any, like: Tensor | None = None) -> Tensor:
    """A leaf as a tensor of its own: of floats, or of the dtype of `like`.

    Numbers and lists become floats; only a tensor or array of integers, such as token ids, stays.
    """
    try:
        tensor = torch.as_tensor(value).detach().to("cpu").clone()
    except (TypeError, ValueError, RuntimeError):
        tensor = None
    if tensor is None or tensor.is_complex() or isinstance(value, (bool, str)):
        raise BadLeaf(f"{name}={value!r} is no number: pass a number or a tensor of floats.")
    if tensor.numel() == 0:
        raise BadValue(f"{name} is an empty tensor: pass at least one number.")
    if like is not None:
        return tensor.to(like.dtype)
    plain = isinstance(value, (int, float, list, tuple)) or tensor.dim() == 0
    return tensor.float() if plain and not tensor.is_floating_point() else tensor


class BadLeaf(BadValue, TypeError):
    """A leaf that is no number."""


def _plain(value: Tensor) -> Any:
    """As a float or nested lists; 0.1 of float32 is 0.1 and not 0.10000000149."""
    if not value.is_floating_point():
        return value.tolist()
    shortest = (value.float() if value.dtype is torch.bfloat16 else value).numpy().astype(str)
    return shortest.astype(float).tolist()


def _rounded(numbers: Any) -> str:
    if isinstance(numbers, list):
        return f"[{', '.join(map(_rounded, numbers))}]"
    return "None" if numbers is None else f"{numbers:.4g}"


def _above(node: Node) -> str:
    """What stands over a box: how it was made, or what it is, unless its name says so."""
    if node.kind == "operation":
        return node.sign if node.sign != node.name else ""
    return "" if node.kind in ("leaf", node.name) else node.kind


def _short(value: Tensor, most: int = 40) -> str:
    """One number, a few, or the shape of more than fit in `most` characters."""
    if value.numel() == 1:
        return f"{value.item():.4g}"
    text = "[" + ", ".join(f"{number:.3g}" for number in value.flatten().tolist()[:9]) + "]"
    return text if value.dim() == 1 and len(text) <= most else str(tuple(value.shape))


def _signed(text: str) -> str:
    return f"({text})" if text.startswith("-") else text
