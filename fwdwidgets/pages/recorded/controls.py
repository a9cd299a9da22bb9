"""The controls of a widget: which values of each are recorded, and a state as a key."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import ipywidgets
import numpy as np

from fwdwidgets.pages.recorded.snapshot import SELECTIONS, kind_of, parts_of
from fwdwidgets.widgets.shared import ForwardWidget

FEW = 12
"""How many values of a slider are recorded if the author names none."""

State = dict[str, Any]
"""The value of each control by its name."""


class Controls:
    """Reads and sets the controls of a widget, and numbers their values.

    Args:
        widget: left in its current state.
        choices: the values to record, by the name of a control; by default all or a few.

    Attributes:
        parts: the controls by their names.
        values: the values of each control that were seen, in the order of their numbers.
        home: the current state of the widget.
    """

    def __init__(self, widget: ForwardWidget, choices: Mapping[str, Iterable[Any]]) -> None:
        self._widget = widget
        self._choices = {name: list(values) for name, values in choices.items()}
        self.parts = widget._frame.controls
        self.values: dict[str, list[Any]] = {name: [] for name in self.parts}
        self.home = self.state()

    def state(self) -> State:
        """What the controls show now."""
        return {name: _value(part) for name, part in self.parts.items()}

    def go(self, state: State) -> None:
        """Bring the widget into a state, as a reload does."""
        if state != self.state():
            self._widget._restore(state)

    def set(self, name: str, value: Any) -> None:
        """Set a control as a user does: if others follow it, this leads elsewhere than a reload."""
        with self._widget._from_page():
            self.parts[name].value = value

    def usable(self) -> list[str]:
        """The names of the controls that a user can reach now."""
        shown = set(parts_of(self._widget))
        return [
            name
            for name, part in self.parts.items()
            if part in shown and not getattr(part, "disabled", False)
        ]

    def key(self, state: State) -> str:
        """The numbers of the controls' values, separated by commas."""
        numbers = []
        for name, value in state.items():
            values = self.values.setdefault(name, [])
            if value not in values:
                values.append(value)
            numbers.append(values.index(value))
        return ",".join(map(str, numbers))

    def distance(self, state: State) -> float:
        """How far a state is from the first: 1 to 2 for each control that differs."""
        return sum(
            self.step(name, value) for name, value in state.items() if value != self.home.get(name)
        )

    def step(self, name: str, value: Any) -> float:
        """How far a value of a control is from the first one: 1 to 2."""
        known = self.values[name]
        return 1 + abs(known.index(value) - known.index(self.home[name])) / len(known)

    def values_of(self, name: str) -> list[Any]:
        """The values of a control that are recorded, in order."""
        part = self.parts[name]
        if name in self._choices:
            return self._choices[name]
        if kind_of(part) in SELECTIONS:
            return [value for _, value in part._options_full]
        if isinstance(part, ipywidgets.Checkbox):
            return [False, True]
        now = self.home.get(name, part.value)
        if isinstance(part, ipywidgets.IntSlider):
            every = range(part.min, part.max + 1, part.step)
            if getattr(part, "from_start", False) or len(every) <= FEW:
                return sorted({*every[:FEW], now})
            return sorted({*(every[round(i)] for i in np.linspace(0, len(every) - 1, FEW)), now})
        if isinstance(part, ipywidgets.FloatSlider | ipywidgets.FloatLogSlider):
            return sorted({*_spread(part), now})
        return []

    def offers(self) -> Iterator[tuple[ipywidgets.Widget, list[Any]]]:
        """What each slider should offer in the current state.

        A button can lead to values that are recorded with few others; elsewhere the
        slider should not stop at them.
        """
        for name, part in self.parts.items():
            if kind_of(part) == "slider":
                yield part, [_plain_value(value) for value in self.values_of(name)]

    def reach(self, states: int) -> str:
        """Which values were seen in this number of states, in a sentence."""
        ways = []
        for name, values in self.values.items():
            if len(values) > 1 and name != "log":
                texts = [text_of(self.parts[name], value) for value in values]
                few = texts if len(texts) <= 8 else [*texts[:6], "…", texts[-1]]
                # If the values are lists themselves, each is put in quotes.
                few = [f"“{text}”" if ", " in text else text for text in few]
                ways.append(f"{name} {', '.join(few)}")
        every = math.prod(map(len, self.values.values())) == states
        rest = "" if every else ", not every one with every other"
        return f"Recorded are {'; '.join(ways)}{rest}." if ways else ""

    def seen(self) -> Iterator[tuple[str, ipywidgets.Widget, list[Any], list[str]]]:
        """The name, the part, the values and their texts of each control."""
        for name, part in self.parts.items():
            values = self.values[name]
            yield (
                name,
                part,
                [_plain_value(value) for value in values],
                [text_of(part, value) for value in values],
            )


def _spread(part: Any) -> list[float]:
    """A few values of a slider of floats, spread over its range."""
    most = round((part.max - part.min) / part.step)
    steps = (round(i) for i in np.linspace(0, most, FEW - 1))
    spread = [round(part.min + step * part.step, 9) for step in steps]
    if isinstance(part, ipywidgets.FloatLogSlider):
        whole = range(math.ceil(part.min), math.floor(part.max) + 1)
        powers = whole if 4 <= len(whole) <= FEW else spread
        return [part.base**power for power in powers]
    return spread


def _value(part: Any) -> Any:
    value = part.value
    return [list(row) for row in value] if isinstance(value, (list, tuple)) else value


def _plain_value(value: Any) -> Any:
    return value if isinstance(value, (bool, int, float, str)) else json.dumps(value)


def text_of(part: Any, value: Any) -> str:
    """A control's value as its readout writes it."""
    form = getattr(part, "readout_format", "")
    if isinstance(value, (int, float)) and not isinstance(value, bool) and form:
        return format(value, form)
    return str(value)
