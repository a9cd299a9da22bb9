"""Where panels stand in a figure of some width."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

MARGIN = {"l": 8, "r": 8, "t": 44, "b": 46}
"""Pixels around the panels."""

Rect = tuple[float, float, float, float]
"""Where a panel stands: `(x0, x1, y0, y1)`, fractions of the figure, `y` upwards."""


@dataclass(frozen=True)
class View:
    """How the panels stand in a figure of some width.

    Attributes:
        height: of the whole figure, in pixels.
        places: one a panel, in the order in which the panels were made.
        margin: in pixels, those that are not as always.
        layout: further layout properties by dotted path; each view must then have them.
    """

    height: int
    places: Sequence[Rect]
    margin: Mapping[str, int] | None = None
    layout: Mapping[str, Any] | None = None


def beside(width: int, *columns: tuple[int, float, int]) -> list[tuple[float, float]]:
    """Where panels stand that stand beside each other, so that their words have room.

    Args:
        width: of the whole figure, in pixels.
        columns: of each panel the pixels at its left, its share of what is left over, and the
            pixels at its right.

    Returns:
        `(x0, x1)` of each, fractions of what is between the margins.
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
