"""Repeat a recorded forward pass, with one operation inspected or changed as it runs."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import nullcontext
from typing import Any

import torch
from torch import Tensor, nn

from fwdwidgets.trace.compiled import as_written, is_compiled
from fwdwidgets.trace.inputs import Inputs
from fwdwidgets.trace.recorder import Recorder, operation_name
from fwdwidgets.trace.state import left_as_found, named_modules
from fwdwidgets.trace.trace import ForwardTrace, finish, wants_graph

Edit = Callable[[tuple[Any, ...]], tuple[Any, ...]]
"""Takes the arguments of an operation and returns those to use instead."""


class Rerun(Recorder):
    """A recorder that keeps the operands of one operation and changes the arguments of others.

    Attributes:
        kept: the operands of the chosen operation, as they were before it ran.
    """

    def __init__(
        self,
        model: nn.Module,
        names: dict[nn.Module, str],
        writes: Callable[[list[Tensor]], None],
        keep: int | None,
        edits: Mapping[int, tuple[str, Edit]],
    ) -> None:
        super().__init__(model, names, writes)
        self.kept: list[Tensor] | None = None
        self._keep, self._edits = keep, edits

    def __torch_function__(
        self, function: Any, types: Any, args: Any = (), kwargs: Any = None
    ) -> Any:
        index = len(self.records)
        if index in self._edits and operation_name(function) == self._edits[index][0]:
            args = self._edits[index][1](args)
        if index != self._keep:
            return super().__torch_function__(function, types, args, kwargs)
        operands = Inputs(tuple(args), dict(kwargs or {})).copied().tensors()
        try:
            return super().__torch_function__(function, types, args, kwargs)
        finally:
            if len(self.records) > index or self.failed is not None:
                self.kept = operands


def rerun(
    model: nn.Module,
    inputs: Inputs,
    *,
    keep: int | None = None,
    edits: Mapping[int, tuple[str, Edit]] | None = None,
) -> tuple[ForwardTrace, list[Tensor] | None]:
    """Run a model again and record it; it is left as found.

    Args:
        model: any module.
        inputs: what it takes.
        keep: the index of the step whose operands to keep.
        edits: for the index of a step, its operation and the change to its arguments.

    Returns:
        The trace, and the operands of step `keep` before it ran; None if it did not run.
    """
    with as_written() if is_compiled(model) else nullcontext():
        found = _run(model, inputs, keep, edits or {}, keep_graph=False)
        if wants_graph(found[0].error):
            found = _run(model, inputs, keep, edits or {}, keep_graph=True)
    return found


def _run(
    model: nn.Module,
    inputs: Inputs,
    keep: int | None,
    edits: Mapping[int, tuple[str, Edit]],
    *,
    keep_graph: bool,
) -> tuple[ForwardTrace, list[Tensor] | None]:
    names, own = named_modules(model), inputs.copied()
    output, error = None, None
    with left_as_found(names) as writes, torch.set_grad_enabled(keep_graph):
        recorder = Rerun(model, names, writes, keep, edits)
        try:
            with recorder:
                output = own.call(model)
        except Exception as raised:
            error = raised
    try:
        return finish(recorder, output, error), recorder.kept
    finally:
        del error  # its traceback refers to this frame: no cycle
