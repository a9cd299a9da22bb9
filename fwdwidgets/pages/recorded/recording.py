"""Every state of a widget that a page shall show, reached as a hand would reach it.

A state is the values of the controls that a reload gives back: by that contract they say all
there is to say. From each state each control is set to each of its values and each button is
pressed; what is near the first state comes first, until the budget is spent.
"""

from __future__ import annotations

import heapq
import json
import math
import time
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from itertools import count
from typing import Any

import ipywidgets
import numpy as np

from fwdwidgets.pages.recorded.archive import Archive
from fwdwidgets.pages.recorded.snapshot import SELECTIONS, Place, Snapshots, kind_of, parts_of
from fwdwidgets.widgets.shared import ForwardWidget, written

FEW = 12
"""So many values of a slider are recorded where the author names none."""
TRUSTED = 8
"""After so many moves that changed nothing else, a control is taken to change nothing else."""
PRESS, NEXT = 0.6, 0.05
"""What a press of a button, and of the one that is marked as next, costs; a move costs 1 to 2."""
FROM_START = ("sample", "seed", "row", "n", "draw")
"""Of these sliders the first values say more than values from all over."""
PAGE_BUTTONS = (
    "fwd-random",
    "fwd-previous-wrong",
    "fwd-next-wrong",
    "fwd-previous-step",
    "fwd-next-step",
)
"""Buttons that the page script understands by itself."""

State = dict[str, Any]
"""The value of each control by its name."""
Move = str | Mapping[str, Any]
"""What a hand does: it presses the button of this text, or sets controls by name."""


