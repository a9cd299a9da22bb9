"""Folders of notebooks: the lessons, a writable copy of them, and a teacher's own."""

from __future__ import annotations

import shutil
from pathlib import Path

PACKAGE = Path(__file__).parents[1]
PICTURES = "pictures"
"""The folder of pictures, one for each notebook; only an index shows them."""


class FolderError(Exception):
    """A folder that cannot be used; the message says what to do."""


def lessons_dir() -> Path:
    """The folder of the lessons: beside the package in a checkout, inside it if installed."""
    for folder in (PACKAGE / "lessons", PACKAGE.parent / "lessons"):
        if any(folder.glob("*.ipynb")):
            return folder
    raise FolderError(
        f"the lessons of fwdwidgets are not at {PACKAGE / 'lessons'}: install the package again, "
        "or name a folder of notebooks."
    )


def notebooks_dir(folder: str) -> Path:
    """Check a folder of the teacher's own notebooks.

    Raises:
        FolderError: it does not exist, is not a folder, or holds no notebook.
    """
    path = Path(folder).expanduser().resolve()
    if path.is_file():
        raise FolderError(f"{folder} is a file: name the folder that it is in, {path.parent}.")
    if not path.is_dir():
        raise FolderError(f"there is no folder {folder}: name a folder that holds .ipynb files.")
    if not any(_shown(path, notebook) for notebook in path.rglob("*.ipynb")):
        raise FolderError(f"{folder} holds no notebook: put an .ipynb file there and start again.")
    return path


def copy_lessons(target: Path) -> list[Path]:
    """Copy the lessons to a folder; existing files are not changed.

    Returns:
        The existing files that differ from the lessons and were kept.
    """
    target.mkdir(parents=True, exist_ok=True)
    source = lessons_dir()
    kept = []
    for lesson in sorted(source.rglob("*")):
        if not lesson.is_file() or not _shown(source, lesson) or lesson.parent.name == PICTURES:
            continue
        copy = target / lesson.relative_to(source)
        if not copy.exists():
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(lesson, copy)
        elif copy.read_bytes() != lesson.read_bytes():
            kept.append(copy)
    return kept


def _shown(folder: Path, path: Path) -> bool:
    """Whether neither the file nor a folder above it is hidden, as .ipynb_checkpoints is."""
    return not any(part.startswith(".") for part in path.relative_to(folder).parts)
