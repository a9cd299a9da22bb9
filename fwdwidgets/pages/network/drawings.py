"""How the numbers of exported graphs become the picture.

The drawing is not written twice: Python draws each layer once, and what of that drawing follows
from the numbers is a slot, with the name of the graph's output that goes there.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from fwdwidgets import figures
from fwdwidgets.figures import badge
from fwdwidgets.networks import Answer
from fwdwidgets.pages.network.onnx import Exported, Layout, input_layout, layer_layout
from fwdwidgets.pages.recorded import Archive
from fwdwidgets.widgets.forward_pass.widget import ForwardPass
from fwdwidgets.widgets.shared import panels

Slot = tuple[str, str, int | str]
"""A place in the figure, the output of a graph that goes there, and what of it: the whole `array`,
a plain `list` of its numbers, or the one number at an index."""


class Drawings:
    """Draws what a widget shows, and says which numbers go where in it.

    Args:
        widget: shows one sample.
        exported: the graphs of its network.
        archive: keeps what is drawn.

    Attributes:
        graphs: the ONNX files that lay out pictures or were kept, as arrays of the archive.
    """

    def __init__(self, widget: ForwardPass, exported: Exported, archive: Archive) -> None:
        self._widget, self._exported, self._archive = widget, exported, archive
        self.graphs: list[dict[str, Any]] = []

    def plan_input(self) -> dict[str, Any]:
        """The panel of the input."""
        panel, batch = self._widget._figure.input, self._widget._now.batch
        drawing = figures.Drawing()
        panels.draw_input(drawing, panel, batch)
        return self._picture(input_layout(batch), drawing, _heatmap_slots(panel))

    def plan_layer(self, name: str) -> dict[str, Any]:
        """The panel of a layer, page by page."""
        step, panel = self._widget.trace[name], self._widget._figure.layer
        assert step.value is not None, "a step without a value is no layer"
        pages = []
        for number in range(layer_layout(step.value).where.pages):
            layout = layer_layout(step.value, number)
            drawing = figures.Drawing()
            panels.draw_step(drawing, panel, step, layout.where)
            slots = _heatmap_slots(panel.heatmap)
            if layout.where.kind == "bars":
                slots = [
                    (f"traces.{panel.bars}.y", "picture", "array"),
                    (f"layout.yaxis{panel.heatmap.axis}.range", "range", "list"),
                ]
            pages.append(self._picture(layout, drawing, slots) | {"marks": panel.marks})
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
        classes = self._widget._figure.classes
        values = {"logits": classes.logits, "probabilities": classes.probabilities}
        if answer.logits is None:
            del values["logits"]
        names = [self._widget._name(index) for index in range(len(answer.probabilities))]
        return {
            "drawn": dict(self._draw_classes(list(values.values()))),
            "panels": [
                {"name": name, "trace": panel.traces[0], "axis": panel.axis, "at": panel._numbers}
                for name, panel in values.items()
            ],
            "names": names,
            "full": [figures.escape(name) for name in names],
            "short": [figures.escape(figures.short(name)) for name in names],
            "axis": classes.logits.axis,
            # By role: neither, predicted, true, both.
            "colors": [figures.OTHER, figures.PREDICTED, figures.TRUE, figures.TRUE],
            "signs": ["", "▸", "✓", "▸✓"],
        }

    def _draw_classes(self, shown: list[figures.NamedBars]) -> Iterable[tuple[str, dict[str, int]]]:
        """What no number changes, by how many classes are drawn: the label may be one more."""
        answer, panel = self._answer, self._widget._figure.classes
        taken = {f"layout.yaxis{panel.logits.axis}.ticktext"}
        for bars in shown:
            trace = f"traces.{bars.traces[0]}"
            taken |= {f"{trace}.x", f"{trace}.marker", f"{trace}.hovertext"}
            taken |= {f"layout.xaxis{bars.axis}.range", f"layout.yaxis{bars._numbers}.ticktext"}
        least = int(answer.probabilities.nan_to_num(-1).argmin())
        for label in (None, least):
            drawing = figures.Drawing()
            panels.draw_answer(drawing, panel, answer, label, self._widget._name)
            many = len(drawing.traces[panel.probabilities.traces[0]]["x"])
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
        answer = self._widget._now.answer
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
        """A drawing by place, less what is taken by numbers: place to piece."""
        places = {f"layout.{path}": value for path, value in drawing.layout.items()}
        for number, properties in drawing.traces.items():
            places |= {f"traces.{number}.{name}": value for name, value in properties.items()}
        left = places.keys() - set(taken)
        return {place: self._archive.piece(places[place]) for place in places if place in left}


def _heatmap_slots(panel: figures.Heatmap) -> list[Slot]:
    color = f"layout.coloraxis{panel.color}"
    return [
        (f"traces.{panel.trace}.z", "picture", "array"),
        (f"{color}.cmin", "range", 0),
        (f"{color}.cmax", "range", 1),
        (f"{color}.colorbar.tickvals", "ticks", "list"),
    ]
