"""What an author may ask of a page: values of controls, and walks; impossible ones are refused."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import ipywidgets
import numpy as np

from fwdwidgets.pages.recorded.snapshot import SELECTIONS, kind_of, parts_of
from fwdwidgets.widgets.shared import ForwardWidget, written

Move = str | Mapping[str, Any]
"""What a user does: press the button with this text, or set controls by name."""


def button_of(widget: ForwardWidget, text: str) -> Any:
    """The button with this text."""
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
    """Check that a widget can make these walks.

    Raises:
        TypeError: they are not lists of texts and dictionaries, or a name is not a control.
        ValueError: a text is on no button, or a control does not take a value.
    """
    lists = (list, tuple)
    if not isinstance(walks, lists) or not all(isinstance(walk, lists) for walk in walks):
        raise TypeError(
            f"walks={walks!r} is no list of walks: give a list of moves for each, such as "
            '[["next", {"sample": 3}]].'
        )
    for move in (move for walk in walks for move in walk):
        if isinstance(move, str):
            button_of(widget, move)
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
    """The values to include for each named control, together with those of `state`.

    Raises:
        TypeError: a name is not one of the widget's controls, or its values are not a collection.
        ValueError: a control does not take a value.
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
        # Numbers from NumPy and tensors become plain ones: what is kept goes into JSON.
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
