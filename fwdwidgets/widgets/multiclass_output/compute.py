"""An output for each class, read as probabilities along each row: PyTorch alone."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from fwdwidgets.networks import TableRun, sum_tolerance


@dataclass(frozen=True, eq=False)
class MulticlassRows:
    """What a network with an output for each class says of each row.

    Attributes:
        logits: `(N, classes)` floats: what went into the softmax.
        probabilities: `(N, classes)` floats.
        predictions: the likeliest class of each row; None where its output holds NaN.
        sums: `(N,)` float64, of the probabilities of each row.
        odd_sum: the first of the model's own sums, where its rows do not sum to one; else None.
    """

    logits: Tensor
    probabilities: Tensor
    predictions: tuple[int | None, ...]
    sums: Tensor
    odd_sum: float | None


def read_multiclass(run: TableRun) -> MulticlassRows | None:
    """Read the outputs of each row; None where a row has one only.

    Args:
        run: one that gave an output, `(N, K)`.
    """
    assert run.output is not None, "a failure is told before"
    assert run.raw is not None, "there is an output"
    if run.output.shape[1] < 2:
        return None
    if run.last == "softmax":
        chances = run.output
    elif run.last == "log_softmax":
        chances = run.output.exp()
    else:
        chances = run.output.softmax(dim=-1)
    best = chances.argmax(dim=1).tolist()
    odd = chances.isnan().any(dim=1).tolist()
    predictions = tuple(None if bad else index for index, bad in zip(best, odd, strict=True))
    own = chances.sum(dim=1)
    off = run.last and bool(((own - 1).abs() > sum_tolerance(run.trace.output)).any())
    return MulticlassRows(
        run.raw, chances, predictions, chances.double().sum(dim=1), float(own[0]) if off else None
    )


def logits_ends(logits: Tensor) -> tuple[float, float]:
    """The ends of a colour scale that holds all finite logits, with zero in its middle."""
    finite = logits[logits.isfinite()].abs()
    reach = (float(finite.max()) if len(finite) else 0.0) or 1.0
    return -reach, reach
