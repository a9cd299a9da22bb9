"""Logits and probabilities of classes, side by side."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from fwdwidgets.figures.bars import NamedBars
from fwdwidgets.figures.board import Board
from fwdwidgets.figures.colors import OTHER, PREDICTED, TRUE
from fwdwidgets.figures.drawing import Drawing


class Classes:
    """Logits and probabilities side by side, with the predicted and the true class marked.

    Attributes:
        logits: the panel of the logits, which shows the class names.
        probabilities: the panel of the probabilities.
    """

    def __init__(self, board: Board) -> None:
        """Claim two panels: logits, probabilities."""
        self.logits = NamedBars(board, "logits")
        self.probabilities = NamedBars(board, "softmax", named=False, nticks=2)

    def draw(
        self,
        drawing: Drawing,
        classes: Sequence[int],
        names: Sequence[str],
        logits: np.ndarray | None,
        probabilities: np.ndarray,
        *,
        ranges: Mapping[str, Sequence[float]],
        digits: int,
        prediction: int | None,
        label: int | None,
        titles: tuple[str, str],
        note: str = "",
    ) -> None:
        """Draw the bars; mark the predicted and the true class by sign and colour.

        Args:
            drawing: what the redraw assigns; added to.
            classes: class indices, from top to bottom.
            names: the name of each of them.
            logits: one for each class drawn, or None if the model gives only probabilities.
            probabilities: one for each class drawn, 0 to 1.
            ranges: the ends of the axes, by `"logits"` (if there are any) and `"probabilities"`.
            digits: the number of decimals of a printed logit.
            prediction: the predicted class index, or None.
            label: the true class index, or None.
            titles: above the logits, above the probabilities.
            note: a line below the first title.
        """
        colors = class_colors(classes, prediction, label)
        signs = [("▸" if c == prediction else "") + ("✓" if c == label else "") for c in classes]
        if logits is None:
            self.logits.show_names(drawing, names, signs)
        else:
            texts = [f"{v:.{digits}f}" for v in logits]
            ends = ranges["logits"]
            self.logits.draw(drawing, names, logits, ends, texts=texts, signs=signs, colors=colors)
        percent = [f"{v:.1%}" for v in probabilities]
        ends = ranges["probabilities"]
        self.probabilities.draw(drawing, names, probabilities, ends, texts=percent, colors=colors)
        self.logits.say(drawing, f"<b>{titles[0]}</b>" + (f"<br>{note}" if note else ""))
        self.probabilities.say(drawing, f"<b>{titles[1]}</b>" + ("<br> " if note else ""))

    def hide(self, drawing: Drawing) -> None:
        """Hide the logits and probabilities."""
        self.logits.hide(drawing)
        self.probabilities.hide(drawing)


def class_colors(classes: Sequence[int], prediction: int | None, label: int | None) -> list[str]:
    """The colour of each class: true, predicted or neither."""
    return [TRUE if c == label else PREDICTED if c == prediction else OTHER for c in classes]
