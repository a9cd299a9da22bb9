"""Numbers and sums as LaTeX."""

from __future__ import annotations

from collections.abc import Sequence


def number(value: float) -> str:
    r"""Four digits: `0.25`, `-1.2`, `3.1\cdot 10^{-5}`."""
    if value != value:
        return r"\mathrm{nan}"
    if value in (float("inf"), float("-inf")):
        return r"\infty" if value > 0 else r"-\infty"
    text = f"{value:.4g}"
    if "e" not in text:
        return text
    digits, _, exponent = text.partition("e")
    return rf"{digits}\cdot 10^{{{int(exponent)}}}"


def inner(value: float) -> str:
    """A number within a formula, in brackets if its sign would follow another sign."""
    text = number(value)
    return f"({text})" if text.startswith("-") else text


def chosen(sizes: Sequence[float], shown: int = 4) -> list[int | None]:
    """Which terms of a long sum are shown: first, last and largest; None for those left out."""
    count = len(sizes)
    if count <= shown + 1:
        return list(range(count))
    largest = max(range(count), key=lambda i: abs(sizes[i]))
    keep = sorted({0, 1, largest, count - 1})
    found: list[int | None] = []
    for before, this in zip([-1, *keep], keep, strict=False):
        if this > before + 1:
            found.append(None)
        found.append(this)
    return found


def added(texts: Sequence[str]) -> str:
    """Terms with a plus between them."""
    return " + ".join(texts) or "0"
