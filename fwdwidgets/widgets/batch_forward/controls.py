"""The sliders that choose a batch, and a row of it."""

from __future__ import annotations

import ipywidgets

from fwdwidgets.widgets.shared import slider

MAX_SIZE = 32
"""More rows could not be read."""


class BatchSliders:
    """Which samples make up the batch, and which of them is chosen.

    Args:
        start: index of the first sample.
        size: how many samples, where the dataset does not end before.
        row: which row is chosen.
        length: how many samples the dataset has.

    Attributes:
        start, size, row: a slider for each.
    """

    def __init__(self, start: int, size: int, row: int, length: int) -> None:
        kind, most = ipywidgets.IntSlider, max(size, min(MAX_SIZE, length))
        last = max(row, min(size, length - start) - 1)
        self.start = slider(kind, "Start", value=start, min=0, max=length - 1)
        self.size = slider(kind, "Size", value=size, min=1, max=most)
        self.row = slider(kind, "Row", value=row, min=0, max=last, from_start=True)

    def show_rows(self, count: int) -> None:
        """Let the row go as far as a batch of so many samples."""
        self.row.max = count - 1
