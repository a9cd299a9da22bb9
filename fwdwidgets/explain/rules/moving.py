"""What only moves cells: views, permutations, joining, splitting, indexing, padding, looking up."""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from fwdwidgets.explain import latex
from fwdwidgets.explain.call import Call, NotTakenApart
from fwdwidgets.explain.copies import Copy
from fwdwidgets.explain.index import Access, Axis, Index
from fwdwidgets.explain.relation import Made, Relation
from fwdwidgets.explain.table import rule
from fwdwidgets.explain.terms import Terms


@rule(
    "reshape flatten view view_as reshape_as unflatten permute transpose t T mT H mH swapaxes "
    "swapdims movedim moveaxis squeeze unsqueeze expand expand_as broadcast_to ravel atleast_1d "
    "roll flip fliplr flipud rot90 repeat tile repeat_interleave narrow select diagonal unfold "
    "chunk split tensor_split unbind hsplit vsplit split_with_sizes split_copy "
    "pixel_shuffle pixel_unshuffle channel_shuffle native_channel_shuffle contiguous clone detach "
    "alias data adjoint tril triu",
    "input, *args, **kwargs",
)
def moved(call: Call) -> Copy:
    """Each output cell is a cell of the input."""
    return Copy(call, ["input"])


def _asked(call: Call, names: list[str]) -> list[Access]:
    """All cells of the operands that say where to look."""
    number = iter(range(sum(call.tensors[name].dim() for name in names)))
    return [
        Access(name, tuple(Axis(over=next(number)) for _ in call.tensors[name].shape))
        for name in names
    ]


@rule("index_select", "input, dim, index")
def index_select(call: Call) -> Copy:
    """A row is looked up by its number."""
    dim = call["dim"] % call.tensors["input"].dim()
    return Copy(call, ["input"], asked=[Access("index", (Axis(out=dim),))])


@rule("gather take_along_dim", "input, dim, index, *, sparse_grad=False")
def gather(call: Call) -> Copy:
    """Along one axis each cell is looked up by its own number."""
    if call.op != "gather" or not isinstance(call["index"], Tensor):
        raise NotTakenApart(f"{call.op} is not taken apart")
    axes = tuple(Axis(out=i) for i in range(len(call.shape)))
    return Copy(call, ["input"], asked=[Access("index", axes)])


@rule("getitem", "input, index")
def getitem(call: Call) -> Copy:
    """Basic and advanced indexing; a mask or a list of numbers says where to look."""
    return Copy(call, ["input"], asked=_asked(call, [n for n in call.tensors if n != "input"]))


@rule("setitem", "input, index, value")
def setitem(call: Call) -> Copy:
    """The tensor, with the written cells replaced."""
    names = ["input", *[n for n in call.tensors if n == "value"]]
    asked = [n for n in call.tensors if n not in names]

    def run(numbers: dict[str, Tensor]) -> Tensor:
        target = numbers["input"].clone()
        target[call["index"]] = numbers.get("value", torch.zeros(()).double())
        return target

    fill = 0.0 if "value" in names else float(call["value"])
    return Copy(call, names, run, fill, _asked(call, asked))


@rule("zero", "input")
def zero(call: Call) -> Copy:
    """Zeros, whatever was there."""
    return Copy(call, ["input"], lambda numbers: torch.zeros_like(numbers["input"]))


@rule("fill zeros_like ones_like full_like", "input, value=None, **kwargs")
def filled(call: Call) -> Copy:
    """One number everywhere."""
    value = {"zeros_like": 0.0, "ones_like": 1.0}.get(call.op, call["value"])
    if not isinstance(value, int | float):
        raise NotTakenApart("it is filled with a tensor")
    return Copy(call, ["input"], lambda n: torch.zeros_like(n["input"]), float(value))


@rule("copy", "input, src, non_blocking=False")
def copy(call: Call) -> Copy:
    """The cells of another tensor."""
    return Copy(call, ["src"], lambda n: n["src"].expand(call.shape))


@rule("cat concat concatenate stack hstack vstack", "tensors, dim=0")
def joined(call: Call) -> Copy:
    """Tensors side by side; the same tensor may occur twice."""
    own = () if call.op in ("hstack", "vstack") else (call["dim"],)

    def run(numbers: dict[str, Tensor]) -> Any:
        return call.operation.function(list(numbers.values()), *own)

    return Copy(call, list(call.tensors), run)


@rule("pad", "input, pad, mode='constant', value=None")
def pad(call: Call) -> Copy:
    """Cells around the input: a number, or copies of cells inside."""
    mode, value = call["mode"], call["value"]
    return Copy(
        call,
        ["input"],
        lambda numbers: F.pad(numbers["input"], call["pad"], mode),
        float(value or 0.0),
    )


@rule(
    "embedding",
    "input, weight, padding_idx=None, max_norm=None, norm_type=2.0, scale_grad_by_freq=False, "
    "sparse=False",
)
def embedding(call: Call) -> Copy:
    """A row of the weights is looked up by its number."""
    if call.tensors["input"].is_floating_point():
        raise NotTakenApart("embedding was called with the weights first")
    ids = call.tensors["input"]
    if call["max_norm"] is not None:
        raise NotTakenApart("embedding with max_norm writes to its weights")

    def run(numbers: dict[str, Tensor]) -> Any:
        return F.embedding(ids, numbers["weight"])

    asked = Access("input", tuple(Axis(out=i) for i in range(ids.dim())))
    return Copy(call, ["weight"], run, asked=[asked])


class Constant(Relation):
    """A number that depends on no operand."""

    how = "constant"

    def __init__(self, call: Call) -> None:
        super().__init__(call, ())
        made = call.again({})
        if not isinstance(made, Tensor) or made.shape != call.value.shape:
            raise NotTakenApart(f"{call.op} gives something else now")
        self.numbers = made

    def made(self, index: Index) -> Made:
        """See `Relation`."""
        result = self.numbers[index].item()
        code = f"torch.tensor({result!r})"
        return Made(float(result), 0.0, Terms(), latex.number(float(result)), code, {})


@rule(
    "zeros ones full arange eye linspace tensor as_tensor scalar_tensor new_zeros new_ones "
    "new_full new_tensor",
    "*args, **kwargs",
)
def constant(call: Call) -> Constant:
    """Numbers written in the program."""
    return Constant(call)
