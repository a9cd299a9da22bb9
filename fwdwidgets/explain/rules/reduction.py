"""Reductions over axes: sum, mean, largest, norm, variance."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import prod
from typing import Any

import torch
from torch import Tensor

from fwdwidgets.explain.call import Call, NotTakenApart
from fwdwidgets.explain.chosen import Largest
from fwdwidgets.explain.gathered import Gathered, Result
from fwdwidgets.explain.index import Access, Axis, Index
from fwdwidgets.explain.pointwise import Pointwise
from fwdwidgets.explain.relation import Cells, Relation, broadcasting
from fwdwidgets.explain.sums import Sum
from fwdwidgets.explain.table import rule


def reduced(call: Call, dim: Any, keepdim: bool) -> tuple[Access, list[int]]:
    """The cells that an output cell of a reduction over these axes reads, and the axes' lengths."""
    x = call.tensors["input"]
    if isinstance(dim, Tensor | str):
        raise NotTakenApart("axes by name or by a tensor are not taken apart")
    dims = [dim] if isinstance(dim, int) else list(dim if dim is not None else ())
    gone = sorted({d % x.dim() for d in dims}) if dims else list(range(x.dim()))
    axes, out = [], 0
    for position in range(x.dim()):
        if position in gone:
            axes.append(Axis(over=gone.index(position)))
            out += keepdim
        else:
            axes.append(Axis(out=out))
            out += 1
    return Access("input", tuple(axes)), [x.shape[i] for i in gone]


@rule("sum nansum", "input, dim=None, keepdim=False, *, dtype=None")
def summed(call: Call) -> Sum:
    """All cells along some axes, added."""
    if call.op != "sum":
        raise NotTakenApart(f"{call.op} is not taken apart")
    access, over = reduced(call, call["dim"], call["keepdim"])
    return Sum(call, [access], over)


@rule("mean", "input, dim=None, keepdim=False, *, dtype=None")
def mean(call: Call) -> Sum:
    """All cells along some axes, added and divided by their number."""
    access, over = reduced(call, call["dim"], call["keepdim"])
    return Sum(call, [access], over, coefficient=lambda _: 1 / prod(over))


@rule("amax amin argmax argmin", "input, dim=None, keepdim=False")
def extreme(call: Call) -> Largest:
    """The largest or smallest cell along axes, or its position."""
    access, over = reduced(call, call["dim"], call["keepdim"])
    return Largest(call, access, over, call.op.endswith("min"), call.op.startswith("arg"))


@rule("max min", "input, dim=None, keepdim=False")
def largest(call: Call) -> Relation:
    """The largest cell of all, along an axis (with its position), or of two tensors."""
    smallest = call.op == "min"
    if isinstance(call["dim"], Tensor):
        call.arguments["other"] = call["dim"]
        call.tensors["other"] = call.tensors.pop("dim")
        call.owners["other"] = call.owners.pop("dim")
        word = "minimum" if smallest else "maximum"
        function = torch.minimum if smallest else torch.maximum
        formula = rf"\{call.op}(<input>, <other>)"
        code = f"torch.{word}(<input>, <other>)"
        return Pointwise(call, ["input", "other"], code, formula, function)
    access, over = reduced(call, call["dim"], call["keepdim"])
    return Largest(call, access, over, smallest, place=call.output == 1)


def _vector(
    call: Call,
    dim: Any,
    keepdim: bool,
    function: Callable[[Tensor], Tensor],
    code: str,
    formula: str,
    term: str,
    part: Callable[[Tensor], Tensor],
    join: str = " + ",
) -> Gathered:
    access, over = reduced(call, dim, keepdim)

    def of_cells(index: Index, cells: Sequence[Cells]) -> Result:
        values = cells[0].values
        line = code.replace("<input>", cells[0].code)
        result = function(values.reshape(-1)).item()
        size = values.abs().max().item() if values.numel() else 0.0
        return Result(result, part(values), formula, line, term=term, join=join, scale=size)

    return Gathered(call, call.op, [access], over, of_cells)


@rule("prod", "input, dim=None, keepdim=False, *, dtype=None")
def product(call: Call) -> Gathered:
    """All cells along an axis, multiplied."""
    return _vector(
        call,
        call["dim"],
        call["keepdim"],
        torch.prod,
        "<input>.prod()",
        "<terms>",
        "<x>",
        lambda v: v,
        r" \cdot ",
    )