class Recorder:
    """Records the states of one widget.

    Args:
        widget: is in the state in which it was found again when `record` returns.
        choices: by the name of a control: the values to record of it, in place of all or a few.
        walks: moves one after the other, from the first state, that are recorded before others.
        megabytes: how large the page may become by the states.
        seconds: how long recording may take.

    Attributes:
        archive: holds the pieces and arrays.
        parts: numbers what the widget is made of.
        base: what the first state shows, place to piece.
        states: of each state, what it shows that is not as in the first.
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
        self.archive = Archive()
        self.parts = Snapshots(widget)
        self.base: dict[Place, int] = {}
        self.states: list[dict[Place, int]] = []
        self.spent = ""
        self._widget = widget
        self._controls = widget._frame.controls
        self._choices = {name: list(values) for name, values in choices.items()}
        self._walks = walks
        self._megabytes, self._seconds = megabytes, seconds
        self._started = 0.0
        self._shown: dict[Place, Any] = {}  # by the first state
        self._values: dict[str, list[Any]] = {name: [] for name in self._controls}
        self._known: dict[str, int] = {}
        self._errors: dict[str, str] = {}  # what each state itself has to tell
        self._moves: dict[str, dict[str, str]] = {}
        self._presses: dict[str, dict[int, str]] = {}
        self._plain_moves: Counter[str] = Counter()
        self._leading: set[str] = set()  # controls that others follow
        self._home = self._state()

    # --- the walk -------------------------------------------------------------------------------

    def record(self) -> None:
        """Walk from the state that there is."""
        self._started = time.monotonic()
        turn = count()
        self._note()
        queue: list[tuple[float, int, State]] = [(0.0, next(turn), self._home)]
        queued = {self._key(self._home)}
        try:
            for walk in self._walks:
                for steps, reached in enumerate(self._walk(walk), 1):
                    if (key := self._key(reached)) not in queued:
                        queued.add(key)
                        heapq.heappush(queue, (steps * PRESS, next(turn), reached))
            while queue and not self.spent:
                cost, _, state = heapq.heappop(queue)
                for extra, reached in [*self._press_all(state), *self._move_all(state)]:
                    key = self._key(reached)
                    if key not in queued:
                        queued.add(key)
                        far = min(cost + extra, self._distance(reached))
                        heapq.heappush(queue, (far, next(turn), reached))
                if state is self._home:
                    self._return_all()
        finally:
            self._go(self._home)

    def _walk(self, walk: Sequence[Move]) -> list[State]:
        """Go a way from the first state; each state on it."""
        self._go(self._home)
        found = []
        for move in walk:
            state = self._state()
            if isinstance(move, str):
                found.append(self._press(state, _button(self._widget, move)))
                continue
            for name, value in move.items():
                reached = self._move(self._state(), name, value)
                if reached is None:  # clear before: go there
                    self._set(name, value)
                found.append(self._state())
        return found

    def _move_all(self, state: State) -> list[tuple[float, State]]:
        """Set each control to each of its values; what that led to."""
        reached = []
        self._go(state)
        shown = set(parts_of(self._widget))
        for name, part in self._controls.items():
            if part not in shown or getattr(part, "disabled", False):
                continue
            self._go(state)
            for value in self._values_of(name, part):
                if value != state[name] and not self._is_spent():
                    other = self._move(state, name, value)
                    if other is not None:
                        reached.append((self._step(name, value), other))
        return reached

    def _move(self, state: State, name: str, value: Any) -> State | None:
        """Set one control; the state that this led to, None where that was clear before."""
        wanted = {**state, name: value}
        key = self._key(wanted)
        if key in self._moves.get(name, ()):
            return None
        trusted = name not in self._leading and self._plain_moves[name] >= TRUSTED
        if trusted and key in self._known:
            return None
        now = self._state()
        if {**now, name: value} != wanted:  # else only this control has been moved
            self._go(state)
        self._set(name, value)
        reached = self._state()
        self._note()
        self._moves.setdefault(name, {})[key] = self._key_shown()
        if reached == wanted:
            self._plain_moves[name] += 1
        else:
            self._leading.add(name)
        return reached

    def _return_all(self) -> None:
        """Set each control that others follow back to its first value: a hand may think again."""
        for name in sorted(self._leading):
            home = self._home[name]
            for other in self._values_of(name, self._controls[name]):
                if other != home and not self._is_spent():
                    self._go(self._home)
                    self._set(name, other)
                    self._move(self._state(), name, home)

    def _set(self, name: str, value: Any) -> None:
        """Set a control as a hand does: what others follow leads elsewhere than a reload."""
        with self._widget._from_page():
            self._controls[name].value = value

    def _press_all(self, state: State) -> list[tuple[float, State]]:
        """Press each button; what that led to."""
        found = []
        self._go(state)
        for part in parts_of(self._widget):
            if kind_of(part) != "button" or self._is_spent():
                continue
            self._go(state)
            if part.disabled or any(c in part._dom_classes for c in PAGE_BUTTONS):
                continue
            cost = NEXT if "fwd-next" in part._dom_classes else PRESS
            found.append((cost, self._press(state, part)))
        return found

    def _press(self, state: State, part: Any) -> State:
        """Press a button; the state that this led to."""
        part.click()
        self._note()
        number = self.parts.number(part)
        self._presses.setdefault(self._key(state), {})[number] = self._key_shown()
        return self._state()

    def _is_spent(self) -> bool:
        if not self.spent and self.archive.packed_bytes > self._megabytes * 1e6:
            self.spent = f"the budget of {self._megabytes:g} MB"
        if not self.spent and time.monotonic() - self._started > self._seconds:
            self.spent = f"the {self._seconds:g} s that recording may take"
        return bool(self.spent)

    def _state(self) -> State:
        return {name: _value(part) for name, part in self._controls.items()}

    def _go(self, state: State) -> None:
        if state != self._state():
            self._widget._restore(state)

    def _values_of(self, name: str, part: ipywidgets.Widget) -> list[Any]:
        """The values of a control that are recorded, in order."""
        if name in self._choices:
            return self._choices[name]
        if kind_of(part) in SELECTIONS:
            return [value for _, value in part._options_full]
        if isinstance(part, ipywidgets.Checkbox):
            return [False, True]
        now = self._home.get(name, part.value)
        if isinstance(part, ipywidgets.IntSlider):
            every = range(part.min, part.max + 1, part.step)
            if name in FROM_START or len(every) <= FEW:
                return sorted({*every[:FEW], now})
            return sorted({*(every[round(i)] for i in np.linspace(0, len(every) - 1, FEW)), now})
        if isinstance(part, ipywidgets.FloatSlider | ipywidgets.FloatLogSlider):
            most = round((part.max - part.min) / part.step)
            steps = (round(i) for i in np.linspace(0, most, FEW - 1))
            spread = [round(part.min + step * part.step, 9) for step in steps]
            if isinstance(part, ipywidgets.FloatLogSlider):
                whole = range(math.ceil(part.min), math.floor(part.max) + 1)
                powers = whole if 4 <= len(whole) <= FEW else spread
                spread = [part.base**power for power in powers]
            return sorted({*spread, now})
        return []

    def _distance(self, state: State) -> float:
        """How far a state is from the first: 1 to 2 for each control that differs."""
        return sum(
            self._step(name, value)
            for name, value in state.items()
            if value != self._home.get(name)
        )

    def _step(self, name: str, value: Any) -> float:
        """How far a value of a control is from the first one: 1 to 2."""
        known = self._values[name]
        return 1 + abs(known.index(value) - known.index(self._home[name])) / len(known)

    # --- what is kept ---------------------------------------------------------------------------

    def _key(self, state: State) -> str:
        """The numbers of the controls' values, a comma between."""
        numbers = []
        for name, value in state.items():
            values = self._values.setdefault(name, [])
            if value not in values:
                values.append(value)
            numbers.append(values.index(value))
        return ",".join(map(str, numbers))

    def _key_shown(self) -> str:
        """The state, and what went wrong on the way there, which a reload would not say again."""
        key, error = self._key(self._state()), self._widget._error
        return key if error == self._errors.setdefault(key, error) else f"{key}!{error}"

    def note_exactly(self) -> None:
        """Keep what is shown now as it is, no picture in levels."""
        self._note(exactly=True)

    def reach(self) -> str:
        """What was recorded, in a sentence."""
        ways = []
        for name, values in self._values.items():
            if len(values) > 1 and name != "log":
                texts = [text_of(self._controls[name], value) for value in values]
                few = texts if len(texts) <= 8 else [*texts[:6], "…", texts[-1]]
                # Of values that are lists themselves, each in quotes.
                few = [f"“{text}”" if ", " in text else text for text in few]
                ways.append(f"{name} {', '.join(few)}")
        every = math.prod(len(values) for values in self._values.values()) == len(self._known)
        rest = "" if every else ", not every one with every other"
        return f"Recorded are {'; '.join(ways)}{rest}." if ways else ""

    def _note(self, *, exactly: bool = False) -> None:
        """Keep what is shown now, unless this state is known."""
        key = self._key_shown()
        if key in self._known:
            return
        self._known[key] = len(self.states)
        pieces: dict[Place, int] = {}
        for place, value in {**self.parts.take(), **self._offers()}.items():
            if self.states and place in self._shown and _same(self._shown[place], value):
                continue
            in_levels = not exactly and place[1].startswith("traces.") and place[1].endswith(".z")
            piece = self.archive.piece(value, in_levels=in_levels)
            if not self.states:
                self._shown[place] = value
                self.base[place] = piece
            if self.base.get(place) != piece or not self.states:
                pieces[place] = piece
        self.states.append(pieces if self.states else {})

    def _offers(self) -> dict[Place, list[Any]]:
        """What each slider is to offer in the state that there is now.

        A button can lead to values that are recorded with few others; elsewhere a hand that
        moves the slider should not stop at them.
        """
        return {
            (self.parts.number(part), "offers"): [
                _plain_value(value) for value in self._values_of(name, part)
            ]
            for name, part in self._controls.items()
            if kind_of(part) == "slider"
        }

    def data(self) -> dict[str, Any]:
        """What the page script reads: see `recorded.js`."""
        places = sorted({*self.base, *(p for state in self.states for p in state)})
        index = {place: number for number, place in enumerate(places)}
        controls = [
            {
                "name": name,
                "part": self.parts.number(part),
                "values": [_plain_value(value) for value in self._values[name]],
                "texts": [text_of(part, value) for value in self._values[name]],
            }
            for name, part in self._controls.items()
        ]
        return {
            "controls": controls,
            "places": [list(place) for place in places],
            "base": [self.base.get(place, -1) for place in places],
            "states": [
                [n for place, piece in state.items() for n in (index[place], piece)]
                for state in self.states
            ],
            "keys": [key.partition("!")[0] for key in self._known],
            "plain": [state for key, state in self._known.items() if "!" not in key],
            "moves": {
                name: {wanted: self._known[key] for wanted, key in moves.items()}
                for name, moves in self._moves.items()
                if name in self._leading
            },
            "forgets": {
                name: forgotten
                for name, moves in self._moves.items()
                if name in self._leading and (forgotten := _forgotten(moves))
            },
            "presses": {
                key: {str(n): self._known[to] for n, to in presses.items()}
                for key, presses in self._presses.items()
            },
        }


