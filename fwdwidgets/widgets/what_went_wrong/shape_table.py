"""Two shapes against each other as an accessible HTML table: signs and words before any colour."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

from fwdwidgets.widgets.what_went_wrong.words import name_step

if TYPE_CHECKING:
    from fwdwidgets.trace import Step
    from fwdwidgets.widgets.what_went_wrong.meetings import Meetings


def describe_shapes(step: Step, met: Meetings | None) -> str:
    """The shapes of a step: axis by axis where they meet, else in one line.

    Args:
        step: any step of a trace.
        met: its shapes, if they can be drawn.
    """
    title = name_step(step.name, step.source)
    if met is not None:
        return shape_table(title, met)
    given = " and ".join(map(str, step.input_shapes)) or "nothing"
    came = str(step.shape) if step.error is None else type(step.error).__name__
    return f"<p>{escape(title)}: {escape(f'{given} → {came}')}</p>"


def shape_table(title: str, meetings: Meetings) -> str:
    """One column an axis: sizes above and below, and between them whether they fit.

    Args:
        title: the operation in words, shown as text whatever characters it holds.
        meetings: the axes.
    """
    above, below = meetings.names
    signs = []
    for axis in meetings.axes:
        if axis.agree is None:
            signs.append("<td></td>")
        elif axis.agree:
            signs.append('<td class="fwd-fits">✓ fits</td>')
        else:
            signs.append('<td class="fwd-fits-not">✗ does not fit</td>')
    between = "" if any(axis.agree is not None for axis in meetings.axes) else "↓"
    upper = "".join(_size(axis.upper, axis.agree) for axis in meetings.axes)
    lower = "".join(_size(axis.lower, axis.agree) for axis in meetings.axes)
    return (
        f"<p>{escape(title)}: {escape(meetings.rule)}</p>"
        '<div class="fwd-shapes-scroll" tabindex="0" role="region" aria-label="shapes"><table>'
        f'<tr><th scope="row">{escape(above)}</th>{upper}</tr>'
        f'<tr><th scope="row">{between}</th>{"".join(signs)}</tr>'
        f'<tr><th scope="row">{escape(below)}</th>{lower}</tr></table></div>'
    )


def _size(axis: tuple[str, str], agree: bool | None) -> str:
    name, size = axis
    if not size:
        return "<td></td>"
    kind = ' class="fwd-axis fwd-axis-bad"' if agree is False else ' class="fwd-axis"'
    return f"<td{kind}><b>{escape(size)}</b><small>{escape(name)}</small></td>"
