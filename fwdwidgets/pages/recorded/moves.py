"""Where moves of controls and presses of buttons led."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any

TRUSTED = 8
"""After this many moves that changed no other control, a control is assumed to change none."""


class Moves:
    """Remembers where each move and each press led, from one key of a state to another.

    Attributes:
        leading: the controls that others follow.
    """

    def __init__(self) -> None:
        self.leading: set[str] = set()
        self._moves: dict[str, dict[str, str]] = {}
        self._presses: dict[str, dict[int, str]] = {}
        self._plain: Counter[str] = Counter()

    def add_move(self, name: str, wanted: str, reached: str, *, alone: bool) -> None:
        """Note that a control was set to reach `wanted`; `alone` says that no other followed it."""
        self._moves.setdefault(name, {})[wanted] = reached
        if alone:
            self._plain[name] += 1
        else:
            self.leading.add(name)

    def add_press(self, state: str, button: int, reached: str) -> None:
        """Note that a button was pressed in a state."""
        self._presses.setdefault(state, {})[button] = reached

    def has(self, name: str, wanted: str) -> bool:
        """Whether this move has been made."""
        return wanted in self._moves.get(name, ())

    def trusts(self, name: str) -> bool:
        """Whether a control is assumed to change no other control."""
        return name not in self.leading and self._plain[name] >= TRUSTED

    def data(self, known: Mapping[str, int]) -> dict[str, Any]:
        """The moves of leading controls and all presses; `known` numbers the states."""
        moves = {name: moves for name, moves in self._moves.items() if name in self.leading}
        return {
            "moves": {
                name: {wanted: known[key] for wanted, key in led.items()}
                for name, led in moves.items()
            },
            "forgets": {
                name: forgotten for name, led in moves.items() if (forgotten := _forgotten(led))
            },
            "presses": {
                key: {str(n): known[to] for n, to in presses.items()}
                for key, presses in self._presses.items()
            },
        }


def _forgotten(moves: Mapping[str, str]) -> list[int]:
    """Which controls another one also sets, whatever their values: as an encoder sets the code.

    Args:
        moves: the moves of that control: the state that was wanted, and the one that was reached.

    Returns:
        Their places in a key; none if their values made a difference, or if nothing shows
        that they make none.
    """
    pairs = [(w.split(","), r.partition("!")[0].split(",")) for w, r in moves.items()]
    changed = {
        at
        for w, r in pairs
        for at, (one, other) in enumerate(zip(w, r, strict=False))
        if one != other
    }
    led: dict[tuple[str, ...], set[tuple[str, ...]]] = {}
    for wanted, reached in pairs:
        rest = tuple(part for at, part in enumerate(wanted) if at not in changed)
        led.setdefault(rest, set()).add(tuple(reached))
    same = all(len(reached) == 1 for reached in led.values())
    return sorted(changed) if same and len(pairs) > len(led) else []
