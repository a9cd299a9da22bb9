"""Two tensors, or a tensor and a number, cell by cell; dropout."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from fwdwidgets.explain.call import Call, NotTakenApart
from fwdwidgets.explain.index import Index
from fwdwidgets.explain.pointwise import Pointwise
from fwdwidgets.explain.relation import broadcasting
from fwdwidgets.explain.sums import Sum
from fwdwidgets.explain.table import rule


@rule("add", "input, other, *, alpha=1")
def add(call: Call) -> Sum:
    """A cell of the first plus a cell of the second."""
    plus = [(broadcasting(call, "input"), 1.0), (broadcasting(call, "other"), float(call["alpha"]))]
    return Sum(call, plus=plus)


@rule("sub subtract", "input, other, *, alpha=1")
def sub(call: Call) -> Sum:
    """A cell of the first minus a cell of the second."""
    plus = [
        (broadcasting(call, "input"), 1.0),
        (broadcasting(call, "other"), -float(call["alpha"])),
    ]
    return Sum(call, plus=plus)


@rule("mul multiply", "input, other")
def mul(call: Call) -> Pointwise:
    """A cell of the first times a cell of the second."""
    return Pointwise(
        call,
        ["input", "other"],
        "<input> * <other>",
        r"<input> \cdot <other>",
        torch.mul,
        lambda x, w: w,
        "other",
    )


@rule("div divide true_divide", "input, other, *, rounding_mode=None")
def div(call: Call) -> Pointwise:
    """A cell of the first divided by a cell of the second."""
    mode = call["rounding_mode"]
    if mode is None:
        return Pointwise(
            call,
            ["input", "other"],
            "<input> / <other>",
            r"\frac{<input>}{<other>}",
            torch.div,
            lambda x, w: 1 / w if w else float("inf"),
        )
    code = "torch.div(<input>, <other>, rounding_mode=<rounding_mode>)"
    return Pointwise(
        call,
        ["input", "other"],
        code,
        rf"\mathrm{{{mode}}}(\frac{{<input>}}{{<other>}})",
        lambda x, y: torch.div(x, y, rounding_mode=mode),
    )


_TWO: dict[str, tuple[str, str, Callable[..., Tensor] | None]] = {
    "pow": ("<input> ** <other>", "<input>^{<other>}", torch.pow),
    "floor_divide": (
        "<input> // <other>",
        r"\lfloor <input> / <other> \rfloor",
        torch.floor_divide,
    ),
    "remainder": ("<input> % <other>", r"<input> \bmod <other>", torch.remainder),
    "eq": ("<input> == <other>", "<input> = <other>", torch.eq),
    "ne": ("<input> != <other>", r"<input> \neq <other>", torch.ne),
    "lt": ("<input> < <other>", "<input> < <other>", torch.lt),
    "le": ("<input> <= <other>", r"<input> \leq <other>", torch.le),
    "gt": ("<input> > <other>", "<input> > <other>", torch.gt),
    "ge": ("<input> >= <other>", r"<input> \geq <other>", torch.ge),
    "maximum": ("torch.maximum(<input>, <other>)", r"\max(<input>, <other>)", torch.maximum),
    "minimum": ("torch.minimum(<input>, <other>)", r"\min(<input>, <other>)", torch.minimum),
    "logical_and": ("torch.logical_and(<input>, <other>)", r"<input> \land <other>", None),
    "logical_or": ("torch.logical_or(<input>, <other>)", r"<input> \lor <other>", None),
    "bitwise_and": ("<input> & <other>", r"<input> \land <other>", None),
    "bitwise_or": ("<input> | <other>", r"<input> \lor <other>", None),
}


def _two(operation: str) -> None:
    code, formula, function = _TWO[operation]

    @rule(operation, "input, other" if operation != "pow" else "input, exponent")
    def _(call: Call) -> Pointwise:
        names = ["input", "other" if operation != "pow" else "exponent"]
        second = f"<{names[1]}>"
        return Pointwise(
            call,
            names,
            code.replace("<other>", second),
            formula.replace("<other>", second),
            function,
        )


for _name in _TWO:
    _two(_name)


@rule("where", "condition, input, other")
def where(call: Call) -> Pointwise:
    """A cell of the first where the condition holds, of the second elsewhere."""
    return Pointwise(
        call,
        ["condition", "input", "other"],
        "torch.where(<condition>, <input>, <other>)",
        r"<condition> \mathrel{?} <input> : <other>",
        lambda c, x, y: x if c else y,
    )


@rule("masked_fill", "input, mask, value")
def masked_fill(call: Call) -> Pointwise:
    """A number where the mask is set, the input elsewhere."""
    return Pointwise(
        call,
        ["input", "mask", "value"],
        "torch.where(<mask>, <value>, <input>)",
        r"<mask> \mathrel{?} <value> : <input>",
        lambda x, m, v: v if m else x,
    )


@rule(
    "dropout dropout1d dropout2d dropout3d feature_dropout",
    "input, p=0.5, training=True, inplace=False",
)
def dropout(call: Call) -> Sum:
    """In train mode each number is dropped or scaled up; in eval mode it stays.

    The output shows which numbers were dropped.
    """
    p = call["p"]
    if p == 1 and call["training"]:
        raise NotTakenApart("dropout with p=1 leaves nothing")

    def kept(index: Index) -> float:
        if not call["training"] or p == 0:
            return 1.0
        return 0.0 if call.value[index] == 0 else 1 / (1 - p)

    return Sum(call, [broadcasting(call, "input")], coefficient=kept)
