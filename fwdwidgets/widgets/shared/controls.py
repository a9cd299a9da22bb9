"""Controls and text as the page shows them."""

from __future__ import annotations

import math
from typing import Any

import ipywidgets


def html(*css_classes: str) -> ipywidgets.HTML:
    """A place for sentences or a table, under these CSS classes."""
    place = ipywidgets.HTML()
    for css_class in css_classes:
        place.add_class(css_class)
    return place


def slider(kind: type[Any], description: str, *, from_start: bool = False, **options: Any) -> Any:
    """A slider that moves the picture while it is dragged.

    Of a long one a page records a few values: by default from all over it, `from_start` where the
    first ones say more.
    """
    made = kind(description=description, continuous_update=True, **options)
    made.add_class("fwd-slider")
    made.from_start = from_start
    return made


def shows(control: ipywidgets.Widget, value: Any, shown: Any) -> bool:
    """Whether a control that shows `shown` shows `value`.

    On the page a slider snaps to its nearest step and reports that, though nobody moved it.
    """
    if value is None or value == shown:
        return bool(value == shown)
    half = getattr(control, "step", 0) / 2 * (1 + 1e-6)
    if isinstance(control, ipywidgets.FloatSlider):
        return bool(abs(value - shown) <= half)
    if isinstance(control, ipywidgets.FloatLogSlider):
        return value > 0 and abs(math.log(value / shown, control.base)) <= half
    return False


def row(*children: ipywidgets.Widget) -> ipywidgets.HBox:
    """Controls side by side, on several lines if the page is narrow."""
    box = ipywidgets.HBox(children)
    box.add_class("fwd-row")
    return box
