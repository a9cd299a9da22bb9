"""Traits that take numbers as Python does, and say what they take instead of a wrong value."""

from __future__ import annotations

import operator
from collections.abc import Sequence
from contextlib import suppress
from typing import Any, NoReturn

import traitlets


class BadValue(traitlets.TraitError, ValueError, IndexError):
    """A value that a trait does not take; the message says what it takes.

    It is a `TraitError`, as traitlets raises, and a `ValueError` and `IndexError`, as Python
    would for the same mistake.
    """


def check_index(name: str, value: int, count: int, has: str = "") -> int:
    """Take an index from 0 to `count - 1`.

    Args:
        name: of the trait.
        value: its new value.
        count: how many there are.
        has: that number in words, such as `this layer has 2 pages`.

    Raises:
        BadValue: the index is out of range; the message gives the range.
    """
    if not 0 <= value < count:
        about = f"; {has}" if has else ""
        raise BadValue(f"{name}={value} is out of range{about}: choose 0 to {count - 1}.")
    return int(value)


def check_step(name: str, value: str, steps: Sequence[str]) -> str:
    """Take the name of one of the steps of a forward pass.

    Args:
        name: of the trait.
        value: its new value.
        steps: the names of the steps.

    Raises:
        BadValue: there is no such step; the message lists them.
    """
    if value not in steps:
        choose = ", ".join(steps) or "(it has no steps)"
        raise BadValue(
            f"{name}={value!r} is not a step of this forward pass; choose one of {choose}."
        )
    return value


class _Told:
    """A trait that also says in the widget what it takes instead of a value of the wrong type."""

    wanted = ""

    def error(self: Any, obj: Any, value: Any, error: Any = None, info: Any = None) -> NoReturn:
        """Say the value, its type, and what is wanted."""
        kind, wanted = type(value).__name__, self.wanted + (" or None" if self.allow_none else "")
        told = BadValue(f"{self.name}={value!r} is of type {kind}: give {wanted}.")
        if self.name is None:  # one of several kinds that a union takes
            raise told
        with obj._told():
            raise told


class Index(_Told, traitlets.Int[Any, Any]):
    """An int, also from NumPy or a tensor of one element."""

    wanted = "an int"

    def validate(self, obj: Any, value: Any) -> Any:
        """Take whatever Python takes as an index."""
        if hasattr(value, "__index__") and not isinstance(value, bool):
            with suppress(TypeError):  # an array of many
                value = operator.index(value)
        return super().validate(obj, value)


class Number(_Told, traitlets.Float[Any, Any]):
    """A float, also from NumPy or a tensor of one element."""

    wanted = "a number"

    def validate(self, obj: Any, value: Any) -> Any:
        """Take whatever Python takes as a float, except True and False."""
        if isinstance(value, bool):
            self.error(obj, value)
        if hasattr(value, "__float__"):
            with suppress(TypeError, ValueError, RuntimeError):  # an array of many
                value = float(value)
        return super().validate(obj, value)


class Text(_Told, traitlets.Unicode[Any, Any]):
    """A string."""

    wanted = "a string"


class Several(_Told, traitlets.Tuple):
    """A tuple."""

    wanted = "a tuple or a list"


class NameOrIndex(_Told, traitlets.Union):
    """A string or an int."""

    wanted = "a string or an int"

    def __init__(self, **options: Any) -> None:
        super().__init__([Text(), Index()], **options)
