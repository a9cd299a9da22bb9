"""What a tensor's picture and a matrix share: coloured cells and their colour scale."""

from __future__ import annotations

from typing import Any

import numpy as np

from fwdwidgets.figures.board import Board
from fwdwidgets.figures.drawing import Drawing
from fwdwidgets.figures.panel import Panel


class Cells(Panel):
    """Abstract base of the panels that show each number as a coloured cell.

    Attributes:
        trace: its number in `figure.data`.
        color: the suffix of its colour axis.
    """

    def __init__(
        self,
        board: Board,
        name: str,
        axis: str,
        colors: str,
        *,
        upright: bool = False,
        backdrop: bool = False,
        **trace: Any,
    ) -> None:
        """Claim a panel.

        Args:
            board: the figure being built.
            name: what the cells are.
            axis: the suffix of the axes.
            colors: as in `COLORSCALES`.
            upright: whether the colour scale is beside the cells instead of below them.
            backdrop: whether a background shows through the gaps between cells.
            **trace: further properties of the trace.
        """
        self.color = board.colors(colors, upright=upright)
        self.trace = board.trace(
            axis, type="heatmap", name=name, coloraxis=f"coloraxis{self.color}", **trace
        )
        self._backdrop = board.backdrop(axis) if backdrop else None
        super().__init__(axis, board.panel(axis, color=self.color, upright=upright))

    def hide(self, drawing: Drawing) -> None:
        """Hide the cells and their colour scale."""
        drawing.trace(self.trace, z=None, visible=False)
        self._see(drawing, False)

    def _show(
        self, drawing: Drawing, z: np.ndarray, ends: tuple[float, float], **trace: Any
    ) -> None:
        """Show `z`, the axes around it, and `ends` on the printed colour scale.

        Args:
            drawing: what the redraw assigns; added to.
            z: `(rows, columns)`, the first row at the top.
            ends: the values at the ends of the colour scale.
            **trace: further properties of the trace.
        """
        rows, columns = z.shape
        low, high = ends
        color = f"coloraxis{self.color}"
        drawing.trace(self.trace, z=z, visible=True, **trace)
        drawing.layout |= {
            f"xaxis{self.axis}.range": [-0.5, columns - 0.5],
            f"yaxis{self.axis}.range": [rows - 0.5, -0.5],
            f"{color}.cmin": low,
            f"{color}.cmax": high,
            f"{color}.colorbar.tickvals": [low, (low + high) / 2, high],
        }
        if self._backdrop is not None:
            shape = f"shapes[{self._backdrop}]"
            drawing.layout |= {f"{shape}.x1": columns - 0.5, f"{shape}.y1": rows - 0.5}
        self._see(drawing, True)

    def _see(self, drawing: Drawing, visible: bool) -> None:
        drawing.layout |= {
            f"xaxis{self.axis}.visible": visible,
            f"yaxis{self.axis}.visible": visible,
            f"coloraxis{self.color}.showscale": visible,
        }
        if self._backdrop is not None:
            drawing.layout[f"shapes[{self._backdrop}].visible"] = visible
