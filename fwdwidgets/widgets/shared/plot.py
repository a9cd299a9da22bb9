"""The figure on the screen, and the binary channel that brings it arrays.

A `go.FigureWidget` sends 5 MB of JavaScript for each figure and every matrix as JSON. `Plot`
sends plotly once per kernel, compressed, and arrays as raw bytes.
"""

from __future__ import annotations

import gzip
import pathlib
import time
from collections.abc import Callable
from functools import cache
from typing import Any

import anywidget
import ipywidgets
import numpy as np
import plotly.graph_objects as go
import traitlets
from plotly.offline import get_plotlyjs

from fwdwidgets.figures import Canvas, Drawing

STATIC = pathlib.Path(__file__).parents[1] / "static"
FEW = 1_024
"""An array of at most this many numbers is compared before it is sent."""
TURN = 1e-4
"""Seconds in which the thread that sends messages has its turn: a drawing leaves at once, before
the tables and badges that follow it are made."""
CONFIG = {
    "displayModeBar": False,
    "displaylogo": False,
    "plotlyServerURL": "",
    "responsive": False,
    "showSendToCloud": False,
}


def pack(tree: Any, buffers: list[memoryview]) -> Any:
    """`tree` as JSON, each array in it moved to `buffers`.

    Args:
        tree: dictionaries, lists, numbers, text and numpy arrays of any shape.
        buffers: grows by the bytes of each array, in C order and little-endian.

    Returns:
        The same tree with `{"buffer": index, "dtype": name, "shape": [...]}` for each array.
    """
    if isinstance(tree, dict):
        return {key: pack(value, buffers) for key, value in tree.items()}
    if isinstance(tree, (list, tuple)):
        return [pack(value, buffers) for value in tree]
    if isinstance(tree, np.ndarray):
        if tree.dtype.kind not in "fiu":
            return [pack(value, buffers) for value in tree.tolist()]
        if tree.dtype in (np.int64, np.uint64):  # in JavaScript these would be BigInts
            tree = tree.astype(np.float64)
        buffers.append(np.ascontiguousarray(tree).data.cast("B"))
        shape = list(tree.shape)
        return {"buffer": len(buffers) - 1, "dtype": tree.dtype.name, "shape": shape}
    return tree


def properties_of(figure: go.Figure) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """The dictionaries in which `figure` itself keeps its traces and its layout.

    Assigning through plotly's validators takes 7 ms a redraw, these take 0.1 ms; the drawing
    is our own and was valid when the figure was made. `to_dict` would encode the arrays as text.
    """
    return [trace._props for trace in figure.data], figure.layout._props


def _assign(tree: dict[str, Any], path: str, value: Any) -> None:
    """Assign by a dotted path: `coloraxis2.cmin`, `annotations[1].text`."""
    *keys, last = path.replace("[", ".").replace("]", "").split(".")
    node: Any = tree
    for key in keys:
        node = node[int(key)] if isinstance(node, list) else node.setdefault(key, {})
    node[last] = value


def _get(tree: dict[str, Any], path: str) -> Any:
    """The value at a dotted path; None if there is none."""
    node: Any = tree
    for key in path.replace("[", ".").replace("]", "").split("."):
        if node is None:
            return None
        node = node[int(key)] if isinstance(node, list) else node.get(key)
    return list(node) if isinstance(node, tuple) else node


def _changed(trace: dict[str, Any], properties: dict[str, Any]) -> dict[str, Any]:
    """The properties that change; large arrays always count as changed."""
    return {
        name: value
        for name, value in properties.items()
        if name not in trace or not _same(trace[name], value)
    }


def _same(old: Any, new: Any) -> bool:
    """Whether a property is unchanged."""
    if isinstance(old, np.ndarray) and isinstance(new, np.ndarray):
        # Weights that have been drawn may have changed in place.
        comparable = new.size <= FEW and not np.may_share_memory(old, new)
        alike = comparable and (old.shape, old.dtype) == (new.shape, new.dtype)
        return alike and old.tobytes() == new.tobytes()
    return not isinstance(old, np.ndarray) and not isinstance(new, np.ndarray) and old == new


