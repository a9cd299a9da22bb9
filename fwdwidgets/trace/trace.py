"""The steps of one forward pass, by name and in order, and the end of a recording."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property
from typing import Any, overload

from torch import Tensor

from fwdwidgets.trace.gradients import gradient_of
from fwdwidgets.trace.inputs import Inputs
from fwdwidgets.trace.operands import OperandRecorder, Operation, Start, run_again, same_values
from fwdwidgets.trace.recorder import Call, Record, Recorder, in_torch
from fwdwidgets.trace.step import Step, arrow, one_line

_ADVICE = "Record it by Tracer(keep_operands=True)(model, x), which keeps the operands."
_CHANGED = (
    "The model gives other numbers than when it was recorded: its weights changed, or its forward "
    "reads something that did. Trace it again, and keep the operands where that can happen: "
    "Tracer(keep_operands=True)(model, x)."
)


class ForwardTrace:
    """The steps of one forward pass, in the order in which they ran.

    Attributes:
        output: what the model returned, as returned; None when it raised.
        error: the exception that ended the forward pass, or None.
    """

    def __init__(
        self,
        records: list[Record],
        output: Any,
        error: Exception | None,
        made: int | None,
        start: Start | None = None,
        operations: dict[int, Operation] | None = None,
    ) -> None:
        """Made by a `Tracer`; `made` is the index of the record that made the output."""
        self._records, self.output, self.error, self._made = records, output, error, made
        self._start, self._operations = start, operations

    @cached_property
    def steps(self) -> tuple[Step, ...]:
        """Every recorded operation, in order; the steps get their names when first looked at."""
        names = _names(self._records)
        return tuple([Step(n, r, names) for n, r in zip(names, self._records, strict=True)])

    @property
    def output_step(self) -> Step | None:
        """The step that made `output`; None if `output` is not a tensor that a step made."""
        return None if self._made is None else self.steps[self._made]

    def operation(self, name: str | int) -> Operation:
        """What a step's operation was called with: its operands as they were before it ran.

        A trace of `Tracer(keep_operands=True)` has kept them. For any other trace, the model runs
        again from the same random state and in the same modes; it is left as found.

        Raises:
            KeyError: there is no such step, or it ran nothing that can be called again.
            RuntimeError: the model gives other numbers now, or the trace does not know the model.
        """
        index = self.steps.index(self[name])
        if self._operations is None:
            self._operations = self._run_again()
        if index not in self._operations:
            raise KeyError(f"{name!r} ran no operation to its end: it has no operands to look at")
        return self._operations[index]

    @property
    def inputs(self) -> tuple[Tensor, ...]:
        """The tensors that the model was given, as they were; empty if the trace has no model."""
        start = self._start
        return () if start is None else tuple(Inputs(start.args, start.kwargs).tensors())

    def gradient(
        self, name: str | int, index: tuple[int, ...], output: int = 0
    ) -> tuple[Tensor, ...]:
        """The gradient of one number of a step with respect to the model's inputs.

        The model runs again in the same way, with the gradient graph; it is left as found.

        Returns:
            The gradient for each of `inputs`, in its shape; zero where nothing depends on it.

        Raises:
            KeyError: there is no such step.
            RuntimeError: the model gives other numbers now, or the trace does not know the model.
        """
        step = self.steps.index(self[name])
        if self._start is None:
            raise RuntimeError(f"This trace has no model to run again. {_ADVICE}")
        again, gradients = gradient_of(self._start, step, output, index)
        if not same_values(self._records[: step + 1], again.records[: step + 1]):
            raise RuntimeError(_CHANGED)
        return gradients

    def _run_again(self) -> dict[int, Operation]:
        if self._start is None:
            raise RuntimeError(f"This trace has no operands, and no model to run again. {_ADVICE}")
        again = run_again(self._start)
        done = [record for record in self._records if record.error is None]
        if not same_values(done, again.records):
            raise RuntimeError(_CHANGED)
        return again.operations

    @cached_property
    def _by_name(self) -> dict[str, Step]:
        return {step.name: step for step in self.steps}

    def __len__(self) -> int:
        return len(self._records)

    def __iter__(self) -> Iterator[Step]:
        return iter(self.steps)

    def __contains__(self, name: object) -> bool:
        return name in self._by_name

    @overload
    def __getitem__(self, name: str | int) -> Step: ...
    @overload
    def __getitem__(self, name: slice) -> tuple[Step, ...]: ...
    def __getitem__(self, name: str | int | slice) -> Step | tuple[Step, ...]:
        if not isinstance(name, str):
            return self.steps[name]
        if name not in self._by_name:
            raise KeyError(
                f"{name!r} is not a step of this forward pass; choose one of "
                f"{', '.join(self._by_name) or '(it has no steps)'}"
            )
        return self._by_name[name]

    def __repr__(self) -> str:
        rows = [("name", "operation", "shapes", "source")]
        rows += [(step.name, step.op, arrow(step), one_line(step.source)) for step in self]
        widths = [max(len(row[i]) for row in rows) for i in range(3)]
        lines = [
            "  ".join([*(cell.ljust(w) for cell, w in zip(row, widths, strict=False)), row[3]])
            for row in rows
        ]
        if self.error is not None:
            lines.append(f"{type(self.error).__name__}: {self.error}")
        return "\n".join(line.rstrip() for line in lines)


def finish(
    recorder: Recorder, output: Any, error: Exception | None, start: Start | None = None
) -> ForwardTrace:
    """The trace of what a recorder saw until the model returned `output` or raised `error`."""
    records = list(recorder.records)
    if error is not None:
        failed = recorder.failed
        if failed is not None and failed.error is error:
            records.append(failed)
        else:
            records.append(_python_error(error, recorder))
    recorder.failed = None  # its traceback holds the recorder
    operations = recorder.operations if isinstance(recorder, OperandRecorder) else None
    made = recorder.made_by(output)
    return ForwardTrace(records, output, error, made, start, operations)


def wants_graph(error: Exception | None) -> bool:
    """Whether a forward that differentiates failed because no gradient graph was built."""
    return isinstance(error, RuntimeError) and "does not require grad" in str(error)


def _python_error(error: Exception, recorder: Recorder) -> Record:
    """A last step for an error that no operation raised: where the user's own code failed."""
    where, module = None, ""
    frame = error.__traceback__
    while frame is not None:
        code = frame.tb_frame.f_code
        if not in_torch(code):
            where = code, frame.tb_lasti
        first = next(iter(code.co_varnames), "")  # usually self
        module = recorder.name_of(frame.tb_frame.f_locals.get(first)) or module
        frame = frame.tb_next
    return Record("error", Call(module), where, [], [], [], False, error)


def _names(records: list[Record]) -> list[str]:
    """A unique name for each record: its module if it ran only this, else module and op."""
    for record in records:
        call = record.call
        call.own += 1
        outer = call.parent
        while outer is not None and not outer.holds:
            outer.holds = True
            outer = outer.parent
    names, reserved = [], set()
    for record in records:
        call = record.call
        module = call.module
        if not module:
            names.append(record.op)
        elif call.own == 1 and not call.holds:
            names.append(module)
            reserved.add(module)
        else:
            names.append(f"{module}.{record.op}")
    taken: set[str] = set()
    for index, name in enumerate(names):
        if name in taken or (name in reserved and name != records[index].call.module):
            number = 2
            while (unique := f"{name}_{number}") in taken or unique in reserved:
                number += 1
            names[index] = unique
        taken.add(names[index])
    return names
