"""Every state that a page shows: visited, read as values by place, and stored once."""

from fwdwidgets.pages.recorded.archive import Archive, packed, plain
from fwdwidgets.pages.recorded.choices import check_choices, check_walks
from fwdwidgets.pages.recorded.controls import FEW, text_of
from fwdwidgets.pages.recorded.recording import Recorder
from fwdwidgets.pages.recorded.snapshot import Snapshots, frame_of, kind_of, parts_of

__all__ = [
    "FEW",
    "Archive",
    "Recorder",
    "Snapshots",
    "check_choices",
    "check_walks",
    "frame_of",
    "kind_of",
    "packed",
    "parts_of",
    "plain",
    "text_of",
]
