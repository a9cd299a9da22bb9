"""What a binary output says: how it is read, what a row's decision is, what cannot be used."""

from __future__ import annotations

import math

RESULTS = ("raw number", "sigmoid", "decision")
"""The columns at the right of the table."""

NO_SIGMOID = (
    "This model does not end in a sigmoid: its output is the raw number, and the sigmoid of it is "
    "taken here, as nn.BCEWithLogitsLoss does."
)
"""What is told of a model whose output is taken for the raw number."""


def say_several(shape: tuple[int, ...]) -> str:
    """The output has several numbers a row."""
    return (
        f"The output has shape {shape}: a binary output is one number a row. End the model in "
        "nn.Linear(..., 1) and nn.Sigmoid(), or use fw.MulticlassOutput."
    )


def refuse_threshold(value: float) -> str:
    """The threshold is no probability."""
    return (
        f"threshold={value!r} is out of range: a probability is compared with it, so choose a "
        "number from 0 to 1."
    )


def label(row: str, raw: float, chance: float) -> str:
    """The figure in words, for a screen reader."""
    return f"{row}: sigmoid({raw:.4g}) is {chance:.4f}"


def cells(raw: float, chance: float, decision: int, name: str) -> list[str]:
    """What a row of the table says: raw number, sigmoid, and the name of the class."""
    return [f"{raw:.4f}", f"{chance:.4f}", ("▸ " if decision else "") + name]


def describe_row(
    row: str,
    chance: float,
    threshold: float,
    decision: int,
    name: str,
    target: tuple[int, str] | None,
) -> tuple[str, str, str]:
    """The decision of one row, as a badge takes it: kind, text and detail.

    Args:
        row: its name.
        chance: its probability of class 1.
        threshold: what it is compared with.
        decision: its class, 0 or 1.
        name: the name of that class.
        target: the true class and its name, or None.
    """
    if math.isnan(chance):
        return "neutral", f"{row}: no answer, the output is NaN", ""
    detail = f"{chance:.4f} {'≥' if decision else '<'} {threshold:.4g}"
    if target is None:
        return "neutral", f"{row}: {name}", detail
    true, true_name = target
    if true == decision:
        return "correct", f"{row} correct: {name}", detail
    return "incorrect", f"{row} incorrect: {name}, really {true_name}", detail
