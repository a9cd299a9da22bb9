"""From notebooks to a site of pages without a kernel: prose, code, outputs, moving widgets."""

from __future__ import annotations

import json
import os
import re
import shutil
from collections.abc import Callable
from html import escape
from pathlib import Path
from typing import Any

from fwdwidgets.notebooks import PICTURES, card_of, title_of
from fwdwidgets.pages.capture import ENVIRONMENT, SETUP
from fwdwidgets.pages.cells import cell_html
from fwdwidgets.pages.lesson import index_html, lesson_html, links_html

SHARED, WIDGETS = "fwdwidgets", "pages"
"""Folders of a site: the parts that all pages share, and a page for each widget."""


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
        folder: a folder of `.ipynb` files; hidden ones are left out.
        out: the folder of the site; it is created if it does not exist.
        megabytes: the largest size of the recorded states of one widget, in MB.
        seconds: the longest time for recording one widget, in seconds.
        shared: a folder for the parts that all pages share; None for one in `out`.
        report: called with each notebook before it runs.

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
    index.write_text(index_html(cards), encoding="utf-8")
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
    body = "\n".join(cell_html(cell) for cell in notebook.cells[1:])
    links = links_html(path, around)
    note = ""
    if not whole and "fwd-page" in body:
        # Into our own folder: a notebook of the author's may lie beside the page.
        shutil.copyfile(path, page.parent / WIDGETS / path.name)
        note = _NOTE.format(escape(f"{WIDGETS}/{path.name}", quote=True))
    page.write_text(lesson_html(title, f"{links}{note}{body}{links}"), encoding="utf-8")


def _wishes(cells: list[Any]) -> dict[str, Any]:
    """What the author wants recorded for the widgets of a cell, by the cell's source.

    It is in the cell's metadata, under `fwdwidgets`: `walks` and choices as for `save_page`.
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
