"""Markdown cells: only their formulas are left to the MathJax that Voila ships."""

from __future__ import annotations

from voila.exporter import VoilaMarkdownRenderer


class LessonMarkdownRenderer(VoilaMarkdownRenderer):  # type: ignore[misc]
    r"""Keeps a price (`\$5`) from being read as the start of a formula."""

    def text(self, text: str) -> str:
        """Text outside formulas; MathJax passes over elements of this class."""
        html: str = super().text(text)
        return html.replace("$", '<span class="mathjax_ignore tex2jax_ignore">$</span>')
