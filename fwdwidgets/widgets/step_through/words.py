"""What one step did, in sentences: as HTML, one a line."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from fwdwidgets.trace import Listing, Shape
    from fwdwidgets.widgets.step_through.compute import Change, Look


def describe_step(look: Look) -> list[str]:
    """What the step took and gave, and what it changed."""
    step, operand, change = look.step, look.operand, look.change
    head = f"Step {look.index + 1} of {len(look.trace)}"
    taken = " and ".join(shape_text(o.shape) for o in look.operands)
    shapes = " and ".join(shape_text(shape) for shape in look.weights)
    known = f", with weights {shapes}" if shapes else ""
    result = "failed" if step.shape is None else shape_text(step.shape)
    sentences = [
        f"<b>{escape(head)}: {escape(step.op)}</b> · {taken or 'no input'}{known} → {result}"
    ]
    sentences += [escape(describe_change(change, step.op))] if change else []
    if operand is not None and operand.value is None:
        sentences.append(
            f"What it took from {escape(operand.name)} is not shown: it was written to in "
            "place since, and that value was not recorded."
        )
    rows = [f"{verb} <code>{_printed(row)}</code>" for verb, row in look.numbers.items() if row]
    return sentences + ([" → ".join(rows)] if rows else [])


def no_step(value: str | int, names: Sequence[str]) -> str:
    """There is no such step among these names."""
    if not names:
        return f"step={value!r} cannot be chosen: this forward pass has no steps."
    return (
        f"step={value!r} is not a step of this forward pass; choose an index from 0 to "
        f"{len(names) - 1}, or one of {', '.join(names)}."
    )


def describe_change(change: Change, op: str) -> str:
    """A change in a sentence: `relu set 61 of 120 values to zero, 59 stayed the same.`."""
    of = f"{change.total:,} {'value' if change.total == 1 else 'values'}"
    if change.total == 0:
        return "The output has no values."
    if change.changed is None or change.zeroed is None:
        if change.moved:
            return f"{op} changed the shape only: the same {of}, in the same order."
        return f"{op} made {of} from {change.taken:,}."
    if change.changed == 0:
        return f"{op} changed no value: all {of} are as before."
    if change.zeroed == 0:
        return f"{op} changed {change.changed:,} of {of}."
    other = change.changed - change.zeroed
    zeros = f"{op} set {change.zeroed:,} of {of} to zero"
    rest = change.total - change.changed
    unchanged = f"; {rest:,} stayed the same" if rest else ""
    if other == 0:
        return f"{zeros}{unchanged}."
    return f"{zeros} and changed {other:,} others{unchanged}."


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


def title(verb: str, name: str, shape: Shape) -> str:
    """What a step takes or gives, as the title of its picture."""
    return f"<b>{verb}</b> {escape(name, quote=False)} {shape_text(shape)}"


def describe_run(sample: str, length: int, weights: str, *, training: bool) -> str:
    """What was run: `sample 3 (shirt) of 60,000`, under which weights, in which mode."""
    mode = "train mode (dropout drops)" if training else "eval mode"
    return escape(f"{sample} of {length:,} · {weights} · {mode}")


def _printed(row: Sequence[float]) -> str:
    """The values of a row as PyTorch prints them."""
    return f"[{', '.join(f'{number:.4f}' for number in row)}]"
