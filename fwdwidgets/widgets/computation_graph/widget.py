"""A function as a graph: forward one node at a time, and back by the chain rule."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Mapping
from html import escape
from typing import Any

import ipywidgets
import torch
import traitlets
from torch import Tensor
from traitlets import observe, validate

from fwdwidgets.figures import badge
from fwdwidgets.widgets.computation_graph import figure as graph_svg
from fwdwidgets.widgets.computation_graph import words
from fwdwidgets.widgets.computation_graph.compute import (
    Backward,
    Graph,
    backward,
    gradients,
    layers,
    trace_graph,
)
from fwdwidgets.widgets.shared import BadValue, ForwardWidget, Index, row, shows

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
        graph: the `fwdwidgets.widgets.computation_graph.compute.Graph`.

    Raises:
        TypeError: the function is none, or does not take these leaves; a leaf is no number.
        ValueError: the graph is too large to draw, or is not made by PyTorch's operations.
    """

    leaves = traitlets.Any()
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
            if not isinstance(given, Mapping):
                raise BadValue(
                    f"leaves={given!r} is of type {type(given).__name__}: give a dict, with a "
                    f"value for each of {', '.join(self._values)}."
                )
            if set(given) != set(self._values):
                raise BadValue(
                    f"leaves={list(given)} are not those of this graph: give a value to each of "
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

    def _step_buttons(self) -> list[ipywidgets.Button]:
        back = self._button("◂ back", "one step back", self.previous_step)
        forth = self._button("next ▸", "one step on", self.next_step)
        back.add_class("fwd-previous-step")
        forth.add_class("fwd-next-step")
        return [back, forth]

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
        if graph.goes_back:
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
            if result.numel() != 1 and graph.goes_back
            else "",
            "unused": words.say_unused(graph, self._values, found),
            "one way": graph.one_way,
            "nonfinite": words.say_nonfinite(graph),
        }

    def _starting(self, found: dict[str, Tensor]) -> dict[str, Tensor]:
        """With the gradient that the way back starts from: ones, at the output."""
        if not self.graph.goes_back:
            return {}
        output = self.graph.nodes[self.graph.output]
        return {output.name: torch.ones_like(output.value), **found}

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
            grad = f"grad {words.short(reached[name], 11)}" if name in reached else ""
            boxes[name] = graph_svg.Box(
                name=name,
                above=words.name_above(node),
                value=words.short(node.value, 11) if done else "",
                below=grad,
                state="current" if name == current else "done" if done else "waiting",
                kind=node.kind,
                parents=node.parents,
                tip=f"{name} = {node.source or node.kind}\n{node.value if done else 'not computed'}"
                + (f"\ngradient {reached[name]}" if name in reached else ""),
            )
        said = words.describe(self.graph, here)
        known = [f"{box.name} {box.value} {box.below}".strip() for box in boxes.values()]
        label = f"{said}. The graph: {'; '.join(known)}"
        self._picture.value = graph_svg.graph_svg(self._rows, boxes, label, marked)
        self._said.value = badge.badge_html("neutral", said)
        ended = self.step == len(self._steps) and not self.graph.error
        found = self.gradients if ended else None
        code = escape(words.write_code(self.function, self._values, self.graph, found))
        self._code.value = f'<pre tabindex="0" aria-label="the same in PyTorch">{code}</pre>'
        self._show_message()
        self._follow()
        with self._quietly():
            for (name, index), slider in self._sliders.items():
                number = float(self._values[name][index])
                if not math.isfinite(number):
                    continue  # no place on a slider: the note tells it, a move takes it away
                slider.min, slider.max = min(slider.min, number), max(slider.max, number)
                if not shows(slider, number, slider.value):
                    slider.value = number

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
                *self._step_buttons(),
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
        value = value if math.isfinite(value) else 0.0
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
                    self.leaves = {n: words.plain(v) for n, v in values.items()}

        slider.observe(moved, names="value")
        self._sliders[name, index] = self._kept[title] = slider
        return slider

    def _plain_leaves(self) -> dict[str, Any]:
        return {name: words.plain(value) for name, value in self._values.items()}


class BadLeaf(BadValue, TypeError):
    """A leaf that is no number."""


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
