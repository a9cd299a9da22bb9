"""A page as a file, as a frame in a notebook's cell, and as a module for MyST."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping, Sequence
from html import escape
from pathlib import Path
from typing import Any

from fwdwidgets.pages.page import PageOptions, make_page
from fwdwidgets.pages.recorded import kind_of, parts_of
from fwdwidgets.pages.template import write_shared
from fwdwidgets.widgets.shared import ForwardWidget, Plot

SANDBOX = "allow-scripts"
"""An embedded page may run scripts, but cannot reach the page around it."""
NARROW = 664
"""Frames up to this width, in pixels, show the figure for a narrow page."""


def save_page(
    widget: ForwardWidget,
    path: str | os.PathLike[str],
    options: PageOptions,
    choices: Mapping[str, Iterable[Any]],
    shared: str | os.PathLike[str] | None = None,
) -> Path:
    """Write the page of a widget: see `ForwardWidget.save_page`."""
    try:
        path = Path(path).expanduser()
    except TypeError:
        raise TypeError(f"path={path!r} is no path: give a file name that ends in .html.") from None
    if path.suffix.lower() not in (".html", ".htm", ".mjs"):
        raise ValueError(
            f"path={str(path)!r} names no page: let it end in .html, or in .mjs for MyST."
        )
    if path.suffix.lower() == ".mjs" and shared is not None:
        raise ValueError(f"{path.name} holds all that it needs: leave out shared=.")
    address = ""
    if shared is not None:
        folder = Path(shared).expanduser().resolve()
        address = Path(os.path.relpath(folder, path.parent.resolve())).as_posix()
    html = make_page(widget, choices, options, shared=address)
    path.parent.mkdir(parents=True, exist_ok=True)
    if shared is not None:
        write_shared(folder)
    text = _module(html, page_heights(widget)[0]) if path.suffix.lower() == ".mjs" else html
    unfinished = path.with_name(f"{path.name}.part")  # an interrupted write leaves no half page
    unfinished.write_text(text, encoding="utf-8")
    unfinished.replace(path)
    return path


def embed(
    widget: ForwardWidget,
    *,
    state: Mapping[str, Any] | None = None,
    height: int | None = None,
    shared: str = "",
    title: str = "",
    own_sample: bool = False,
    walks: Sequence[Sequence[str | Mapping[str, Any]]] = (),
    megabytes: float = 4.0,
    seconds: float = 20.0,
    **choices: Iterable[Any],
) -> Any:
    """Show the page of a widget in a cell's output, where it stays when the notebook is published.

    nbconvert, Quarto, MyST-NB (Jupyter Book), Sphinx and MkDocs keep the frame, which stays
    interactive on their pages without a plugin.

    Args:
        widget: any widget of this package.
        state: values of controls, by name, with which the page opens.
        height: the height of the frame in pixels; None for what the page needs, first estimated.
        shared: the address, as seen from the published page, of a folder of shared parts that
            `save_page(..., shared=...)` wrote; empty for a page that contains them.
        title: the page's title; by default the widget's.
        own_sample: let the reader use their own picture, as for `save_page`.
        walks: sequences of moves to record first, as for `save_page`.
        megabytes: the largest size of the recorded states, in MB.
        seconds: the longest time for recording, in seconds; book builders stop a cell after 30 s.
        **choices: values by the name of a control, as for `save_page`.

    Returns:
        An `IPython.display.HTML` with an `<iframe srcdoc>`.

    Raises:
        TypeError: a name is not one of the widget's controls.
        ValueError: a control does not take a value.
    """
    import warnings

    from IPython.display import HTML

    options = PageOptions(title, state or {}, own_sample, walks, megabytes, seconds)
    html = make_page(widget, choices, options, shared=shared)
    name = options.title or widget._frame.title
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Consider using IPython.display.IFrame")
        heights = (height, height) if height else page_heights(widget)
        frame = frame_html(srcdoc(html), heights, name, fits=not height)
        return HTML(frame)  # type: ignore[no-untyped-call]


_FIT = (Path(__file__).parent / "static" / "fit.js").read_text(encoding="utf-8")
FIT = f"<script>\n{_FIT}</script>"
"""Gives each frame the height that its page reports, and the theme of its surroundings."""


def frame_html(
    source: str,
    heights: tuple[int, int],
    title: str,
    *,
    sandbox: bool = True,
    fits: bool = True,
) -> str:
    """A page inside another one.

    Args:
        source: the frame's attribute, `src="..."` or `srcdoc="..."`.
        heights: in pixels, where there is room and where the frame is narrow.
        title: what a screen reader calls the frame.
        sandbox: keep the page from reaching the page around it.
        fits: take the page's own height once it has one, where scripts may run.
    """
    wide, narrow = heights
    name = f"fwd-page-{wide}-{narrow}"
    own = f' sandbox="{SANDBOX}"' if sandbox else ""
    # One theme gives tables their own background in the dark, and treats a frame as a table.
    plain = "html .bd-content div.cell_output .text_html:has(iframe.fwd-page)"
    style = (
        f"{plain} {{ background: none !important; padding: 0 !important; }} "
        f".{name} {{ width: 100%; height: {wide}px; border: 0; }} "
        f"@container (max-width: {NARROW}px) {{ .{name} {{ height: {narrow}px; }} }}"
    )
    return (
        f"<style>{style}</style>"
        f'<div style="container-type: inline-size"><iframe class="fwd-page {name}" '
        f'title="{escape(title, quote=True)}"{own} loading="lazy" {source}></iframe></div>'
        + (FIT if fits else "")
    )


def srcdoc(html: str) -> str:
    """A whole page as the attribute of a frame."""
    return f'srcdoc="{escape(html, quote=True)}"'


def _module(html: str, height: int) -> str:
    """An ES module whose `render` shows the page: what MyST's `{anywidget}` loads."""
    return f"""// Made by fwdwidgets: a page in a frame of its own.
const page = {json.dumps(html)};

function render({{ el }}) {{
  const frame = document.createElement("iframe");
  frame.title = "interactive figure";
  frame.setAttribute("sandbox", "{SANDBOX}");
  frame.style.cssText = "width: 100%; height: {height}px; border: 0";
  frame.srcdoc = page;
  addEventListener("message", ({{ data, source }}) => {{
    const height = Math.ceil(data?.fwdHeight);
    const own = source === frame.contentWindow && height > 0 && height < 20000;
    if (own) frame.style.height = `${{height}}px`;
  }});
  el.append(frame);
}}

export default {{ render }};
"""


def page_heights(widget: ForwardWidget) -> tuple[int, int]:
    """About how many pixels high the page of a widget is: on a wide screen, and on a phone."""
    wide = narrow = 140  # margins, the line of messages, the footer
    for part in parts_of(widget):
        kind = kind_of(part)
        if isinstance(part, Plot):
            views = part._canvas.views
            wide += views[max(views)]["height"]
            narrow += views[min(views)]["height"]
            continue
        high = 0
        if kind == "steps":
            high = min(264, 26 * (len(part.rows) + 2))
        elif kind == "table":
            high = 32 * (len(part.rows) + 1)
        elif "fwd-source" in part._dom_classes or "fwd-picture" in part._dom_classes:
            high = 330
        elif kind == "html" or "fwd-row" in part._dom_classes:
            high = 44
        wide += high
        narrow += high + (40 if "fwd-row" in part._dom_classes else 0)
    return wide, narrow
