"""Softmax, log-softmax and attention."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from fwdwidgets.explain import latex
from fwdwidgets.explain.call import Call, NotTakenApart
from fwdwidgets.explain.gathered import Gathered, Result
from fwdwidgets.explain.index import Access, Axis, Index, broadcast
from fwdwidgets.explain.relation import Cells
from fwdwidgets.explain.table import rule

_SIGNATURE = "input, dim=None, _stacklevel=3, dtype=None"


def _one_axis(call: Call) -> tuple[int, Access]:
    x = call.tensors["input"]
    dim = call["dim"]
    if dim is None:
        dim = 0 if x.dim() in (0, 1, 3) else 1
    if not isinstance(dim, int) or not x.dim():
        raise NotTakenApart(f"{call.op} over dim={dim!r} is not taken apart")
    dim %= x.dim()
    axes = tuple(Axis(over=0) if i == dim else Axis(out=i) for i in range(x.dim()))
    return dim, Access("input", axes)


@rule("softmax softmin", _SIGNATURE)
def softmax(call: Call) -> Gathered:
    """The exponential of a number divided by the sum of all exponentials along an axis."""
    dim, access = _one_axis(call)
    sign = -1.0 if call.op == "softmin" else 1.0

    def function(index: Index, cells: Sequence[Cells]) -> Result:
        values = sign * cells[0].values
        terms = (values - values.max()).exp()
        own = terms[index[dim]]
        code = f"torch.softmax({'-' if sign < 0 else ''}{cells[0].code}, 0)[{index[dim]}]"
        minus, name = ("", "n") if sign > 0 else ("-", "x")
        formula = rf"\frac{{e^{{{latex.number(values[index[dim]].item())}}}}}{{<terms>}}"
        result = (own / terms.sum()).item()
        # The exponent is rounded to float32, so the result has the same relative error.
        return Result(
            result,
            terms / terms.sum(),
            formula,
            code,
            term=f"e^{{{minus}<{name}>}}",
            scale=result * max(1.0, values.abs().max().item()),
        )

    return Gathered(call, "softmax", [access], [call.tensors["input"].shape[dim]], function)


@rule("log_softmax", _SIGNATURE)
def log_softmax(call: Call) -> Gathered:
    """A number minus the logarithm of the sum of all exponentials along an axis."""
    dim, access = _one_axis(call)

    def function(index: Index, cells: Sequence[Cells]) -> Result:
        values = cells[0].values
        own, total = values[index[dim]], values.logsumexp(0)
        code = f"torch.log_softmax({cells[0].code}, 0)[{index[dim]}]"
        formula = rf"{latex.number(own.item())} - \ln(<terms>)"
        products = (values - total).exp()
        return Result(
            (own - total).item(), products, formula, code, term="e^{<n>}", scale=own.abs().item()
        )

    return Gathered(call, "softmax", [access], [call.tensors["input"].shape[dim]], function)


@rule(
    "scaled_dot_product_attention",
    "query, key, value, attn_mask=None, dropout_p=0.0, is_causal=False, scale=None, "
    "enable_gqa=False",
)
def attention(call: Call) -> Gathered:
    """The values of all places, weighted by the softmax of query times key.

    The terms are the values; their weights are the attention.
    """
    if call["dropout_p"] or call["enable_gqa"]:
        raise NotTakenApart("attention with dropout, or with shared heads, is not taken apart")
    query, key = call.tensors["query"], call.tensors["key"]
    out = len(call.shape)
    length, places = query.shape[-2], key.shape[-2]
    scale = query.shape[-1] ** -0.5 if call["scale"] is None else call["scale"]
    row, seen = Axis(out=out - 2), Axis(over=0)
    if call["is_causal"]:
        table = torch.arange(places).repeat(length, 1)
        late = table > torch.arange(length).view(-1, 1)
        seen = Axis(out - 2, 0, table.masked_fill(late, -1))

    def lead(name: str) -> tuple[Axis, ...]:
        return broadcast(name, tuple(call.tensors[name].shape[:-2]), out - 2).axes

    accesses = [
        Access("value", (*lead("value"), seen, Axis(out=out - 1))),
        Access("key", (*lead("key"), seen, Axis(over=1))),
        Access("query", (*lead("query"), row, Axis(over=1))),
    ]
    if call.operand("attn_mask"):
        mask = call.tensors["attn_mask"]
        axes = list(broadcast("attn_mask", tuple(mask.shape), out).axes)
        axes[-1] = Axis() if mask.shape[-1] == 1 and places > 1 else Axis(over=0)
        accesses.append(Access("attn_mask", tuple(axes)))

    def function(index: Index, cells: Sequence[Cells]) -> Result:
        values, keys, queries = (own.values for own in cells[:3])
        scores = (keys * queries).sum(1, keepdim=True) * scale  # (places, 1)
        code = f"{cells[1].code} @ {cells[2].code} * {scale!r}"
        if len(cells) > 3:
            given = cells[3].values
            if call.tensors["attn_mask"].dtype is torch.bool:
                scores = scores.masked_fill(given == 0, -torch.inf)
                code = f"({code}).masked_fill(~{cells[3].code}, -torch.inf)"
            else:
                scores, code = scores + given, f"{code} + {cells[3].code}"
        weights = scores.softmax(0)
        spread = max(1.0, (keys * queries).abs().sum(1).max().item() * abs(scale))
        products = torch.where(weights == 0, weights, weights * values)
        code = f"torch.softmax({code}, 0) @ {cells[0].code}"
        size = products.abs().sum().item() * spread
        return Result(
            products.sum().item(),
            products,
            "<terms>",
            code,
            weights=weights,
            term=r"<w> \cdot <x>",
            scale=size,
        )

    return Gathered(call, "attention", accesses, [places, query.shape[-1]], function)
