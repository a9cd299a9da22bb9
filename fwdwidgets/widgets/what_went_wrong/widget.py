"""Find what went wrong in a forward pass: mismatched shapes, memory, NaN and infinity."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import ipywidgets
import traitlets
from torch import Tensor, nn
from traitlets import observe, validate

from fwdwidgets import figures
from fwdwidgets.figures import badge
from fwdwidgets.trace import ForwardTrace, Step, as_inputs
from fwdwidgets.widgets.shared import (
    BadValue,
    Index,
    Number,
    Plot,
    PlottedWidget,
    StepTable,
    Text,
    row,
)
from fwdwidgets.widgets.what_went_wrong import words
from fwdwidgets.widgets.what_went_wrong.compute import Finding, build, find_wrong
from fwdwidgets.widgets.what_went_wrong.draw import draw_bytes, draw_values
from fwdwidgets.widgets.what_went_wrong.figure import WrongFigure
from fwdwidgets.widgets.what_went_wrong.meetings import in_and_out
from fwdwidgets.widgets.what_went_wrong.memory import result_sizes
from fwdwidgets.widgets.what_went_wrong.shape_table import describe_shapes

MB = 1_000_000
"""Bytes in a megabyte."""
MOST_MB = 2**20
MOST_BATCH = 1_000_000
VIEWS = ("bytes", "values")


class WhatWentWrong(PlottedWidget):
    """A forward pass up to its failure: the number that would fit, memory, NaN and infinity.

    Example:
        >>> fw.WhatWentWrong(MyNetwork(), torch.rand(4, 1, 28, 28))

    Args:
        model: an `nn.Module`, or a class or factory that makes one under seed 0; it runs in its
            current mode, and is left as found.
        inputs: what the model takes: a tensor with its batch axis, a tuple of arguments, or a
            dict of keyword arguments.
        step: the name of a step; None means the one that went wrong, else the first.
        view: `"bytes"` of each step, or `"values"` of the chosen one; None means values if there
            is NaN or infinity, else bytes.
        batch_size: 1 or more, for the bytes; None means that of the inputs.
        memory_mb: the available memory, 1 to 2**20 megabytes of 1,000,000 bytes.

    Attributes:
        kind: `"error"`, `"nonfinite"`, `"batch"` (samples got mixed) or `"fine"`.
        wrong_step: the step that went wrong; None if nothing did.
        repairs: the repairs tried on a copy, in words, a tuple.
        repaired: whether the copy ran to its end; None if nothing was tried.
        largest_batch: the largest batch that fits into `memory_mb` for inference; None if unknown.
        largest_training_batch: the same for one forward and backward pass.

    Raises:
        TypeError: model, inputs or a keyword is of the wrong kind.
        ValueError: step, view, batch size or memory is out of range.
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
        self._memory = self._finding.measure()
        self._publish()
        self._figure = WrongFigure()
        self._plot = Plot(self._figure.canvas, "what went wrong")
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

    # --- what was found -----------------------------------------------------------------------

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
        """The step that went wrong, else the first."""
        return self.wrong_step or self._names()[0]

    @observe("step", "view", "batch_size", "memory_mb")
    def _changed(self, _: Any) -> None:
        if not self._quiet:
            if self.step is None:
                with self._quietly():
                    self.step = self._first_step()
            self._show_finding()
            self._show()

    # --- show ---------------------------------------------------------------------------------

    def _show(self) -> None:
        step = self.trace[self.step] if self.step is not None and self.step in self.trace else None
        drawing = figures.Drawing()
        if self.view == "bytes":
            batch = self.batch_size if self._memory else self._finding.inputs.batch or 1
            draw_bytes(drawing, self._figure, self._sizes(), self.step, batch)
        else:
            operands = [] if step is None else self._operands_of(step)
            draw_values(drawing, self._figure, operands, None if step is None else step.value)
        name = "no step" if step is None else step.name
        self._plot.draw(drawing, words.label(self.view, name, self.batch_size))
        self._shapes.value = "" if step is None else self._describe_shapes(step)
        self._show_memory()
        self._table.show(self.trace, self.step or "")
        self._follow()

    def _sizes(self) -> dict[str, int]:
        """Bytes of the result of each step: for the chosen batch, or else as it ran."""
        if self._memory is not None:
            return self._memory.sizes(self.batch_size)
        return result_sizes(self.trace)

    def _operands_of(self, step: Step) -> list[Tensor]:
        """What went into a step; the model runs again for another one."""
        if self._operands[0] != step.name:
            self._operands = step.name, self._finding.operands(step)
        return self._operands[1]

    def _describe_shapes(self, step: Step) -> str:
        return describe_shapes(step, self._finding.meetings(step) or in_and_out(step))

    def _show_finding(self) -> None:
        first, *others = self._finding.sentences
        fine = self.kind == "fine"
        self._error = "" if fine else first
        self._notes["found"] = first if fine else ""
        self._notes |= {f"more {n}": text for n, text in enumerate(others)}
        error = type(self.trace.error).__name__
        said = words.badge(self.kind, self.wrong_step, error, self.repairs, self.repaired)
        self._badge.value = badge.badge_html(*said)
        self._show_message()

    def _show_memory(self) -> None:
        memory, batch = self._memory, self.batch_size
        if memory is None:
            self._status.value = words.say_unmeasured(self.kind)
            return
        budget = round(self.memory_mb * MB)
        predict = memory.inference.fit(batch, budget)
        train = memory.training.fit(batch, budget) if memory.training else None
        self.set_trait("largest_batch", predict.largest)
        self.set_trait("largest_training_batch", train.largest if train else None)
        repaired = self.kind == "error" and not self._finding.out_of_memory
        self._status.value = words.describe_memory(
            batch, self.memory_mb, predict, train, memory.weights, repaired
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
