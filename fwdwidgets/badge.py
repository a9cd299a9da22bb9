"""Prediction and label to accessible HTML: a word and a sign before any colour."""

from __future__ import annotations

import math
from html import escape

SIGNS = {"correct": "✓", "incorrect": "✗", "neutral": "●"}


def badge_html(kind: str, text: str, detail: str = "") -> str:
    """One badge.

    Args:
        kind: `"correct"`, `"incorrect"` or `"neutral"`; chooses sign and colour.
        text: the sentence, shown as text whatever characters it holds.
        detail: a lighter addition after it, such as the probability.
    """
    more = f' <span class="fwd-badge-detail">{escape(detail)}</span>' if detail else ""
    sign = f'<span class="fwd-badge-sign" aria-hidden="true">{SIGNS[kind]}</span>'
    return f'<div class="fwd-badge-{kind}">{sign} <span>{escape(text)}</span>{more}</div>'


def answer_badge(
    prediction: int | None, label: int | None, name: str, label_name: str, probability: float
) -> str:
    """Say "correct: Ankle boot" or "incorrect: Sneaker, really Ankle boot", and how sure."""
    if prediction is None:
        return badge_html("neutral", "no answer: the output holds NaN")
    detail = f"{probability:.1%}" if math.isfinite(probability) else "probability NaN"
    if label is None:
        return badge_html("neutral", f"prediction: {name}", detail)
    if prediction == label:
        return badge_html("correct", f"correct: {name}", detail)
    return badge_html("incorrect", f"incorrect: {name}, really {label_name}", detail)
