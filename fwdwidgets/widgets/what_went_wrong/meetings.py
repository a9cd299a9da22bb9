"""Two shapes, one above the other: which axis meets which, and whether they agree."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import zip_longest

from fwdwidgets.trace import Step

Shape = tuple[int, ...]


@dataclass(frozen=True)
class Meeting:
    """One axis of the first shape above one of the second.

    Attributes:
        upper: name and size above, or two empty texts.
        lower: name and size below, or two empty texts.
        agree: whether the two do; None where they need not, or where one stands alone.
    """

    upper: tuple[str, str]
    lower: tuple[str, str]
    agree: bool | None = None


@dataclass(frozen=True)
class Meetings:
    """Two shapes, axis by axis.

    Attributes:
        names: what stands above and below.
        axes: from left to right.
        rule: what must hold, in words.
    """

    names: tuple[str, str]
    axes: tuple[Meeting, ...]
    rule: str

    @property
    def agree(self) -> bool:
        """Whether no axis is refused."""
        return all(axis.agree is not False for axis in self.axes)


def in_and_out(step: Step) -> Meetings | None:
    """The shape that went into an operation above the one that came out; neither must fit.

    Args:
        step: any step of a trace.

    Returns:
        The axes by their numbers, since an operation may move them; None of a step that failed,
        that took several tensors or none, or whose input or result has no axis.
    """
    if step.error is not None or len(step.input_shapes) != 1:
        return None
    went, came = step.input_shapes[0], step.shape
    if not went or not came:
        return None
    above, below = ([(f"axis {n}", str(size)) for n, size in enumerate(s)] for s in (went, came))
    pairs = zip_longest(above, below, fillvalue=("", ""))
    axes = tuple(Meeting(*pair) for pair in pairs)
    return Meetings(("went in", "came out"), axes, f"{went} → {came}")
