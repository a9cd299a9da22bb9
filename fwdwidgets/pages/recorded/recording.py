"""Every state of a widget that a page shows, reached as a user would reach it.

A state is the values of the controls that a reload restores, which determine everything shown. From
each state, each control is set to each of its values and each button is pressed; states near the
first one come first, until the budget is spent.
"""

from __future__ import annotations

import heapq
import time
from collections.abc import Iterable, Mapping, Sequence
from itertools import count
from typing import Any

from fwdwidgets.pages.recorded.archive import Archive
from fwdwidgets.pages.recorded.choices import Move, button_of
from fwdwidgets.pages.recorded.controls import Controls, State
from fwdwidgets.pages.recorded.moves import Moves
from fwdwidgets.pages.recorded.snapshot import Place, Snapshots, kind_of, parts_of
from fwdwidgets.pages.recorded.states import States
from fwdwidgets.widgets.shared import ForwardWidget

PRESS, NEXT = 0.6, 0.05
"""The cost of pressing a button, and of pressing the one marked as next; a move costs 1 to 2."""


class _Queue:
    """The states that are still to be seen, the nearest first; none comes twice."""

    def __init__(self) -> None:
        self._heap: list[tuple[float, int, State]] = []
        self._seen: set[str] = set()
        self._turn = count()

    def add(self, key: str, far: float, state: State) -> None:
        """Queue a state that has not been queued before."""
        if key not in self._seen:
            self._seen.add(key)
            heapq.heappush(self._heap, (far, next(self._turn), state))

    def next(self) -> tuple[float, State] | None:
        """Take the nearest state and how far it is; None if there is no other."""
        if not self._heap:
            return None
        far, _, state = heapq.heappop(self._heap)
        return far, state


