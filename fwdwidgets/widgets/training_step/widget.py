"""The five lines of a training step, each on its own button."""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import ipywidgets
import numpy as np
import torch
import traitlets
from torch import Tensor, nn
from traitlets import observe, validate

from fwdwidgets import figures
from fwdwidgets.figures import badge
from fwdwidgets.widgets.shared import BadValue, Number, Plot, PlottedWidget, Text, html, row
from fwdwidgets.widgets.training_step.compute import TrainingLoop
from fwdwidgets.widgets.training_step.draw import draw_loop
from fwdwidgets.widgets.training_step.figure import TrainingFigure
from fwdwidgets.widgets.training_step.lines import CODE, LINES, MAX_STEPS, SETTINGS
from fwdwidgets.widgets.training_step.log import Log, entries_of
from fwdwidgets.widgets.training_step.words import (
    NOTHING,
    TIPS,
    WANTED,
    describe_line,
    describe_norm,
    describe_picture,
    describe_run,
    describe_warnings,
)


class TrainingStep(PlottedWidget):
    """Forward, loss, `zero_grad`, `backward`, `step`: one line at a time, or many steps at once.

    The model is not changed: everything happens on a copy. Dropout has the fixed seed 0.

    Example:
        >>> data = torch.randn(8, 10), torch.randn(8, 1)
        >>> model = fw.models.Net()
        >>> optimizer = torch.optim.SGD(model.parameters(), lr=0.01)
        >>> fw.TrainingStep(model, data, nn.MSELoss(), optimizer)

    Args:
        model: an `nn.Module`.
        data: `(inputs, targets)`, tensors or arrays, or a dataset or `DataLoader`, whose first
            batch is used. Inputs with `requires_grad=True`, also of one axis, get a gradient.
        loss: a function of output and targets; by default `nn.MSELoss()`.
        optimizer: an optimizer of the model, which is copied with it, or a class or function that
            makes one from the parameters; by default `SGD(lr=0.01)`.

    Attributes:
        lr: the learning rate; with several parameter groups, that of the first and of the groups
            that share it.
        clip: gradients are scaled down to this norm before a step; 0 turns this off.
        parameter: the name of the parameter that is drawn; `"inputs"` for an input's gradient.
        loss: the last loss; None before there is one.
        steps: how many steps have been taken.
        losses: every loss so far.
        loop: the `fwdwidgets.widgets.training_step.compute.TrainingLoop` with the copy.

    Raises:
        TypeError: model, data, loss or optimizer is of the wrong kind.
        ValueError: the dataset is empty or has no labels, or the optimizer is of another model.
    """

    lr = Number(0.01)
    clip = Number(0.0)
    parameter = Text()
    loss = traitlets.Float(None, allow_none=True, read_only=True)
    steps = traitlets.Int(0, read_only=True)
    losses = traitlets.Tuple(read_only=True)

    def __init__(
        self,
        model: nn.Module,
        data: Any,
        loss: Callable[[Tensor, Tensor], Tensor] | None = None,
        optimizer: Any = None,
        **unknown: Any,
    ) -> None:
        """See the class."""
        super().__init__("training step", unknown)
        sgd = optimizer if optimizer is not None else _sgd
        criterion = nn.MSELoss() if loss is None else loss
        self.loop = TrainingLoop(model, data, criterion, sgd)
        self._figure = TrainingFigure()
        self._plot = Plot(self._figure.canvas, "training step")
        self._said = html("fwd-badge")
        self._next = "forward"
        self._log = self._kept["log"] = Log(self._replay)
        self.lr = self.loop.lr
        self._clear_log()
        self.parameter = self.loop.names[0]
        self._build()
        self._quiet = False
        self._show(NOTHING)

    # --- state ----------------------------------------------------------------------------------

    @validate("lr", "clip")
    def _valid_setting(self, proposal: dict[str, Any]) -> float:
        name, value = proposal["trait"].name, proposal["value"]
        if not 0 <= value < float("inf"):
            with self._told():
                raise BadValue(f"{name}={value!r} cannot be used: {WANTED[name]}")
        return float(value)

    @validate("parameter")
    def _valid_parameter(self, proposal: dict[str, Any]) -> str:
        if proposal["value"] not in self.loop.names:
            with self._told():
                raise BadValue(
                    f"parameter={proposal['value']!r} is not one of this model; choose one of "
                    f"{', '.join(self.loop.names)}."
                )
        return str(proposal["value"])

    @observe("lr", "clip", "parameter")
    def _choice_changed(self, change: dict[str, Any]) -> None:
        self.loop.lr = self.lr
        self.loop.clip = self.clip or None
        if not self._quiet:
            self._error = ""
            if change["name"] == "parameter":
                self._draw()
            else:
                self._log.note(f"{change['name']}={change['new']!r}")
            self._follow()
            self._show_message()

    def run_line(self, line: str) -> None:
        """Run one line: `"forward"`, `"loss"`, `"zero_grad"`, `"backward"` or `"step"`."""
        if line not in LINES:
            with self._told():
                raise BadValue(f"line={line!r} is none; choose one of {', '.join(LINES)}.")
        with self._explained():
            self.loop.run(line)
        self._log.note(line)
        self._next = LINES[(LINES.index(line) + 1) % len(LINES)]
        self._error = ""
        self._show(describe_line(self.loop, line))

    @contextmanager
    def _explained(self) -> Iterator[None]:
        """Show what an exception in the loop means, then raise it again."""
        try:
            yield
        except Exception as error:
            self._tell_error(self.loop.explain(error))
            raise

    def run_steps(self, count: int) -> None:
        """Run all five lines `count` times, 1 to 1,000."""
        with self._told():
            count = _whole(count)
            if not 1 <= count <= MAX_STEPS:
                raise BadValue(f"count={count!r} is out of range: choose 1 to {MAX_STEPS:,} steps.")
        first = self.loop.losses[-1] if self.loop.losses else None
        self._bar.max, self._bar.value = count, 0
        every = max(1, count // 50)
        self._error = ""

        def report(done: int) -> None:
            if done % every == 0 or done == count:
                self._bar.value = done

        try:
            with self._explained():
                self.loop.run_steps(count, report)
        finally:
            self._log.note(f"run={self._bar.value}")
            self._next = "forward"
            self._show(describe_run(self.loop, first))

    def reset(self) -> None:
        """Go back to the weights that the model was given with."""
        self.loop.reset()
        self._next, self._error = "forward", ""
        self._bar.value = 0
        self._clear_log()
        self._show(NOTHING)

    def _clear_log(self) -> None:
        self._log.write(f"lr={self.lr!r} clip={self.clip!r}")

    def _replay(self, log: str) -> None:
        """Repeat what was done before a reload."""
        with self._from_page():
            self.reset()
            self._log.write("")
            for name, value in entries_of(log):
                if name in SETTINGS:
                    setattr(self, name, value)
                elif name == "run":
                    self.run_steps(int(value))
                else:
                    self.run_line(name)
            self._log.write(log)  # as it was: a setting that was there already noted nothing

    # --- draw -----------------------------------------------------------------------------------

    def _show(self, said: str) -> None:
        self.set_trait("loss", self.loop.losses[-1] if self.loop.losses else None)
        self.set_trait("losses", tuple(self.loop.losses))
        self.set_trait("steps", self.loop.steps)
        self._said.value = badge.badge_html("neutral", said)
        for line, button in self._lines.items():
            marked = line == self._next
            button.description = ("▸ " if marked else "") + CODE[line]
            (button.add_class if marked else button.remove_class)("fwd-next")
        self._notes["warnings"] = describe_warnings(self.loop)
        self._notes["norms"] = describe_norm(self.loop)
        self._draw()
        self._show_message()

    def _draw(self) -> None:
        drawing = figures.Drawing()
        draw_loop(drawing, self._figure, self.loop, self.parameter)
        self._plot.draw(drawing, describe_picture(self.loop, self.parameter))

    # --- controls -------------------------------------------------------------------------------

    def _build(self) -> None:
        self._lines = {
            line: self._button(CODE[line], TIPS[line], self._runner(line)) for line in LINES
        }
        for line, button in self._lines.items():
            button.add_class(f"fwd-{line.replace('_', '-')}")
            button.add_class("fwd-code-button")
        rate = self._slider(
            ipywidgets.FloatLogSlider, "lr", value=self.lr or 1e-5, min=-5, max=1, step=0.1
        )
        clip = self._slider(ipywidgets.FloatSlider, "clip", value=0, min=0, max=10, step=0.1)
        choose = self._slider(
            ipywidgets.SelectionSlider, "Weights", options=self.loop.names, value=self.parameter
        )
        many = self._slider(ipywidgets.IntSlider, "n", value=20, min=1, max=200, from_start=True)
        self._kept["n"] = many
        self._bar = ipywidgets.IntProgress(value=0, min=0, max=1)
        self._bar.add_class("fwd-progress")
        self.children = [
            row(*self._lines.values()),
            row(
                many,
                self._button(
                    "run n steps", "all five lines, n times", lambda: self.run_steps(many.value)
                ),
                self._bar,
                self._reset_button(),
            ),
            row(
                self._link(rate, "lr", "fwd-lr"),
                self._link(clip, "clip", "fwd-clip"),
                self._link(choose, "parameter", "fwd-parameter"),
            ),
            self._said,
            self._plot,
            self._message,
            self._frame,
        ]
        many.add_class("fwd-n")
        self._keep()

    def _reset_button(self) -> ipywidgets.Button:
        button = self._button("reset", "back to the weights as given", self.reset)
        button.add_class("fwd-home")
        return button

    def _runner(self, line: str) -> Callable[[], None]:
        return lambda: self.run_line(line)


def _whole(count: Any) -> int:
    """A whole number, also from NumPy or a tensor of one element."""
    try:
        if not isinstance(count, (bool, np.bool_)):
            return operator.index(count)
    except TypeError:
        pass
    raise BadValue(
        f"count={count!r} is of type {type(count).__name__}: choose a whole number, from 1 to "
        f"{MAX_STEPS:,}."
    )


def _sgd(parameters: Any) -> torch.optim.Optimizer:
    return torch.optim.SGD(parameters, lr=0.01)
