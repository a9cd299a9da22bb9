"""What a redraw assigns, and how a figure writes text and numbers."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np


@dataclass
class Drawing:
    """What a redraw assigns: properties of traces, and of the layout by dotted path.

    The same drawing goes into the `plotly.graph_objects.Figure` in Python and to the browser.
    """

    traces: dict[int, dict[str, Any]] = field(default_factory=dict)
    layout: dict[str, Any] = field(default_factory=dict)

    def trace(self, number: int, **properties: Any) -> None:
        """Add properties of one trace."""
        self.traces.setdefault(number, {}).update(properties)


def escape(text: str) -> str:
    """`text` for plotly's labels, which would read `<b>` and `<br>` as markup."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def exact(values: np.ndarray) -> str:
    """A d3 format with enough digits to distinguish neighbouring floats of this width."""
    return ".17~g" if values.dtype == np.float64 else ".9~g"


def short(name: str, most: int = 12) -> str:
    """`name`, or its beginning if it is longer than `most` characters."""
    return name if len(name) <= most else name[: most - 1] + "…"