@rule("logsumexp", "input, dim, keepdim=False")
def logsumexp(call: Call) -> Gathered:
    """The logarithm of the sum of exponentials."""
    return _vector(
        call,
        call["dim"],
        call["keepdim"],
        lambda v: v.logsumexp(0),
        "<input>.flatten().logsumexp(0)",
        r"\ln(<terms>)",
        "e^{<n>}",
        torch.exp,
    )


@rule("norm", "input, p='fro', dim=None, keepdim=False, dtype=None")
def norm(call: Call) -> Gathered:
    """The length of a vector."""
    return _norm(call, 2 if call["p"] in ("fro", None) else call["p"])


@rule("linalg_norm linalg_vector_norm vector_norm", "input, ord=2, dim=None, keepdim=False")
def vector_norm(call: Call) -> Gathered:
    """The length of a vector."""
    if call.op == "linalg_norm" and isinstance(call["dim"], tuple | list):
        raise NotTakenApart("the norm of a matrix is not taken apart")
    return _norm(call, 2 if call["ord"] is None else call["ord"])


def _norm(call: Call, p: Any) -> Gathered:
    if not isinstance(p, int | float) or p in (0, float("inf"), -float("inf")):
        raise NotTakenApart(f"a norm with p={p!r} is not taken apart")
    return _vector(
        call,
        call["dim"],
        call["keepdim"],
        lambda v: torch.linalg.vector_norm(v, float(p)),
        f"torch.linalg.vector_norm(<input>, {p})",
        rf"(<terms>)^{{1/{p}}}",
        f"|<x>|^{{{p}}}",
        lambda v: v.abs().pow(p),
    )


@rule("var std", "input, dim=None, unbiased=None, keepdim=False, *, correction=None")
def variance(call: Call) -> Gathered:
    """The mean square distance from the mean, or its root."""
    dim, unbiased = call["dim"], call["unbiased"]
    if isinstance(dim, bool):
        dim, unbiased = None, dim
    correction = call["correction"]
    if correction is None:
        correction = 0 if unbiased is False else 1
    root = call.op == "std"
    code = f"<input>.{call.op}(correction={correction})"

    def function(v: Tensor) -> Tensor:
        found: Tensor = v.var(correction=correction)
        return torch.sqrt(found) if root else found

    def part(v: Tensor) -> Tensor:
        return (v - v.mean()).square() / float(max(v.numel() - correction, 1))

    formula = r"\sqrt{<terms>}" if root else "<terms>"
    return _vector(call, dim, call["keepdim"], function, code, formula, "<p>", part)


@rule("all any", "input, dim=None, keepdim=False")
def every(call: Call) -> Gathered:
    """Whether all, or any, of the cells are true."""
    whole = call.op == "all"
    return _vector(
        call,
        call["dim"],
        call["keepdim"],
        lambda v: ((v != 0).all() if whole else (v != 0).any()).double(),
        f"<input>.{call.op}()",
        "<terms>",
        "<x>",
        lambda v: (v != 0).double(),
        r" \land " if whole else r" \lor ",
    )


@rule("cumsum", "input, dim, *, dtype=None")
def running_sum(call: Call) -> Sum:
    """The sum of all cells along an axis up to this one."""
    x = call.tensors["input"]
    dim, size = call["dim"] % x.dim(), x.shape[call["dim"]]
    table = torch.arange(size).repeat(size, 1)
    table = table.masked_fill(table > torch.arange(size).view(-1, 1), -1)
    axes = [Axis(dim, 0, table) if i == dim else Axis(out=i) for i in range(x.dim())]
    return Sum(call, [Access("input", tuple(axes))], [size])


@rule("normalize", "input, p=2.0, dim=1, eps=1e-12, out=None")
def normalize(call: Call) -> Gathered:
    """A number divided by the norm of its vector."""
    x, p = call.tensors["input"], call["p"]
    dim = call["dim"] % x.dim()
    axes = tuple(Axis(over=0) if i == dim else Axis(out=i) for i in range(x.dim()))

    def function(index: Index, cells: Sequence[Cells]) -> Result:
        values, own = cells[0].values, cells[1].values.reshape(())
        length = values.abs().pow(p).sum().pow(1 / p).clamp(min=call["eps"])
        return Result(
            (own / length).item(),
            values.abs().pow(p),
            rf"\frac{{{own.item():.4g}}}{{(<terms>)^{{1/{p:g}}}}}",
            f"F.normalize({cells[0].code}, {p!r}, 0, {call['eps']})[{index[dim]}]",
            term=f"|<x>|^{{{p:g}}}",
        )

    accesses = [Access("input", axes), broadcasting(call, "input")]
    return Gathered(call, "normalised", accesses, [x.shape[dim]], function)
