"""The cells of a notebook that was run, as HTML: prose, code, outputs."""

from __future__ import annotations

import re
from collections.abc import Iterator
from html import escape
from typing import Any


def cell_html(cell: Any) -> str:
    """A cell with its outputs; empty for a code cell without code."""
    if cell.cell_type == "markdown":
        return f'<div class="prose">{_prose(cell)}</div>'
    if cell.cell_type != "code" or not cell.source.strip():
        return ""
    outputs = "".join(_outputs(cell.outputs))
    html = f'<div class="code">{_code(cell.source)}</div>{outputs}'
    if "solution" in cell.metadata.get("tags", []):
        return f"<details><summary>Solution</summary>{html}</details>"
    return html


def _prose(cell: Any) -> str:
    """Markdown to HTML; formulas to MathML, which needs no script."""
    from nbconvert.filters.markdown_mistune import IPythonRenderer, MarkdownWithMath

    attachments = cell.get("attachments", {})
    renderer = IPythonRenderer(escape=False, attachments=attachments, exclude_anchor_links=True)
    html: str = MarkdownWithMath(renderer=renderer).render(cell.source)
    return _MATH.sub(_formula, html)


_MATH = re.compile(
    r"<(code|pre)\b.*?</\1>|\$\$(.+?)\$\$|(?<![\\$])\$(?!\s)([^$\n]+?)(?<!\s)\$", re.S
)


def _formula(found: re.Match[str]) -> str:
    from html import unescape

    from latex2mathml.converter import convert

    block, line = found[2], found[3]
    if block is None and line is None:
        return found[0]
    formula: str = convert(unescape(block or line), display="block" if block else "inline")
    return formula


def _code(source: str) -> str:
    from pygments import highlight
    from pygments.formatters import HtmlFormatter
    from pygments.lexers import PythonLexer

    html: str = highlight(source, PythonLexer(), HtmlFormatter(cssclass="highlight"))
    return html.replace("<pre>", '<pre tabindex="0">')


def _outputs(outputs: list[Any]) -> Iterator[str]:
    streams = ""
    for output in outputs:
        if output.output_type == "stream":
            streams += output.text
            continue
        if text := _as_on_a_screen(streams):  # what was printed before
            yield f'<pre class="output" tabindex="0">{escape(text)}</pre>'
        streams, data = "", output.get("data", {})
        if "text/html" in data:
            yield f'<div class="output">{data["text/html"]}</div>'
        elif "image/png" in data:
            source = f"data:image/png;base64,{data['image/png']}"
            yield f'<div class="output"><img alt="" src="{source}"></div>'
        elif "text/plain" in data:
            yield f'<pre class="output" tabindex="0">{escape(data["text/plain"])}</pre>'
    if text := _as_on_a_screen(streams):
        yield f'<pre class="output" tabindex="0">{escape(text)}</pre>'


def _as_on_a_screen(text: str) -> str:
    """What remains of a text after each carriage return has gone back to the start of its line."""
    lines = re.sub(r"\x1b\[[0-9;]*[A-Za-z]", "", text).split("\n")
    return "\n".join(line.rstrip("\r").rpartition("\r")[2] for line in lines).rstrip()
