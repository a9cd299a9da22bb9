"""Matrix products: linear, matmul, bmm, einsum and the like."""

from __future__ import annotations

from fwdwidgets.explain.call import Call, NotTakenApart
from fwdwidgets.explain.index import Access, Axis, broadcast
from fwdwidgets.explain.relation import broadcasting
from fwdwidgets.explain.sums import Sum
from fwdwidgets.explain.table import rule


@rule("linear", "input, weight, bias=None")
def linear(call: Call) -> Sum:
    """`y[..., o] = sum over i of x[..., i] * w[o, i] + b[o]`."""
    x, weight = call.tensors["input"], call.tensors["weight"]
    last = x.dim() - 1
    lead = tuple(Axis(out=i) for i in range(last))
    if weight.dim() == 1:
        factors = [Access("input", (*lead, Axis(over=0))), Access("weight", (Axis(over=0),))]
    else:
        factors = [
            Access("input", (*lead, Axis(over=0))),
            Access("weight", (Axis(out=last), Axis(over=0))),
        ]
    plus = [(broadcasting(call, "bias"), 1.0)] if call.operand("bias") else []
    return Sum(call, factors, [x.shape[-1]], plus)


def product(call: Call, first: str, second: str) -> tuple[list[Access], list[int]]:
    """The factors of a matrix product with its broadcasting, and what it runs over."""
    a, b = call.tensors[first], call.tensors[second]
    out = len(call.shape)
    rows = a.dim() > 1
    columns = b.dim() > 1
    lead = out - rows - columns
    last = (Axis(out=out - 1),) if columns else ()
    a_axes = broadcast(first, a.shape[:-2] if rows else (), lead).axes
    b_axes = broadcast(second, b.shape[:-2] if columns else (), lead).axes
    row = (Axis(out=lead),) if rows else ()
    return [
        Access(first, (*a_axes, *row, Axis(over=0))),
        Access(second, (*b_axes, Axis(over=0), *last)),
    ], [a.shape[-1]]


@rule("matmul bmm mm mv dot", "input, other")
def matmul(call: Call) -> Sum:
    """`y[..., i, j] = sum over k of a[..., i, k] * b[..., k, j]`."""
    return Sum(call, *product(call, "input", "other"))


@rule("addmm baddbmm addmv", "input, first, second, *, beta=1, alpha=1")
def addmm(call: Call) -> Sum:
    """A matrix product plus another tensor."""
    factors, over = product(call, "first", "second")
    alpha = float(call["alpha"])
    added = broadcasting(call, "input")
    plus = [(added, float(call["beta"]))] if call["beta"] else []
    return Sum(call, factors, over, plus, None if alpha == 1 else lambda _: alpha)


@rule("outer ger", "input, vec2")
def outer(call: Call) -> Sum:
    """`y[i, j] = a[i] * b[j]`."""
    return Sum(call, [Access("input", (Axis(out=0),)), Access("vec2", (Axis(out=1),))])


@rule("einsum", "equation, *operands")
def einsum(call: Call) -> Sum:
    """Letters that are in the result are its axes; the others are run over."""
    equation = call["equation"]
    operands = call["operands"]
    if not isinstance(equation, str):
        raise NotTakenApart("einsum is taken apart when its equation is a text")
    if len(operands) == 1 and isinstance(operands[0], list | tuple):
        call.tensors = {f"operands[{i}]": t for i, t in enumerate(operands[0])}
        owners = [owner for owner, _ in call.operands()]
        call.owners = dict(zip(call.tensors, owners, strict=True))
        call.arguments["operands"] = operands[0]
    inputs, arrow, result = equation.replace(" ", "").partition("->")
    if "." in inputs:
        raise NotTakenApart("an ellipsis in an equation is not taken apart")
    if not arrow:
        once = [c for c in inputs if c != "," and inputs.count(c) == 1]
        result = "".join(sorted(once))
    over: dict[str, int] = {}
    accesses = []
    for name, letters in zip(call.tensors, inputs.split(","), strict=True):
        if len(set(letters)) < len(letters):
            raise NotTakenApart("a diagonal is not taken apart")
        axes = []
        for size, letter in zip(call.tensors[name].shape, letters, strict=True):
            if size == 1 and call.shape and letter in result:
                axes.append(Axis())
            elif letter in result:
                axes.append(Axis(out=result.index(letter)))
            else:
                number = list(over).index(letter) if letter in over else len(over)
                if over.setdefault(letter, size) != size:
                    raise NotTakenApart("a broadcast letter is not taken apart")
                axes.append(Axis(over=number))
        accesses.append(Access(name, tuple(axes)))
    return Sum(call, accesses, list(over.values()))
