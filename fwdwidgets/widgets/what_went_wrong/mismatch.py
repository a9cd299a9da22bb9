"""Two shapes held against each other: which axis meets which, and whether they agree."""

from __future__ import annotations

from math import prod

from torch import nn

from fwdwidgets.trace import ForwardTrace, Step
from fwdwidgets.widgets.what_went_wrong.layer_meetings import (
    meet_batch_norm,
    meet_conv,
    meet_linear,
)
from fwdwidgets.widgets.what_went_wrong.meetings import Meetings, Shape
from fwdwidgets.widgets.what_went_wrong.operand_meetings import (
    meet_aligned,
    meet_joined,
    meet_layout,
    meet_product,
)

_PRODUCTS = ("matmul", "mm", "bmm", "mv", "dot")
_PAIRS = ("add", "sub", "mul", "div", "pow", "maximum", "minimum", "where", "eq", "lt", "gt")
_LAYOUTS = ("reshape", "view", "flatten", "unflatten")
_JOINS = ("cat", "concat", "concatenate", "stack")


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
        return meet_linear(shapes[0], shapes[1])
    if op.startswith("conv") and len(shapes) > 1 and len(shapes[1]) in (3, 4, 5):
        return meet_conv(op, shapes[0], shapes[1], layer)
    if op == "batch_norm" and len(shapes) > 1 and len(shapes[0]) > 1 and len(shapes[1]) == 1:
        return meet_batch_norm(shapes[0], shapes[1])
    if op == "layer_norm" and len(shapes) > 1:
        return meet_aligned(shapes[0], shapes[1], ("input", "normalized_shape"), ones=False)
    if op in _PRODUCTS and len(shapes) == 2 and all(shapes):
        return meet_product(shapes[0], shapes[1])
    if op in _PAIRS and len(shapes) == 2:
        return meet_aligned(shapes[0], shapes[1], ("first", "second"), ones=True)
    if op in _LAYOUTS and len(shapes) == 1:
        return meet_layout(step)
    if op in _JOINS:
        return meet_joined(step)
    return None


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
