"""What several networks say about one sample, in sentences."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from fwdwidgets.networks import Answer


def describe_choice(sample: int, titles: Sequence[str]) -> str:
    """What is compared: `sample 3, seed 0, seed 1`."""
    return f"sample {sample}, {', '.join(titles)}"


def describe_picture(choice: str) -> str:
    """The figure in words, for a screen reader."""
    return f"{choice}: logits, probabilities, distances by step"


def describe_old(choice: str) -> str:
    """Which comparison an old picture shows; empty where there is no picture yet."""
    return f"The picture is old: it shows {choice}." if choice else ""


def describe_run(sample: int, samples: int, training: bool) -> list[str]:
    """Which sample is shown, and in which mode the networks ran."""
    return [f"sample {sample} of {samples:,}", "train mode" if training else "eval mode"]


def describe_agreement(
    predictions: Sequence[int | None],
    most: int | None,
    count: int,
    label: int | None,
    name: Callable[[int], str],
) -> list[str]:
    """How many networks agree, and how many are right; nothing where none predicts a class.

    Args:
        predictions: the class that each network predicts, None without one.
        most: the class that most of them predict, None without one.
        count: how many do.
        label: the true class, None without one.
        name: of a class.
    """
    if most is None:
        return []
    total = len(predictions)
    told = f"{count} of {total} agree: {name(most)}" if count > 1 else "none agree"
    if count == total:
        told = f"all {total} agree: {name(most)}"
    if label is None:
        return [told]
    right = sum(prediction == label for prediction in predictions)
    return [told, f"{right} of {total} right ({name(label)})"]


def describe_answer(title: str, answer: Answer, name: Callable[[int], str]) -> str:
    """What one network says: a class, or a value."""
    if answer.head == "value":
        return f"{title}: {answer.output.item():.6g}"
    if answer.prediction is None:
        return f"{title}: the output holds NaN or infinity"
    return f"{title}: {name(answer.prediction)}"


def describe_classes(drawn: int, total: int) -> str:
    """How many classes are drawn; empty where all are."""
    return f"Drawn are {drawn} of {total:,} classes." if drawn < total else ""


def describe_steps(drawn: int, total: int) -> str:
    """For how many steps distances are drawn; empty where for all."""
    if drawn == total:
        return ""
    return f"Distances are drawn for {drawn} of {total} steps; widget.distances has all."
