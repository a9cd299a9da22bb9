"""What a learner can do about an operation that PyTorch refused.

`advise` knows PyTorch's messages and the shapes of the operands, nothing else. Each rule states
facts first, and names a number only where that number certainly fits; without a rule there is no
advice. PyTorch's own wording is the key, so the tests provoke each message with a real layer.
"""

import re
from collections.abc import Callable
from math import isqrt, prod

Shape = tuple[int, ...]
Rule = Callable[[str, tuple[Shape, ...], re.Match[str]], str]

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
    "c10::half": "float16",
    "float": "float32",
    "double": "float64",
    "bfloat16": "bfloat16",
    "c10::bfloat16": "bfloat16",
    "bool": "bool",
}


def advise(op: str, shapes: tuple[Shape, ...], message: str) -> str:
    """Say which sizes disagree and what would fit.

    Args:
        op: The operation's name, as in ``Step.op``.
        shapes: The operands' shapes in call order, as in ``Step.input_shapes``.
        message: What PyTorch said.

    Returns:
        One or more sentences, or an empty string where nothing is certain.

    Example:
        >>> message = "mat1 and mat2 shapes cannot be multiplied (1x3 and 2x4)"
        >>> advise("linear", ((1, 3), (4, 2)), message)
        'the input (1, 3) has 3 features, the weight (4, 2) takes 2. in_features=3 would fit.'
    """
    for pattern, rule in _RULES:
        match = re.search(pattern, message)
        if match:
            text = rule(op, shapes, match)
            if text:
                return text
    return ""


def _product(op: str, shapes: tuple[Shape, ...], match: re.Match[str]) -> str:
    if op == "linear" and len(shapes) >= 2 and len(shapes[1]) == 2 and shapes[0]:
        return _linear(shapes[0], shapes[1])
    operands = shapes[1:] if op in ("addmm", "addmv", "baddbmm", "addbmm") else shapes
    if op not in ("matmul", "mm", "bmm", "addmm", "addbmm", "baddbmm", "mv", "dot", "addmv"):
        return ""
    if len(operands) != 2 or not all(operands):
        return ""
    first, second = operands
    columns, rows = first[-1], second[-2] if len(second) > 1 else second[0]
    if columns == rows:
        return f"the batch axes of {first} and {second} differ: make them equal."
    text = (
        f"the first operand {first} ends in {columns}, the second {second} starts its matrix with "
        f"{rows}: the two must be equal. A second operand with {columns} there would fit"
    )
    turned = len(second) > 1 and second[-1] == columns
    return f"{text}; its transpose (transpose(-2, -1)) has that." if turned else f"{text}."


def _linear(given: Shape, weight: Shape) -> str:
    features, wanted = given[-1], weight[1]
    facts = (
        f"the input {given} has {_count(features, 'feature')}, the weight {weight} takes {wanted}."
    )
    sample = prod(given[1:])
    if len(given) > 2:
        factors = _times(given[1:])
        if sample == wanted:
            return f"{facts} Flatten first, torch.flatten(x, 1): {factors} = {wanted} would fit."
        return (
            f"{facts} in_features={features} would fit this input; after torch.flatten(x, 1) it "
            f"would be in_features={sample}."
        )
    if len(given) == 2 and prod(given) == wanted:
        return (
            f"{facts} {_times(given)} = {wanted}: if the {given[0]} rows belong to one sample, "
            "the batch axis is missing; unsqueeze(0) adds it before flattening."
        )
    return f"{facts} in_features={features} would fit."


def _conv_channels(op: str, shapes: tuple[Shape, ...], match: re.Match[str]) -> str:
    wanted, got = int(match["wanted"]), int(match["got"])
    if len(shapes) < 2:
        return f"the input has {_count(got, 'channel')}, the layer takes {wanted}. in_channels={got} would fit."
    given, weight = shapes[0], shapes[1]
    facts = f"the input {given} has {_count(got, 'channel')}, the weight {weight} takes {wanted}."
    if len(given) == len(weight) - 1:
        facts += (
            " With one axis less than a batch it was read as one sample, channels first; "
            "where an axis is missing, unsqueeze adds it."
        )
    if len(given) == len(weight) and given[-1] == wanted:
        order = (0, len(given) - 1, *range(1, len(given) - 1))
        return f"{facts} The channels seem to stand last: x.permute{order} puts them second."
    groups = int(match["groups"] or 1)
    return f"{facts} in_channels={got} would fit." if got % groups == 0 else facts


