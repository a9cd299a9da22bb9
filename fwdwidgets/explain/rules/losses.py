"""Losses: one number for each cell or sample, and their mean or sum."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from fwdwidgets.explain.call import Call, NotTakenApart
from fwdwidgets.explain.gathered import Gathered, Result
from fwdwidgets.explain.index import Access, Axis, Index
from fwdwidgets.explain.relation import Cells, broadcasting
from fwdwidgets.explain.table import rule

_OLD = "size_average=None, reduce=None, reduction='mean'"


def _sign(call: Call) -> tuple[str, float]:
    """The reduction, and what the sum of the losses is multiplied by."""
    if call["size_average"] is not None or call["reduce"] is not None:
        raise NotTakenApart("size_average and reduce are of the past: pass reduction=")
    count = max(call.tensors["input"].numel(), 1)
    return call["reduction"], (1 / count if call["reduction"] == "mean" else 1.0)


def _cellwise(
    call: Call, loss: Callable[..., Tensor], code: str, term: str, operands: Sequence[str] = ()
) -> Gathered:
    """A loss of each cell of the input and its target."""
    how, factor = _sign(call)
    x = call.tensors["input"]
    names = ["input", "target", *[name for name in operands if call.operand(name)]]
    if any(call.tensors[name].shape != x.shape for name in names):
        raise NotTakenApart("a loss that broadcasts is not taken apart")
    if how == "none":
        accesses, over = [broadcasting(call, name) for name in names], []
    else:
        axes = tuple(Axis(over=i) for i in range(x.dim()))
        accesses, over = [Access(name, axes) for name in names], list(x.shape)

    def function(index: Index, cells: Sequence[Cells]) -> Result:
        products = loss(*[own.values for own in cells]) * factor
        line = code
        for name, own in zip(names, cells, strict=True):
            line = line.replace(f"<{name}>", own.code)
        line = line.replace(", <weight>", "").replace(", <pos_weight>", "")
        line += {"mean": ".mean()", "sum": ".sum()", "none": ""}[how]
        divided = rf"\frac{{1}}{{{x.numel()}}} (<terms>)" if how == "mean" else "<terms>"
        return Result(products.sum().item(), products, divided, line, term=term)

    return Gathered(call, "loss", accesses, over, function)


@rule("mse_loss", f"input, target, {_OLD}, weight=None")
def mse(call: Call) -> Gathered:
    """The square of the difference."""
    if call["weight"] is not None:
        raise NotTakenApart("mse_loss with weights is not taken apart")
    return _cellwise(
        call, lambda x, t: (x - t).square(), "((<input> - <target>) ** 2)", r"(<x> - t)^2"
    )


@rule("l1_loss", f"input, target, {_OLD}")
def l1(call: Call) -> Gathered:
    """The absolute difference."""
    return _cellwise(call, lambda x, t: (x - t).abs(), "(<input> - <target>).abs()", "|<x> - t|")


@rule("smooth_l1_loss", f"input, target, {_OLD}, beta=1.0")
def smooth_l1(call: Call) -> Gathered:
    """Squared where the difference is small, absolute where it is large."""
    beta = call["beta"]
    code = f'F.smooth_l1_loss(<input>, <target>, reduction="none", beta={beta!r})'

    def loss(x: Tensor, t: Tensor) -> Tensor:
        return F.smooth_l1_loss(x, t, reduction="none", beta=beta)

    return _cellwise(call, loss, code, "<p>")


@rule("binary_cross_entropy", f"input, target, weight=None, {_OLD}")
def bce(call: Call) -> Gathered:
    """Minus the logarithm of the probability of the target."""

    def loss(x: Tensor, t: Tensor, *weight: Tensor) -> Tensor:
        found = F.binary_cross_entropy(x, t, reduction="none")
        return found * weight[0] if weight else found

    code = 'F.binary_cross_entropy(<input>, <target>, <weight>, reduction="none")'
    return _cellwise(call, loss, code, r"-(t \ln <x> + (1 - t) \ln(1 - <x>))", ["weight"])


@rule("binary_cross_entropy_with_logits", f"input, target, weight=None, {_OLD}, pos_weight=None")
def bce_logits(call: Call) -> Gathered:
    """Binary cross-entropy of a logit."""
    if call["weight"] is not None or call["pos_weight"] is not None:
        raise NotTakenApart("weights of a binary cross-entropy with logits are not taken apart")

    def loss(x: Tensor, t: Tensor) -> Tensor:
        return F.binary_cross_entropy_with_logits(x, t, reduction="none")

    code = 'F.binary_cross_entropy_with_logits(<input>, <target>, reduction="none")'
    return _cellwise(call, loss, code, r"(\ln(1 + e^{<x>}) - t \cdot <x>)")


@rule("kl_div", f"input, target, {_OLD}, log_target=False")
def kl(call: Call) -> Gathered:
    """How far apart two distributions are."""
    if call["reduction"] == "batchmean":
        raise NotTakenApart("batchmean is not taken apart")
    log = bool(call["log_target"])

    def loss(x: Tensor, t: Tensor) -> Tensor:
        return F.kl_div(x, t, reduction="none", log_target=log)

    code = f'F.kl_div(<input>, <target>, reduction="none", log_target={log})'
    return _cellwise(call, loss, code, "<p>")


def _of_classes(call: Call, logits: bool, smoothing: float = 0.0) -> Gathered:
    """Minus the logarithm of the probability of the true class of each sample."""
    how, _ = _sign(call)
    x, target = call.tensors["input"], call.tensors["target"]
    if target.is_floating_point() or x.dim() not in (1, 2) or call["ignore_index"] in target:
        raise NotTakenApart("targets that are no class of one sample each are not taken apart")
    batch = x.dim() == 2
    weighted, samples = call.operand("weight"), x.shape[0] if batch else 1
    one = how == "none" and batch
    first = Axis(out=0) if one else Axis(over=0)
    rows, row = ([first], [first]) if batch else ([], [])
    accesses = [Access("input", (*rows, Axis(over=1))), Access("target", tuple(row))]
    if weighted:
        accesses.append(Access("weight", (Axis(over=1),)))
    name = "cross_entropy" if logits else "nll_loss"

    def function(index: Index, cells: Sequence[Cells]) -> Result:
        values, classes = cells[0].values, cells[1].values.long()  # (samples, classes)
        logs = values.log_softmax(1) if logits else values
        wanted = F.one_hot(classes.reshape(-1), values.shape[1]).double()
        share = cells[2].values * wanted if weighted else wanted
        scale = 1 / share.sum() if how == "mean" else 1.0
        if smoothing:
            even = cells[2].values if weighted else torch.ones_like(wanted)
            share = (1 - smoothing) * share + smoothing / values.shape[1] * even
        products = -logs * share * scale
        result = products.sum().item()
        line = ", ".join(own.code for own in cells)
        extra = f", label_smoothing={smoothing!r}" if smoothing else ""
        code = f'F.{name}({line}{extra}, reduction="{"sum" if one else how}")'
        return Result(
            result,
            products,
            "<terms>",
            code,
            term="<p>",
            scale=values.abs().max().item() if values.numel() else 0.0,
        )

    return Gathered(call, "loss", accesses, [1 if one else samples, x.shape[-1]], function)


@rule(
    "cross_entropy",
    "input, target, weight=None, size_average=None, ignore_index=-100, reduce=None, "
    "reduction='mean', label_smoothing=0.0",
)
def cross_entropy(call: Call) -> Gathered:
    """Of logits."""
    return _of_classes(call, True, float(call["label_smoothing"]))


@rule(
    "nll_loss",
    "input, target, weight=None, size_average=None, ignore_index=-100, reduce=None, "
    "reduction='mean'",
)
def nll(call: Call) -> Gathered:
    """The negative log-likelihood, from log-probabilities."""
    return _of_classes(call, False)
