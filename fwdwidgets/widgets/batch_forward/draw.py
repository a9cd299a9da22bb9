"""What the figure of `BatchForward` shows: pictures, logits, probabilities, right and wrong."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from fwdwidgets import display, figures
from fwdwidgets.networks import classes_to_show
from fwdwidgets.widgets.batch_forward.compute import confusion
from fwdwidgets.widgets.batch_forward.figure import BatchFigure
from fwdwidgets.widgets.batch_forward.results import Results
from fwdwidgets.widgets.batch_forward.tiles import tile_inputs
from fwdwidgets.widgets.shared import Plot

PICTURES_ASPECT = 1.3
"""Width over height of the panel of the pictures."""


@dataclass(frozen=True, eq=False)
class Shown:
    """A batch and its answers.

    Attributes:
        start: index of its first sample.
        inputs: `(N, ...)`.
        results: one answer a row.
        name: of a class.
        choice: samples and weights, in words.
    """

    start: int
    inputs: Tensor
    results: Results
    name: Callable[[int | None], str]
    choice: str


class Picture:
    """Draws batches on one figure, and knows which of them it shows.

    Attributes:
        plot: the figure on the page.
        columns: of logits and probabilities, how many there are.
        shows: the choice that it shows, in words; empty before the first drawing.
    """

    def __init__(self) -> None:
        self._panels = BatchFigure()
        self.plot = Plot(self._panels.canvas, "batch")
        self.columns = 0
        self.shows = ""
        # Height and width of a tile; rows and columns of tiles.
        self._tiling: tuple[tuple[int, int], tuple[int, int]] = ((1, 1), (1, 1))

    def draw(self, shown: Shown, row: int, *, new: bool) -> None:
        """Frame a row wherever it stands; of a new batch, draw all the rest too."""
        drawing = figures.Drawing()
        if new:
            self._draw_batch(drawing, shown)
            self.shows = shown.choice
            self.plot.old = False
        self._draw_frames(drawing, row, classes=shown.results.classes)
        about = f"{shown.choice}, row {row} is framed"
        self.plot.draw(drawing, f"{about}: pictures, confusion, logits, probabilities")

    def keep(self) -> None:
        """Leave the picture as it is, and mark it as old."""
        self.plot.old = bool(self.shows)

    def row_at(self, trace: int, x: float, y: float) -> int | None:
        """The row of a place in a trace of the figure, None where there is none."""
        pictures = self._panels.pictures
        if trace == pictures.heatmap.trace:
            return pictures.index(x, y, self._tiling)
        return int(y) if trace in self._panels.rows else None

    def _draw_batch(self, drawing: figures.Drawing, shown: Shown) -> None:
        """Draw all of a batch but the frames."""
        self._draw_pictures(drawing, shown)
        results = shown.results
        logits = [each.output if each.logits is None else each.logits for each in results.answers]
        raw = torch.stack(logits)  # (N, K)
        drawn, names = [0], ["value"]
        if results.classes:
            drawn = classes_to_show(results.labels, results.predictions, raw.shape[1])
            names = [shown.name(index) for index in drawn]
        self.columns = len(drawn)
        self._draw_logits(drawing, shown, raw, drawn, names)
        if results.classes:
            self._draw_probabilities(drawing, shown, drawn, names)
            self._draw_confusion(drawing, shown, raw.shape[1], drawn, names)
            return
        self._panels.probabilities.hide(drawing)
        self._panels.confusion.hide(drawing)
        self._panels.confusion.say(drawing, "")
        self._panels.draw_diagonal(drawing, 0)

    def _draw_frames(self, drawing: figures.Drawing, row: int, *, classes: int) -> None:
        self._panels.pictures.draw_frame(drawing, row, self._tiling)
        self._panels.logits.draw_frame(drawing, row, self.columns)
        if classes:
            self._panels.probabilities.draw_frame(drawing, row, self.columns)

    def _draw_pictures(self, drawing: figures.Drawing, shown: Shown) -> None:
        tiles = tile_inputs(shown.inputs, PICTURES_ASPECT)
        self._tiling = tiles.tile, tiles.tiles
        low, high = display.full_range(shown.inputs).tolist()
        pictures = self._panels.pictures
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
        pictures.draw_signs(drawing, shown.results.signs, self._tiling)

    def _draw_logits(
        self,
        drawing: figures.Drawing,
        shown: Shown,
        raw: Tensor,
        drawn: list[int],
        names: list[str],
    ) -> None:
        panel, results = self._panels.logits, shown.results
        truths = [shown.name(label) for label in results.labels]
        if not results.classes:
            truths = ["" if t is None else f"target {t:.4g}" for t in results.targets]
        title = "output" if results.answers[0].logits is None else "logits"
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
        panel, results = self._panels.probabilities, shown.results
        first = results.answers[0]
        chances = torch.stack([answer.probabilities for answer in results.answers])  # (N, K)
        title = f"<b>{first.head_name}</b> {tuple(chances.shape)}, each row sums to one"
        if first.head == "sigmoids":
            title = f"<b>sigmoid</b> {tuple(chances.shape)}, rows need not sum to one"
        panel.matrix.say(drawing, title)
        panel.matrix.draw(
            drawing,
            chances[:, drawn].numpy(),
            (0.0, float(chances.nan_to_num(0).max()) or 1.0),
            rows=[f"{shown.start + index} {sign}" for index, sign in enumerate(results.signs)],
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
        results = shown.results
        counts = confusion(results.labels, results.predictions, classes)[drawn][:, drawn]
        panel = self._panels.confusion
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
        self._panels.draw_diagonal(drawing, len(drawn))