def _conv_axes(op: str, shapes: tuple[Shape, ...], match: re.Match[str]) -> str:
    if len(shapes) < 2:
        return ""
    given, weight = shapes[0], shapes[1]
    channels = weight[0] if "transpose" in op else weight[1]
    axes = len(weight)
    facts = (
        f"the input {given} has {_count(len(given), 'axis', 'axes')}, the weight {weight} needs {axes}: "
        + (
            "(batch, channels, "
            + {3: "length", 4: "height, width", 5: "depth, height, width"}[axes]
            if axes in (3, 4, 5)
            else "(batch, channels, ..."
        )
    )
    facts += ")."
    side = isqrt(given[-1] // channels) if given else 0
    if axes == 4 and len(given) == 2 and given[0] == 1 and channels * side * side == given[1]:
        square = (1, channels, side, side)
        return f"{facts} x.reshape{square} would fit, if these are the pixels of a square image."
    if len(given) == axes - 2 and channels == 1:
        return f"{facts} For one channel, x.reshape{(1, 1, *given)} adds both axes."
    return facts


def _conv_kernel(op: str, shapes: tuple[Shape, ...], match: re.Match[str]) -> str:
    size, kernel = _sizes(match["size"]), _sizes(match["kernel"])
    text = (
        f"after padding the input is {_by(size)}, smaller than the kernel, {_by(kernel)}"
        + (f" (input {shapes[0]}, weight {shapes[1]})" if len(shapes) > 1 else "")
        + "."
    )
    if len(shapes) > 1 and shapes[1][2:] == kernel and min(size) > 0:  # no dilation
        text += f" kernel_size up to {min(size)} would fit;"
        return f"{text} so would more padding, a larger input or less pooling before it."
    return f"{text} More padding, a larger input or less pooling before it would help."


def _pool(op: str, shapes: tuple[Shape, ...], match: re.Match[str]) -> str:
    given = f"the input {shapes[0]}" if shapes else "the input"
    return (
        f"{given} is smaller than the pooling window. A smaller kernel_size, a larger input or "
        "less pooling before it would help."
    )


def _reshape(op: str, shapes: tuple[Shape, ...], match: re.Match[str]) -> str:
    sizes, total = _sizes(match["sizes"]), int(match["total"])
    given = shapes[0] if shapes else (total,)
    known = [size for size in sizes if size != -1]
    must = "divide" if -1 in sizes else "be"
    facts = (
        f"the input {given} holds {total} values, the sizes {list(sizes)} multiply to "
        f"{prod(known)}, which must {must} {total}."
    )
    batched = len(given) > 3 or (len(given) > 1 and given[0] == 1)
    if len(sizes) == 2 and batched and sizes[0] in (-1, given[0]) and sizes[1] != -1:
        fits = prod(given[1:])
        count = f"{_times(given[1:])} = {fits}" if len(given) > 2 else str(fits)
        return (
            f"{facts} {count} in place of {sizes[1]} would fit, and a layer behind it then needs "
            f"in_features={fits}; or give an input of the size that the model was made for."
        )
    return facts


def _unflatten(op: str, shapes: tuple[Shape, ...], match: re.Match[str]) -> str:
    sizes, size = _sizes(match["sizes"]), int(match["size"])
    known = tuple(one for one in sizes if one != -1)
    given = f"the input {shapes[0]}" if shapes else "the input"
    rule = f"must divide {size}" if -1 in sizes else f"must be {size}"
    return (
        f"{given} has {size} values in axis {match['dim']}, but {_times(known)} = {prod(known)}: "
        f"the sizes' product {rule}."
    )


def _broadcast(op: str, shapes: tuple[Shape, ...], match: re.Match[str]) -> str:
    axis, first, second = int(match["axis"]), match["first"], match["second"]
    if op in ("matmul", "bmm", "baddbmm"):
        return _product(op, shapes, match)
    operands = f"the shapes {' and '.join(map(str, shapes))}" if len(shapes) == 2 else "the shapes"
    place = f" in axis {axis}" if len({len(shape) for shape in shapes}) < 2 else ""
    return (
        f"{operands} do not go together: {first} against {second}{place}. Sizes must be equal, or "
        f"one of them 1; {first} in place of {second}, or the other way round, would fit."
    )


def _batch_norm(op: str, shapes: tuple[Shape, ...], match: re.Match[str]) -> str:
    got, wanted = match["got"], match["wanted"]
    given = f"the input {shapes[0]}" if shapes else "the input"
    per_feature = f" (shape {shapes[1]})" if len(shapes) > 1 else ""
    return (
        f"{given} has {_count(got, 'channel')}, the layer keeps {wanted}{per_feature}. "
        f"num_features={got} would fit."
    )


def _one_value(op: str, shapes: tuple[Shape, ...], match: re.Match[str]) -> str:
    given = f"the input {shapes[0]}" if shapes else "the input"
    return (
        f"{given} has one value a channel, and in train mode batch normalisation needs more to "
        "take a mean and a variance. Call model.eval(), or give a batch of two samples or more."
    )


def _axes(op: str, shapes: tuple[Shape, ...], match: re.Match[str]) -> str:
    wanted = match["wanted"].replace("D", "-D")
    given = f"the input {shapes[0]}" if shapes else "the input"
    return f"{given} has {_count(match['got'], 'axis', 'axes')}, the layer takes a {wanted} input."


def _layer_norm(op: str, shapes: tuple[Shape, ...], match: re.Match[str]) -> str:
    wanted, given = _sizes(match["wanted"]), _sizes(match["given"])
    tail = given[-len(wanted) :] if len(given) >= len(wanted) else ()
    facts = f"the input {given} does not end in the sizes {list(wanted)} of the layer."
    return f"{facts} normalized_shape={list(tail)} would fit." if tail else facts


def _group_norm(op: str, shapes: tuple[Shape, ...], match: re.Match[str]) -> str:
    if len(shapes) < 2 or len(shapes[0]) < 2:
        return ""
    return (
        f"the input {shapes[0]} has {_count(shapes[0][1], 'channel')}, the weight {shapes[1]} is for "
        f"{shapes[1][0]}. num_channels={shapes[0][1]} would fit, if num_groups divides it."
    )


def _embedding_range(op: str, shapes: tuple[Shape, ...], match: re.Match[str]) -> str:
    if op != "embedding" or len(shapes) < 2:
        return ""
    rows = shapes[1][0]
    return (
        f"the indices {shapes[0]} go beyond the table {shapes[1]}: it has {rows} rows, so an index "
        f"must be 0 to {rows - 1}. num_embeddings must be greater than the largest index."
    )


def _embedding_type(op: str, shapes: tuple[Shape, ...], match: re.Match[str]) -> str:
    return "an embedding looks up whole numbers, but its input is not of an integer type: x.long()."


def _cat(op: str, shapes: tuple[Shape, ...], match: re.Match[str]) -> str:
    return (
        f"the shapes {', '.join(map(str, shapes))} may differ in axis {match['axis']} alone, but "
        f"there is {match['wanted']} against {match['got']}: {match['wanted']} in both would fit."
    )


def _same_axes(op: str, shapes: tuple[Shape, ...], match: re.Match[str]) -> str:
    return f"the shapes {', '.join(map(str, shapes))} need the same number of axes."


def _input_size(op: str, shapes: tuple[Shape, ...], match: re.Match[str]) -> str:
    got, wanted = match["got"], match["wanted"]
    given = f"the input {shapes[0]}" if shapes else "the input"
    return f"{given} has {_count(got, 'feature')}, the layer takes {wanted}. input_size={got} would fit."


def _embed_dim(op: str, shapes: tuple[Shape, ...], match: re.Match[str]) -> str:
    got, wanted = match["got"], match["wanted"]
    given = f"the input {shapes[0]}" if shapes else "the input"
    return (
        f"{given} has {_count(got, 'feature')}, the attention takes {wanted}. embed_dim={got} would fit, if "
        "num_heads divides it."
    )


def _prelu(op: str, shapes: tuple[Shape, ...], match: re.Match[str]) -> str:
    got, wanted = match["got"], match["wanted"]
    given = f"the input {shapes[0]}" if shapes else "the input"
    return f"{given} has {_count(got, 'channel')}, the layer {wanted} slopes. num_parameters={got} would fit."


def _dimension(op: str, shapes: tuple[Shape, ...], match: re.Match[str]) -> str:
    given = (
        f"the input {shapes[0]} has {_count(len(shapes[0]), 'axis', 'axes')}: "
        if len(shapes) == 1
        else ""
    )
    return f"{given}dim must be from {match['low']} to {match['high']}, but is {match['got']}."


def _input_type(op: str, shapes: tuple[Shape, ...], match: re.Match[str]) -> str:
    given, wanted = _dtype(match["given"]), _dtype(match["wanted"])
    if op in ("matmul", "mm", "bmm", "addmm", "baddbmm", "mv", "dot"):
        return f"the operands are of type {given} and {wanted}: convert one, to(torch.{wanted})."
    facts = f"the input is of type {given}, the layer's weights are {wanted}."
    if wanted != "float32":
        return f"{facts} x.to(torch.{wanted}) converts the input, model.float() the model."
    if given == "uint8":
        return f"{facts} Pixels from 0 to 255 become floats from 0 to 1 by x.float() / 255."
    return f"{facts} x.float() converts it."


def _no_kernel(op: str, shapes: tuple[Shape, ...], match: re.Match[str]) -> str:
    given = _dtype(match["given"])
    if given.startswith(("int", "uint", "bool")):
        return f"{op} does not work on values of type {given}: x.float() converts them."
    return ""


def _sizes(text: str) -> Shape:
    return tuple(int(number) for number in re.findall(r"-?\d+", text))


def _times(sizes: Shape) -> str:
    return "*".join(map(str, sizes))


def _count(number: int | str, one: str, many: str = "") -> str:
    return f"{number} {one}" if int(number) == 1 else f"{number} {many or one + 's'}"


def _by(sizes: Shape) -> str:
    return " x ".join(map(str, sizes))


def _dtype(name: str) -> str:
    bare = name.strip().removeprefix("torch.")
    return _DTYPES.get(bare.lower(), bare)


_RULES: tuple[tuple[str, Rule], ...] = (
    (r"mat1 and mat2 shapes cannot be multiplied", _product),
    (r"Expected size for first two dimensions of batch2", _product),
    (r"inconsistent tensor size|^size mismatch, got input", _product),
    (
        r"(?:groups=(?P<groups>\d+)|transposed=1), weight of size .* to have (?P<wanted>\d+) "
        r"channels, but got (?P<got>\d+) channels",
        _conv_channels,
    ),
    (r"input to conv(?:_transpose)?\dd, but got input of size", _conv_axes),
    (
        r"padded input size per channel: \((?P<size>[\d x]+)\)\. Kernel size: "
        r"\((?P<kernel>[\d x]+)\)",
        _conv_kernel,
    ),
    (r"Output size is too small", _pool),
    (r"shape '\[(?P<sizes>[-\d, ]+)\]' is invalid for input of size (?P<total>\d+)", _reshape),
    (
        r"Provided sizes \[(?P<sizes>[-\d, ]+)\] don't multiply up to the size of dim "
        r"(?P<dim>\d+) \((?P<size>\d+)\)",
        _unflatten,
    ),
    (
        r"size of tensor a \((?P<first>\d+)\) must match the size of tensor b "
        r"\((?P<second>\d+)\) at non-singleton dimension (?P<axis>\d+)",
        _broadcast,
    ),
    (r"should contain (?P<got>\d+) elements not (?P<wanted>\d+)", _batch_norm),
    (r"Expected more than 1 value per channel when training", _one_value),
    (r"expected (?P<wanted>\dD(?: or \dD)?) input \(got (?P<got>\d)D input\)", _axes),
    (r"Expected input to be (?P<wanted>\dD(?: or \dD)?), got (?P<got>\d)D", _axes),
    (
        r"normalized_shape=\[(?P<wanted>[\d, ]+)\], .* input of size\s*\[(?P<given>[\d, ]+)\]",
        _layer_norm,
    ),
    (r"Expected weight to be a vector of size equal to the number of channels", _group_norm),
    (r"index out of range in self", _embedding_range),
    (r"argument #1 'indices' to have one of the following scalar types", _embedding_type),
    (
        r"match except in dimension (?P<axis>\d+)\. Expected size (?P<wanted>\d+) but got size "
        r"(?P<got>\d+)",
        _cat,
    ),
    (r"Tensors must have same number of dimensions", _same_axes),
    (r"equal to input_size\. Expected (?P<wanted>\d+), got (?P<got>\d+)", _input_size),
    (r"inconsistent input_size: got (?P<got>\d+),? expected (?P<wanted>\d+)", _input_size),
    (r"embedding dimension of (?P<wanted>\d+), but got (?P<got>\d+)", _embed_dim),
    (r"parameter numbers = (?P<wanted>\d+) and channel size = (?P<got>\d+)", _prelu),
    (r"in range of \[(?P<low>-?\d+), (?P<high>-?\d+)\], but got (?P<got>-?\d+)", _dimension),
    (
        r"mat1 and mat2 must have the same dtype, but got (?P<given>\w+) and (?P<wanted>\w+)",
        _input_type,
    ),
    (
        r"Input type \((?P<given>[^()]+)\) and (?:weight|bias) type \((?P<wanted>[^()]+)\)",
        _input_type,
    ),
    (r"have the same dtype, but got: (?P<given>[\w: ]+) != (?P<wanted>[\w: ]+)", _input_type),
    (
        r"input dtype \((?P<given>[\w.]+)\) does not match weight dtype \((?P<wanted>[\w.]+)\)",
        _input_type,
    ),
    (r"not implemented for '(?P<given>\w+)'", _no_kernel),
    (r"could not infer output dtype.*Got: (?P<given>\w+)", _no_kernel),
)
