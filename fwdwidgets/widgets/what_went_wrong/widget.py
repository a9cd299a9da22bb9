"""Find what went wrong in a forward pass: shapes that do not meet, memory, NaN and infinity."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import ipywidgets
import numpy as np
import torch
import traitlets
from torch import Tensor, nn
from traitlets import observe, validate

from fwdwidgets import display, figures
from fwdwidgets.figures import badge
from fwdwidgets.trace import ForwardTrace, Step, as_inputs
from fwdwidgets.widgets.shared import (
    BadValue,
    ForwardWidget,
    Index,
    Number,
    Plot,
    StepTable,
    Text,
    panels,
    row,
)
from fwdwidgets.widgets.what_went_wrong.compute import Finding, build, find_wrong
from fwdwidgets.widgets.what_went_wrong.memory import Memory, measure_memory
from fwdwidgets.widgets.what_went_wrong.mismatch import in_and_out
from fwdwidgets.widgets.what_went_wrong.shape_table import shape_line, shape_table

MB = 1_000_000
"""Bytes in a megabyte."""
MOST_MB = 2**20
MOST_BATCH = 1_000_000
MOST_BARS = 14
VIEWS = ("bytes", "values")


class WhatWentWrong(ForwardWidget):
    """A forward pass up to where it broke, the number that would fit, bytes, NaN and infinity.

    Example:
        >>> fw.WhatWentWrong(MyNetwork(), torch.rand(4, 1, 28, 28))

    Args:
        model: an `nn.Module`, or a class or factory that makes one under seed 0; it runs in the
            mode that it is in, and is left as found.
        inputs: what the model takes: a tensor with its batch axis, a tuple of arguments, or a
            dict of keywords.
        step: the name of a step; None means the one where it went wrong, else the first.
        view: `"bytes"` of each step, or `"values"` of the chosen one; None means values where
            NaN or infinity came up, else bytes.
        batch_size: 1 or more, for the bytes; None means that of the inputs.
        memory_mb: what must hold it all, 1 to 2**20 megabytes of 1,000,000 bytes.

    Attributes:
        kind: `"error"`, `"nonfinite"`, `"batch"` (samples got mixed) or `"fine"`.
        wrong_step: where it went wrong, None where nothing did.
        repairs: what was tried on a copy, in words, a tuple.
        repaired: whether the copy ran to its end; None where nothing was tried.
        largest_batch: what fits into `memory_mb` to predict; None where it is not known.
        largest_training_batch: the same for one forward and backward pass.

    Raises:
        TypeError: model, inputs or a keyword is of the wrong kind.
        ValueError: step, view, batch size or memory is not one that there is.
    """

    step = Text(None, allow_none=True)
    view = Text("bytes")
    batch_size = Index(1)
    memory_mb = Number(1024.0)
    kind = traitlets.Unicode(read_only=True)
    wrong_step = traitlets.Unicode(None, allow_none=True, read_only=True)
    repairs = traitlets.Tuple(read_only=True)
    repaired = traitlets.Bool(None, allow_none=True, read_only=True)
    largest_batch = traitlets.Int(None, allow_none=True, read_only=True)
    largest_training_batch = traitlets.Int(None, allow_none=True, read_only=True)

    def __init__(
        self,
        model: nn.Module | Callable[[], nn.Module],
        inputs: Any,
        *,
        step: str | None = None,
        view: str | None = None,
        batch_size: int | None = None,
        memory_mb: float = 1024.0,
        **unknown: Any,
    ) -> None:
        """See the class."""
        super().__init__("what went wrong", unknown)
        self._finding: Finding = find_wrong(build(model), as_inputs(inputs))
        self._operands: tuple[str, list[Tensor]] = ("", [])
        self._memory = self._measure()
        self._publish()
        self._make_figure()
        self._build_controls()
        self.step = step if step is not None else self._first_step()
        self.view = view or ("values" if self.kind == "nonfinite" else "bytes")
        self.batch_size = self._finding.inputs.batch or 1 if batch_size is None else batch_size
        self.memory_mb = memory_mb
        self._quiet = False
        self._show_finding()
        self._show()

    @property
    def model(self) -> nn.Module:
        """The model that ran."""
        return self._finding.model

    @property
    def trace(self) -> ForwardTrace:
        """The recorded forward pass, up to the failing step."""
        return self._finding.trace

    @property
    def figure(self) -> Any:
        """The `plotly.graph_objects.Figure` on the screen; read it, do not change it."""
        return self._plot.figure

    # --- what was found -----------------------------------------------------------------------

    def _measure(self) -> Memory | None:
        """The bytes of the model, or of the repaired copy where that runs by itself."""
        found = self._finding
        if found.kind != "error" or found.out_of_memory:
            return measure_memory(found.model, found.inputs, found.trace)
        check = found.check
        if check is None or not check.ran or any(repair.edit for repair in check.repairs):
            return None
        return measure_memory(check.model, found.inputs, check.trace)

    def _publish(self) -> None:
        found, check = self._finding, self._finding.check
        self.set_trait("kind", found.kind)
        self.set_trait("wrong_step", found.step)
        self.set_trait("repairs", tuple(r.text for r in check.repairs) if check else ())
        self.set_trait("repaired", check.ran if check else None)

    # --- state --------------------------------------------------------------------------------

    def _names(self) -> list[str]:
        return [step.name for step in self.trace] or [""]

    @validate("step")
    def _valid_step(self, proposal: dict[str, Any]) -> str:
        if proposal["value"] not in self._names():
            with self._told():
                raise BadValue(
                    f"step={proposal['value']!r} is not a step of this forward pass; "
                    f"choose one of {', '.join(self._names())}."
                )
        return str(proposal["value"])

    @validate("view")
    def _valid_view(self, proposal: dict[str, Any]) -> str:
        if proposal["value"] not in VIEWS:
            with self._told():
                raise BadValue(
                    f"view={proposal['value']!r} is no view: choose 'bytes' or 'values'."
                )
        return str(proposal["value"])

    @validate("batch_size")
    def _valid_batch_size(self, proposal: dict[str, Any]) -> int:
        most = max(MOST_BATCH, self._finding.inputs.batch or 1)
        if not 1 <= proposal["value"] <= most:
            with self._told():
                raise BadValue(
                    f"batch_size={proposal['value']} is out of range: choose 1 to {most:,}."
                )
        return int(proposal["value"])

    @validate("memory_mb")
    def _valid_memory(self, proposal: dict[str, Any]) -> float:
        if not 1 <= proposal["value"] <= MOST_MB:
            with self._told():
                raise BadValue(
                    f"memory_mb={proposal['value']:g} is out of range: choose 1 to {MOST_MB:,} "
                    "megabytes."
                )
        return float(proposal["value"])

    def _first_step(self) -> str:
        """Where it went wrong, else the first."""
        return self.wrong_step or self._names()[0]

    @observe("step", "view", "batch_size", "memory_mb")
    def _changed(self, _: Any) -> None:
        if not self._quiet:
            if self.step is None:
                with self._quietly():
                    self.step = self._first_step()
            self._show_finding()
            self._show()

    # --- draw ---------------------------------------------------------------------------------

    def _make_figure(self) -> None:
        board = figures.Board()
        self._bars = figures.NamedBars(board, "bytes")
        self._values = [figures.Layer(board, name) for name in ("operand 1", "operand 2", "result")]
        thirds = [(0.0, 0.3, 0.12, 1.0), (0.35, 0.65, 0.12, 1.0), (0.7, 1.0, 0.12, 1.0)]
        stacked = [(0.0, 0.94, 0.76, 1.0), (0.0, 0.94, 0.38, 0.62), (0.0, 0.94, 0.0, 0.24)]
        canvas = board.canvas(
            {
                0: figures.View(560, [(0.3, 0.8, 0.04, 1.0), *stacked], {"t": 60}),
                640: figures.View(360, [(0.14, 0.86, 0.04, 1.0), *thirds], {"t": 60}),
            }
        )
        self._plot = Plot(canvas, "what went wrong")
        self._plot.add_class("fwd-figure")

    def _show(self) -> None:
        step = self.trace[self.step] if self.step is not None and self.step in self.trace else None
        drawing = figures.Drawing()
        if self.view == "bytes":
            for panel in self._values:
                self._clear(drawing, panel)
            self._draw_bytes(drawing)
        else:
            self._bars.hide(drawing)
            self._draw_values(drawing, step)
        self._plot.draw(drawing, self._describe(step))
        self._shapes.value = "" if step is None else self._describe_shapes(step)
        self._show_memory()
        self._table.show(self.trace, self.step or "")
        self._follow()

    def _clear(self, drawing: figures.Drawing, panel: figures.Layer) -> None:
        panel.say(drawing, "")
        panel.hide(drawing)

    def _draw_bytes(self, drawing: figures.Drawing) -> None:
        sizes = self._sizes()
        largest = sorted(sizes, key=lambda name: sizes[name], reverse=True)[:MOST_BARS]
        shown = [name for name in sizes if name in largest or name == self.step]
        if not shown:
            self._bars.hide(drawing)
            return
        marks = ["▸" if name == self.step else "" for name in shown]
        colors = [figures.PREDICTED if mark else figures.OTHER for mark in marks]
        values = np.array([sizes[name] for name in shown], np.float64)
        texts = [in_bytes(value) for value in values]
        ends = display.value_range(torch.from_numpy(values)).tolist()
        self._bars.draw(drawing, shown, values, ends, texts=texts, signs=marks, colors=colors)
        many = f", {len(shown)} of {len(sizes)} steps" if len(shown) < len(sizes) else ""
        batch = self.batch_size if self._memory else self._finding.inputs.batch or 1
        self._bars.say(drawing, f"<b>bytes of each step's result</b><br>batch of {batch:,}{many}")

    def _sizes(self) -> dict[str, int]:
        """Bytes of the result of each step: for the chosen batch, or else as it ran."""
        if self._memory is not None:
            return {name: need.at(self.batch_size) for name, need in self._memory.steps.items()}
        return {
            step.name: sum(v.numel() * v.element_size() for v in step.values)
            for step in self.trace
            if step.values
        }

    def _draw_values(self, drawing: figures.Drawing, step: Step | None) -> None:
        operands = [] if step is None else self._operands_of(step)
        first, second = (operands[n] if n < len(operands) else None for n in (0, 1))
        result = None if step is None else step.value
        for panel, name, value in zip(
            self._values, ("went in", "and", "came out"), (first, second, result), strict=True
        ):
            if value is None:
                self._clear(drawing, panel)
                continue
            where = display.grid(tuple(value.shape))
            part = f"<br>{where.shown}" if where.shown else ""
            panel.say(drawing, f"<b>{name}</b> {tuple(value.shape)}{part}")
            panels.draw_value(drawing, panel, display.as_float(value), where)

    def _operands_of(self, step: Step) -> list[Tensor]:
        """What went into a step; the model runs again for another one."""
        if self._operands[0] != step.name:
            self._operands = step.name, self._finding.operands(step)
        return self._operands[1]

    # --- in words -----------------------------------------------------------------------------

    def _show_finding(self) -> None:
        first, *others = self._finding.sentences
        fine = self.kind == "fine"
        self._error = "" if fine else first
        self._notes["found"] = first if fine else ""
        self._notes |= {f"more {n}": text for n, text in enumerate(others)}
        self._badge.value = self._describe_kind()
        self._show_message()

    def _describe_kind(self) -> str:
        if self.kind == "fine":
            return badge.badge_html("correct", "nothing went wrong")
        if self.kind == "error":
            what = f"{type(self.trace.error).__name__} in {self.wrong_step}"
            if self.repaired:
                first, *more = self.repairs
                also = f" and {len(more)} more" if more else ""
                return badge.badge_html("incorrect", what, f"a copy ran with {first}{also}")
            return badge.badge_html("incorrect", what)
        if self.kind == "nonfinite":
            return badge.badge_html("incorrect", f"NaN or infinity first in {self.wrong_step}")
        return badge.badge_html("incorrect", f"the samples are mixed in {self.wrong_step}")

    def _describe(self, step: Step | None) -> str:
        name = step.name if step else "no step"
        if self.view == "values":
            return f"values that went into {name}, and its result"
        return f"bytes of each step's result, batch of {self.batch_size}; chosen: {name}"

    def _describe_shapes(self, step: Step) -> str:
        source = " ".join(step.source.split())
        title = f"{step.name}, {source}" if source else step.name
        met = self._finding.meetings(step) or in_and_out(step)
        if met is not None:
            return shape_table(title, met)
        given = " and ".join(map(str, step.input_shapes)) or "nothing"
        came = str(step.shape) if step.error is None else type(step.error).__name__
        return shape_line(title, f"{given} → {came}")

    def _show_memory(self) -> None:
        memory = self._memory
        if memory is None:
            self._status.value = (
                "no forward pass to measure: the bars are the results up to here, for this batch"
                if self.kind == "error"
                else "bytes are known for this batch alone: on two or three samples the model fails"
            )
            return
        budget = round(self.memory_mb * MB)
        parts = []
        for training, words in ((False, "to predict"), (True, "to train")):
            if training and memory.training is None:
                self.set_trait("largest_training_batch", None)
                continue
            need = memory.need(training=training)
            largest = need.largest(budget)
            name = "largest_training_batch" if training else "largest_batch"
            self.set_trait(name, largest)
            much = "any batch" if largest is None else f"a batch of at most {largest:,}"
            fits = need.at(self.batch_size) <= budget
            sign = "✓ fits" if fits else "✗ too large"
            parts.append(f"{words}: {in_bytes(need.at(self.batch_size))} {sign} ({much})")
        repaired = self.kind == "error" and not self._finding.out_of_memory
        whose = " of the repaired copy" if repaired else ""
        self._status.value = (
            f"batch of {self.batch_size:,} in {self.memory_mb:,.0f} MB · {' · '.join(parts)} · "
            f"weights{whose} {in_bytes(memory.weights)}"
        )

    # --- controls -----------------------------------------------------------------------------

    def _build_controls(self) -> None:
        link, slider = self._link, self._slider
        steps = slider(ipywidgets.SelectionSlider, "Step", options=self._names())
        steps.add_class("fwd-layer")
        view = ipywidgets.ToggleButtons(options=VIEWS, description="Show")
        batch = slider(ipywidgets.IntSlider, "Batch", value=1, min=1, max=256)
        memory = slider(
            ipywidgets.FloatLogSlider,
            "Memory",
            value=1024.0,
            base=2,
            min=0,
            max=20,
            step=1,
            readout_format=",.0f",
        )
        batch.disabled = memory.disabled = self._memory is None
        self._badge, self._shapes, self._status = (ipywidgets.HTML() for _ in range(3))
        self._badge.add_class("fwd-badge")
        self._shapes.add_class("fwd-shapes")
        self._status.add_class("fwd-status")
        self._table = StepTable()
        self._choose_by(self._table, "step")
        self.children = [
            self._badge,
            self._message,
            row(link(steps, "step", "fwd-step"), link(view, "view", "fwd-view")),
            self._shapes,
            row(
                link(batch, "batch_size", "fwd-batch-size"), link(memory, "memory_mb", "fwd-memory")
            ),
            self._status,
            self._plot,
            self._table,
            self._frame,
        ]
        self._keep()


def in_bytes(count: float) -> str:
    """A number of bytes as a person reads it: `13,824 B`, `3.2 MB`."""
    if count < 100_000:
        return f"{count:,.0f} B"
    for unit, size in (("kB", 1e3), ("MB", 1e6), ("GB", 1e9)):
        if count < 1000 * size or unit == "GB":
            return f"{count / size:,.1f} {unit}"
    raise AssertionError("GB takes any")
