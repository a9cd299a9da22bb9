"""One HTML file, with all its parts inside, or beside a folder of shared parts."""

from __future__ import annotations

import base64
import re
from functools import cache
from html import escape
from pathlib import Path

from fwdwidgets.pages import browser_files
from fwdwidgets.pages.recorded import packed
from fwdwidgets.widgets.shared import STATIC

HERE = Path(__file__).parent / "static"
DRAWN = ("plot", "steps", "table", "frame")
"""Modules of the live widgets that a page uses as they are."""
SCRIPTS = (
    *("numbers", "markup", "element", "words", "still", "arrays", "part", "figure", "views"),
    *("files", "recorded", "drawing", "network", "own", "address", "page", "main"),
)
"""Modules of a page; each comes after those that it imports."""

FIRST, LATER = ("plotly",), ("ort", "wasm")
"""What a page uses from other projects: to draw, and to run the network."""
LATER_OWN = ("model",)
"""What only this page has, and needs only to run the network."""


@cache
def script() -> str:
    """The page script: classic, because a browser refuses module scripts from `file://`.

    Its modules share one scope, in which each finds what the others export; a name that two of them
    declare is a syntax error.
    """
    parts = []
    for name in DRAWN:
        code = _without_types((STATIC / f"{name}.js").read_text(encoding="utf-8"))
        before, _, offered = code.rpartition("export default ")
        if not re.fullmatch(r"\{[\w, ]+\};\s*", offered):
            raise RuntimeError(f"{name}.js does not end in 'export default {{ ... }};'")
        parts.append(f"const {name} = (() => {{\n{before}return {offered}}})();")
    for name in SCRIPTS:
        code = _without_types((HERE / f"{name}.js").read_text(encoding="utf-8"))
        code = re.sub(r'^import [^;"]+ from "[^"]+";\n', "", code, flags=re.MULTILINE)
        code = re.sub(r"^export (?=const |class |(async )?function )", "", code, flags=re.MULTILINE)
        if found := re.search(r"^(import|export)\b.*", code, flags=re.MULTILINE):
            raise RuntimeError(f"{name}.js: a page cannot have {found[0]!r}")
        parts.append(code)
    return '"use strict";\n{\n' + "\n".join(parts) + "}\n"


def _without_types(code: str) -> str:
    """JavaScript without the lines of JSDoc, which are there for the type checker."""
    return re.sub(r"^ */\*\*(?:(?!\*/).)*\*/\n", "", code, flags=re.MULTILINE | re.DOTALL)


@cache
def style() -> str:
    """The style sheet: that of the live widgets, and what JupyterLab or Voila gives them."""
    own = (HERE / "page.css").read_text(encoding="utf-8")
    return own + (STATIC / "widget.css").read_text(encoding="utf-8")


def shared_files(runs_network: bool) -> dict[str, str]:
    """The parts that all pages share, by file name: classic scripts also load from `file://`."""
    files = {"fwdwidgets.css": style(), "fwdwidgets.js": script()}
    for name in (*FIRST, *(LATER if runs_network else ())):
        files[f"{name}.js"] = (
            f'(globalThis.fwdwidgetsParts ??= {{}}).{name} = "{browser_part(name)}";'
        )
    return files


def write_shared(folder: Path) -> None:
    """Write the parts that pages share, and their licences; unchanged files are left alone."""
    files = shared_files(runs_network=True)
    files |= {f"LICENSES/{name}": text for name, text in browser_files.licenses().items()}
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if not path.exists() or path.read_text(encoding="utf-8") != text:
            path.write_text(text, encoding="utf-8")


@cache
def browser_part(name: str) -> str:
    """A file of the browser's side in base64."""
    if name == "licenses":
        texts = (f"{file}\n\n{text}" for file, text in browser_files.licenses().items())
        return packed("\n\n".join(texts).encode())
    file = {"plotly": "plotly.js", "ort": "ort.mjs", "wasm": "ort.wasm"}[name]
    return base64.b64encode(browser_files.read(file)).decode()


def page_html(
    title: str,
    parts: dict[str, bytes],
    footer: list[str],
    *,
    runs_network: bool,
    shared: str = "",
) -> str:
    """The whole page.

    Args:
        title: the title of the page, as text.
        parts: what only this page has, by the name under which its script asks for it.
        footer: HTML paragraphs.
        runs_network: whether the page needs onnxruntime.
        shared: the address of the folder of shared parts, relative to the page; empty for a page
            that contains them.
    """
    own = {name: _part(name, packed(content)) for name, content in parts.items()}
    first = "".join(text for name, text in own.items() if name not in LATER_OWN)
    later = "".join(own[name] for name in LATER_OWN if name in own)
    more = LATER if runs_network else ()
    if shared:
        where = escape(shared.rstrip("/"), quote=True)
        sheet = f'<link rel="stylesheet" href="{where}/fwdwidgets.css">'
        first += "".join(_beside(where, name) for name in ("fwdwidgets", *FIRST))
        later += "".join(_beside(where, name) for name in more)
    else:
        sheet = f"<style>\n{style()}</style>"
        first += f"<script>\n{script()}</script>\n"
        first += "".join(_part(name, browser_part(name)) for name in FIRST)
        later += "".join(_part(name, browser_part(name)) for name in (*more, "licenses"))
    first += '<script>dispatchEvent(new Event("fwdwidgets-part"));</script>\n'
    paragraphs = "".join(f"<p>{text}</p>" for text in footer)
    paragraphs += _licenses(shared and escape(shared.rstrip("/"), quote=True))
    return f"""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{escape(title)}</title>
{sheet}
</head>
<body>
<div id="fwd-root">Opening ...<noscript> This page needs JavaScript, which is off.</noscript></div>
<footer class="fwd-footer">{paragraphs}</footer>
{first}{later}</body>
</html>
"""


def _part(name: str, content: str) -> str:
    """Bytes that the page script asks for by name; in base64, which cannot end the element."""
    return f'<script type="text/plain" data-part="{name}">{content}</script>\n'


def _beside(where: str, name: str) -> str:
    """A script of the folder of shared parts."""
    return f'<script src="{where}/{name}.js"></script>\n'


def _licenses(where: str) -> str:
    """Where a reader finds the licences of what a page uses from other projects."""
    if where:
        links = [f'<a href="{where}/LICENSES/{n}">{n}</a>' for n in browser_files.licenses()]
        return f"<p>Licences of its parts: {', '.join(links)}</p>"
    return (
        '<details id="fwd-licenses"><summary>Licences of its parts</summary><pre></pre></details>'
    )
