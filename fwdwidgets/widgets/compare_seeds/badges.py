"""A badge for each network: right, wrong, or neither of the two."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from fwdwidgets.figures import badge
from fwdwidgets.networks import Answer
from fwdwidgets.widgets.compare_seeds.words import describe_answer


def answer_badges(
    titles: Sequence[str], answers: Sequence[Answer], label: int | None, name: Callable[[int], str]
) -> str:
    """What each network says, and how sure it is, as HTML.

    Args:
        titles: one a network.
        answers: one a network, or none at all.
        label: the true class, None without one.
        name: of a class.
    """
    each = zip(titles, answers, strict=bool(answers))
    return "".join(_answer_badge(title, answer, label, name) for title, answer in each)


def _answer_badge(title: str, answer: Answer, label: int | None, name: Callable[[int], str]) -> str:
    text, chosen = describe_answer(title, answer, name), answer.prediction
    if chosen is None:
        return badge.badge_html("neutral", text)
    kind = "neutral"
    if label is not None:
        kind = "correct" if chosen == label else "incorrect"
    return badge.badge_html(kind, text, f"{float(answer.probabilities[chosen]):.1%}")
