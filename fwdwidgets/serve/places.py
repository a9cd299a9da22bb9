"""How many learners a server can have, and who is next when it is full."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable

import psutil

LEARNER_BYTES = 280_000_000
"""Private memory of one learner's kernel, with torch, plotly and a widget, as measured."""
KEPT_FREE = 0.2
"""The fraction of the memory free at the start that stays free."""
PATIENCE_SECONDS = 20.0
"""A waiting reader asks every few seconds; one who has not asked for this long has left."""


class Places:
    """Places for learners, first come, first served.

    Args:
        count: how many learners have a kernel at the same time, at least 1.
        taken: how many kernels there are.
        clock: a monotonic clock, in seconds.
    """

    def __init__(
        self,
        count: int,
        taken: Callable[[], int],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.count = count
        self._taken, self._clock = taken, clock
        self._opening = 0
        self._asked: dict[str, float] = {}  # by ticket, in the order in which they came

    @property
    def waiting(self) -> int:
        """How many wait."""
        self._forget()
        return len(self._asked)

    @property
    def free(self) -> int:
        """How many places are free."""
        return max(0, self.count - self._taken() - self._opening)

    def ask(self, ticket: str | None) -> tuple[str, int]:
        """Ask for a place.

        Args:
            ticket: the ticket from an earlier answer; None for a new reader.

        Returns:
            A ticket, and how many are waiting before its holder; -1 for one who may enter now.
            Then call `opened` once there is a kernel, or it is clear that there will be none.
        """
        self._forget()
        if ticket not in self._asked:
            ticket = secrets.token_hex(8)
        self._asked[ticket] = self._clock()
        before = list(self._asked).index(ticket)
        if before >= self.free:
            return ticket, before
        del self._asked[ticket]
        self._opening += 1
        return ticket, -1

    def opened(self) -> None:
        """Count a learner by the kernel from now on."""
        self._opening -= 1

    def _forget(self) -> None:
        """Remove readers who have left from the queue."""
        now = self._clock()
        left = [t for t, asked in self._asked.items() if now - asked > PATIENCE_SECONDS]
        for ticket in left:
            del self._asked[ticket]


def places_here() -> int:
    """How many learners fit into the free memory of this machine, at least 1."""
    free = psutil.virtual_memory().available
    return max(1, int(free * (1 - KEPT_FREE) / LEARNER_BYTES))