class _Library(ipywidgets.Widget):  # type: ignore[misc]
    """Holds plotly's code for the page: one per kernel, however many figures there are."""

    code = traitlets.Bytes(read_only=True).tag(sync=True)

    @traitlets.default("code")
    def _default_code(self) -> bytes:
        return gzip.compress(get_plotlyjs().encode(), compresslevel=5, mtime=0)


@cache
def _library() -> _Library:
    return _Library()


class Plot(anywidget.AnyWidget):
    """A plotly figure that is redrawn in place.

    Attributes:
        figure: what is on the screen, as a `plotly.graph_objects.Figure` to read.
        old: whether it shows an earlier state than the one chosen; then it has the CSS class
            `fwd-old`.
    """

    old = traitlets.Bool().tag(sync=True)

    _esm = STATIC / "plot.js"
    _library = traitlets.Instance(ipywidgets.Widget).tag(
        sync=True, **ipywidgets.widget_serialization
    )
    # Made from the figure each time a page asks for it, so that a reload shows what is shown.
    _shown = traitlets.Any().tag(sync=True, to_json=lambda _, self: self._whole())

    def __init__(self, canvas: Canvas, label: str) -> None:
        """Show the figure of `canvas`; `label` names it for a screen reader."""
        self.figure = canvas.figure
        self._canvas = canvas
        self._label = label
        self._revision = 0
        self._opened = False
        self._clicked: Callable[[int, float, float], None] | None = None
        super().__init__(_library=_library())
        self.add_class("fwd-figure")
        self.on_msg(self._received)

    def draw(self, drawing: Drawing, label: str | None = None) -> None:
        """Assign `drawing` to the figure, in Python and on every page that shows it.

        Only what the drawing holds is sent, in one message. Changes that come faster than the
        browser draws are merged there: the latest wins. Before a page has opened the figure a
        message would find nobody, and one that opens it while the kernel is busy has to wait for
        an answer: its state is kept up to date until then.
        """
        self._revision += 1
        self._label = label or self._label
        traces, layout = properties_of(self.figure)
        new = {}
        for number, properties in drawing.traces.items():
            if changed := _changed(traces[number], properties):
                new[number] = changed
                traces[number].update(changed)
        moved = {p: value for p, value in drawing.layout.items() if _get(layout, p) != value}
        for path, value in moved.items():
            _assign(layout, path, value)
        if not self._opened:
            self.send_state("_shown")
            return
        buffers: list[memoryview] = []
        content = {
            "revision": self._revision,
            "label": self._label,
            "traces": pack(new, buffers),
            "layout": pack(moved, buffers),
        }
        self.send({"kind": "draw", **content}, buffers)
        time.sleep(TURN)

    def _whole(self) -> dict[str, Any]:
        traces, layout = properties_of(self.figure)
        buffers: list[memoryview] = []
        tree = {
            "revision": self._revision,
            "label": self._label,
            "data": pack(traces, buffers),
            "layout": pack(layout, buffers),
            "views": self._canvas.views,
            "themes": self._canvas.themes,
            "config": CONFIG,
        }
        return {"tree": tree, "buffers": buffers}

    def on_click(self, clicked: Callable[[int, float, float], None]) -> None:
        """Call `clicked` with the number of the trace, x and y of what is clicked."""
        self._clicked = clicked

    def _received(self, _: ipywidgets.Widget, content: Any, __: list[memoryview]) -> None:
        """Handle a page's message: the revision that a new page has, or what was clicked."""
        if content.get("kind") == "click" and self._clicked is not None:
            numbers = [content.get(key) for key in ("trace", "x", "y")]
            if all(isinstance(number, int | float) for number in numbers):
                self._clicked(*numbers)
        if content.get("kind") == "ready":
            self._opened = True
            if content.get("revision") != self._revision:
                whole = self._whole()
                self.send({"kind": "whole", "tree": whole["tree"]}, whole["buffers"])
