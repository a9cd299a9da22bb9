"""Rules for layers: which of their sizes does not fit an input, and which one would."""

import re
from math import isqrt, prod

from fwdwidgets.advice.words import Shape, by, count, sizes, the_input, times

_CONV_AXES = {3: "length", 4: "height, width", 5: "depth, height, width"}


def linear(given: Shape, weight: Shape) -> str:
    """An input whose last axis is not the linear layer's ``in_features``."""
    features, wanted = given[-1], weight[1]
    facts = (
        f"the input {given} has {count(features, 'feature')}, the weight {weight} takes {wanted}."
    )
    flat = prod(given[1:])
    if len(given) > 2 and flat == wanted:
        return f"{facts} Flatten first: torch.flatten(x, 1) gives {times(given[1:])} = {flat}."
    if len(given) > 2:
        return (
            f"{facts} in_features={features} would fit this input; after torch.flatten(x, 1) it "
            f"would be in_features={flat}."
        )
    if len(given) == 2 and prod(given) == wanted:
        return (
            f"{facts} {times(given)} = {wanted}: if the {given[0]} rows belong to one sample, "
            "the batch axis is missing; unsqueeze(0) adds it before flattening."
        )
    return f"{facts} in_features={features} would fit."


def conv_channels(op: str, shapes: tuple[Shape, ...], match: re.Match[str]) -> str:
    """An input whose channels are not the convolution's ``in_channels``."""
    if len(shapes) < 2:
        return ""
    given, weight, wanted, got = shapes[0], shapes[1], int(match["wanted"]), int(match["got"])
    facts = f"the input {given} has {count(got, 'channel')}, the layer takes {wanted}, its weight "
    facts += f"is {weight}."
    if len(given) == len(weight) - 1:
        facts += (
            " With one axis less than a batch it was read as one sample, channels first; "
            "where an axis is missing, unsqueeze adds it."
        )
    if len(given) == len(weight) and given[-1] == wanted:
        order = (0, len(given) - 1, *range(1, len(given) - 1))
        return f"{facts} The channels seem to stand last: x.permute{order} puts them second."
    fits = got > 0 and got % int(match["groups"] or 1) == 0
    return f"{facts} in_channels={got} would fit." if fits else facts


