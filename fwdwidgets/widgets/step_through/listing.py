"""Source code to accessible HTML: the marked expression, what ran, how often, what did not."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from typing import Protocol

Mark = tuple[int, int, int, int]
"""First line and column, last line and column before which it ends; lines from 0, in characters."""


class Line(Protocol):
    """A line of source: see `source_path.SourceLine`."""

    @property
    def number(self) -> int | None:
        """Its number in the file."""

    @property
    def text(self) -> str:
        """The line."""

    @property
    def ran(self) -> bool | None:
        """Whether it ran; None where there is nothing to run."""

    @property
    def times(self) -> int:
        """How often."""


def listing_html(title: str, inside: str, lines: Sequence[Line], mark: Mark | None) -> str:
    """The lines as a list, each with its number; the mark in `<mark>`, its line `aria-current`.

    Args:
        title: what the lines are.
        inside: what runs inside the marked expression, or an empty text.
        lines: from top to bottom.
        mark: what to mark.
    """
    detail = f' <span class="fwd-inside">▸ runs {escape(inside)}</span>' if inside else ""
    rows = [_row(line, index, mark) for index, line in enumerate(lines)]
    return (
        f'<div class="fwd-listing-title"><b>{escape(title)}</b>{detail}</div>'
        f'<ol class="fwd-listing">{"".join(rows)}</ol>'
    )


def _row(line: Line, index: int, mark: Mark | None) -> str:
    first, start, last, stop = mark or (-1, 0, -1, 0)
    here = first <= index <= last
    text = escape(line.text)
    if here:
        left = start if index == first else len(line.text) - len(line.text.lstrip())
        right = stop if index == last else len(line.text)
        parts = line.text[:left], line.text[left:right], line.text[right:]
        before, inner, after = (escape(part) for part in parts)
        text = f"{before}<mark>{inner}</mark>{after}"
    sign = "▸" if index == first else "✗" if line.ran is False else ""
    kind = " fwd-skipped" if line.ran is False else ""
    current = ' aria-current="step"' if index == first else ""
    number = "" if line.number is None else str(line.number)
    return (
        f'<li class="fwd-line{kind}"{current}>'
        f'<span class="fwd-sign" aria-hidden="true">{sign}</span>'
        f'<span class="fwd-number">{number}</span>'
        f"<code>{text}</code>{_note(line)}</li>"
    )


def _note(line: Line) -> str:
    if line.ran is False:
        return '<span class="fwd-ran">not run</span>'
    if line.ran and line.text.lstrip().startswith(("for ", "while ", "async for ")):
        rounds = "1 round" if line.times == 1 else f"{line.times:,} rounds"
        return f'<span class="fwd-ran">{rounds}</span>'
    if line.ran and line.times != 1:
        return f'<span class="fwd-ran">{line.times:,} times</span>'
    return ""
