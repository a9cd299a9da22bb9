"""The arguments of a recorded operation by name, however the call was written."""

from __future__ import annotations

import inspect
from functools import cache
from typing import Any

import torch
from torch import Tensor

from fwdwidgets.trace import Operation, Owner

_OTHER_NAMES = {"axis": "dim", "keepdims": "keepdim", "self": "input", "x": "input"}


class NotTakenApart(Exception):
    """Why a call cannot be explained exactly; an explanation of it is opaque."""


class Call:
    """One recorded operation, called as a function or as a method: `F.relu(x)` or `x.sum(1)`.

    Attributes:
        op: its name.
        operation: what ran.
        values: all tensors that it returned.
        output: which of them is explained.
        arguments: by name, as in the signature of its rule.
        tensors: the operands by argument name, `tensors[1]` for one in a list. A number passed
            instead of a tensor becomes a tensor without axes.
        owners: where each operand comes from.
        constants: the names of the operands that were passed as numbers.
    """

    def __init__(
        self, op: str, operation: Operation, values: tuple[Tensor, ...], output: int = 0
    ) -> None:
        self.op, self.operation, self.values, self.output = op, operation, values, output
        self.arguments: dict[str, Any] = {}
        self.tensors: dict[str, Tensor] = {}
        self.owners: dict[str, Owner] = {}
        self.constants: set[str] = set()

    @property
    def value(self) -> Tensor:
        """The output that is explained."""
        return self.values[self.output]

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of that output."""
        return tuple(self.value.shape)

    def bind(self, signature: str) -> None:
        """Match each argument with its name in a signature.

        Raises:
            NotTakenApart: the call does not fit the signature.
        """
        function, args, kwargs, _ = self.operation
        name = getattr(function, "__name__", "")
        if len(args) > 1 and (name.startswith("__r") or name in ("rsub", "rdiv")):
            if name not in ("__rshift__", "__round__"):
                args = (args[1], args[0], *args[2:])
        named = {_OTHER_NAMES.get(k, k): v for k, v in kwargs.items() if k != "out"}
        try:
            bound = _signature(signature).bind(*args, **named)
        except TypeError as error:
            raise NotTakenApart(f"{self.op} was called in a way without a rule: {error}") from None
        bound.apply_defaults()
        self.arguments = dict(bound.arguments)
        by_id = {id(tensor): owner for owner, tensor in self.operands()}
        for name, value in self.arguments.items():
            if isinstance(value, Tensor):
                self.tensors[name] = value
            elif isinstance(value, tuple | list):
                found = {f"{name}[{i}]": v for i, v in enumerate(value) if isinstance(v, Tensor)}
                self.tensors.update(found)
        self.owners = {name: by_id.get(id(t)) for name, t in self.tensors.items()}

    def __getitem__(self, name: str) -> Any:
        """An argument."""
        return self.arguments[name]

    def operand(self, name: str) -> bool:
        """Whether an argument is an operand; a number is turned into one."""
        value = self.arguments.get(name)
        if isinstance(value, bool | int | float) and name not in self.tensors:
            self.tensors[name] = torch.tensor(value, dtype=torch.float64)
            self.constants.add(name)
        return name in self.tensors

    def operands(self) -> list[tuple[Owner, Tensor]]:
        """All operands in the order of the call, each after its owner."""
        _, args, kwargs, owners = self.operation
        return list(zip(owners, _tensors([*args, *kwargs.values()]), strict=True))

    def names(self) -> dict[str, Any]:
        """The operands for a line of code: each by its name, those of a list as a list."""
        found: dict[str, Any] = {}
        for name, tensor in self.tensors.items():
            if name not in self.constants:
                base = name.partition("[")[0]
                found[base] = tensor if base == name else self.arguments[base]
        return found

    def text(self, name: str) -> str:
        """An operand in a line of code: its name, or the number."""
        if name in self.constants:
            number = self.arguments[name]
            text = repr(number) if abs(number) != float("inf") else f'float("{number}")'
            return f"({text})" if text.startswith("-") else text
        return name

    def again(self, replaced: dict[str, Tensor]) -> Any:
        """Run the operation again with other tensors as its operands."""
        by_id = {id(self.tensors[name]): tensor for name, tensor in replaced.items()}
        args, kwargs = self.operation.args, self.operation.kwargs
        named = {k: _replace(v, by_id) for k, v in kwargs.items() if k not in ("out", "inplace")}
        return self.operation.function(*_replace(args, by_id), **named)


def _replace(value: Any, by_id: dict[int, Tensor]) -> Any:
    if isinstance(value, Tensor):
        return by_id.get(id(value), value).clone()
    if type(value) in (tuple, list):
        return type(value)(_replace(one, by_id) for one in value)
    return value


def _tensors(values: Any) -> list[Tensor]:
    found: list[Tensor] = []
    for value in values:
        if isinstance(value, Tensor):
            found.append(value)
        elif type(value) in (tuple, list):
            found += _tensors(value)
        elif type(value) is dict:
            found += _tensors(value.values())
    return found


@cache
def _signature(text: str) -> inspect.Signature:
    return inspect.signature(eval(f"lambda {text}: None"))
