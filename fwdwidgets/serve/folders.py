"""Which folder of notebooks to serve, and a writable copy of the lessons."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import fwdwidgets


class FolderError(Exception):
    """A folder that cannot be used; the message says what to do."""


def lessons_dir() -> Path:
    """The lessons: beside the package in a checkout, inside it when it was installed."""
    package = Path(fwdwidgets.__file__).parent
    for folder in (package / "lessons", package.parent / "lessons"):
        if any(folder.glob("*.ipynb")):
            return folder
    raise FolderError(
        f"the lessons of fwdwidgets are not at {package / 'lessons'}: install the package again, "
        "or name a folder of notebooks."
    )


def notebooks_dir(folder: str) -> Path:
    """Check a folder of the teacher's own notebooks.

    Raises:
        FolderError: it does not exist, is no folder, or holds no notebook.
    """
    path = Path(folder).expanduser().resolve()
    if path.is_file():
        raise FolderError(f"{folder} is a file: name the folder that it is in, {path.parent}.")
    if not path.is_dir():
        raise FolderError(f"there is no folder {folder}: name a folder that holds .ipynb files.")
    if not any(_shown(path, notebook) for notebook in path.rglob("*.ipynb")):
        raise FolderError(f"{folder} holds no notebook: put an .ipynb file there and start again.")
    return path


def notebook_title(path: Path) -> str:
    """What a notebook is called: see `title_of`."""
    try:
        return title_of(json.loads(path.read_text(encoding="utf-8")), path.stem)
    except (OSError, ValueError):
        return title_of({}, path.stem)  # Voila says what is wrong with it when it is opened


def title_of(notebook: Mapping[str, Any], name: str) -> str:
    """The first heading in a notebook, as plain text, or its name without number and underscores.

    Args:
        notebook: as read from its file.
        name: of the file, without `.ipynb`.
    """
    cells = notebook.get("cells") if isinstance(notebook, Mapping) else None
    for cell in cells or []:
        if cell.get("cell_type") == "markdown":
            prose = re.sub(r"(?ms)^(```|~~~).*?^\1", "", "".join(cell.get("source", "")))
            heading = re.search(r"(?m)^#{1,6}[ \t]+(.+?)[ \t#]*$", prose)
            if heading:
                text = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading[1])  # [text](address)
                return re.sub(r"[*`$]", "", text)
    return name.lstrip("0123456789_-. ").replace("_", " ") or name


def copy_lessons(target: Path) -> list[Path]:
    """Copy the lessons to a folder; a file that is there already is left as it is.

    Returns:
        The files that were there with another content, and were kept.
    """
    target.mkdir(parents=True, exist_ok=True)
    source = lessons_dir()
    kept = []
    for lesson in sorted(source.rglob("*")):
        if not lesson.is_file() or not _shown(source, lesson):
            continue
        copy = target / lesson.relative_to(source)
        if not copy.exists():
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(lesson, copy)
        elif copy.read_bytes() != lesson.read_bytes():
            kept.append(copy)
    return kept


def _shown(folder: Path, path: Path) -> bool:
    """Whether neither the file nor a folder on the way to it is hidden, as checkpoints are."""
    return not any(part.startswith(".") for part in path.relative_to(folder).parts)
