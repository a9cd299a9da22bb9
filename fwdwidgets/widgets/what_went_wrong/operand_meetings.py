"""The operands of an operation held against each other: products, pairs, joins, reshapes."""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import zip_longest
from math import prod

from fwdwidgets.trace import Step
from fwdwidgets.widgets.what_went_wrong.meetings import Meeting, Meetings, Shape

_ALONG = re.compile(r"match except in dimension (\d+)")
_INVALID = re.compile(r"shape '\[(?P<sizes>[-\d, ]+)\]' is invalid for input of size")


def meet_product(first: Shape, second: Shape) -> Meetings:
    """A matrix product: the columns of the first meet the rows of the second."""
    rows = second[-2] if len(second) > 1 else second[0]
    axes = [Meeting((f"axis {n}", str(size)), ("", "")) for n, size in enumerate(first[:-2])]
    if len(first) > 1:
        axes.append(Meeting(("rows", str(first[-2])), ("", "")))
    axes.append(Meeting(("columns", str(first[-1])), ("rows", str(rows)), first[-1] == rows))
    if len(second) > 1:
        axes.append(Meeting(("", ""), ("columns", str(second[-1]))))
    for n, size in enumerate(second[:-2]):
        if n < len(first) - 2 and len(first) == len(second):
            other = first[n]
            agree = size == other or 1 in (size, other)
            axes[n] = Meeting((f"axis {n}", str(other)), (f"axis {n}", str(size)), agree)
    rule = "the columns of the first must be the rows of the second"
    return Meetings(("first", "second"), tuple(axes), rule)


def meet_aligned(first: Shape, second: Shape, names: tuple[str, str], *, ones: bool) -> Meetings:
    """Shapes that meet from the last axis on; with `ones`, an axis of size 1 is stretched."""
    axes = []
    width = max(len(first), len(second))
    for n in range(-width, 0):
        above = first[n] if -n <= len(first) else None
        below = second[n] if -n <= len(second) else None
        agree = None
        if above is not None and below is not None:
            agree = above == below or (ones and 1 in (above, below))
        elif above is None and not ones:
            agree = False
        axes.append(
            Meeting(
                ("", "") if above is None else (f"axis {len(first) + n}", str(above)),
                ("", "") if below is None else (f"axis {len(second) + n}", str(below)),
                agree,
            )
        )
    rule = "from the last axis on, sizes must be equal" + (", or one of them 1" if ones else "")
    return Meetings(names, tuple(axes), rule)


def meet_joined(step: Step) -> Meetings | None:
    """Tensors that are joined: the first above the one that does not fit, else above the second."""
    tensors = list(enumerate(step.input_shapes))
    if step.op != "stack":
        tensors = [(n, shape) for n, shape in tensors if shape != (0,)]  # cat passes over these
    if len(tensors) < 2:
        return None
    number, first = tensors[0]
    free, rule = _free_axes(step, first)
    met = []
    for other, second in tensors[1:]:
        axes = []
        for n, (above, below) in enumerate(zip_longest(first, second)):
            upper = ("", "") if above is None else (f"axis {n}", str(above))
            lower = ("", "") if below is None else (f"axis {n}", str(below))
            open_ = n in free and None not in (above, below)
            axes.append(Meeting(upper, lower, None if open_ else above == below))
        met.append(Meetings((f"tensor {number}", f"tensor {other}"), tuple(axes), rule))
    refused = next((one for one in met if not one.agree), None)
    if step.error is not None:
        return refused  # or it failed for another reason, such as an axis that is not there
    return met[0]


def _free_axes(step: Step, first: Shape) -> tuple[Sequence[int], str]:
    """The axes in which tensors to be joined may differ, and the rule in words."""
    if step.op == "stack":
        return (), "all axes must be equal"
    if step.error is not None:
        told = _ALONG.search(str(step.error))
        along = int(told[1]) if told else None
    else:
        sizes = enumerate(zip(first, step.shape or first, strict=True))
        along = next((n for n, (size, joined) in sizes if size != joined), None)
    if along is None:
        return range(len(first)), "all axes but the one they are joined along must be equal"
    return (along,), f"all axes but axis {along}, along which they are joined, must be equal"


def meet_layout(step: Step) -> Meetings:
    """A reshape: the number of values stays the same."""
    given = step.input_shapes[0]
    total = prod(given)
    invalid = _INVALID.search(str(step.error)) if step.error is not None else None
    if invalid:
        wanted = tuple(int(size) for size in re.findall(r"-?\d+", invalid["sizes"]))
    else:
        wanted = step.shape or given
    known = prod(size for size in wanted if size != -1)
    fits = known > 0 and total % known == 0 if -1 in wanted else known == total
    above = ("values", _product_of(given, total))
    below = ("values", _product_of(tuple(s for s in wanted if s != -1), known))
    rule = "the number of values must stay the same"
    if -1 in wanted:
        below = ("values, times what -1 stands for", below[1])
        rule = "the number of values must stay the same: the sizes beside -1 must divide it"
    return Meetings(("input", "sizes"), (Meeting(above, below, fits),), rule)


def _product_of(shape: Shape, total: int) -> str:
    return f"{'*'.join(map(str, shape))} = {total}" if len(shape) > 1 else str(total)
