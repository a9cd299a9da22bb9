"""Notebooks to a site of pages that need no kernel: prose, code, outputs, and moving widgets."""

from __future__ import annotations

import json
import os
import re
import shutil
from collections.abc import Callable, Iterator
from html import escape
from pathlib import Path
from typing import Any

from fwdwidgets.notebooks import PICTURES, Card, card_of, title_of
from fwdwidgets.pages.capture import ENVIRONMENT, SETUP

HERE = Path(__file__).parent / "static"
SHARED, WIDGETS = "fwdwidgets", "pages"
"""Folders of a site: the parts that all pages have alike, and a page for each widget."""


_NOTE = (
    '<p class="note">Everything here moves without a server. Most figures replay recorded moves: '
    "for a number of your own, or a move that is not there, take "
    '<a href="{0}" download>the notebook</a>.</p>'
)


class ExportError(Exception):
    """A notebook cannot become a page; the message says why and what to do."""


def export_folder(
    folder: Path,
    out: Path,
    *,
    megabytes: float,
    seconds: float,
    shared: Path | None = None,
    report: Callable[[str], Any] = print,
) -> list[Path]:
    """Make a site of all notebooks of a folder, with an index.

    Args:
        folder: of `.ipynb` files; hidden ones are left out.
        out: where the site goes; it is made where it does not exist.
        megabytes: how large the recorded states of one widget may become.
        seconds: how long recording one widget may take.
        shared: a folder for the parts that all pages have alike; None is one in `out`.
        report: is told each notebook when it is begun.

    Returns:
        The pages, the index first.

    Raises:
        ExportError: a notebook fails, or cannot be read.
    """
    notebooks = sorted(p for p in folder.glob("*.ipynb") if not p.name.startswith("."))
    pages = []
    for number, path in enumerate(notebooks):
        report(f"{path.name} ({number + 1} of {len(notebooks)})")
        around = (notebooks[number - 1] if number else None, *notebooks[number + 1 : number + 2])
        page = out / f"{path.stem}.html"
        export_notebook(
            path, page, megabytes=megabytes, seconds=seconds, shared=shared, around=around
        )
        pages.append(page)
    for below in sorted({p.parent for p in folder.glob("*/*.ipynb")}):
        if not below.name.startswith("."):
            report(f"{below.name}/ is a folder of its own: export it by itself to have its pages")
    cards = [(f"{path.stem}.html", card_of(folder, path.name)) for path in notebooks]
    if (folder / PICTURES).is_dir():
        shutil.copytree(folder / PICTURES, out / PICTURES, dirs_exist_ok=True)
    index = out / "index.html"
    index.write_text(_index(cards), encoding="utf-8")
    return [index, *pages]


def export_notebook(
    path: Path,
    page: Path,
    *,
    megabytes: float,
    seconds: float,
    shared: Path | None = None,
    around: tuple[Path | None, ...] = (),
    whole: bool = False,
) -> None:
    """Run a notebook and write it as a page; its widgets go beside it, or `whole` in it.

    Raises:
        ExportError: the notebook cannot be read, or one of its cells fails.
    """
    import nbformat

    try:
        notebook = nbformat.read(path, as_version=4)  # type: ignore[no-untyped-call]
    except Exception as error:  # nbformat raises many kinds
        raise ExportError(f"{path.name} is no notebook: {error}") from None
    title = title_of(notebook, path.stem)
    page.parent.mkdir(parents=True, exist_ok=True)
    plan = {
        "folder": "" if whole else str((page.parent / WIDGETS).resolve()),
        "shared": "" if whole else str((shared or page.parent / SHARED).resolve()),
        "name": page.stem,
        "title": title,
        "megabytes": megabytes,
        "seconds": seconds,
    }
    plan["wishes"] = _wishes(notebook.cells)
    _run(notebook, path, plan)
    body = "\n".join(_cell_html(cell) for cell in notebook.cells[1:])
    links = _links(path, around)
    note = ""
    if not whole and "fwd-page" in body:
        # Into a folder of ours: beside the page may lie a notebook of the author's.
        shutil.copyfile(path, page.parent / WIDGETS / path.name)
        note = _NOTE.format(escape(f"{WIDGETS}/{path.name}", quote=True))
    page.write_text(_page(title, f"{links}{note}{body}{links}"), encoding="utf-8")


def _wishes(cells: list[Any]) -> dict[str, Any]:
    """What authors wish recorded of the widgets of a cell, by its source.

    It stands in the cell's metadata, under `fwdwidgets`: `walks` and choices as for `save_page`.
    """
    return {
        cell.source: cell.metadata["fwdwidgets"] for cell in cells if "fwdwidgets" in cell.metadata
    }


def _run(notebook: Any, path: Path, plan: dict[str, Any]) -> None:
    import nbformat
    from nbclient import NotebookClient
    from nbclient.exceptions import CellExecutionError

    setup = nbformat.v4.new_code_cell(SETUP)  # type: ignore[no-untyped-call]
    notebook.cells.insert(0, setup)
    resources = {"metadata": {"path": str(path.parent.resolve())}}
    client = NotebookClient(
        notebook, timeout=None, resources=resources, extra_arguments=["--log-level=ERROR"]
    )
    before = os.environ.get(ENVIRONMENT)
    os.environ[ENVIRONMENT] = json.dumps(plan)
    try:
        client.execute()
    except CellExecutionError as error:
        last = re.sub(r"\x1b\[[0-9;]*m", "", str(error)).strip().splitlines()[-1]
        raise ExportError(f"{path.name} stops with an error: {last}") from None
    finally:
        if before is None:
            del os.environ[ENVIRONMENT]
        else:
            os.environ[ENVIRONMENT] = before


# --- cells ----------------------------------------------------------------------------------------


def _cell_html(cell: Any) -> str:
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
    """What is left of a text when each carriage return has gone back to the start of its line."""
    lines = re.sub(r"\x1b\[[0-9;]*[A-Za-z]", "", text).split("\n")
    return "\n".join(line.rstrip("\r").rpartition("\r")[2] for line in lines).rstrip()


# --- pages ----------------------------------------------------------------------------------------


def _page(title: str, body: str) -> str:
    from pygments.formatters import HtmlFormatter

    light = HtmlFormatter(style="default").get_style_defs(".highlight")
    dark = HtmlFormatter(style="github-dark").get_style_defs(".highlight")
    style = (HERE / "site.css").read_text(encoding="utf-8")
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


def _links(path: Path, around: tuple[Path | None, ...]) -> str:
    """The way to the index and to the notebooks before and after."""
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


def _index(cards: list[tuple[str, Card]]) -> str:
    return _page("Lessons", f"<h1>Lessons</h1><ul>{''.join(_card(*card) for card in cards)}</ul>")


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
