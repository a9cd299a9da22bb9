"""What each operation was called with when it ran, as an explanation needs it.

An ordinary recording keeps only results, for speed. Here the arguments are kept too. A result that
is never written to needs no copy, so only parameters and inputs are copied, each once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from typing import Any, NamedTuple
from weakref import ref

import torch
from torch import Tensor, nn

from fwdwidgets.trace.compiled import as_written, is_compiled
from fwdwidgets.trace.inputs import Inputs
from fwdwidgets.trace.recorder import Record, Recorder, as_it_is, is_step
from fwdwidgets.trace.state import left_as_found

Owner = tuple[int, int] | str | int | None
"""Where an operand comes from; see `Operation`."""


class Operation(NamedTuple):
    """One operation, ready to be run again.

    Attributes:
        function: the function that was called: `F.conv2d`, `Tensor.__add__`.
        args: positional arguments; each tensor is a copy from before the operation ran.
        kwargs: keyword arguments, likewise.
        owners: where each tensor in `args` and `kwargs` comes from, in order: the index of a step
            and of its value; the name of a parameter or buffer; `""` for another tensor from
            outside; the number of a model input. None if a part of the tensor was written to since.
    """

    function: Callable[..., Any]
    args: tuple[Any, ...]
    kwargs: dict[str, Any]
    owners: tuple[Owner, ...]


class OperandRecorder(Recorder):
    """A recorder that also keeps what each operation was called with.

    Attributes:
        operations: the operation of each record, by its index.
    """

    def __init__(
        self,
        model: nn.Module,
        names: dict[nn.Module, str] | None = None,
        writes: Callable[[list[Tensor]], None] | None = None,
    ) -> None:
        super().__init__(model, names, writes)
        self.operations: dict[int, Operation] = {}
        self._copies: dict[int, tuple[ref[Tensor], int, Tensor, Owner]] = {}
        self._owned = {
            id(tensor): f"{path}.{name}" if path else name
            for module, path in self._names.items()
            for entries in (module._parameters, module._buffers)
            for name, tensor in entries.items()
            if tensor is not None
        }

    def __torch_function__(
        self, function: Any, types: Any, args: Any = (), kwargs: Any = None
    ) -> Any:
        if not is_step(function):
            return super().__torch_function__(function, types, args, kwargs)
        index, owners = len(self.records), list[Owner]()

        def kept(tensor: Tensor) -> Tensor:
            copy, owner = self._copy_of(tensor)
            owners.append(owner)
            return copy

        asked = Inputs(tuple(args), dict(kwargs or {})).changed(kept)
        result = super().__torch_function__(function, types, args, kwargs)
        if len(self.records) == index + 1:
            self.operations[index] = Operation(function, asked.args, asked.kwargs, tuple(owners))
            written = Inputs((result if result is not None else (), *args), {}).tensors()
            self._note(written, index)
        return result

    def give(self, *inputs: Any) -> None:
        """Register the model's inputs, and keep a copy."""
        super().give(*inputs)
        for number, tensor in enumerate(Inputs(inputs, {}).tensors()):
            copy = as_it_is(tensor)
            self._copies[id(tensor)] = ref(tensor), _version(tensor) or 0, copy, number

    def _copy_of(self, tensor: Tensor) -> tuple[Tensor, Owner]:
        """A tensor as it is now, copied if there is no copy yet, and its owner."""
        version = _version(tensor)
        known = self._copies.get(id(tensor))
        if known is not None and known[0]() is tensor and known[1] == version is not None:
            return known[2], known[3]
        owner = None
        if known is None and self._maker_of(tensor) is None:
            owner = self._owned.get(id(tensor), "")
        copy = as_it_is(tensor)
        self._copies[id(tensor)] = ref(tensor), version or 0, copy, owner
        return copy, owner

    def _note(self, tensors: list[Tensor], index: int) -> None:
        """The recorded values of a step serve as the copies of what it made or wrote to."""
        made = {id(t): t for t in tensors if self._maker_of(t) == index}
        values = self.records[index].values
        for output, (tensor, value) in enumerate(zip(made.values(), values, strict=False)):
            version = _version(tensor)
            if version is not None and tensor.shape == value.shape:
                self._copies[id(tensor)] = ref(tensor), version, value, (index, output)


def _version(tensor: Tensor) -> int | None:
    """How often it was written to; None if PyTorch does not count."""
    return None if tensor.is_inference() else tensor._version


class Start(NamedTuple):
    """How a forward pass began, so that it can be run again.

    Attributes:
        model: the network.
        args: copies of its positional arguments.
        kwargs: copies of its keyword arguments.
        random: the state of the random numbers.
        modes: for each module, whether it was in train mode.
        keep_graph: whether the gradient graph was built.
    """

    model: nn.Module
    args: tuple[Any, ...]
    kwargs: dict[str, Any]
    random: Tensor
    modes: list[tuple[nn.Module, bool]]
    keep_graph: bool


@contextmanager
def as_it_began(start: Start) -> Iterator[Callable[[list[Tensor]], None]]:
    """Restore the modes and random state of a forward pass; leave the model as found afterwards."""
    with (
        as_written() if is_compiled(start.model) else nullcontext(),
        left_as_found([module for module, _ in start.modes]) as writes,
        torch.set_grad_enabled(start.keep_graph),
    ):
        for module, training in start.modes:
            module.training = training
        torch.set_rng_state(start.random)
        yield writes


def run_again(start: Start) -> OperandRecorder:
    """Run a forward pass again with its operands kept; the model is left as found."""
    with as_it_began(start) as writes:
        recorder = OperandRecorder(start.model, None, writes)
        inputs = Inputs(start.args, start.kwargs).copied()
        recorder.give(inputs.args, inputs.kwargs)
        try:
            with recorder:
                inputs.call(start.model)
        except Exception:
            recorder.failed = None  # it failed before, too; its traceback holds the recorder
    return recorder


def same_values(first: list[Record], second: list[Record]) -> bool:
    """Whether each operation of two recordings gave exactly the same numbers."""
    return len(first) == len(second) and all(
        one.op == two.op
        and len(one.values) == len(two.values)
        and all(_same(a, b) for a, b in zip(one.values, two.values, strict=True))
        for one, two in zip(first, second, strict=True)
    )


def _same(a: Tensor, b: Tensor) -> bool:
    if a.shape != b.shape or a.dtype is not b.dtype:
        return False
    return torch.equal(a, b) or bool(torch.isclose(a, b, rtol=0, atol=0, equal_nan=True).all())
