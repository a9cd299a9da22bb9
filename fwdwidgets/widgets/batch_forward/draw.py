"""What the figure of `BatchForward` shows: pictures, logits, probabilities, right and wrong."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from fwdwidgets import display, figures
from fwdwidgets.networks import Answer, classes_to_show
from fwdwidgets.widgets.batch_forward.compute import confusion
from fwdwidgets.widgets.batch_forward.figure import BatchFigure
from fwdwidgets.widgets.batch_forward.tiles import tile_inputs

PICTURES_ASPECT = 1.3
"""Width over height of the panel of the pictures."""


@dataclass(frozen=True, eq=False)
class Shown:
    """A batch and its answers.

    Attributes:
        start: index of its first sample.
        inputs: `(N, ...)`.
        answers: one a row.
        targets: what is true of each row as the dataset has it, None where it tells nothing.
        labels: the true class of each row, None without one.
        predictions: the predicted class of each row, None where there is none.
        name: of a class.
    """

    start: int
    inputs: Tensor
    answers: Sequence[Answer]
    targets: Sequence[int | float | None]
    labels: Sequence[int | None]
    predictions: Sequence[int | None]
    name: Callable[[int | None], str]

    @property
    def signs(self) -> list[str]:
        """Right, wrong, or neither of the two, for each row."""
        pairs = zip(self.predictions, self.labels, strict=True)
        return ["●" if p is None or t is None else "✓" if p == t else "✗" for p, t in pairs]

    @property
    def has_classes(self) -> bool:
        """Whether the network predicts a class."""
        return self.answers[0].head != "value"


class BatchDrawing:
    """Draws batches.

    Attributes:
        panels: the figure.
        columns: of logits and probabilities, how many there are.
    """

    def __init__(self) -> None:
        self.panels = BatchFigure()
        self.columns = 0
        # Height and width of a tile; rows and columns of tiles.
        self._tiling: tuple[tuple[int, int], tuple[int, int]] = ((1, 1), (1, 1))

    def draw(self, drawing: figures.Drawing, shown: Shown) -> None:
        """Draw all of a batch but the frames."""
        self._draw_pictures(drawing, shown)
        logits = [each.output if each.logits is None else each.logits for each in shown.answers]
        raw = torch.stack(logits)  # (N, K)
        drawn, names = [0], ["value"]
        if shown.has_classes:
            drawn = classes_to_show(shown.labels, shown.predictions, raw.shape[1])
            names = [shown.name(index) for index in drawn]
        self.columns = len(drawn)
        self._draw_logits(drawing, shown, raw, drawn, names)
        if shown.has_classes:
            self._draw_probabilities(drawing, shown, drawn, names)
            self._draw_confusion(drawing, shown, raw.shape[1], drawn, names)
            return
        self.panels.probabilities.hide(drawing)
        self.panels.confusion.hide(drawing)
        self.panels.confusion.say(drawing, "")
        self.panels.draw_diagonal(drawing, 0)

    def draw_frames(self, drawing: figures.Drawing, shown: Shown, row: int) -> None:
        """Frame a row wherever it stands."""
        self.panels.pictures.draw_frame(drawing, row, self._tiling)
        self.panels.logits.draw_frame(drawing, row, self.columns)
        if shown.has_classes:
            self.panels.probabilities.draw_frame(drawing, row, self.columns)

    def row_at(self, trace: int, x: float, y: float) -> int | None:
        """The row of a place in a trace of the figure, None where there is none."""
        pictures = self.panels.pictures
        if trace == pictures.heatmap.trace:
            return pictures.index(x, y, self._tiling)
        return int(y) if trace in self.panels.rows else None

    def _draw_pictures(self, drawing: figures.Drawing, shown: Shown) -> None:
        tiles = tile_inputs(shown.inputs, PICTURES_ASPECT)
        self._tiling = tiles.tile, tiles.tiles
        low, high = display.full_range(shown.inputs).tolist()
        pictures = self.panels.pictures
        note = f"<br>{tiles.note}" if tiles.note else ""
        pictures.heatmap.say(drawing, f"<b>pictures</b> {tuple(shown.inputs.shape)}{note}")
        pictures.heatmap.draw(
            drawing,
            tiles.z.numpy(),
            (low, high),
            kind="mosaic",
            unit="sample",
            tile=tiles.tile,
            tiles=tiles.tiles,
            first=(shown.start, 0, 0),
        )
        pictures.draw_signs(drawing, shown.signs, self._tiling)

    def _draw_logits(
        self,
        drawing: figures.Drawing,
        shown: Shown,
        raw: Tensor,
        drawn: list[int],
        names: list[str],
    ) -> None:
        panel = self.panels.logits
        truths = [shown.name(label) for label in shown.labels]
        if not shown.has_classes:
            truths = ["" if t is None else f"target {t:.4g}" for t in shown.targets]
        title = "output" if shown.answers[0].logits is None else "logits"
        panel.matrix.say(drawing, f"<b>{title}</b> {tuple(raw.shape)}, one row a sample")
        low, high = display.symmetric_range(raw).tolist()
        panel.matrix.draw(
            drawing,
            raw[:, drawn].numpy(),
            (low, high),
            rows=[f"{shown.start + index} {truth}" for index, truth in enumerate(truths)],
            columns=names,
            number=".2f",
            hover=("sample", "", "logit"),
        )
        sums = raw.nansum(1).tolist()
        panel.draw_sums(drawing, [f"sum {s:.3f}" if abs(s) < 10 else f"sum {s:.4g}" for s in sums])

    def _draw_probabilities(
        self, drawing: figures.Drawing, shown: Shown, drawn: list[int], names: list[str]
    ) -> None:
        chances = torch.stack([answer.probabilities for answer in shown.answers])  # (N, K)
        panel, first = self.panels.probabilities, shown.answers[0]
        title = f"<b>{first.head_name}</b> {tuple(chances.shape)}, each row sums to one"
        if first.head == "sigmoids":
            title = f"<b>sigmoid</b> {tuple(chances.shape)}, rows need not sum to one"
        panel.matrix.say(drawing, title)
        panel.matrix.draw(
            drawing,
            chances[:, drawn].numpy(),
            (0.0, float(chances.nan_to_num(0).max()) or 1.0),
            rows=[f"{shown.start + index} {sign}" for index, sign in enumerate(shown.signs)],
            columns=names,
            number=".1%",
            hover=("sample", "", "probability"),
        )
        panel.draw_sums(drawing, [f"sum {total:.3f}" for total in chances.sum(1).tolist()])

    def _draw_confusion(
        self,
        drawing: figures.Drawing,
        shown: Shown,
        classes: int,
        drawn: list[int],
        names: list[str],
    ) -> None:
        counts = confusion(shown.labels, shown.predictions, classes)[drawn][:, drawn]
        panel = self.panels.confusion
        panel.say(drawing, "<b>confusion matrix</b><br>row: label, column: prediction")
        z = counts.numpy().astype(np.float32)
        z[z == 0] = np.nan  # an empty cell is read faster than a field of zeros
        panel.draw(
            drawing,
            z,
            (0.0, float(max(1, int(counts.max())))),
            rows=names,
            columns=names,
            number="d",
            hover=("really", "taken for", "samples:"),
        )
        self.panels.draw_diagonal(drawing, len(drawn))
