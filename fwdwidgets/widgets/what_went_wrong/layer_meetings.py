"""An input held against the weight or the statistics of a layer, axis by axis."""

from __future__ import annotations

from torch import nn

from fwdwidgets.widgets.what_went_wrong.meetings import Meeting, Meetings, Shape

_SPATIAL = {1: ("length",), 2: ("height", "width"), 3: ("depth", "height", "width")}


def meet_linear(given: Shape, weight: Shape) -> Meetings:
    """The last axis of an input meets the `in_features` of a weight `(out, in)`."""
    names = _names(given) if len(given) == 2 else [f"axis {n}" for n in range(len(given))]
    axes = [Meeting((n, str(s)), ("", "")) for n, s in zip(names[:-1], given[:-1], strict=True)]
    axes.append(
        Meeting(
            ("features", str(given[-1])), ("in_features", str(weight[1])), given[-1] == weight[1]
        )
    )
    axes.append(Meeting(("", ""), ("out_features", str(weight[0]))))
    rule = "the last axis of the input must be in_features"
    return Meetings(("input", "weight"), tuple(axes), rule)


def meet_conv(op: str, given: Shape, weight: Shape, layer: nn.Module | None) -> Meetings:
    """The channels of an input meet those of a weight, the other axes its kernel.

    Args:
        op: a convolution, also a transposed one.
        given: of the input, `(N, C, H, W)`, or of as many axes as the convolution has.
        weight: `(out, in, *kernel)`; of a transposed one `(in, out, *kernel)`.
        layer: knows groups and padding; None means one group and no padding.
    """
    spatial = _SPATIAL[len(weight) - 2]
    groups = getattr(layer, "groups", 1)
    turned = "transpose" in op
    channels = weight[0] if turned else weight[1] * groups
    out = weight[1] * groups if turned else weight[0]
    unbatched = len(given) == len(weight) - 1
    names = ["channels", *spatial] if unbatched else ["batch", "channels", *spatial]
    if len(given) != len(names):
        axes = [Meeting((f"axis {n}", str(size)), ("", "")) for n, size in enumerate(given)]
        wanted = ", ".join(["batch", "channels", *spatial])
        axes.append(Meeting(("", ""), ("in_channels", str(channels))))
        return Meetings(
            ("input", "weight"),
            (*axes, Meeting(("axes", str(len(given))), ("axes", str(len(weight))), False)),
            f"the input must have the axes ({wanted})",
        )
    padding = getattr(layer, "padding", 0)
    axes = []
    for n, (name, size) in enumerate(zip(names, given, strict=True)):
        if name == "batch":
            axes.append(Meeting((name, str(size)), ("", "")))
        elif name == "channels":
            below = "in_channels", str(channels)
            axes.append(Meeting((name, str(size)), below, size == channels))
        else:
            place = n - len(given) + len(spatial)
            kernel = weight[2 + place]
            room = padding[place] if isinstance(padding, tuple) else 0
            fits = None if turned or isinstance(padding, str) else size + 2 * room >= kernel
            axes.append(Meeting((name, str(size)), ("kernel", str(kernel)), fits))
    axes.append(Meeting(("", ""), ("out_channels", str(out))))
    rule = "channels must be in_channels; height and width, with padding, at least the kernel"
    if len(spatial) != 2:
        rule = "channels must be in_channels; the other axes, with padding, at least the kernel"
    return Meetings(("input", "weight"), tuple(axes), rule)


def meet_batch_norm(given: Shape, kept: Shape) -> Meetings:
    """Axis 1 of an input meets the statistics `(num_features,)`."""
    names = _names(given) if len(given) != 3 else ["batch", "channels", "length"]
    axes = []
    for n, (name, size) in enumerate(zip(names, given, strict=True)):
        below = ("num_features", str(kept[0])) if n == 1 else ("", "")
        axes.append(Meeting((name, str(size)), below, size == kept[0] if n == 1 else None))
    rule = "axis 1 must be num_features"
    return Meetings(("input", "statistics"), tuple(axes), rule)


def _names(shape: Shape) -> list[str]:
    """What the axes of an input usually are."""
    count = len(shape)
    if count == 2:
        return ["batch", "features"]
    if count in (4, 5):
        return ["batch", "channels", *_SPATIAL[count - 2]]
    return [f"axis {n}" for n in range(count)]
