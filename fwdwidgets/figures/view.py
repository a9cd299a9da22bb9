"""Where the panels are in a figure of a given width."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

MARGIN = {"l": 8, "r": 8, "t": 44, "b": 46}
"""Pixels around the panels."""

Rect = tuple[float, float, float, float]
"""The place of a panel: `(x0, x1, y0, y1)`, fractions of the figure, `y` upwards."""


@dataclass(frozen=True)
class View:
    """How the panels are arranged in a figure of a given width.

    Attributes:
        height: of the whole figure, in pixels.
        places: one for each panel, in the order in which the panels were made.
        margin: in pixels, only the sides that differ from the default.
        layout: further layout properties by dotted path; every view must then set them.
    """

    height: int
    places: Sequence[Rect]
    margin: Mapping[str, int] | None = None
    layout: Mapping[str, Any] | None = None


def beside(width: int, *columns: tuple[int, float, int]) -> list[tuple[float, float]]:
    """The places of panels side by side, with room for their text.

    Args:
        width: of the whole figure, in pixels.
        columns: for each panel, the pixels to its left, its share of the remaining width, and
            the pixels to its right.

    Returns:
        `(x0, x1)` of each panel, as fractions of the width between the margins.
    """
    room = width - MARGIN["l"] - MARGIN["r"]
    free = room - sum(before + after for before, _, after in columns)
    whole = sum(share for _, share, _ in columns)
    ends, x = [], 0.0
    for before, share, after in columns:
        start = x + before
        end = start + free * share / whole
        ends.append((start / room, end / room))
        x = end + after
    return ends