class Recorder:
    """Walks through the states of one widget and keeps what they show.

    Args:
        widget: back in its original state when `record` returns.
        choices: the values to record, by the name of a control; by default all or a few.
        walks: sequences of moves from the first state, which are recorded first.
        megabytes: the largest size that the states may add to the page, in MB.
        seconds: the longest time for recording, in seconds.

    Attributes:
        parts: numbers the parts of the widget.
        spent: why not all was recorded, in words; empty when all was.
    """

    def __init__(
        self,
        widget: ForwardWidget,
        choices: Mapping[str, Iterable[Any]],
        *,
        walks: Sequence[Sequence[Move]] = (),
        megabytes: float,
        seconds: float,
    ) -> None:
        self.parts = Snapshots(widget)
        self.spent = ""
        self._widget = widget
        self._controls = Controls(widget, choices)
        self._kept = States()
        self._moves = Moves()
        self._walks = walks
        self._megabytes, self._seconds = megabytes, seconds
        self._started = 0.0
        self._known: dict[str, int] = {}
        self._errors: dict[str, str] = {}  # the error message of each state itself

    @property
    def archive(self) -> Archive:
        """Holds the pieces and arrays."""
        return self._kept.archive

    @property
    def states(self) -> list[dict[Place, int]]:
        """For each state, what it shows differently from the first."""
        return self._kept.states

    # --- the walk -------------------------------------------------------------------------------

    def record(self) -> None:
        """Walk from the current state."""
        controls, queue = self._controls, _Queue()
        self._started = time.monotonic()
        self._note()
        queue.add(controls.key(controls.home), 0.0, controls.home)
        try:
            for walk in self._walks:
                for steps, reached in enumerate(self._walk(walk), 1):
                    queue.add(controls.key(reached), steps * PRESS, reached)
            while not self.spent and (nearest := queue.next()):
                cost, state = nearest
                for extra, reached in [*self._press_all(state), *self._move_all(state)]:
                    key = controls.key(reached)  # numbers its values: first this, then how far
                    queue.add(key, min(cost + extra, controls.distance(reached)), reached)
                if state is controls.home:
                    self._return_all()
        finally:
            controls.go(controls.home)

    def _walk(self, walk: Sequence[Move]) -> list[State]:
        """Go along a walk from the first state; return each state on it."""
        controls = self._controls
        controls.go(controls.home)
        found = []
        for move in walk:
            state = controls.state()
            if isinstance(move, str):
                found.append(self._press(state, button_of(self._widget, move)))
                continue
            for name, value in move.items():
                reached = self._move(controls.state(), name, value)
                if reached is None:  # known without moving: go there
                    controls.set(name, value)
                found.append(controls.state())
        return found

    def _move_all(self, state: State) -> list[tuple[float, State]]:
        """Set each control to each of its values; return the states reached."""
        reached, controls = [], self._controls
        controls.go(state)
        for name in controls.usable():
            controls.go(state)
            for value in controls.values_of(name):
                if value != state[name] and not self._is_spent():
                    other = self._move(state, name, value)
                    if other is not None:
                        reached.append((controls.step(name, value), other))
        return reached

    def _move(self, state: State, name: str, value: Any) -> State | None:
        """Set one control; return the state reached, None if it was known without moving."""
        controls = self._controls
        wanted = {**state, name: value}
        key = controls.key(wanted)
        if self._moves.has(name, key) or (self._moves.trusts(name) and key in self._known):
            return None
        if {**controls.state(), name: value} != wanted:  # else only this control has been moved
            controls.go(state)
        controls.set(name, value)
        reached = controls.state()
        self._note()
        self._moves.add_move(name, key, self._key_shown(), alone=reached == wanted)
        return reached

    def _return_all(self) -> None:
        """Set each control that others follow back to its first value: a user may do so too."""
        controls = self._controls
        for name in sorted(self._moves.leading):
            home = controls.home[name]
            for other in controls.values_of(name):
                if other != home and not self._is_spent():
                    controls.go(controls.home)
                    controls.set(name, other)
                    self._move(controls.state(), name, home)

    def _press_all(self, state: State) -> list[tuple[float, State]]:
        """Press each button; return the states reached."""
        found = []
        self._controls.go(state)
        for part in parts_of(self._widget):
            if kind_of(part) != "button" or self._is_spent():
                continue
            self._controls.go(state)
            if part.disabled or part in self._widget._left_to_page:
                continue
            cost = NEXT if "fwd-next" in part._dom_classes else PRESS
            found.append((cost, self._press(state, part)))
        return found

    def _press(self, state: State, part: Any) -> State:
        """Press a button; return the state reached."""
        part.click()
        self._note()
        number = self.parts.number(part)
        self._moves.add_press(self._controls.key(state), number, self._key_shown())
        return self._controls.state()

    def _is_spent(self) -> bool:
        if not self.spent and self.archive.packed_bytes > self._megabytes * 1e6:
            self.spent = f"the budget of {self._megabytes:g} MB"
        if not self.spent and time.monotonic() - self._started > self._seconds:
            self.spent = f"the {self._seconds:g} s that recording may take"
        return bool(self.spent)

    # --- what is kept ---------------------------------------------------------------------------

    def note_exactly(self) -> None:
        """Keep what is shown now exactly, with no picture in levels."""
        self._note(exactly=True)

    def _note(self, *, exactly: bool = False) -> None:
        """Keep what is shown now, unless this state is known."""
        key = self._key_shown()
        if key not in self._known:
            self._known[key] = len(self.states)
            shown = self.parts.take()
            offers = {(self.parts.number(p), "offers"): v for p, v in self._controls.offers()}
            self._kept.keep(shown | offers, exactly=exactly)

    def _key_shown(self) -> str:
        """The state, and what went wrong on the way there, which a reload would not say again."""
        key, error = self._controls.key(self._controls.state()), self._widget._error
        return key if error == self._errors.setdefault(key, error) else f"{key}!{error}"

    def reach(self) -> str:
        """What was recorded, in a sentence."""
        return self._controls.reach(len(self._known))

    def data(self) -> dict[str, Any]:
        """What the page script reads: see `recorded.js`."""
        return {
            "controls": [
                {"name": name, "part": self.parts.number(part), "values": values, "texts": texts}
                for name, part, values, texts in self._controls.seen()
            ],
            **self._kept.data(),
            "keys": [key.partition("!")[0] for key in self._known],
            "plain": [state for key, state in self._known.items() if "!" not in key],
            **self._moves.data(self._known),
        }
