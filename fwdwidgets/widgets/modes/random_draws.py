"""What train mode answers draw after draw."""

from __future__ import annotations

from torch import Tensor

from fwdwidgets.networks import Forward
from fwdwidgets.widgets.modes.compute import ModeRun, run_in_mode

LAST_DRAWS = 10
"""So many draws stand beside each other, the chosen one last."""


class Draws:
    """The answers of train mode to one batch by draw, each run once."""

    def __init__(self) -> None:
        self._known: dict[int, Tensor | None] = {}

    def clear(self) -> None:
        """Forget all of them: the batch or the weights are others."""
        self._known.clear()

    def last(self, forward: Forward, batch: Tensor, draw: int, run: ModeRun) -> dict[int, Tensor]:
        """The answers of this draw and of those before it, at most `LAST_DRAWS`.

        Args:
            forward: with its weights chosen.
            batch: `(N, ...)`.
            draw: the seed of dropout's random numbers.
            run: of this draw.

        Returns:
            `(classes,)` by draw; draws without an answer are left out.
        """
        self._known[draw] = run.answer()
        last = range(max(0, draw - LAST_DRAWS + 1), draw + 1)
        for each in last:
            if each not in self._known:
                other = run_in_mode(forward, batch, training=True, draw=each)
                self._known[each] = other.answer()
        return {n: answer for n in last if (answer := self._known[n]) is not None}
