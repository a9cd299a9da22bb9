"""A single output a row, read as a probability and decided: PyTorch alone."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from fwdwidgets.networks import TableRun


@dataclass(frozen=True, eq=False)
class BinaryRows:
    """What a network with one output says of each row.

    Attributes:
        raw: `(N,)` floats: what went into the sigmoid.
        probabilities: `(N,)` floats, of class 1.
        ended: whether the sigmoid is the model's own.
    """

    raw: Tensor
    probabilities: Tensor
    ended: bool


def read_binary(run: TableRun) -> BinaryRows | None:
    """Read the one output of each row; None where a row has several.

    Args:
        run: one that gave an output, `(N, K)`.
    """
    assert run.output is not None, "a failure is told before"
    assert run.raw is not None, "there is an output"
    if run.output.shape[1] != 1:
        return None
    ended = run.last == "sigmoid"
    chances = run.output if ended else run.output.sigmoid()
    return BinaryRows(run.raw[:, 0], chances[:, 0], ended)


def decide_binary(probabilities: Tensor, threshold: float = 0.5) -> Tensor:
    """Decide each row: class 1 where its probability is at least the threshold.

    Args:
        probabilities: of class 1, any shape.
        threshold: 0 to 1.

    Returns:
        Booleans of the same shape.

    Example:
        >>> decide_binary(torch.tensor([0.5188, 0.3761, 0.5015])).tolist()
        [True, False, True]
    """
    return probabilities >= threshold


def sigmoid_curve(raw: Tensor, points: int = 81) -> tuple[Tensor, Tensor]:
    """The sigmoid as far as the finite raw numbers `(N,)` reach, and from -4 to 4 at least.

    Returns:
        x and sigmoid(x), `(points,)` float32 each.
    """
    finite = raw[raw.isfinite()].abs()
    reach = max(4.0, float(finite.max() * 1.1) if len(finite) else 0.0)
    x = torch.linspace(-reach, reach, points, dtype=torch.float64).float()
    return x, x.sigmoid()
