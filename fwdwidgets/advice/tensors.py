"""Rules for operations that join or reshape tensors: products, broadcasting, views, dtypes."""

import re
from math import prod

from fwdwidgets.advice.layers import linear
from fwdwidgets.advice.words import Shape, count, listed, sizes, the_input, times

_ADDED_PRODUCTS = ("addmm", "addmv", "addbmm", "baddbmm")
_PRODUCTS = ("matmul", "mm", "bmm", "mv", "dot", *_ADDED_PRODUCTS)
_DTYPES = {
    "byte": "uint8",
    "unsigned char": "uint8",
    "char": "int8",
    "signed char": "int8",
    "short": "int16",
    "int": "int32",
    "long": "int64",
    "long int": "int64",
    "long long": "int64",
    "half": "float16",
    "float": "float32",
    "double": "float64",
}


def product(op: str, shapes: tuple[Shape, ...], match: re.Match[str]) -> str:
    """Matrix products whose inner sizes, or batch axes, differ."""
    if op == "linear" and len(shapes) >= 2 and len(shapes[1]) == 2 and shapes[0]:
        return linear(shapes[0], shapes[1])
    operands = shapes[1:] if op in _ADDED_PRODUCTS else shapes
    if op not in _PRODUCTS or len(operands) != 2 or not all(operands):
        return ""
    first, second = operands
    columns, rows = first[-1], second[-2] if len(second) > 1 else second[0]
    if columns == rows:
        return f"the batch axes of {first} and {second} differ: make them equal."
    text = (
        f"the first operand {first} has {columns} columns, the second {second} has {rows} rows, "
        f"and the two must be equal. A second operand with {columns} rows would fit"
    )
    turned = len(second) > 1 and second[-1] == columns
    return f"{text}, as second.transpose(-2, -1) has." if turned else f"{text}."


def broadcast(op: str, shapes: tuple[Shape, ...], match: re.Match[str]) -> str:
    """Two shapes that cannot be broadcast in ``+``, ``*`` and the like."""
    if op in _PRODUCTS:
        return product(op, shapes, match)
    first, second = match["first"], match["second"]
    same_axes = len(shapes) == 2 and len(shapes[0]) == len(shapes[1])
    operands = f"the shapes {listed(shapes)}" if len(shapes) == 2 else "the shapes"
    place = f" in axis {match['axis']}" if same_axes else ""
    return (
        f"{operands} do not go together: {first} against {second}{place}. Sizes must be equal, or "
        f"one of them 1: {first} instead of {second}, or the other way round, would fit."
    )


def reshape(op: str, shapes: tuple[Shape, ...], match: re.Match[str]) -> str:
    """Sizes whose product is not the number of values."""
    wanted, total = sizes(match["sizes"]), int(match["total"])
    given = shapes[0] if shapes else (total,)
    known = prod(size for size in wanted if size != -1)
    must = "divide" if -1 in wanted else "be"
    facts = (
        f"the input {given} holds {count(total, 'value')}, the sizes {list(wanted)} multiply to "
        f"{known}, which must {must} {total}."
    )
    batched = len(given) > 3 or (len(given) > 1 and given[0] == 1)
    if len(wanted) != 2 or wanted[0] not in (-1, given[0]) or wanted[1] == -1 or not batched:
        return facts
    fits = prod(given[1:])
    shown = f"{times(given[1:])} = {fits}" if len(given) > 2 else str(fits)
    return (
        f"{facts} {shown} instead of {wanted[1]} would fit, and a linear layer behind it then "
        f"needs in_features={fits}; or give an input of the size that the model was made for."
    )


def unflatten(op: str, shapes: tuple[Shape, ...], match: re.Match[str]) -> str:
    """One axis split into sizes whose product is not its length."""
    wanted, length = sizes(match["sizes"]), int(match["size"])
    known = tuple(size for size in wanted if size != -1)
    must = "divide" if -1 in wanted else "be"
    return (
        f"{the_input(shapes)} has {count(length, 'value')} in axis {match['dim']}, but "
        f"{times(known)} = {prod(known)}, which must {must} {length}."
    )


def cat(op: str, shapes: tuple[Shape, ...], match: re.Match[str]) -> str:
    """Tensors joined along one axis that differ in another axis."""
    return (
        f"the shapes {listed(shapes)} may differ in axis {match['axis']} alone, but there is "
        f"{match['wanted']} against {match['got']}: {match['wanted']} in both would fit."
    )


def same_axes(op: str, shapes: tuple[Shape, ...], match: re.Match[str]) -> str:
    """Tensors joined that have different numbers of axes."""
    return f"the shapes {listed(shapes)} need the same number of axes."


def dimension(op: str, shapes: tuple[Shape, ...], match: re.Match[str]) -> str:
    """An axis that the tensor does not have."""
    number = count(len(shapes[0]), "axis", "axes") if len(shapes) == 1 else ""
    facts = f"{the_input(shapes)} has {number}: " if number else ""
    return f"{facts}dim must be from {match['low']} to {match['high']}, but is {match['got']}."


def dtypes(op: str, shapes: tuple[Shape, ...], match: re.Match[str]) -> str:
    """Values of two dtypes in one operation, such as uint8 pixels or NumPy's float64."""
    given, wanted = _dtype(match["given"]), _dtype(match["wanted"])
    if given == wanted:  # they differ in something else, such as the device
        return ""
    if op in _PRODUCTS:
        return f"the operands are of type {given} and {wanted}: convert one, to(torch.{wanted})."
    facts = f"the input is of type {given}, the layer's weights are {wanted}."
    if wanted != "float32":
        return f"{facts} x.to(torch.{wanted}) converts the input, model.float() the model."
    if given == "uint8":
        return f"{facts} Pixels from 0 to 255 become floats from 0 to 1 by x.float() / 255."
    return f"{facts} x.float() converts it."


def conv_dtypes(op: str, shapes: tuple[Shape, ...], match: re.Match[str]) -> str:
    """A message whose order is certain only for convolutions: first the input, then the weight."""
    return dtypes(op, shapes, match) if op.startswith("conv") else ""


def no_kernel(op: str, shapes: tuple[Shape, ...], match: re.Match[str]) -> str:
    """An operation that works only on floats."""
    given = _dtype(match["given"])
    if not given.startswith(("int", "uint", "bool")):
        return ""
    return f"{op} does not work on values of type {given}: x.float() converts them."


def _dtype(name: str) -> str:
    """Turn PyTorch's many names, ``Byte`` or ``torch.cuda.FloatTensor``, into ``uint8``, ..."""
    bare = re.sub(r"^(torch\.|cuda\.|c10::|CPU|CUDA)+|(Tensor|Type)$", "", name.strip()).lower()
    return _DTYPES.get(bare, bare)
