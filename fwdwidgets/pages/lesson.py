"""The pages of a site around the content of notebooks: a lesson, links to others, the index."""

from __future__ import annotations

from html import escape
from pathlib import Path

from fwdwidgets.notebooks import Card, card_of

STYLE = Path(__file__).parent / "static" / "site.css"


def lesson_html(title: str, body: str) -> str:
    """A page of a site."""
    from pygments.formatters import HtmlFormatter

    light = HtmlFormatter(style="default").get_style_defs(".highlight")
    dark = HtmlFormatter(style="github-dark").get_style_defs(".highlight")
    style = STYLE.read_text(encoding="utf-8")
    return f"""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<link rel="icon" href="data:,">
<title>{escape(title)}</title>
<style>
{light}
@media (prefers-color-scheme: dark) {{
{dark}
}}
{style}</style>
</head>
<body>
<main>
{body}
</main>
</body>
</html>
"""


def links_html(path: Path, around: tuple[Path | None, ...]) -> str:
    """Links to the index and to the notebooks before and after."""
    if not around:
        return ""
    before, after = (*around, None)[:2]
    links = ['<a href="index.html">All lessons</a>']
    for other, arrow in ((before, "← {}"), (after, "{} →")):
        if other is not None:
            name = escape(card_of(path.parent, other.name).title)
            links.append(
                f'<a href="{escape(other.stem, quote=True)}.html">{arrow.format(name)}</a>'
            )
    return f'<nav aria-label="lessons">{" ".join(links)}</nav>'


def index_html(cards: list[tuple[str, Card]]) -> str:
    """The page that lists all lessons, each with its address."""
    return lesson_html(
        "Lessons", f"<h1>Lessons</h1><ul>{''.join(_card(*card) for card in cards)}</ul>"
    )


def _card(page: str, card: Card) -> str:
    light, dark = card.pictures
    picture = ""
    if light:
        other = (
            f'<source srcset="{escape(dark, quote=True)}" media="(prefers-color-scheme: dark)">'
            if dark
            else ""
        )
        alt = escape(card.alt, quote=True)
        picture = (
            f'<picture>{other}<img src="{escape(light, quote=True)}" alt="{alt}" loading="lazy" '
            'width="360" height="176"></picture>'
        )
    sentence = f"<p>{escape(card.sentence)}</p>" if card.sentence else ""
    text = f"<div><span>{escape(card.title)}</span>{sentence}</div>"
    return f'<li><a href="{escape(page, quote=True)}">{picture}{text}</a></li>'
