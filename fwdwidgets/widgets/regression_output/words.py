"""What a regression says: the value of each row, its error, and what cannot be used."""

from __future__ import annotations

VALUE = ("value",)
"""The column at the right of the table where no targets are known."""

VALUE_AND_ERROR = (*VALUE, "target", "error")
"""The columns where they are."""


def say_several(shape: tuple[int, ...]) -> str:
    """The output has several numbers a row."""
    return (
        f"The output has shape {shape}: a regression has one value a row. End the model in "
        "nn.Linear(..., 1)."
    )


def say_bounded(last: str) -> str:
    """The model ends in what keeps its values between 0 and 1; empty where it does not."""
    if last not in ("sigmoid", "softmax"):
        return ""
    return (
        f"This model ends in {last}: its values stay between 0 and 1. For a regression "
        "nothing comes after the last layer."
    )


def label(row: str, value: float) -> str:
    """The figure in words, for a screen reader."""
    return f"{row}: {value:.6g}, on a line with the other rows"


def cells(value: float, truth: tuple[float, float] | None) -> list[str]:
    """What a row of the table says: its value, and its target and error where they are known."""
    if truth is None:
        return [f"{value:.4f}"]
    target, error = truth
    return [f"{value:.4f}", f"{target:.6g}", f"{error:+.4g}"]


def describe_row(row: str, value: float, truth: tuple[float, float] | None) -> tuple[str, str, str]:
    """The value of one row, as a badge takes it: kind, text and detail."""
    detail = "" if truth is None else f"target {truth[0]:.6g}, error {truth[1]:+.4g}"
    return "neutral", f"{row}: {value:.6g}", detail
