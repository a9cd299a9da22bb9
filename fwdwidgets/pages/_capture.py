"""What an exporting kernel does in place of showing a widget: it writes the widget's page."""

from __future__ import annotations

import json
import os
from html import escape
from pathlib import Path
from typing import Any

import torch

from fwdwidgets.pages._page import PageOptions, make_page
from fwdwidgets.pages._save import frame_html, page_heights, save_page, srcdoc
from fwdwidgets.widgets._base import ForwardWidget

ENVIRONMENT = "FWDWIDGETS_EXPORT"
"""Names the folder of pages, the prefix of their names and so on, as JSON."""
SETUP = "import fwdwidgets.pages._capture as _capture; _capture.install(); del _capture"


def install() -> None:
    """Show a page in place of each widget from now on."""
    torch.set_num_threads(1)  # as served: threads would fight over the cores of a busy machine
    plan = json.loads(os.environ[ENVIRONMENT])
    count = 0

    def show(self: ForwardWidget, **_: Any) -> dict[str, str]:
        nonlocal count
        count += 1
        name = f"{plan['name']}-{count}.html"
        title = f"{self._frame.title}, {plan['title']}"
        options = PageOptions(title, megabytes=plan["megabytes"], seconds=plan["seconds"])
        if plan["folder"]:
            folder = Path(plan["folder"])
            save_page(self, folder / name, options, {}, shared=plan["shared"])
            where = f'src="{escape(folder.name, quote=True)}/{escape(name, quote=True)}"'
            # No sandbox: from file:// a browser gives a sandboxed frame none of its scripts.
            html = frame_html(where, page_heights(self), title, sandbox=False)
        else:
            html = frame_html(srcdoc(make_page(self, {}, options)), page_heights(self), title)
        return {"text/html": html, "text/plain": repr(type(self))}

    ForwardWidget._repr_mimebundle_ = show
