"""What was done in a training step, in order; the page returns it after a reload."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import ipywidgets

from fwdwidgets.widgets.training_step.lines import LINES, MAX_STEPS, SETTINGS


class Log(ipywidgets.Text):  # type: ignore[misc]
    """Lines, `run=N`, and the settings `lr=` and `clip=`, separated by spaces.

    Args:
        replay: does again what a page gives back.
    """

    def __init__(self, replay: Callable[[str], None]) -> None:
        super().__init__()
        self._replay = replay
        self._writing = False
        self.observe(self._given_back, names="value")

    def write(self, entries: str) -> None:
        """Hold these entries, with nothing done again."""
        self._writing = True
        try:
            self.value = entries
        finally:
            self._writing = False

    def note(self, done: str) -> None:
        """Add one entry: see `noted`."""
        self.write(noted(self.value, done))

    def _given_back(self, change: dict[str, Any]) -> None:
        if not self._writing:
            self._replay(change["new"])


def noted(log: str, done: str) -> str:
    """A log with what was done after it; of settings those that a line ran under, and the last.

    Args:
        log: lines, `run=N`, and the settings `lr=` and `clip=`, separated by spaces.
        done: one of these.
    """
    entries = log.split()
    if not _is_setting(done):
        return " ".join([*entries, done])
    ran = max((i for i, entry in enumerate(entries, 1) if not _is_setting(entry)), default=0)
    before = dict(entry.split("=") for entry in entries[:ran] if _is_setting(entry))
    last = dict(entry.split("=") for entry in [*entries[ran:], done])
    settings = [f"{n}={last[n]}" for n in SETTINGS if n in last and last[n] != before.get(n)]
    return " ".join([*entries[:ran], *settings])


def entries_of(log: str) -> Iterator[tuple[str, float]]:
    """The entries of a log, one by one: a line and 0, `"run"` and how many steps, or a setting.

    What is none of these is left out: anyone can write to a page.

    Raises:
        ValueError: when it comes to an entry whose value is no number.
    """
    for entry in log.split():
        name, _, value = entry.partition("=")
        if name in SETTINGS:
            yield name, float(value)
        elif name == "run" and 1 <= int(value) <= MAX_STEPS:
            yield name, int(value)
        elif name in LINES:
            yield name, 0


def _is_setting(entry: str) -> bool:
    return entry.partition("=")[0] in SETTINGS
