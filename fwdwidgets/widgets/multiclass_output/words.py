"""What a multi-class output says: how it is read, and what each row's prediction is."""

from __future__ import annotations

from collections.abc import Sequence

RESULTS = ("sum", "prediction")
"""The columns at the right of the table."""


def say_single(shape: tuple[int, ...]) -> str:
    """The output has one number a row."""
    return (
        f"The output has shape {shape}: several classes need one output each. End the model in "
        "nn.Linear(..., classes), or use fw.BinaryOutput."
    )


def say_head(last: str, odd_sum: float | None) -> str:
    """How the output is read, where it is not a softmax of each row.

    Args:
        last: the operation that made it where it is a sigmoid or a softmax, else empty.
        odd_sum: the first row's sum where rows do not sum to one, else None.
    """
    if last == "sigmoid":
        return (
            "This model ends in a sigmoid: each class is decided for itself, and rows need "
            "not sum to one. Shown is the softmax of its output; use nn.Softmax(dim=-1)."
        )
    if odd_sum is not None:
        return (
            f"These rows do not sum to one (the first to {odd_sum:.4g}): the softmax "
            "runs along another axis than the classes. Use nn.Softmax(dim=-1)."
        )
    if last:
        return ""
    return (
        "This model ends without a softmax: its outputs are logits, and the softmax of each "
        "row is taken here. nn.CrossEntropyLoss wants the logits."
    )


def say_columns(shown: int, classes: int) -> str:
    """How many classes are drawn, where some are not."""
    if shown == classes:
        return ""
    return (
        f"Of {classes:,} classes, {shown} are drawn that are a target or a "
        "prediction here; each sum is over all classes."
    )


def label(row: str, shares: Sequence[tuple[str, float]]) -> str:
    """The figure in words, for a screen reader: the probability of each class drawn."""
    return f"{row}: " + ", ".join(f"{name} {share:.1%}" for name, share in shares)


def cells(total: float, name: str | None, correct: bool | None) -> list[str]:
    """What a row of the table says: its sum, and the class.

    Args:
        total: the sum of its probabilities.
        name: the predicted class, None where the output holds NaN.
        correct: whether it is the target; None without one.
    """
    sign = "" if correct is None else " ✓" if correct else " ✗"
    return [f"{total:.4f}", "none: NaN" if name is None else name + sign]
