"""How the numbers of exported graphs become the picture.

The drawing is not written twice: Python draws each layer once, and whatever in that drawing depends
on the numbers is a slot, with the name of the graph's output that goes there.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Sequence
from typing import Any

import numpy as np

from fwdwidgets import figures
from fwdwidgets.figures import badge
from fwdwidgets.networks import Answer
from fwdwidgets.pages.network.onnx import Exported, Layout, input_layout, layer_layout
from fwdwidgets.pages.recorded import Archive
from fwdwidgets.widgets.shared import NetworkView, Slot


class Drawings:
    """Draws what a widget shows, and says which numbers go where in it.

    Args:
        view: what a widget shows of one sample.
        exported: the graphs of its network.
        archive: keeps what is drawn.

    Attributes:
        graphs: the ONNX files that lay out pictures or were kept, as arrays in the archive.
    """

    def __init__(self, view: NetworkView, exported: Exported, archive: Archive) -> None:
        self._view, self._exported, self._archive = view, exported, archive
        self.graphs: list[dict[str, Any]] = []

    def plan_input(self) -> dict[str, Any]:
        """The panel of the input."""
        panels, batch = self._view.panels, self._view.run.batch
        drawing = figures.Drawing()
        panels.draw_input(drawing, batch)
        return self._picture(input_layout(batch), drawing, panels.input_slots())

    def plan_layer(self, name: str) -> dict[str, Any]:
        """The panel of a layer, page by page."""
        step, panels = self._view.run.trace[name], self._view.panels
        assert step.value is not None, "a step without a value is no layer"
        pages = []
        for number in range(layer_layout(step.value).where.pages):
            layout = layer_layout(step.value, number)
            drawing = figures.Drawing()
            panels.draw_layer(drawing, step, layout.where)
            picture = self._picture(layout, drawing, panels.layer_slots(layout.where))
            pages.append(picture | {"marks": panels.layer.marks})
        many = math.prod(step.value.shape)
        return {
            "name": name,
            "odd": f"{name} gave NaN or infinity in {{odd}} of {many:,} values.",
            "pages": pages,
        }

    def plan_classes(self) -> dict[str, Any] | None:
        """The panels of logits and probabilities; None where the network predicts no class."""
        answer = self._answer
        if answer.head == "value":
            return None
        panels = self._view.panels
        bars = panels.answer_bars(answer)
        names = [self._view.name(index) for index in range(len(answer.probabilities))]
        return {
            "drawn": dict(self._draw_classes(panels.answer_places(bars.values()))),
            "panels": [
                {"name": name, "trace": panel.traces[0], "axis": panel.axis, "at": panel.numbers}
                for name, panel in bars.items()
            ],
            "names": names,
            "full": [figures.escape(name) for name in names],
            "short": [figures.escape(figures.short(name)) for name in names],
            "axis": panels.classes.logits.axis,
            # By role: neither, predicted, true, both.
            "colors": [figures.OTHER, figures.PREDICTED, figures.TRUE, figures.TRUE],
            "signs": ["", "▸", "✓", "▸✓"],
        }

    def _draw_classes(self, taken: Collection[str]) -> Iterable[tuple[str, dict[str, int]]]:
        """What no number changes, by the number of classes drawn: the label may add one."""
        answer, panels = self._answer, self._view.panels
        least = int(answer.probabilities.nan_to_num(-1).argmin())
        for label in (None, least):
            drawing = figures.Drawing()
            panels.draw_answer(drawing, answer, label, self._view.name)
            many = len(drawing.traces[panels.classes.probabilities.traces[0]]["x"])
            yield str(many), self._fixed(drawing, taken)

    def plan_badges(self) -> dict[str, str]:
        """The badges, with the words in braces that a page fills in."""
        return {
            "value": badge.badge_html("neutral", "value: {value}"),
            "target": badge.badge_html("neutral", "value: {value}", "target: {target}"),
            **{
                kind: badge.badge_html(sign, words, "{chance}" if kind != "none" else "")
                for kind, (sign, words) in badge.ANSWERS.items()
            },
        }

    @property
    def _answer(self) -> Answer:
        answer = self._view.run.answer
        assert answer is not None, "a network without an answer is not exported"
        return answer

    def _picture(
        self, layout: Layout, drawing: figures.Drawing, slots: Sequence[Slot]
    ) -> dict[str, Any]:
        """A drawing, and the graph that fills it."""
        if layout.where.kind == "empty":
            return {"fixed": self._fixed(drawing, ()), "slots": []}
        graph, outputs = self._exported.pictures[layout]
        return {
            "fixed": self._fixed(drawing, [slot[0] for slot in slots]),
            "slots": slots,
            "graph": self.keep(graph),
            "outputs": outputs,
        }

    def keep(self, graph: bytes) -> int:
        """The number of a graph; equal graphs are kept once."""
        tree = self._archive.array(np.frombuffer(graph, np.uint8))
        if tree not in self.graphs:
            self.graphs.append(tree)
        return self.graphs.index(tree)

    def _fixed(self, drawing: figures.Drawing, taken: Iterable[str]) -> dict[str, int]:
        """A drawing without what numbers fill in: place to piece."""
        places = {f"layout.{path}": value for path, value in drawing.layout.items()}
        for number, properties in drawing.traces.items():
            places |= {f"traces.{number}.{name}": value for name, value in properties.items()}
        left = places.keys() - set(taken)
        return {place: self._archive.piece(places[place]) for place in places if place in left}
