"""What a widget shows, as values by place: the same places in every state."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import ipywidgets
import numpy as np

from fwdwidgets.pages.recorded.archive import QUANTISED_CELLS, quantise
from fwdwidgets.widgets.shared import (
    CONFIG,
    ForwardWidget,
    Frame,
    NumberTable,
    Plot,
    StepTable,
    properties_of,
)

Place = tuple[int, str]
"""The number of a part, and the name of what it shows, such as `value` or `layout.xaxis2.range`."""

KINDS: dict[type[Any], str] = {
    Plot: "plot",
    StepTable: "steps",
    NumberTable: "table",
    ipywidgets.Box: "box",
    ipywidgets.HTML: "html",
    ipywidgets.IntSlider: "slider",
    ipywidgets.FloatSlider: "slider",
    ipywidgets.FloatLogSlider: "slider",
    ipywidgets.SelectionSlider: "options",
    ipywidgets.Dropdown: "menu",
    ipywidgets.ToggleButtons: "toggles",
    ipywidgets.Checkbox: "checkbox",
    ipywidgets.Button: "button",
    ipywidgets.Play: "play",
    ipywidgets.Text: "text",
    ipywidgets.IntProgress: "progress",
}
SELECTIONS = ("options", "menu", "toggles")


def kind_of(part: ipywidgets.Widget) -> str:
    """What the page script calls a part."""
    for base in type(part).__mro__:
        if base in KINDS:
            return KINDS[base]
    raise NotImplementedError(f"a page cannot show a {type(part).__name__}")


def parts_of(widget: ForwardWidget) -> list[ipywidgets.Widget]:
    """The widget and all its parts now, from top to bottom."""
    return list(_walk(widget))


def _walk(part: ipywidgets.Widget) -> Iterator[ipywidgets.Widget]:
    if isinstance(part, Frame):
        return  # a page has the names of controls in its own markup
    yield part
    for child in getattr(part, "children", ()):
        yield from _walk(child)


class Snapshots:
    """Numbers the parts of a widget, and reads what they show."""

    def __init__(self, widget: ForwardWidget) -> None:
        self._widget = widget
        self._numbers: dict[ipywidgets.Widget, int] = {}

    def number(self, part: ipywidgets.Widget) -> int:
        """The number of a part; a new part gets the next number."""
        return self._numbers.setdefault(part, len(self._numbers))

    @property
    def all(self) -> list[ipywidgets.Widget]:
        """Every part seen so far."""
        return list(self._numbers)

    @property
    def kinds(self) -> list[str]:
        """The kind of each part."""
        return [kind_of(part) for part in self._numbers]

    def take(self) -> dict[Place, Any]:
        """All that is shown now, by place; arrays as they are."""
        shown: dict[Place, Any] = {}
        numbers = {part: self.number(part) for part in parts_of(self._widget)}
        for part, number in numbers.items():
            for name, value in self._read(part):
                shown[number, name] = value
        return shown

    def _read(self, part: ipywidgets.Widget) -> Iterator[tuple[str, Any]]:
        kind = kind_of(part)
        if kind == "plot":
            yield from read_plot(part)
            yield "classes", list(part._dom_classes)
            return
        yield "classes", list(part._dom_classes)
        yield "hidden", part.layout.display == "none"
        if kind == "box":
            yield "children", [self.number(c) for c in part.children if not isinstance(c, Frame)]
            yield "upright", isinstance(part, ipywidgets.VBox)
        elif kind in ("steps", "table"):
            for name in part.keys:
                if not name.startswith("_") and name not in ("layout", "tabbable", "tooltip"):
                    yield name, getattr(part, name)
        elif kind in SELECTIONS:
            yield "description", part.description
            yield "disabled", part.disabled
            yield "options", [str(label) for label, _ in part._options_full]
            yield "values", [value for _, value in part._options_full]
            yield "index", part.index
        else:
            names = {
                "html": ("value",),
                "slider": ("description", "disabled", "value"),
                "checkbox": ("description", "disabled", "value"),
                "button": ("description", "tooltip", "disabled"),
                "text": ("description", "value"),
                "progress": ("value", "max"),
                "play": ("value", "max", "interval"),
            }[kind]
            for name in names:
                yield name, getattr(part, name)


def read_plot(plot: Plot) -> Iterator[tuple[str, Any]]:
    """What a figure shows: `traces.N.PROPERTY`, `layout.PATH`, label and age."""
    traces, layout = properties_of(plot.figure)
    for number, properties in enumerate(traces):
        z = properties.get("z")
        about = (
            isinstance(z, np.ndarray)
            and z.size > QUANTISED_CELLS
            and not properties.get("texttemplate")
            and quantise(z) is not None
        )
        for name, value in properties.items():
            rounded = about and name == "hovertemplate"
            yield f"traces.{number}.{name}", _rounded(value) if rounded else value
    for path, value in flat(layout):
        yield f"layout.{path}", value
    yield "label", plot._label
    yield "old", plot.old


def _rounded(hover: str) -> str:
    """The hover text of a cell whose value was rounded for sending."""
    about = "about %{z:.3~g}"
    return hover.replace("%{z:.9~g}", about).replace("%{z:.17~g}", about)


def frame_of(plot: Plot) -> dict[str, Any]:
    """The parts of a figure that no state changes: its views, themes and plotly's settings."""
    return {"views": plot._canvas.views, "themes": plot._canvas.themes, "config": CONFIG}


def flat(tree: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """The leaves of a layout by dotted path: `coloraxis2.cmin`, `annotations[1].text`."""
    if isinstance(tree, dict) and tree:
        for key, value in tree.items():
            yield from flat(value, f"{path}.{key}" if path else str(key))
    elif isinstance(tree, (list, tuple)) and tree and all(isinstance(v, dict) for v in tree):
        for index, value in enumerate(tree):
            yield from flat(value, f"{path}[{index}]")
    else:
        yield path, list(tree) if isinstance(tree, tuple) else tree