def _forgotten(moves: Mapping[str, str]) -> list[int]:
    """Which controls another one sets anew, whatever they were: as an encoder does the code.

    Args:
        moves: of that control: the state that was wanted, and the one that was reached.

    Returns:
        Their places in a key; none where what they were made a difference, or where nothing shows
        that it makes none.
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


def _value(part: Any) -> Any:
    value = part.value
    return [list(row) for row in value] if isinstance(value, (list, tuple)) else value


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


def _plain_value(value: Any) -> Any:
    return value if isinstance(value, (bool, int, float, str)) else json.dumps(value)


def text_of(part: Any, value: Any) -> str:
    """A control's value as its readout writes it."""
    form = getattr(part, "readout_format", "")
    if isinstance(value, (int, float)) and not isinstance(value, bool) and form:
        return format(value, form)
    return str(value)


def _button(widget: ForwardWidget, text: str) -> Any:
    """The button of this text."""
    buttons = {
        part.description.removeprefix("▸ "): part
        for part in parts_of(widget)
        if kind_of(part) == "button"
    }
    if text not in buttons:
        raise ValueError(
            f"{text!r} is no button of {type(widget).__name__}; name one of {', '.join(buttons)}."
        )
    return buttons[text]


def check_walks(widget: ForwardWidget, walks: Any) -> None:
    """See that a widget can go these ways.

    Raises:
        TypeError: they are no lists of texts and dictionaries, or a name is no control.
        ValueError: a text is no button, or a value is not one that its control takes.
    """
    lists = (list, tuple)
    if not isinstance(walks, lists) or not all(isinstance(walk, lists) for walk in walks):
        raise TypeError(
            f"walks={walks!r} is no list of walks: give a list of moves for each, such as "
            '[["next", {"sample": 3}]].'
        )
    for move in (move for walk in walks for move in walk):
        if isinstance(move, str):
            _button(widget, move)
        elif isinstance(move, Mapping):
            check_choices(widget, {}, move)
        else:
            raise TypeError(
                f"{move!r} is no move: give the text of a button, or values by the name of a "
                "control."
            )


