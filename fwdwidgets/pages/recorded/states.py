"""What is kept of each state of a widget: what it shows that the first state does not."""

from __future__ import annotations

from typing import Any

import numpy as np

from fwdwidgets.pages.recorded.archive import Archive
from fwdwidgets.pages.recorded.snapshot import Place


class States:
    """Keeps what states show, each piece once.

    Attributes:
        archive: holds the pieces and arrays.
        base: what the first state shows, place to piece.
        states: for each state, what it shows differently from the first.
    """

    def __init__(self) -> None:
        self.archive = Archive()
        self.base: dict[Place, int] = {}
        self.states: list[dict[Place, int]] = []
        self._shown: dict[Place, Any] = {}  # by the first state

    def keep(self, shown: dict[Place, Any], *, exactly: bool = False) -> None:
        """Keep all that a further state shows, large pictures in levels or `exactly`."""
        first = not self.states
        pieces: dict[Place, int] = {}
        for place, value in shown.items():
            if place in self._shown and _same(self._shown[place], value):
                continue
            in_levels = not exactly and place[1].startswith("traces.") and place[1].endswith(".z")
            piece = self.archive.piece(value, in_levels=in_levels)
            if first:
                self._shown[place], self.base[place] = value, piece
            elif self.base.get(place) != piece:
                pieces[place] = piece
        self.states.append(pieces)

    def data(self) -> dict[str, Any]:
        """The places, the piece of each in the first state, and what differs in each state."""
        places = sorted({*self.base, *(p for state in self.states for p in state)})
        index = {place: number for number, place in enumerate(places)}
        return {
            "places": [list(place) for place in places],
            "base": [self.base.get(place, -1) for place in places],
            "states": [
                [n for place, piece in state.items() for n in (index[place], piece)]
                for state in self.states
            ],
        }


def _same(one: Any, other: Any) -> bool:
    if one is other:
        return True
    if isinstance(one, np.ndarray) or isinstance(other, np.ndarray):
        return (
            type(one) is type(other)
            and one.dtype == other.dtype
            and one.shape == other.shape
            and one.tobytes() == other.tobytes()
        )
    return type(one) is type(other) and repr(one) == repr(other)
