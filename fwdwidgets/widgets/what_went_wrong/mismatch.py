"""Two shapes held against each other: which axis meets which, and whether they agree."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import zip_longest
from math import prod

from torch import nn

from fwdwidgets.trace import ForwardTrace, Step

Shape = tuple[int, ...]
_SPATIAL = {1: ("length",), 2: ("height", "width"), 3: ("depth", "height", "width")}
_PRODUCTS = ("matmul", "mm", "bmm", "mv", "dot")
_PAIRS = ("add", "sub", "mul", "div", "pow", "maximum", "minimum", "where", "eq", "lt", "gt")
_LAYOUTS = ("reshape", "view", "flatten", "unflatten")
_JOINS = ("cat", "concat", "concatenate", "stack")
_ALONG = re.compile(r"match except in dimension (\d+)")
_INVALID = re.compile(r"shape '\[(?P<sizes>[-\d, ]+)\]' is invalid for input of size")


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


def meet(step: Step, layer: nn.Module | None = None) -> Meetings | None:
    """Hold the shapes that meet in an operation against each other.

    Args:
        step: any step of a trace, also the one that failed.
        layer: the module that it ran in, which knows groups and padding.

    Returns:
        The axes; None of an operation where no two shapes meet.
    """
    shapes, op = step.input_shapes, step.op
    if op == "linear" and len(shapes) > 1 and shapes[0] and len(shapes[1]) == 2:
        return _linear(shapes[0], shapes[1])
    if op.startswith("conv") and len(shapes) > 1 and len(shapes[1]) in (3, 4, 5):
        return _conv(op, shapes[0], shapes[1], layer)
    if op == "batch_norm" and len(shapes) > 1 and len(shapes[0]) > 1 and len(shapes[1]) == 1:
        return _batch_norm(shapes[0], shapes[1])
    if op == "layer_norm" and len(shapes) > 1:
        return _aligned(shapes[0], shapes[1], ("input", "normalized_shape"), ones=False)
    if op in _PRODUCTS and len(shapes) == 2 and all(shapes):
        return _product(shapes[0], shapes[1])
    if op in _PAIRS and len(shapes) == 2:
        return _aligned(shapes[0], shapes[1], ("first", "second"), ones=True)
    if op in _LAYOUTS and len(shapes) == 1:
        return _layout(step)
    if op in _JOINS:
        return _joined(step)
    return None


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


def arithmetic(trace: ForwardTrace, step: Step) -> str:
    """How the features that reach a step came from an image: `64*7*7 = 3136`, or `""`.

    Args:
        trace: the forward pass that `step` belongs to.
        step: one whose first operand ends in features, such as a linear layer.
    """
    if not step.input_shapes or not step.input_shapes[0] or not step.parents:
        return ""
    features, parent = step.input_shapes[0][-1], step.parents[0]
    while parent is not None:
        maker = trace[parent]
        given = maker.input_shapes[0] if maker.input_shapes else ()
        if maker.op in _LAYOUTS and maker.shape != given:
            sizes = given[-k:] if (k := _tail(given, features)) else ()
            return f"{'*'.join(map(str, sizes))} = {features}" if len(sizes) > 1 else ""
        if maker.shape != given or not maker.parents:
            return ""
        parent = maker.parents[0]
    return ""


def _tail(shape: Shape, product: int) -> int:
    """How many of the last axes multiply to `product`; 0 where none do."""
    whole = len(shape) - 1
    if whole > 0 and prod(shape[1:]) == product:
        return whole
    return next((k for k in range(1, len(shape) + 1) if prod(shape[-k:]) == product), 0)


def _names(shape: Shape) -> list[str]:
    """What the axes of an input usually are."""
    count = len(shape)
    if count == 2:
        return ["batch", "features"]
    if count in (4, 5):
        return ["batch", "channels", *_SPATIAL[count - 2]]
    return [f"axis {n}" for n in range(count)]


def _linear(given: Shape, weight: Shape) -> Meetings:
    names = _names(given) if len(given) == 2 else [f"axis {n}" for n in range(len(given))]
    axes = [Meeting((n, str(s)), ("", "")) for n, s in zip(names[:-1], given[:-1], strict=True)]
    axes.append(
        Meeting(
            ("features", str(given[-1])), ("in_features", str(weight[1])), given[-1] == weight[1]
        )
    )
    axes.append(Meeting(("", ""), ("out_features", str(weight[0]))))
    rule = "the last axis of the input must be in_features"
    return Meetings(("input", "weight"), tuple(axes), rule)


def _conv(op: str, given: Shape, weight: Shape, layer: nn.Module | None) -> Meetings:
    spatial = _SPATIAL[len(weight) - 2]
    groups = getattr(layer, "groups", 1)
    turned = "transpose" in op
    channels = weight[0] if turned else weight[1] * groups
    out = weight[1] * groups if turned else weight[0]
    unbatched = len(given) == len(weight) - 1
    names = ["channels", *spatial] if unbatched else ["batch", "channels", *spatial]
    if len(given) != len(names):
        axes = [Meeting((f"axis {n}", str(size)), ("", "")) for n, size in enumerate(given)]
        wanted = ", ".join(["batch", "channels", *spatial])
        axes.append(Meeting(("", ""), ("in_channels", str(channels))))
        return Meetings(
            ("input", "weight"),
            (*axes, Meeting(("axes", str(len(given))), ("axes", str(len(weight))), False)),
            f"the input must have the axes ({wanted})",
        )
    padding = getattr(layer, "padding", 0)
    axes = []
    for n, (name, size) in enumerate(zip(names, given, strict=True)):
        if name == "batch":
            axes.append(Meeting((name, str(size)), ("", "")))
        elif name == "channels":
            below = "in_channels", str(channels)
            axes.append(Meeting((name, str(size)), below, size == channels))
        else:
            place = n - len(given) + len(spatial)
            kernel = weight[2 + place]
            room = padding[place] if isinstance(padding, tuple) else 0
            fits = None if turned or isinstance(padding, str) else size + 2 * room >= kernel
            axes.append(Meeting((name, str(size)), ("kernel", str(kernel)), fits))
    axes.append(Meeting(("", ""), ("out_channels", str(out))))
    rule = "channels must be in_channels; height and width, with padding, at least the kernel"
    if len(spatial) != 2:
        rule = "channels must be in_channels; the other axes, with padding, at least the kernel"
    return Meetings(("input", "weight"), tuple(axes), rule)


def _batch_norm(given: Shape, kept: Shape) -> Meetings:
    names = _names(given) if len(given) != 3 else ["batch", "channels", "length"]
    axes = []
    for n, (name, size) in enumerate(zip(names, given, strict=True)):
        below = ("num_features", str(kept[0])) if n == 1 else ("", "")
        axes.append(Meeting((name, str(size)), below, size == kept[0] if n == 1 else None))
    rule = "axis 1 must be num_features"
    return Meetings(("input", "statistics"), tuple(axes), rule)


def _product(first: Shape, second: Shape) -> Meetings:
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


def _aligned(first: Shape, second: Shape, names: tuple[str, str], *, ones: bool) -> Meetings:
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


def _joined(step: Step) -> Meetings | None:
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


def _layout(step: Step) -> Meetings:
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