def check_choices(
    widget: ForwardWidget, choices: Mapping[str, Iterable[Any]], state: Mapping[str, Any]
) -> dict[str, list[Any]]:
    """The values to have of each control that is named, those of `state` with them.

    Raises:
        TypeError: a name is none of the widget's controls, or its values are no collection.
        ValueError: a value is not one that its control takes.
    """
    controls = widget._frame.controls
    for name in [*choices, *state]:
        if name not in controls:
            raise TypeError(
                f"{name!r} is no control of {type(widget).__name__}; name one of "
                f"{', '.join(controls)}."
            )
    checked = {}
    for name, values in choices.items():
        if isinstance(values, str) or not isinstance(values, Iterable):
            raise TypeError(f"{name}={values!r} is no collection of values: pass a list or range.")
        # Of numbers from NumPy and tensors, the plain ones: what is kept goes into JSON.
        checked[name] = [v.item() if getattr(v, "ndim", 1) == 0 else v for v in values]
        if kind_of(controls[name]) == "table":
            checked[name] = [_as_shown(controls[name], value) for value in values]
    for name, value in state.items():
        if name in checked:
            checked[name].append(value)
    named = [(name, value) for name, values in checked.items() for value in values]
    for name, value in [*named, *state.items()]:
        if (taken := _taken_by(controls[name], value)) is not None:
            raise ValueError(f"{name}={value!r} is not there; choose {taken}.")
    return checked


def _as_shown(table: Any, value: Any) -> list[list[str]]:
    """Numbers as a table shows them."""
    shape = (len(table.rows), len(table.columns))
    try:
        numbers = np.asarray(value, dtype=np.float32)
    except (TypeError, ValueError):
        numbers = np.empty(0, np.float32)
    if numbers.shape != shape or not np.isfinite(numbers).all():
        raise ValueError(
            f"{value!r} is no table of this widget: give {shape[0]} rows of {shape[1]} finite "
            "numbers each."
        )
    return written(numbers)


def _taken_by(part: Any, value: Any) -> str | None:
    """What a control takes, in words; None where it takes `value`."""
    if kind_of(part) in SELECTIONS:
        known = [value for _, value in part._options_full]
        return None if value in known else f"one of {', '.join(map(str, known))}"
    if kind_of(part) == "slider" and not isinstance(part, ipywidgets.FloatLogSlider):
        number = isinstance(value, (int, float, np.number)) and not isinstance(value, bool)
        good = number and part.min <= value <= part.max
        if good and isinstance(part, ipywidgets.IntSlider):
            good = value == int(value)
        return None if good else f"{part.min} to {part.max}"
    return None
