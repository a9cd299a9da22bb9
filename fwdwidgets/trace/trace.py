"""Run a model once and record every operation of its forward pass."""

from __future__ import annotations

import types
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, nullcontext
from functools import cached_property
from typing import Any, overload

import torch
from torch import Tensor, nn

from fwdwidgets.trace.compiled import as_written, is_compiled, is_of_compiler
from fwdwidgets.trace.gradients import gradient_of
from fwdwidgets.trace.inputs import Inputs
from fwdwidgets.trace.operands import OperandRecorder, Operation, Start, run_again, same_values
from fwdwidgets.trace.recorder import GIVEN, Call, Record, Recorder, as_it_is, in_torch
from fwdwidgets.trace.source import Span, expression, line, span
from fwdwidgets.trace.state import left_as_found, named_modules

Shape = tuple[int, ...]
_ADVICE = "Record it by Tracer(keep_operands=True)(model, x), which keeps the operands."
_CHANGED = (
    "The model gives other numbers than when it was recorded: its weights changed, or its forward "
    "reads something that did. Trace it again, and keep the operands where that can happen: "
    "Tracer(keep_operands=True)(model, x)."
)


class Step:
    """One PyTorch operation that returned or wrote a tensor.

    Attributes:
        name: unique in its trace: `conv1`, `relu`, `relu_2`, `layer1.0.add`.
    """

    __slots__ = ("_names", "_record", "name")

    def __init__(self, name: str, record: Record, names: list[str]) -> None:
        """Made by a `Tracer`; `names` are those of all steps."""
        self.name, self._record, self._names = name, record, names

    @property
    def op(self) -> str:
        """The name of the operation, as a lesson writes it: `relu`, `conv2d`, `add`."""
        return self._record.op

    @property
    def module(self) -> str:
        """Qualified name of the module it ran in, `""` for the model itself."""
        return self._record.call.module

    @property
    def input_shapes(self) -> tuple[Shape, ...]:
        """The shape of every tensor operand in call order, parameters included."""
        return tuple([tuple(shape) for shape in self._record.input_shapes])

    @property
    def parents(self) -> tuple[str | None, ...]:
        """The name of the step that made each operand; None for a parameter or an input."""
        parents = self._record.parents
        return tuple([None if i is None or i == GIVEN else self._names[i] for i in parents])

    @property
    def given(self) -> tuple[bool, ...]:
        """For each operand, whether it is an input of the model, unchanged."""
        return tuple([i == GIVEN for i in self._record.parents])

    @property
    def values(self) -> tuple[Tensor, ...]:
        """All output tensors, as they were just after the operation ran."""
        return tuple([_unwrapped(value) for value in self._record.values])

    @property
    def mutates(self) -> bool:
        """Whether it wrote into one of its operands; running statistics do not count."""
        return self._record.mutates

    @property
    def error(self) -> Exception | None:
        """The exception that the operation raised, or None."""
        return self._record.error

    @property
    def value(self) -> Tensor | None:
        """The first output tensor, as it was just after the operation ran."""
        values = self._record.values
        return _unwrapped(values[0]) if values else None

    @property
    def shape(self) -> Shape | None:
        """The shape of `value`; None if there is no value."""
        value = self.value
        return None if value is None else _shape_of(value)

    @property
    def filename(self) -> str | None:
        """The file, or notebook cell, of `source`; None if no user code called the operation."""
        where = self._record.where
        return where[0].co_filename if where else None

    @property
    def line(self) -> int | None:
        """The line of `source` in `filename`; None if no user code called the operation."""
        where = self._record.where
        return line(*where) if where else None

    @property
    def source(self) -> str:
        """The exact sub-expression, `self.conv1(t)` inside `F.relu(self.conv1(t))`."""
        where = self._record.where
        return expression(*where) if where else ""

    @property
    def span(self) -> Span | int | None:
        """Line, last line, first and last column (in UTF-8 bytes) of `source`.

        Only the lines if Python knows no columns; None if no user code called the operation.
        """
        where = self._record.where
        return span(*where) if where else None

    @property
    def code(self) -> types.CodeType | None:
        """The code of the function around `source`; None if no user code called the operation."""
        where = self._record.where
        return where[0] if where else None

    def __repr__(self) -> str:
        source = f", {_one_line(self.source)}" if self.source else ""
        return f"Step({self.name!r}, {self.op}, {_arrow(self)}{source})"


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
        rows += [(step.name, step.op, _arrow(step), _one_line(step.source)) for step in self]
        widths = [max(len(row[i]) for row in rows) for i in range(3)]
        lines = [
            "  ".join([*(cell.ljust(w) for cell, w in zip(row, widths, strict=False)), row[3]])
            for row in rows
        ]
        if self.error is not None:
            lines.append(f"{type(self.error).__name__}: {self.error}")
        return "\n".join(line.rstrip() for line in lines)


