"""The samples that a page has, and whether a reader's own picture can be one."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from fwdwidgets.data import Sample
from fwdwidgets.networks import Answer
from fwdwidgets.pages.network.onnx import CannotExport
from fwdwidgets.pages.recorded import FEW
from fwdwidgets.widgets.shared import NetworkView

OWN_SIZES = range(4, 257)
"""A reader's own picture can be drawn for inputs with this many rows and columns."""


def load_samples(view: NetworkView, wanted: Iterable[Any] | None) -> list[Sample]:
    """The samples at these indices, or a few, together with the one that is shown.

    Raises:
        CannotExport: one does not fit the network.
    """
    indices = range(min(FEW, view.length)) if wanted is None else wanted
    samples = [view.load(i) for i in sorted({*map(int, indices), view.state["sample"]})]
    for sample in samples:
        try:
            view.check(sample)
        except ValueError as error:
            raise CannotExport(str(error).rstrip(".")) from None
    return samples


def class_of(sample: Sample, answer: Answer) -> int | None:
    """The true class of a sample; None where it has none or the network predicts no class."""
    if answer.head == "value" or sample.label is None:
        return None
    return int(sample.label)


def check_one_shape(samples: list[Sample]) -> None:
    """Check that one graph can take all samples.

    Raises:
        CannotExport: they have several shapes.
    """
    shapes = sorted({tuple(sample.input.shape) for sample in samples})
    if len(shapes) > 1:
        raise CannotExport(f"its samples have several shapes, {shapes[0]} and {shapes[-1]}")


def check_pictures(samples: list[Sample]) -> None:
    """Check that a reader's own picture can be this network's input.

    Raises:
        ValueError: the samples are not pictures of numbers from 0 to 1, or too small or large.
    """
    inputs = [sample.input for sample in samples]
    shape = tuple(inputs[0].shape)
    fits = len(shape) == 3 and shape[0] in (1, 3) and all(n in OWN_SIZES for n in shape[1:])
    if not fits or not inputs[0].is_floating_point():
        raise ValueError(
            "own_sample=True needs inputs that are pictures, (1, H, W) or (3, H, W) of floats, "
            f"4 to 256 high and wide; these are {shape} of {inputs[0].dtype}."
        )
    if min(i.min() for i in inputs) < 0 or max(i.max() for i in inputs) > 1:
        raise ValueError(
            "own_sample=True needs pictures of numbers from 0 to 1, for a page cannot know how "
            "others were normalised. Put the normalisation into the model."
        )
