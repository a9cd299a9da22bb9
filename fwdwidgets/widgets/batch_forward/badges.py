"""The badges of one row of a batch: what is answered, and whether it is the same alone."""

from __future__ import annotations

from collections.abc import Callable

from fwdwidgets.figures import badge
from fwdwidgets.widgets.batch_forward.alone import Alone
from fwdwidgets.widgets.batch_forward.results import Results


def answer_badge(results: Results, row: int, name: Callable[[int | None], str]) -> str:
    """The answer to a row as HTML: right, wrong, or without a label; or the value.

    Args:
        results: of the batch.
        row: which of its rows.
        name: of a class.
    """
    if not results.answers:
        return badge.badge_html("neutral", "no answer")
    answer, label = results.answers[row], results.labels[row]
    if answer.head == "value":
        return badge.badge_html("neutral", f"value: {answer.output.item():.6g}")
    chosen = answer.prediction
    chance = float(answer.probabilities[chosen]) if chosen is not None else 0.0
    return badge.answer_badge(chosen, label, name(chosen), name(label), chance)


def alone_badge(alone: Alone | None) -> str:
    """Whether a row is the same alone, as HTML; nothing where there is none to compare."""
    if alone is None:
        return ""
    return badge.badge_html("correct" if alone.close else "incorrect", "", alone.sentence)
