"""Prediction and label to accessible HTML: a word and a sign before any colour."""

from __future__ import annotations

import math
from html import escape

SIGNS = {"correct": "✓", "incorrect": "✗", "neutral": "●"}
ANSWERS = {
    "correct": ("correct", "correct: {name}"),
    "incorrect": ("incorrect", "incorrect: {name}, really {label}"),
    "unknown": ("neutral", "prediction: {name}"),
    "none": ("neutral", "no answer: the output holds NaN or infinity"),
}
"""What a badge says about an answer, and its sign."""


def badge_html(kind: str, text: str, detail: str = "") -> str:
    """One badge.

    Args:
        kind: `"correct"`, `"incorrect"` or `"neutral"`; chooses sign and colour.
        text: the sentence; any markup in it is escaped.
        detail: a lighter addition after it, such as the probability.
    """
    more = f' <span class="fwd-badge-detail">{escape(detail)}</span>' if detail else ""
    sign = f'<span class="fwd-badge-sign" aria-hidden="true">{SIGNS[kind]}</span>'
    return f'<div class="fwd-badge-{kind}">{sign} <span>{escape(text)}</span>{more}</div>'


def answer_badge(
    prediction: int | None, label: int | None, name: str, label_name: str, probability: float
) -> str:
    """Say "correct: Ankle boot" or "incorrect: Sneaker, really Ankle boot", and how sure."""
    detail = f"{probability:.1%}" if math.isfinite(probability) else "probability NaN"
    said = "unknown" if label is None else "correct" if prediction == label else "incorrect"
    if prediction is None:
        said, detail = "none", ""
    kind, words = ANSWERS[said]
    return badge_html(kind, words.format(name=name, label=label_name), detail)
