"""The figure of what went wrong: bytes of each step as bars, or the values of one step."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from fwdwidgets.figures import (
    OTHER,
    PREDICTED,
    Board,
    Canvas,
    Drawing,
    Layer,
    NamedBars,
    View,
)
from fwdwidgets.widgets.what_went_wrong.words import in_bytes

_BARS = (0.04, 1.0)  # from bottom to top
_BESIDE = [(0.0, 0.3, 0.12, 1.0), (0.35, 0.65, 0.12, 1.0), (0.7, 1.0, 0.12, 1.0)]
_BELOW = [(0.0, 0.94, 0.76, 1.0), (0.0, 0.94, 0.38, 0.62), (0.0, 0.94, 0.0, 0.24)]
_TITLES = {"t": 60}  # they have two lines


class WrongFigure:
    """The panels of what went wrong; the bars and the values share their place.

    Attributes:
        bars: the bytes of each step's result.
        values: what went into a step, twice, and what came out.
        canvas: the figure.
    """

    def __init__(self) -> None:
        board = Board()
        self.bars = NamedBars(board, "bytes")
        self.values = [Layer(board, name) for name in ("operand 1", "operand 2", "result")]
        self.canvas: Canvas = board.canvas(
            {
                0: View(560, [(0.3, 0.8, *_BARS), *_BELOW], _TITLES),
                640: View(360, [(0.14, 0.86, *_BARS), *_BESIDE], _TITLES),
            }
        )

    def draw_bytes(
        self,
        drawing: Drawing,
        sizes: Mapping[str, int],
        ends: Sequence[float],
        chosen: str | None,
        title: str,
    ) -> None:
        """Draw a bar a step, and take the values off the screen.

        Args:
            drawing: what the redraw assigns; added to.
            sizes: bytes by the name of a step, from top to bottom; without any there are no bars.
            ends: the ends of the axis, `(2,)`.
            chosen: the step that is marked, by sign and colour.
            title: the second line above the bars.
        """
        for panel in self.values:
            self.clear(drawing, panel)
        if not sizes:
            self.bars.hide(drawing)
            return
        marks = ["▸" if name == chosen else "" for name in sizes]
        self.bars.draw(
            drawing,
            list(sizes),
            np.array(list(sizes.values()), np.float64),
            ends,
            texts=[in_bytes(size) for size in sizes.values()],
            signs=marks,
            colors=[PREDICTED if mark else OTHER for mark in marks],
        )
        self.bars.say(drawing, f"<b>bytes of each step's result</b><br>{title}")

    def name_value(
        self, drawing: Drawing, panel: Layer, name: str, shape: tuple[int, ...], part: str
    ) -> None:
        """Set the title of a value: its name and shape, and which part of it is shown."""
        panel.say(drawing, f"<b>{name}</b> {shape}{f'<br>{part}' if part else ''}")

    def clear(self, drawing: Drawing, panel: Layer) -> None:
        """Take one value and its title off the screen."""
        panel.say(drawing, "")
        panel.hide(drawing)
