"""An autoencoder in its two halves: input to code, code to reconstruction."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from fwdwidgets.advice import explain_failure
from fwdwidgets.data import batch_of_one, dataset_length, get_sample
from fwdwidgets.networks import Forward
from fwdwidgets.trace import trace_forward

MAX_CODE = 16
"""A code of more numbers than these has too many sliders for a hand."""
SAMPLES = 200
"""So many samples tell how far each number of the code reaches."""


@dataclass(frozen=True, eq=False)
class Half:
    """What one half gave: a value, or a sentence that says why there is none.

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
        shape = tuple(code.shape) if isinstance(code, Tensor) else type(code).__name__
        return Half(None, f"The encoder gave {shape}: expected a code of shape (1, numbers).")
    if code.numel() > MAX_CODE:
        return Half(
            None,
            f"The code has {code.numel()} numbers: a slider each is too much for a hand. Make it "
            f"at most {MAX_CODE}.",
        )
    return Half(code.detach().float().cpu().flatten(), "", tuple(code.shape[1:]))


def decode(
    forward: Forward, code: Tensor, shape: tuple[int, ...], code_shape: tuple[int, ...] = (-1,)
) -> Half:
    """The reconstruction of a code `(K,)`, in the shape of the sample.

    Args:
        forward: runs the model.
        code: its numbers.
        shape: of the sample.
        code_shape: of the code as the encoder gives it for one sample.
    """
    with forward.mode() as network:
        decoder = halves(network)[1]
        first = next(network.parameters(), code)
        given = code.reshape(1, *code_shape).to(first.device, first.dtype)
        trace = trace_forward(decoder, given)
    if trace.error is not None:
        return Half(None, "The decoder: " + explain_failure(trace))
    output = trace.output
    wanted = torch.Size(shape).numel()
    if not isinstance(output, Tensor) or output.numel() != wanted:
        got = tuple(output.shape) if isinstance(output, Tensor) else type(output).__name__
        return Half(
            None,
            f"The decoder gave {got}: expected the {wanted:,} numbers of the input {shape}.",
        )
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
    words = "Shown is decoder(encoder(x)), and forward() of this model does something else"
    if output.numel() != reconstruction.numel():
        return f"{words}: its output has shape {tuple(output.shape)}."
    own = output.detach().float().cpu().reshape(reconstruction.shape)
    if torch.allclose(own, reconstruction, 1e-3, 1e-5, equal_nan=True):
        return ""
    return f"{words}: its output differs by up to {(own - reconstruction).abs().max():.3g}."


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
