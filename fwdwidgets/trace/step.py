"""One recorded operation: its name, shapes, values, and the expression that it stands for."""

from __future__ import annotations

import types

import torch
from torch import Tensor

from fwdwidgets.trace.recorder import GIVEN, Record
from fwdwidgets.trace.source import Span, expression, line, span

Shape = tuple[int, ...]


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
        source = f", {one_line(self.source)}" if self.source else ""
        return f"Step({self.name!r}, {self.op}, {arrow(self)}{source})"


def one_line(source: str) -> str:
    """An expression of several lines in one."""
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


def arrow(step: Step) -> str:
    """Operands and result: `(1, 2), (3, 2), (3) → (1, 3)`."""
    operands = ", ".join(_shape(shape) for shape in step.input_shapes)
    if step.error is not None:
        return f"{operands} → {type(step.error).__name__}".lstrip()
    return f"{operands} → {', '.join(_shape(_shape_of(v)) for v in step.values)}".lstrip()
