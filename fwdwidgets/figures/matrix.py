"""A small matrix with its numbers in the cells, and a name for each row and column."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from fwdwidgets.figures.board import Board
from fwdwidgets.figures.cells import Cells
from fwdwidgets.figures.drawing import Drawing, escape, exact, short

MAX_TEXTS = 160
"""Up to this many cells show their number if there is room; hover always shows it."""


class Matrix(Cells):
    """A small matrix with a name for each row and column, and its numbers in the cells.

    Attributes:
        trace: its number in `figure.data`.
        axis: the suffix of its axes in the layout.
        color: the suffix of its colour axis.
    """

    def __init__(self, board: Board, name: str, colors: str = "share") -> None:
        """Claim a panel; row names are to the left of it, the colour scale to the right."""
        plain = {"showgrid": False, "zeroline": False, "ticks": "", "tickmode": "array"}
        plain |= {"fixedrange": True, "range": [-0.5, 0.5]}
        axis = board.axes({**plain, "tickangle": -40}, {**plain, "ticklabelstandoff": 4})
        super().__init__(board, name, axis, colors, upright=True, xgap=1, ygap=1)

    def draw(
        self,
        drawing: Drawing,
        z: np.ndarray,
        color_range: tuple[float, float],
        *,
        rows: Sequence[str],
        columns: Sequence[str],
        number: str,
        hover: tuple[str, str, str] = ("", "", ""),
    ) -> None:
        """Draw the matrix.

        Args:
            drawing: what the redraw assigns; added to.
            z: `(rows, columns)`.
            color_range: the values at the ends of the printed colour scale.
            rows: one name per row, from top to bottom; long ones are shortened.
            columns: one name per column.
            number: a d3 format of the numbers in the cells, with a fixed count of digits.
            hover: words before the row's name, the column's name and the value.
        """
        row, column, value = (f"{word} " if word else "" for word in hover)
        self._show(
            drawing,
            z,
            color_range,
            texttemplate=f"%{{z:{number}}}" if z.size <= MAX_TEXTS else "",
            meta={"letters": _longest(color_range, number), "cells": list(z.shape)},
            hovertemplate=(
                f"{row}%{{y}}<br>{column}%{{x}}<br>{value}<b>%{{z:{exact(z)}}}</b><extra></extra>"
            ),
        )
        drawing.layout |= {
            f"xaxis{self.axis}.tickvals": list(range(len(columns))),
            f"xaxis{self.axis}.ticktext": [escape(short(name)) for name in columns],
            f"yaxis{self.axis}.tickvals": list(range(len(rows))),
            f"yaxis{self.axis}.ticktext": [escape(short(name, 16)) for name in rows],
        }


def _longest(ends: tuple[float, float], number: str) -> int:
    """The most characters of a number between two ends in a fixed d3 format.

    The present numbers may have fewer, but then the text size would change between pictures.
    """
    return max(len(format(float(end), number.replace("d", ".0f"))) for end in ends)
