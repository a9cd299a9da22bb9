"""What an index shows of each notebook: a card with title, first sentence and picture."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fwdwidgets.notebooks.folders import PICTURES
from fwdwidgets.notebooks.plain import plain


@dataclass(frozen=True)
class Card:
    """What an index shows of a notebook.

    Attributes:
        title: its first heading.
        sentence: `fwdwidgets.sentence` of its metadata, else the first paragraph below the
            heading, or an empty string.
        pictures: addresses, relative to the folder, of its picture for a light and a dark page;
            None for one that does not exist.
        alt: the picture in words: `fwdwidgets.alt` of its metadata, or the title.
    """

    title: str
    sentence: str
    pictures: tuple[str | None, str | None]
    alt: str


def card_of(folder: Path, name: str) -> Card:
    """The card of the notebook `name` in `folder`.

    Its pictures are `pictures/NAME.png` and `pictures/NAME_dark.png` beside it.
    """
    path = folder / name
    try:
        notebook = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        notebook = {}  # Voila says what is wrong when it is opened
    found = [path.parent / PICTURES / f"{path.stem}{mode}.png" for mode in ("", "_dark")]
    light, dark = (p.relative_to(folder).as_posix() if p.is_file() else None for p in found)
    title, said = title_of(notebook, path.stem), _own_words(notebook)
    sentence = said.get("sentence") or _first_paragraph(notebook)
    return Card(title, sentence, (light, dark), said.get("alt") or f"Picture of: {title}")


def around(folder: Path, name: str) -> tuple[str | None, str | None]:
    """The notebooks before and after `name` in its own folder; paths relative to `folder`."""
    path = folder / name
    names = sorted(p.name for p in path.parent.glob("*.ipynb") if not p.name.startswith("."))
    if path.name not in names:
        return None, None
    place = names.index(path.name)
    before, after = names[:place][-1:], names[place + 1 :][:1]
    here = path.parent.relative_to(folder)
    first, last = ((here / near[0]).as_posix() if near else None for near in (before, after))
    return first, last


def _own_words(notebook: Any) -> dict[str, str]:
    """The entries for an index in a notebook's metadata; any others are ignored."""
    metadata = notebook.get("metadata") if isinstance(notebook, Mapping) else None
    words = metadata.get("fwdwidgets") if isinstance(metadata, Mapping) else None
    found = words.items() if isinstance(words, Mapping) else ()
    return {name: " ".join(text.split()) for name, text in found if isinstance(text, str)}


def title_of(notebook: Mapping[str, Any], name: str) -> str:
    """The first heading in a notebook, as plain text, or its name without number and underscores.

    Args:
        notebook: as read from its file.
        name: the file name without `.ipynb`.
    """
    for prose in _prose(notebook):
        heading = re.search(rf"(?m){_HEADING}", prose)
        if heading:
            return plain(heading[1])
    return name.lstrip("0123456789_-. ").replace("_", " ") or name


def _first_paragraph(notebook: Mapping[str, Any]) -> str:
    """The first paragraph of a notebook that is not a heading, as plain text."""
    for prose in _prose(notebook):
        for paragraph in re.split(r"\n\s*\n", re.sub(rf"(?m){_HEADING}", "\n", prose)):
            text = " ".join(plain(paragraph).split()).removeprefix("The question. ")
            if text:
                return text
    return ""


_HEADING = r"^#{1,6}[ \t]+(.+?)[ \t#]*$"


def _prose(notebook: Mapping[str, Any]) -> Iterator[str]:
    """The markdown cells, without their code blocks."""
    cells = notebook.get("cells") if isinstance(notebook, Mapping) else None
    for cell in cells or []:
        if cell.get("cell_type") == "markdown":
            yield re.sub(r"(?ms)^(```|~~~).*?^\1", "", "".join(cell.get("source", "")))