def conv_axes(op: str, shapes: tuple[Shape, ...], match: re.Match[str]) -> str:
    """An input without batch or channel axis, or with too many axes."""
    if len(shapes) < 2 or len(shapes[1]) not in _CONV_AXES:
        return ""
    given, weight = shapes[0], shapes[1]
    axes = len(weight)
    facts = (
        f"the input {given} has {count(len(given), 'axis', 'axes')}, the weight {weight} needs "
        f"{axes}: (batch, channels, {_CONV_AXES[axes]})."
    )
    channels = weight[0] if "transpose" in op else weight[1]
    side = isqrt(given[-1] // channels) if given else 0
    if axes == 4 and len(given) == 2 and given[0] == 1 and channels * side * side == given[1]:
        square = (1, channels, side, side)
        return f"{facts} x.reshape{square} would fit, if these are the pixels of a square image."
    if len(given) == axes - 2 and channels == 1:
        return f"{facts} For one channel, x.reshape{(1, 1, *given)} adds both axes."
    return facts


def conv_kernel(op: str, shapes: tuple[Shape, ...], match: re.Match[str]) -> str:
    """An input smaller than the kernel."""
    if len(shapes) < 2:
        return ""
    size, kernel = sizes(match["size"]), sizes(match["kernel"])
    facts = (
        f"the input {shapes[0]}, {by(size)} with its padding, is smaller than the kernel, "
        f"{by(kernel)} (weight {shapes[1]})."
    )
    if shapes[1][2:] == kernel and min(size) > 0:  # no dilation
        facts += f" kernel_size={min(size)} or less would fit; otherwise use"
        return f"{facts} more padding, a larger input, or less pooling before it."
    return f"{facts} Use more padding, a larger input, or less pooling before it."


def pool(op: str, shapes: tuple[Shape, ...], match: re.Match[str]) -> str:
    """An input smaller than the pooling window."""
    return (
        f"{the_input(shapes)} is smaller than the pooling window. Use a smaller kernel_size, a "
        "larger input, or less pooling before it."
    )


def batch_norm(op: str, shapes: tuple[Shape, ...], match: re.Match[str]) -> str:
    """An input whose channels are not the layer's ``num_features``."""
    got, wanted = match["got"], match["wanted"]
    kept = f" of shape {shapes[1]}" if len(shapes) > 1 else ""
    return (
        f"{the_input(shapes)} has {count(got, 'channel')}, the layer takes {wanted}, with "
        f"statistics{kept}. num_features={got} would fit."
    )


def one_value(op: str, shapes: tuple[Shape, ...], match: re.Match[str]) -> str:
    """Batch normalisation of a single value per channel, in train mode."""
    return (
        f"{the_input(shapes)} has one value a channel, and in train mode batch normalisation needs "
        "more to take a mean and a variance. Call model.eval(), or give two samples or more."
    )


def axes(op: str, shapes: tuple[Shape, ...], match: re.Match[str]) -> str:
    """An input whose number of axes is not what the layer takes."""
    wanted = match["wanted"].replace("D", "-D")
    number = count(match["got"], "axis", "axes")
    return f"{the_input(shapes)} has {number}, the layer takes a {wanted} input."


def layer_norm(op: str, shapes: tuple[Shape, ...], match: re.Match[str]) -> str:
    """An input that does not end in the layer's ``normalized_shape``."""
    wanted, given = sizes(match["wanted"]), sizes(match["given"])
    facts = f"the input {given} does not end in the sizes {list(wanted)} of the layer."
    if len(given) < len(wanted):
        return facts
    return f"{facts} normalized_shape={list(given[-len(wanted) :])} would fit."


def group_norm(op: str, shapes: tuple[Shape, ...], match: re.Match[str]) -> str:
    """An input whose channels are not the layer's ``num_channels``."""
    if len(shapes) < 2 or len(shapes[0]) < 2:
        return ""
    given, weight, got = shapes[0], shapes[1], shapes[0][1]
    return (
        f"the input {given} has {count(got, 'channel')}, the weight {weight} is for {weight[0]}. "
        f"num_channels={got} would fit, if num_groups divides it."
    )


def embedding_range(op: str, shapes: tuple[Shape, ...], match: re.Match[str]) -> str:
    """An index that is no row of the table."""
    if op != "embedding" or len(shapes) < 2:
        return ""
    rows = shapes[1][0]
    return (
        f"the indices {shapes[0]} go beyond the table {shapes[1]}: it has {count(rows, 'row')}, so "
        f"an index must be 0 to {rows - 1}. num_embeddings must be greater than the largest index."
    )


def embedding_type(op: str, shapes: tuple[Shape, ...], match: re.Match[str]) -> str:
    """Floats where an embedding needs row numbers."""
    return "an embedding looks up whole numbers, but its input is not of an integer type: x.long()."


def input_size(op: str, shapes: tuple[Shape, ...], match: re.Match[str]) -> str:
    """An input whose features are not a recurrent layer's ``input_size``."""
    got, wanted = match["got"], match["wanted"]
    facts = f"{the_input(shapes)} has {count(got, 'feature')}, the layer takes {wanted}."
    return f"{facts} input_size={got} would fit."


def embed_dim(op: str, shapes: tuple[Shape, ...], match: re.Match[str]) -> str:
    """An input whose features are not the attention's ``embed_dim``."""
    got, wanted = match["got"], match["wanted"]
    facts = f"{the_input(shapes)} has {count(got, 'feature')}, the attention takes {wanted}."
    return f"{facts} embed_dim={got} would fit, if num_heads divides it."


def prelu(op: str, shapes: tuple[Shape, ...], match: re.Match[str]) -> str:
    """An input whose channels are not the layer's ``num_parameters``."""
    got, wanted = match["got"], match["wanted"]
    facts = f"{the_input(shapes)} has {count(got, 'channel')}, the layer has {wanted} slopes."
    return f"{facts} num_parameters={got} would fit."
