"""Run a model once and record every operation of its forward pass."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import torch
from torch import Tensor, nn

from fwdwidgets.trace.compiled import as_written, is_compiled, is_of_compiler
from fwdwidgets.trace.operands import OperandRecorder, Start
from fwdwidgets.trace.recorder import Recorder, as_it_is
from fwdwidgets.trace.state import left_as_found, named_modules
from fwdwidgets.trace.trace import ForwardTrace, finish, wants_graph


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
                if raised.__traceback__ is not None:
                    # It begins in the model, not in this frame.
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


def _copied(value: Any) -> Any:
    """A copy of the model's arguments; a forward may differentiate with respect to them."""
    if isinstance(value, Tensor):
        copy = as_it_is(value)
        return copy.requires_grad_() if value.requires_grad else copy
    if type(value) in (tuple, list):
        return type(value)([_copied(one) for one in value])
    return {k: _copied(one) for k, one in value.items()} if type(value) is dict else value