class Tracer:
    """Records forward passes, with options that `trace_forward` does not have.

    Args:
        keep_graph: build the gradient graph, so that `trace.output` can be differentiated. A
            forward that itself differentiates, and fails without a graph, is run again with one.
        keep_operands: keep what each operation was called with, for `trace.operation`. Without
            this, the model runs again when operands are asked for.
        watch: takes the recorder of a forward pass and returns a context manager in which the
            model runs.

    Example:
        >>> trace = Tracer(keep_graph=True)(nn.Linear(2, 1), torch.ones(1, 2))
        >>> trace.output.requires_grad
        True
    """

    def __init__(
        self,
        *,
        keep_graph: bool = False,
        keep_operands: bool = False,
        watch: Callable[[Recorder], AbstractContextManager[Any]] = nullcontext,
    ) -> None:
        """See the class."""
        self.keep_graph, self.keep_operands, self._watch = keep_graph, keep_operands, watch

    def __call__(self, model: nn.Module, /, *inputs: Any, **kwargs: Any) -> ForwardTrace:
        """Run `model(*inputs, **kwargs)` once; see `trace_forward`."""
        if not isinstance(model, nn.Module):
            raise TypeError(
                f"model={model!r} is no nn.Module: pass a network, such as nn.Linear(2, 1)"
                + (", an instance and not the class" if isinstance(model, type) else "")
            )
        if is_compiled(model):
            with as_written():
                return self._record(model, inputs, kwargs)
        return self._record(model, inputs, kwargs, may_compile=True)

    def _record(
        self, model: nn.Module, inputs: Any, kwargs: Any, may_compile: bool = False
    ) -> ForwardTrace:
        names = named_modules(model)
        output, error = None, None
        found = left_as_found(names)
        given = _copied(inputs), _copied(kwargs) if kwargs else kwargs
        with found as writes:
            if torch.is_grad_enabled() is not self.keep_graph:
                torch.set_grad_enabled(self.keep_graph)
            kind = OperandRecorder if self.keep_operands else Recorder
            recorder = kind(model, names, writes)
            recorder.give(inputs, kwargs)
            try:
                with recorder, self._watch(recorder):
                    output = model(*inputs, **kwargs)
            except Exception as raised:
                error = raised
                if (
                    raised.__traceback__ is not None
                ):  # the traceback begins in the model, not in this frame
                    raised.__traceback__ = raised.__traceback__.tb_next
        try:
            if may_compile and is_of_compiler(error):
                with as_written():
                    return self._record(model, inputs, kwargs)
            if not self.keep_graph and wants_graph(error):
                again = Tracer(keep_graph=True, keep_operands=self.keep_operands, watch=self._watch)
                return again(model, *inputs, **kwargs)
            start = Start(model, *given, found.random, found.modes, self.keep_graph)
            return finish(recorder, output, error, start)
        finally:
            del error  # the caller's frame refers to this one: no cycle, memory goes with the trace


def wants_graph(error: Exception | None) -> bool:
    """Whether a forward that differentiates failed because no gradient graph was built."""
    return isinstance(error, RuntimeError) and "does not require grad" in str(error)


def trace_forward(model: nn.Module, /, *inputs: Any, **kwargs: Any) -> ForwardTrace:
    """Run a model once and record every operation that runs, whatever branch the data takes.

    The model is left as found: training flags, buffers, hooks, gradients, grad mode and the
    global random state. Only a lazy module stays materialised. The model runs in the mode (train
    or eval) that it is in.

    Args:
        model: any `nn.Module`.
        *inputs: the arguments of the model's forward; tensors have their batch axis, (N, ...).
        **kwargs: its keyword arguments.

    Returns:
        The trace. If the forward raised, the trace is partial and its last step holds the error.

    Raises:
        TypeError: `model` is not an `nn.Module`, or is TorchScript.

    Example:
        >>> trace_forward(nn.Sequential(nn.Linear(2, 3), nn.ReLU()), torch.ones(1, 2))
        name  operation  shapes                        source
        0     linear     (1, 2), (3, 2), (3) → (1, 3)
        1     relu       (1, 3) → (1, 3)
    """
    return Tracer()(model, *inputs, **kwargs)


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


def _copied(value: Any) -> Any:
    """A copy of the model's arguments; a forward may differentiate with respect to them."""
    if isinstance(value, Tensor):
        copy = as_it_is(value)
        return copy.requires_grad_() if value.requires_grad else copy
    if type(value) in (tuple, list):
        return type(value)([_copied(one) for one in value])
    return {k: _copied(one) for k, one in value.items()} if type(value) is dict else value


def _one_line(source: str) -> str:
    return " ".join(source.split())


def _unwrapped(tensor: Tensor) -> Tensor:
    """The tensor behind a wrapper of `torch.func`, which does not outlive its `vmap` or `grad`."""
    while torch._C._functorch.is_functorch_wrapped_tensor(tensor):
        tensor = torch._C._functorch.get_unwrapped(tensor)
    return tensor


def _shape_of(tensor: Tensor) -> Shape:
    nested = tensor.is_nested and tensor.layout is torch.strided
    return (tensor.size(0),) if nested else tuple(tensor.shape)


def _shape(shape: Shape) -> str:
    return f"({', '.join(map(str, shape))})"


def _arrow(step: Step) -> str:
    """Operands and result: `(1, 2), (3, 2), (3) → (1, 3)`."""
    operands = ", ".join(_shape(shape) for shape in step.input_shapes)
    if step.error is not None:
        return f"{operands} → {type(step.error).__name__}".lstrip()
    return f"{operands} → {', '.join(_shape(_shape_of(v)) for v in step.values)}".lstrip()
