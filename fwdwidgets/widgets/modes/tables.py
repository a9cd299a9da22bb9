"""The tables below `Modes`: the statistics of norms, and what autograd keeps, as HTML."""

from __future__ import annotations

import re
from collections.abc import Sequence
from html import escape

from fwdwidgets.widgets.modes.norms import Statistics
from fwdwidgets.widgets.modes.saved_tensors import Held


def norm_table(norms: Sequence[Statistics]) -> str:
    """Batch and running statistics of each norm that has them; nothing where there is none."""
    if not norms:
        return ""
    lines = [
        f"<tr><th scope='row'>{escape(n.name) or 'the model'}<br>momentum {n.momentum:.4g}"
        f"{'<br>mean of the samples' if n.by_sample else ''}</th>"
        f"<td>{n.batch_mean:.4g}</td><td>{n.before[0]:.4g} → {n.after[0]:.4g}</td>"
        f"<td>{n.batch_var:.4g}</td><td>{n.before[1]:.4g} → {n.after[1]:.4g}</td></tr>"
        for n in norms
    ]
    return _table(
        "One forward pass in train mode moves the running statistics: running = "
        "(1 - momentum) · running + momentum · batch. Eval mode uses them and moves nothing. They "
        "are put back here.",
        ["norm, channel 0", "batch mean", "running mean", "batch var", "running var"],
        lines,
    )


def held_table(held: Sequence[Held]) -> str:
    """What each way to run the forward pass keeps; nothing where none could be run."""
    if not held:
        return ""
    lines = [
        f"<tr><th scope='row'>{_code(h.context)}</th>"
        f"<td>{_size(h.bytes)}</td><td>{_code(h.grad_fn)}</td><td>{h.requires_grad}</td></tr>"
        for h in held
    ]
    return _table(
        "What autograd keeps of this batch's forward pass in eval mode, weights and input left "
        "out; what two operations keep is counted once.",
        ["run", "kept for backward", "grad_fn", "requires_<wbr>grad"],
        lines,
    )


def _table(caption: str, heads: Sequence[str], lines: Sequence[str]) -> str:
    head = "".join(f"<th scope='col'>{text}</th>" for text in heads)
    return (
        f"<table><caption>{caption}</caption><thead><tr>{head}</tr></thead>"
        f"<tbody>{''.join(lines)}</tbody></table>"
    )


def _code(text: str) -> str:
    """Python's words, which may go on in a new line where they have parts."""
    return f"<code>{re.sub(r'(?<=_)|(?=[(])|(?=Backward)', '<wbr>', escape(text))}</code>"


def _size(count: int | None) -> str:
    if count is None:
        return "it raises"
    return f"{count:,} bytes" if count < 10_000 else f"{count / 1000:,.1f} kB"
