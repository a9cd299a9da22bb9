"""What a learner can do about an operation that PyTorch refused.

`advise` knows only PyTorch's message and the shapes of the operands. Each rule states facts first,
and names a number only if that number certainly fits; without a rule there is no advice. Rules are
found by PyTorch's own wording, so the tests provoke each message with a real layer.
"""

import re

from fwdwidgets.advice import layers, tensors
from fwdwidgets.advice.words import Rule, Shape

_RULES: tuple[tuple[str, Rule], ...] = (
    (r"mat1 and mat2 shapes cannot be multiplied", tensors.product),
    (r"Expected size for first two dimensions of batch2", tensors.product),
    (r"inconsistent tensor size|^size mismatch, got input", tensors.product),
    (
        r"(?:groups=(?P<groups>\d+)|transposed=1), weight of size .* to have (?P<wanted>\d+) "
        r"channels, but got (?P<got>\d+) channels",
        layers.conv_channels,
    ),
    (r"input to conv(?:_transpose)?\dd, but got input of size", layers.conv_axes),
    (
        r"padded input size per channel: \((?P<size>[\d x]+)\)\. Kernel size: "
        r"\((?P<kernel>[\d x]+)\)",
        layers.conv_kernel,
    ),
    (r"Output size is too small", layers.pool),
    (
        r"shape '\[(?P<sizes>[-\d, ]+)\]' is invalid for input of size (?P<total>\d+)",
        tensors.reshape,
    ),
    (
        r"Provided sizes \[(?P<sizes>[-\d, ]+)\] don't multiply up to the size of dim "
        r"(?P<dim>\d+) \((?P<size>\d+)\)",
        tensors.unflatten,
    ),
    (
        r"size of tensor a \((?P<first>\d+)\) must match the size of tensor b "
        r"\((?P<second>\d+)\) at non-singleton dimension (?P<axis>\d+)",
        tensors.broadcast,
    ),
    (r"should contain (?P<got>\d+) elements not (?P<wanted>\d+)", layers.batch_norm),
    (r"Expected more than 1 value per channel when training", layers.one_value),
    (r"expected (?P<wanted>\dD(?: or \dD)?) input \(got (?P<got>\d)D input\)", layers.axes),
    (r"Expected input to be (?P<wanted>\dD(?: or \dD)?), got (?P<got>\d)D", layers.axes),
    (
        r"normalized_shape=\[(?P<wanted>[\d, ]+)\], .* input of size\s*\[(?P<given>[\d, ]+)\]",
        layers.layer_norm,
    ),
    (r"Expected weight to be a vector of size equal to the number of ch", layers.group_norm),
    (r"index out of range in self", layers.embedding_range),
    (r"argument #1 'indices' to have one of the following scalar types", layers.embedding_type),
    (
        r"match except in dimension (?P<axis>\d+)\. Expected size (?P<wanted>\d+) but got size "
        r"(?P<got>\d+)",
        tensors.cat,
    ),
    (r"Tensors must have same number of dimensions", tensors.same_axes),
    (r"equal to input_size\. Expected (?P<wanted>\d+), got (?P<got>\d+)", layers.input_size),
    (r"input_size: got (?P<got>\d+),? expected (?P<wanted>\d+)", layers.input_size),
    (r"embedding dimension of (?P<wanted>\d+), but got (?P<got>\d+)", layers.embed_dim),
    (r"parameter numbers = (?P<wanted>\d+) and channel size = (?P<got>\d+)", layers.prelu),
    (
        r"in range of \[(?P<low>-?\d+), (?P<high>-?\d+)\], but got (?P<got>-?\d+)",
        tensors.dimension,
    ),
    (
        r"mat1 and mat2 must have the same dtype, but got (?P<given>\w+) and (?P<wanted>\w+)",
        tensors.dtypes,
    ),
    (
        r"Input type \((?P<given>[^()]+)\) and (?:weight|bias) type \((?P<wanted>[^()]+)\)",
        tensors.dtypes,
    ),
    (r"the same dtype, but got: (?P<given>[\w: ]+) != (?P<wanted>[\w: ]+)", tensors.dtypes),
    (
        r"input dtype \((?P<given>[\w.]+)\) does not match weight dtype \((?P<wanted>[\w.]+)\)",
        tensors.dtypes,
    ),
    (
        r"expected scalar type (?P<given>\w+) but found (?P<wanted>\w+)",
        tensors.conv_dtypes,
    ),
    (r"not implemented for '(?P<given>\w+)'", tensors.no_kernel),
    (r"could not infer output dtype.*Got: (?P<given>\w+)", tensors.no_kernel),
)


def advise(op: str, shapes: tuple[Shape, ...], message: str) -> str:
    """Say which sizes disagree and what would fit.

    Args:
        op: The operation's name, as in ``Step.op``.
        shapes: The operands' shapes in call order, as in ``Step.input_shapes``.
        message: PyTorch's error message.

    Returns:
        One or more sentences, or an empty string if nothing is certain.

    Example:
        >>> message = "mat1 and mat2 shapes cannot be multiplied (1x3 and 2x4)"
        >>> advise("linear", ((1, 3), (4, 2)), message)
        'the input (1, 3) has 3 features, the weight (4, 2) takes 2. in_features=3 would fit.'
    """
    for pattern, rule in _RULES:
        match = re.search(pattern, message)
        if match:
            return rule(op, shapes, match)
    return ""
