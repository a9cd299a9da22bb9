"""What a batch and one of its rows say, in sentences."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from fwdwidgets.trace import Shape, Step


def describe_batch(start: int, count: int, length: int, weights: str) -> str:
    """Which samples of how many, under which weights."""
    last = start + count - 1
    span = f"sample {start}" if start == last else f"samples {start} to {last}"
    return f"{span} of {length:,}, {weights}"


def describe_run(batch: str, signs: Sequence[str], *, training: bool) -> str:
    """The batch, its mode, and how many of its answers are right.

    Args:
        batch: in words.
        signs: of each answer, `✓` right, `✗` wrong, `●` neither.
        training: whether it ran in train mode.
    """
    mode = "train mode" if training else "eval mode"
    known = sum(sign != "●" for sign in signs)
    right = sum(sign == "✓" for sign in signs)
    return f"{batch} · {mode}" + (f" · <b>{right} of {known} right</b>" if known else "")


def old_picture(shown: str) -> str:
    """The picture is still the last good one, where there is one."""
    return f"The picture is old: it shows {shown}." if shown else ""


def describe_columns(classes: int, drawn: int) -> str:
    """Which of many classes are drawn; nothing where all are, or where there are none."""
    if classes in (0, drawn):
        return ""
    return (
        f"Of {classes:,} classes, {drawn} are drawn that are a label or a prediction here; "
        "each sum is over all classes."
    )


def describe_axis(shapes: Sequence[Shape], count: int) -> str:
    """Which shapes have the batch axis, `count`, in front."""
    first = sum(shape[:1] == (count,) for shape in shapes)
    if first == len(shapes):
        return f"The first axis of every shape is the batch: {count}."
    return f"The first axis is the batch, {count}, in {first} of {len(shapes)} shapes."


def explain_step(step: Step) -> str:
    """Why a step gives a row of a batch other numbers than the same row alone."""
    first = f"The first step that differs is {step.name}"
    if step.op == "batch_norm":
        return (
            f"{first}: BatchNorm in train mode takes mean and variance over the whole batch, so "
            "the other rows change this one. In eval mode it takes its running statistics."
        )
    if "dropout" in step.op:
        return (
            f"{first}: dropout in train mode zeroes values at random, and draws other zeros for "
            "a batch than for one sample. In eval mode it does nothing."
        )
    if step.op in ("softmax", "log_softmax"):
        return f"{first}: it runs along the batch axis. Use dim=1, the axis of the classes."
    source = f", {' '.join(step.source.split())}," if step.source else ""
    return (
        f"{first}{source} which mixes the rows of the batch or draws random numbers. "
        "Let each row keep to itself: work along dim=1 and later axes."
    )
