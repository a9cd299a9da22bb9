"""One change that would make a failing step run."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from torch import nn

from fwdwidgets.trace import Edit


@dataclass(frozen=True)
class Repair:
    """One change that would make the failing step run.

    Attributes:
        text: the change in words: `in_features=3136 instead of 1568 in fc1`.
        layer: changes a copy of the model and returns it, or None.
        edit: index and operation of a step, and the change of its arguments, or None.
    """

    text: str
    layer: Callable[[nn.Module], nn.Module] | None = None
    edit: tuple[int, str, Edit] | None = None
