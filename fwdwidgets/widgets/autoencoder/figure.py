"""The figure of an autoencoder: the input, its code as bars, and the reconstruction."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from fwdwidgets.figures import Board, Canvas, Drawing, Heatmap, NamedBars, View

_BELOW = [(0.2, 0.8, 0.74, 1), (0.2, 0.8, 0.42, 0.62), (0.2, 0.8, 0.05, 0.31)]
_BESIDE = [(0, 0.28, 0, 1), (0.38, 0.56, 0, 1), (0.7, 0.98, 0, 1)]


class AutoencoderFigure:
    """The panels of an autoencoder.

    Attributes:
        input: the sample.
        code: the numbers that are decoded.
        reconstruction: what the decoder makes of them.
        canvas: the figure.
    """

    def __init__(self) -> None:
        board = Board()
        self.input = Heatmap(board, "input", "input")
        self.code = NamedBars(board, "code")
        self.reconstruction = Heatmap(board, "reconstruction", "input")
        self.canvas: Canvas = board.canvas({0: View(760, _BELOW), 640: View(330, _BESIDE)})

    def draw_code(self, drawing: Drawing, code: Sequence[float], ends: Sequence[float]) -> None:
        """Draw the code as one bar a number; nothing of an empty one.

        Args:
            drawing: what the redraw assigns; added to.
            code: its numbers, `(K,)`.
            ends: the ends of the axis, `(2,)`.
        """
        if not code:
            self.code.hide(drawing)
            return
        names = [f"code {index}" for index in range(len(code))]
        texts = [f"{number:.3f}" for number in code]
        self.code.draw(drawing, names, np.array(code), ends, texts=texts)
        self.code.say(drawing, f"<b>code</b> ({len(code)},)")

    def name_reconstruction(self, drawing: Drawing, shape: tuple[int, ...]) -> None:
        """Set the title of the reconstruction, which is of this shape."""
        self.reconstruction.say(drawing, f"<b>reconstruction</b> {shape}")

    def hide_reconstruction(self, drawing: Drawing) -> None:
        """Take the reconstruction and its title off the screen."""
        self.reconstruction.hide(drawing)
        self.reconstruction.say(drawing, "")
