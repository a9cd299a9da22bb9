"""In an exporting kernel, a widget is not shown: its page is written instead."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from html import escape
from pathlib import Path
from typing import Any

import ipywidgets
import torch

from fwdwidgets.pages.page import PageOptions, make_page
from fwdwidgets.pages.save import frame_html, page_heights, save_page, srcdoc
from fwdwidgets.widgets.shared import ForwardWidget

ENVIRONMENT = "FWDWIDGETS_EXPORT"
"""Holds the folder of pages, the prefix of their names and so on, as JSON."""
SETUP = "import fwdwidgets.pages.capture as _capture; _capture.install(); del _capture"


def install() -> None:
    """From now on, show a page instead of each widget."""
    torch.set_num_threads(1)  # as served: threads would fight over the cores of a busy machine
    from IPython.core.getipython import get_ipython

    plan = json.loads(os.environ[ENVIRONMENT])
    count, wished = 0, dict[str, Any]()

    def begin(info: Any) -> None:
        nonlocal wished
        wished = plan["wishes"].get(info.raw_cell, {})

    def show(self: ForwardWidget, **_: Any) -> dict[str, str]:
        nonlocal count
        count += 1
        name = f"{plan['name']}-{count}.html"
        title = f"{self._frame.title}, {plan['title']}"
        budget = {"megabytes": plan["megabytes"], "seconds": plan["seconds"]}
        choices = {name: values for name, values in wished.items() if name != "walks"}
        options = PageOptions(title, walks=wished.get("walks", ()), **budget)
        if plan["folder"]:
            folder = Path(plan["folder"])
            save_page(self, folder / name, options, choices, shared=plan["shared"])
            where = f'src="{escape(folder.name, quote=True)}/{escape(name, quote=True)}"'
            # No sandbox: from file:// a browser loads no scripts in a sandboxed frame.
            html = frame_html(where, page_heights(self), title, sandbox=False)
        else:
            html = srcdoc(make_page(self, choices, options))
            html = frame_html(html, page_heights(self), title)
        return {"text/html": html, "text/plain": repr(type(self))}

    def show_box(self: ipywidgets.Box, **more: Any) -> Any:
        """Show the widgets of this package in a box of other widgets, one below the other."""
        ours = [part for part in _inside(self) if isinstance(part, ForwardWidget)]
        if not ours:
            return as_ever(self, **more)
        html = "".join(show(part)["text/html"] for part in ours)
        return {"text/html": html, "text/plain": repr(type(self))}

    as_ever = ipywidgets.Box._repr_mimebundle_
    ipywidgets.Box._repr_mimebundle_ = show_box
    shell: Any = get_ipython()
    shell.events.register("pre_run_cell", begin)
    ForwardWidget._repr_mimebundle_ = show


def _inside(box: ipywidgets.Box) -> Iterator[ipywidgets.Widget]:
    """What is in a box, and in the boxes in it; a widget of this package counts as one."""
    for part in box.children:
        yield part
        if isinstance(part, ipywidgets.Box) and not isinstance(part, ForwardWidget):
            yield from _inside(part)
