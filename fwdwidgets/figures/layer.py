"""A value of any shape: a picture of it, or upright bars for a short vector."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from fwdwidgets.figures.board import Board
from fwdwidgets.figures.colors import BAD, OTHER
from fwdwidgets.figures.drawing import Drawing, exact
from fwdwidgets.figures.heatmap import Heatmap

MAX_MARKS = 1_000
"""At most this many NaN and infinite values are marked; a message counts them all."""
_NAMED_BARS = 12
"""Up to this many upright bars each have a number; of more bars, only some have."""


class Layer:
    """A value of any shape: a heatmap, or upright bars for a short vector; NaN marked.

    All share one pair of axes. Two overlapping pairs would be simpler, but in plotly only the
    upper one shows hover labels.

    Attributes:
        heatmap: the heatmap.
        bars: the number of the bars' trace.
        marks: the number of the trace that marks NaN and infinite values.
    """

    def __init__(self, board: Board, name: str, colors: str = "activations") -> None:
        """Claim a panel."""
        self.heatmap = Heatmap(board, name, colors, fixedrange=True)
        self._axis = axis = self.heatmap.axis
        self.bars = board.trace(axis, type="bar", name=f"{name} bars", marker={"color": OTHER})
        self.marks = board.trace(
            axis,
            type="scatter",
            name=f"{name} not finite",
            mode="markers",
            marker={"symbol": "x", "size": 7, "color": BAD},
            hovertemplate="%{text}<extra></extra>",
        )
        board.ink_values(axis, "y")

    def say(self, drawing: Drawing, title: str) -> None:
        """Set the title above the panel; plotly's markup."""
        self.heatmap.say(drawing, title)

    def draw_picture(
        self, drawing: Drawing, z: np.ndarray, ends: tuple[float, float], **where: Any
    ) -> None:
        """Draw a heatmap: see `Heatmap.draw`."""
        self._hide_bars(drawing)
        drawing.layout |= self._axes(bars=False)
        self.heatmap.draw(drawing, z, ends, **where)

    def draw_bars(
        self, drawing: Drawing, values: np.ndarray, ends: tuple[float, float], unit: str
    ) -> None:
        """Draw a vector `(F,)` as upright bars, on an axis with these ends."""
        self.heatmap.hide(drawing)
        drawing.trace(
            self.bars,
            x=np.arange(len(values)),
            y=values,
            visible=True,
            hovertemplate=f"{unit} %{{x}}<br><b>%{{y:{exact(values)}}}</b><extra></extra>",
        )
        axis = self._axis
        drawing.layout |= self._axes(bars=True) | {
            f"xaxis{axis}.range": [-0.7, len(values) - 0.3],
            f"yaxis{axis}.range": list(ends),
            # plotly rounds tick distances up: one more than the bars gives each its name.
            f"xaxis{axis}.nticks": len(values) + 1 if len(values) <= _NAMED_BARS else 8,
        }

    def draw_marks(
        self, drawing: Drawing, y: np.ndarray, x: np.ndarray, text: Sequence[str]
    ) -> None:
        """Mark where the value is NaN or infinite: on its picture, or on its bars."""
        drawing.trace(self.marks, x=x, y=y, text=list(text), visible=len(x) > 0)

    def hide(self, drawing: Drawing) -> None:
        """Hide the value."""
        self.draw_marks(drawing, np.empty(0), np.empty(0), [])
        self.heatmap.hide(drawing)
        self._hide_bars(drawing)

    def _hide_bars(self, drawing: Drawing) -> None:
        drawing.trace(self.bars, x=None, y=None, visible=False)

    def _axes(self, *, bars: bool) -> dict[str, Any]:
        """The axes, for upright bars with numbers or for a picture with square cells."""
        axis = self._axis
        return {
            f"xaxis{axis}.visible": True,
            f"yaxis{axis}.visible": True,
            f"xaxis{axis}.showticklabels": bars,
            f"yaxis{axis}.showticklabels": bars,
            f"yaxis{axis}.side": "right",
            f"yaxis{axis}.showgrid": bars,
            f"yaxis{axis}.zeroline": bars,
            f"xaxis{axis}.showline": not bars,
            f"yaxis{axis}.showline": not bars,
            f"xaxis{axis}.constrain": "range" if bars else "domain",
            f"yaxis{axis}.constrain": "range" if bars else "domain",
            f"yaxis{axis}.scaleanchor": False if bars else f"x{axis}",
        }
