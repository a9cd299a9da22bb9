"""Folders of notebooks, and what an index shows of each."""

from fwdwidgets.notebooks.cards import Card, around, card_of, title_of
from fwdwidgets.notebooks.folders import (
    PICTURES,
    FolderError,
    copy_lessons,
    lessons_dir,
    notebooks_dir,
)

__all__ = [
    "PICTURES",
    "Card",
    "FolderError",
    "around",
    "card_of",
    "copy_lessons",
    "lessons_dir",
    "notebooks_dir",
    "title_of",
]
