"""Functions of one number: the relu family, sigmoid, tanh, gelu, exp and the like."""

from __future__ import annotations

from collections.abc import Callable

from torch import Tensor

from fwdwidgets.explain.call import Call, NotTakenApart
from fwdwidgets.explain.index import Access, Axis
from fwdwidgets.explain.pointwise import Pointwise, Weigh
from fwdwidgets.explain.table import rule

_INPLACE = "input, inplace=False"


def _register(
    operation: str, signature: str, code: str, formula: str, weigh: Weigh | None = None
) -> None:
    @rule(operation, signature)
    def _(call: Call) -> Pointwise:
        return Pointwise(call, ["input"], code, formula, weigh=weigh)


def _passes(keep: Callable[[float], bool]) -> Weigh:
    return lambda x: 1.0 if keep(x) else 0.0


_register("relu", _INPLACE, "torch.relu(<input>)", r"\max(0, <input>)", _passes(lambda x: x > 0))
for _name, _formula in {
    "relu6": r"\min(\max(0, <input>), 6)",
    "selu": r"\mathrm{SELU}(<input>)",
    "silu": r"\frac{<input>}{1 + e^{-<input>}}",
    "mish": r"<input> \cdot \tanh(\ln(1 + e^{<input>}))",
    "hardsigmoid": r"\min(\max(0, \frac{<input> + 3}{6}), 1)",
    "hardswish": r"<input> \cdot \min(\max(0, \frac{<input> + 3}{6}), 1)",
}.items():
    _register(_name, _INPLACE, f"F.{_name}(<input>)", _formula)
for _name, _formula in {
    "sigmoid": r"\frac{1}{1 + e^{-<input>}}",
    "tanh": r"\tanh(<input>)",
    "exp": r"e^{<input>}",
    "log": r"\ln <input>",
    "log1p": r"\ln(1 + <input>)",
    "log2": r"\log_2 <input>",
    "log10": r"\log_{10} <input>",
    "expm1": r"e^{<input>} - 1",
    "sqrt": r"\sqrt{<input>}",
    "rsqrt": r"\frac{1}{\sqrt{<input>}}",
    "abs": r"|<input>|",
    "square": r"<input>^2",
    "reciprocal": r"\frac{1}{<input>}",
    "sin": r"\sin <input>",
    "cos": r"\cos <input>",
    "tan": r"\tan <input>",
    "atan": r"\arctan <input>",
    "sinh": r"\sinh <input>",
    "cosh": r"\cosh <input>",
    "erf": r"\mathrm{erf}(<input>)",
    "floor": r"\lfloor <input> \rfloor",
    "ceil": r"\lceil <input> \rceil",
    "trunc": r"\mathrm{trunc}(<input>)",
    "sign": r"\mathrm{sign}(<input>)",
    "logical_not": r"\lnot <input>",
    "bitwise_not": r"\lnot <input>",
    "isnan": r"\mathrm{isnan}(<input>)",
    "isfinite": r"\mathrm{isfinite}(<input>)",
}.items():
    _register(_name, "input", f"torch.{_name}(<input>)", _formula)
_register("logsigmoid log_sigmoid", "input", "F.logsigmoid(<input>)", r"-\ln(1 + e^{-<input>})")
for _name, _formula in {
    "softsign": r"\frac{<input>}{1 + |<input>|}",
    "tanhshrink": r"<input> - \tanh(<input>)",
}.items():
    _register(_name, "input", f"F.{_name}(<input>)", _formula)
_register("neg negative", "input", "-<input>", "-<input>", lambda x: -1.0)
_register("round", "input, *, decimals=0", "torch.round(<input>)", r"\mathrm{round}(<input>)")
_register(
    "gelu",
    "input, approximate='none'",
    "F.gelu(<input>, approximate=<approximate>)",
    r"<input> \cdot \Phi(<input>)",
)
_register(
    "leaky_relu",
    "input, negative_slope=0.01, inplace=False",
    "F.leaky_relu(<input>, <negative_slope>)",
    r"\max(0, <input>) + <negative_slope> \cdot \min(0, <input>)",
)
_register(
    "elu",
    "input, alpha=1.0, inplace=False",
    "F.elu(<input>, <alpha>)",
    r"\max(0, <input>) + \min(0, <alpha> \cdot (e^{<input>} - 1))",
)
_register(
    "celu",
    "input, alpha=1.0, inplace=False",
    "F.celu(<input>, <alpha>)",
    r"\max(0, <input>) + \min(0, <alpha> \cdot (e^{<input> / <alpha>} - 1))",
)
_register(
    "hardtanh",
    "input, min_val=-1.0, max_val=1.0, inplace=False",
    "F.hardtanh(<input>, <min_val>, <max_val>)",
    r"\min(\max(<min_val>, <input>), <max_val>)",
)
_register(
    "threshold",
    "input, threshold, value, inplace=False",
    "F.threshold(<input>, <threshold>, <value>)",
    r"<input> > <threshold> \mathrel{?} <input> : <value>",
)
_register(
    "softplus",
    "input, beta=1, threshold=20",
    "F.softplus(<input>, <beta>, <threshold>)",
    r"\frac{1}{<beta>} \ln(1 + e^{<beta> \cdot <input>})",
)
_register(
    "hardshrink",
    "input, lambd=0.5",
    "F.hardshrink(<input>, <lambd>)",
    r"|<input>| > <lambd> \mathrel{?} <input> : 0",
)
_register(
    "softshrink",
    "input, lambd=0.5",
    "F.softshrink(<input>, <lambd>)",
    r"\mathrm{sign}(<input>) \cdot \max(0, |<input>| - <lambd>)",
)


@rule("clamp clip", "input, min=None, max=None")
def clamp(call: Call) -> Pointwise:
    """Between two numbers."""
    if isinstance(call["min"], Tensor) or isinstance(call["max"], Tensor):
        raise NotTakenApart("clamp between tensors is not taken apart")
    formula = "<input>"
    formula = formula if call["min"] is None else rf"\max(<min>, {formula})"
    formula = formula if call["max"] is None else rf"\min({formula}, <max>)"
    code = "torch.clamp(<input>, <min>, <max>)"
    return Pointwise(call, ["input"], code, formula)


@rule("clamp_min", "input, min")
def clamp_min(call: Call) -> Pointwise:
    """At least a number."""
    return Pointwise(call, ["input"], "torch.clamp(<input>, <min>)", r"\max(<min>, <input>)")


@rule("float double half bfloat16 int long short bool to type", "input, *args, **kwargs")
def cast(call: Call) -> Pointwise:
    """The same number in another dtype."""
    code = f"<input>.to({call.value.dtype})"
    return Pointwise(call, ["input"], code, "<input>")


@rule("prelu", "input, weight")
def prelu(call: Call) -> Pointwise:
    """The number, below zero times a learned weight of its channel."""
    own = Axis(out=1) if call.tensors["weight"].numel() > 1 else Axis()
    return Pointwise(
        call,
        ["input", "weight"],
        "torch.where(<input> > 0, <input>, <input> * <weight>)",
        r"\max(0, <input>) + <weight> \cdot \min(0, <input>)",
        lambda x, w: x.clamp(min=0) + w * x.clamp(max=0),
        accesses=[Access("weight", (own,))],
    )
