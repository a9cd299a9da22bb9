"""How many learners a server holds, and who comes in next when it is full."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable

import psutil

LEARNER_BYTES = 280_000_000
"""Private memory of one learner's kernel, with torch, plotly and a widget, as measured."""
KEPT_FREE = 0.2
"""The share of the memory that is free at the start and stays so."""
PATIENCE_SECONDS = 20.0
"""Who waits asks every few seconds; who has not asked for so long has left."""


class Places:
    """Places for learners, taken by those who came first.

    Args:
        count: how many learners have a kernel at the same time, at least 1.
        taken: how many kernels there are.
        clock: seconds that only grow.
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
        """Ask to come in.

        Args:
            ticket: what an earlier answer gave, None for who comes new.

        Returns:
            A ticket, and how many wait before its holder; -1 for who may come in now. Then
            `opened` is to be called as soon as there is a kernel, or it is clear that none comes.
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
        """Take those who left out of the queue."""
        now = self._clock()
        left = [t for t, asked in self._asked.items() if now - asked > PATIENCE_SECONDS]
        for ticket in left:
            del self._asked[ticket]


def places_here() -> int:
    """How many learners the memory that is free on this machine holds, at least 1."""
    free = psutil.virtual_memory().available
    return max(1, int(free * (1 - KEPT_FREE) / LEARNER_BYTES))
