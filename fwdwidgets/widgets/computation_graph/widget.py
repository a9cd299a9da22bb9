"""A function as a graph: forward one node at a time, and back by the chain rule."""

from __future__ import annotations

from collections.abc import Callable
from html import escape
from typing import Any

import ipywidgets
import traitlets
from traitlets import observe, validate

from fwdwidgets.figures import badge
from fwdwidgets.widgets.computation_graph import words
from fwdwidgets.widgets.computation_graph.boxes import draw_boxes
from fwdwidgets.widgets.computation_graph.compute import Walk, called, source_of, walk_graph
from fwdwidgets.widgets.computation_graph.figure import graph_svg
from fwdwidgets.widgets.computation_graph.graph import Graph
from fwdwidgets.widgets.computation_graph.layers import layers
from fwdwidgets.widgets.computation_graph.leaves import as_leaf, plain_leaves, read_leaves
from fwdwidgets.widgets.computation_graph.sliders import (
    make_sliders,
    show_leaves,
    without_sliders,
)
from fwdwidgets.widgets.shared import BadValue, ForwardWidget, Index, html, row, shows


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
        leaves: numbers or tensors, by the function's own parameter names; they are copied.
            Numbers and lists become floats; a tensor of integers, such as token ids, stays
            integer and has no gradient.

    Attributes:
        leaves: the inputs by name, floats or nested lists; set it, or move the sliders.
        step: the position in the walk: 0 is the start, then one step for each computed node,
            then one for each edge of the backward pass.
        output: what the function returned, a float; None if it is not a single number.
        gradients: of the output with respect to each leaf, as floats or nested lists; leaves
            that the output does not depend on are left out.
        graph: the `fwdwidgets.widgets.computation_graph.graph.Graph`.

    Raises:
        TypeError: the function cannot be called or does not take these leaves, or a leaf is not
            a number.
        ValueError: the graph is too large to draw, or the output is not computed by PyTorch
            operations.
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
        self._values = {name: as_leaf(name, value) for name, value in leaves.items()}
        self._picture = html("fwd-picture")
        self._said = html("fwd-badge")
        self._code = html("fwd-code")
        self._walk: Walk
        self._compute()
        self.leaves = plain_leaves(self._values)
        self._build()
        self._quiet = False
        self._show()

    @property
    def graph(self) -> Graph:
        """The nodes of the run on these leaves."""
        return self._walk.graph

    # --- state ----------------------------------------------------------------------------------

    @validate("leaves")
    def _valid_leaves(self, proposal: dict[str, Any]) -> dict[str, Any]:
        with self._told():
            self._values = read_leaves(proposal["value"], self._values)
            return plain_leaves(self._values)

    @validate("step")
    def _valid_step(self, proposal: dict[str, Any]) -> int:
        last = len(self._walk)
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
        before = len(self._walk)
        self._error = ""
        self._compute()
        with self._quietly():
            if len(self._walk) != before:  # another branch was taken
                self._step_slider.max = len(self._walk)
                self.step = min(self.step, len(self._walk))
        self._show()

    @observe("step")
    def _step_changed(self, _: Any) -> None:
        if not self._quiet:
            self._error = ""
            self._show()

    def _step_buttons(self) -> list[ipywidgets.Button]:
        back = self._button("◂ back", "one step back", self.previous_step)
        forth = self._button("next ▸", "one step on", self.next_step)
        self._leave_to_page(back, "fwd-previous-step")
        self._leave_to_page(forth, "fwd-next-step")
        return [back, forth]

    def next_step(self) -> None:
        """Compute the next node, or take the next step backward; at the end nothing happens."""
        self.step = min(self.step + 1, len(self._walk))

    def previous_step(self) -> None:
        """Take the last step back; at the beginning nothing happens."""
        self.step = max(self.step - 1, 0)

    # --- compute --------------------------------------------------------------------------------

    def _compute(self) -> None:
        self._walk = walk = walk_graph(self.function, self._values)
        self._layers = layers(walk.graph)
        self._picture.layout.flex = "1 1 100%" if len(self._layers) > 4 else None
        result = walk.graph.nodes[walk.graph.output].value
        known = result.numel() == 1 and not walk.graph.error
        self.set_trait("output", float(result) if known else None)
        found = walk.gradients()
        self.set_trait("gradients", {n: found[n].tolist() for n in self._values if n in found})
        self._notes |= words.notes(walk.graph, found)

    # --- show -----------------------------------------------------------------------------------

    def _show(self) -> None:
        said = words.describe(self.graph, self._walk.here(self.step))
        boxes, marked = draw_boxes(self._walk, self.step)
        known = [f"{box.name} {box.value} {box.below}".strip() for box in boxes.values()]
        label = f"{said}. The graph: {'; '.join(known)}"
        self._picture.value = graph_svg(self._layers, boxes, label, marked)
        self._said.value = badge.badge_html("neutral", said)
        self._code.value = self._write_code()
        self._show_message()
        self._follow()
        with self._quietly():
            show_leaves(self._values, self._sliders)

    def _write_code(self) -> str:
        """The same in PyTorch, as HTML; with the gradients once the backward pass is done."""
        ended = self.step == len(self._walk) and not self.graph.error
        name, source = called(self.function), source_of(self.function)
        found = self.gradients if ended else None
        code = words.write_code(name, source, self.leaves, self.graph, found)
        return f'<pre tabindex="0" aria-label="the same in PyTorch">{escape(code)}</pre>'

    # --- controls -------------------------------------------------------------------------------

    def _build(self) -> None:
        self._step_slider = self._slider(
            ipywidgets.IntSlider, "Step", value=0, min=0, max=len(self._walk)
        )
        self._sliders = make_sliders(self._values, self._slider)
        for (name, index), slider in self._sliders.items():
            slider.observe(self._mover(name, index), names="value")
            self._kept[slider.description] = slider
        self._notes["fixed"] = words.say_fixed(without_sliders(self._values, self._sliders))
        self.children = [
            *([row(*self._sliders.values())] if self._sliders else []),
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

    def _mover(self, name: str, index: tuple[int, ...]) -> Callable[[dict[str, Any]], None]:
        def moved(change: dict[str, Any]) -> None:
            known = float(self._values[name][index])
            if not self._quiet and not shows(change["owner"], known, change["new"]):
                with self._from_page():
                    values = {n: v.clone() for n, v in self._values.items()}
                    values[name][index] = change["new"]
                    self.leaves = plain_leaves(values)

        return moved
