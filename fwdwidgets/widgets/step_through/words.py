"""What one step did, in sentences: as HTML, one a line."""

from __future__ import annotations

from html import escape

from torch import Tensor

from fwdwidgets.display import as_float
from fwdwidgets.trace import Listing, Shape, Step
from fwdwidgets.widgets.step_through.compute import Change, Operand, describe, weight_shapes

FEW = 12
"""Up to so many values of a row are printed as numbers as well."""


def describe_step(
    head: str,
    step: Step,
    operands: tuple[Operand, ...],
    operand: Operand | None,
    change: Change | None,
) -> list[str]:
    """What the step took and gave, and what it changed.

    Args:
        head: which step it is.
        step: the step.
        operands: what it took of earlier steps.
        operand: the one that is shown.
        change: from that to its output, where both are known.
    """
    taken = " and ".join(shape_text(o.shape) for o in operands)
    weights = [shape_text(shape) for shape in weight_shapes(step, operands)]
    known = f", with weights {' and '.join(weights)}" if weights else ""
    result = "failed" if step.shape is None else shape_text(step.shape)
    sentences = [
        f"<b>{escape(head)}: {escape(step.op)}</b> · {taken or 'no input'}{known} → {result}"
    ]
    sentences += [escape(describe(change, step.op))] if change else []
    if operand is not None and operand.value is None:
        sentences.append(
            f"What it took from {escape(operand.name)} is not shown: it was written to in "
            "place since, and that value was not recorded."
        )
    both = ("takes", operand.value if operand else None), ("gives", step.value)
    numbers = [
        f"{word} <code>{_numbers(value)}</code>"
        for word, value in both
        if value is not None and _is_short_row(value)
    ]
    return sentences + ([" → ".join(numbers)] if numbers else [])


def describe_path(listing: Listing | None) -> list[str]:
    """How often the expression runs, and which lines of its function did not."""
    if listing is None:
        return []
    turn, turns = listing.turn
    sentences = [f"This is run {turn} of {turns} of this expression."] if turns > 1 else []
    skipped = [str(line.number) for line in listing.skipped]
    if skipped:
        lines = "line" if len(skipped) == 1 else "lines"
        sentences.append(
            f"On the path of this input {escape(listing.title)} did not run "
            f"{lines} {', '.join(skipped)}."
        )
    return sentences


def shape_text(shape: Shape) -> str:
    """A shape without Python's last comma: `(3)`."""
    return f"({', '.join(map(str, shape))})"


def _is_short_row(value: Tensor) -> bool:
    return 0 < value.numel() <= FEW and value.numel() == max(value.shape, default=1)


def _numbers(value: Tensor) -> str:
    """The values of a short row as PyTorch prints them."""
    numbers = as_float(value).flatten().tolist()
    return f"[{', '.join(f'{number:.4f}' for number in numbers)}]"
