"""An autoencoder in its two halves: input to code, code to reconstruction."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from fwdwidgets.advice import explain_failure
from fwdwidgets.data import batch_of_one, dataset_length, get_sample
from fwdwidgets.networks import Forward
from fwdwidgets.trace import trace_forward
from fwdwidgets.widgets.autoencoder import words

MAX_CODE = 16
"""The most numbers of a code: with more there would be too many sliders."""
SAMPLES = 200
"""The number of samples that determine the range of each number of the code."""


@dataclass(frozen=True, eq=False)
class Half:
    """The result of one half: a value, or a sentence that says why there is none.

    Attributes:
        value: a code `(K,)`, or a reconstruction in the shape of the sample.
        failure: why there is none.
        shape: of a code as the encoder gives it for one sample.
    """

    value: Tensor | None
    failure: str
    shape: tuple[int, ...] = ()


def halves(network: nn.Module) -> tuple[nn.Module, nn.Module]:
    """The encoder and the decoder of a model.

    Raises:
        TypeError: it has no submodules `encoder` and `decoder`.
    """
    encoder, decoder = (getattr(network, name, None) for name in ("encoder", "decoder"))
    if not isinstance(encoder, nn.Module) or not isinstance(decoder, nn.Module):
        raise TypeError(
            f"{type(network).__name__} has no encoder and decoder: give it two submodules "
            "self.encoder and self.decoder."
        )
    return encoder, decoder


def encode(forward: Forward, sample: Tensor) -> Half:
    """The code of one sample, `(K,)`, and why there is none."""
    with forward.mode() as network:
        trace = trace_forward(halves(network)[0], batch_of_one(sample, network).clone())
    if trace.error is not None:
        return Half(None, "The encoder: " + explain_failure(trace))
    code = trace.output
    if not isinstance(code, Tensor) or code.dim() < 1 or len(code) != 1:
        return Half(None, words.say_no_code(_shape_of(code)))
    if code.numel() > MAX_CODE:
        return Half(None, words.say_too_long(code.numel(), MAX_CODE))
    return Half(code.detach().float().cpu().flatten(), "", tuple(code.shape[1:]))


def decode(
    forward: Forward, code: Tensor, shape: tuple[int, ...], code_shape: tuple[int, ...] = (-1,)
) -> Half:
    """The reconstruction of a code `(K,)`, in the shape of the sample; none of an empty code.

    Args:
        forward: runs the model.
        code: its numbers.
        shape: of the sample.
        code_shape: of the code as the encoder gives it for one sample.
    """
    if not len(code):
        return Half(None, "")
    with forward.mode() as network:
        decoder = halves(network)[1]
        first = next(network.parameters(), code)
        given = code.reshape(1, *code_shape).to(first.device, first.dtype)
        trace = trace_forward(decoder, given)
    if trace.error is not None:
        return Half(None, "The decoder: " + explain_failure(trace))
    output, numbers = trace.output, math.prod(shape)
    if not isinstance(output, Tensor) or output.numel() != numbers:
        return Half(None, words.say_no_reconstruction(_shape_of(output), shape, numbers))
    return Half(output.detach().float().cpu().reshape(shape), "")


def explain_difference(forward: Forward, sample: Tensor, reconstruction: Tensor) -> str:
    """Say where the model's own output is not what its decoder makes of its encoder's code.

    Args:
        forward: runs the model.
        sample: an input without batch axis.
        reconstruction: by the two halves, in the shape of the sample.

    Returns:
        A sentence; empty where both agree up to rounding, or `forward()` itself fails.
    """
    with forward.mode() as network:
        trace = trace_forward(network, batch_of_one(sample, network).clone())
    output = trace.output
    if trace.error is not None or not isinstance(output, Tensor):
        return ""
    if output.numel() != reconstruction.numel():
        return words.say_other_shape(tuple(output.shape))
    own = output.detach().float().cpu().reshape(reconstruction.shape)
    if torch.allclose(own, reconstruction, 1e-3, 1e-5, equal_nan=True):
        return ""
    return words.say_differs(float((own - reconstruction).abs().max()))


def mean_squared_error(sample: Tensor, reconstruction: Tensor | None) -> float | None:
    """Mean squared error of a reconstruction, both of one shape; None if there is none."""
    if reconstruction is None:
        return None
    return float((reconstruction - sample.float()).square().mean())


def code_ranges(forward: Forward, dataset: Any) -> tuple[Tensor, Tensor]:
    """The smallest and the largest of each number of the code, over the first samples."""
    codes = []
    for index in range(min(SAMPLES, dataset_length(dataset))):
        half = encode(forward, get_sample(dataset, index, target=True).input)
        if half.value is None:
            return torch.empty(0), torch.empty(0)
        codes.append(half.value)
    stacked = torch.stack(codes).nan_to_num(0.0, 0.0, 0.0)
    return stacked.min(dim=0).values, stacked.max(dim=0).values


def _shape_of(value: Any) -> tuple[int, ...] | str:
    """The shape of a tensor; of anything else the name of its type."""
    return tuple(value.shape) if isinstance(value, Tensor) else type(value).__name__
