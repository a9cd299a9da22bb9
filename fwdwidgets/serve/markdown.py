"""Markdown cells whose mathematics the browser draws itself, as MathML: no script, no host."""

from __future__ import annotations

import html

from latex2mathml.converter import convert
from voila.exporter import VoilaMarkdownRenderer


class MathMarkdownRenderer(VoilaMarkdownRenderer):  # type: ignore[misc]
    """Renders `$...$`, `$$...$$` and LaTeX environments as MathML."""

    def inline_math(self, body: str) -> str:
        """Mathematics inside a line."""
        return _mathml(body, "inline")

    def block_math(self, body: str) -> str:
        """Mathematics in a paragraph of its own."""
        return f'<div class="fwd-math">{_mathml(body, "block")}</div>\n'

    def latex_environment(self, name: str, body: str) -> str:
        r"""`\begin{name}...\end{name}` outside dollar signs."""
        return self.block_math(rf"\begin{{{name}}}{body}\end{{{name}}}")


def _mathml(tex: str, display: str) -> str:
    tex = html.unescape(tex).strip()
    try:
        return str(convert(tex, display=display))
    except Exception:  # the author sees the TeX instead of a page that fails
        return f"<code>{html.escape(tex)}</code>"
