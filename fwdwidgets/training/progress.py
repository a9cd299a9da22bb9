"""Training progress as text: one line per epoch, with a growing bar."""

from __future__ import annotations

import sys

_CELLS = 24


class Bar:
    """A line of text that grows in place; writes nothing unless it is to be shown."""

    def __init__(self, epochs: int, batches: int, shown: bool) -> None:
        self._epochs, self._batches, self._shown = epochs, batches, shown
        self._cells = -1

    def show(self, epoch: int, batch: int, loss: float) -> None:
        """Grow to a batch, both counted from 1."""
        cells = batch * _CELLS // self._batches
        if self._shown and cells != self._cells:
            self._cells = cells
            self._write(f"\r{self._line(epoch, cells)}  loss {loss:.4f}")

    def end(self, epoch: int, loss: float, accuracy: float | None) -> None:
        """End the line of an epoch."""
        right = "" if accuracy is None else f"  accuracy {accuracy:.1%}"
        if self._shown:
            self._write(f"\r{self._line(epoch, _CELLS)}  loss {loss:.4f}{right}\n")

    def stop(self) -> None:
        """Leave an unfinished line as it is."""
        if self._shown:
            self._write("\n")

    def _line(self, epoch: int, cells: int) -> str:
        return f"epoch {epoch} of {self._epochs} {'█' * cells}{'░' * (_CELLS - cells)}"

    @staticmethod
    def _write(text: str) -> None:
        sys.stdout.write(text)
        sys.stdout.flush()
