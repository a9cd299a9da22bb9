"""The gradient of one number of a recorded forward pass with respect to the inputs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from fwdwidgets.trace.inputs import Inputs
from fwdwidgets.trace.operands import Start, as_it_began
from fwdwidgets.trace.recorder import Recorder


class _Reached(Exception):
    """The number has been computed; the rest of the forward pass need not run."""


class _Stop(Recorder):
    """A recorder that keeps one number of one step, with its graph, and stops there."""

    def __init__(
        self,
        model: nn.Module,
        writes: Callable[[list[Tensor]], None],
        step: int,
        output: int,
        index: tuple[int, ...],
    ) -> None:
        super().__init__(model, None, writes)
        self.number: Tensor | None = None
        self._at = step, output, index

    def __torch_function__(
        self, function: Any, types: Any, args: Any = (), kwargs: Any = None
    ) -> Any:
        result = super().__torch_function__(function, types, args, kwargs)
        step, output, index = self._at
        if len(self.records) == step + 1 and self.number is None:
            wrote = Inputs(args, {}) if result is None else Inputs((result,), {})
            made = [t for t in wrote.tensors() if self.made_by(t) == step]
            self.number = made[output].clone()[index]
            raise _Reached
        return result


def gradient_of(
    start: Start, step: int, output: int, index: tuple[int, ...]
) -> tuple[Recorder, tuple[Tensor, ...]]:
    """Run up to a step, and run backward from one of its numbers.

    Returns:
        What was recorded, and the gradient with respect to each input.
    """
    leaves: list[Tensor] = []

    def leaf(tensor: Tensor) -> Tensor:
        own = tensor.detach().clone()
        leaves.append(own.requires_grad_() if own.is_floating_point() else own)
        return own.clone()  # a forward may write into it

    with as_it_began(start) as writes, torch.enable_grad():
        inputs = Inputs(start.args, start.kwargs).changed(leaf)
        recorder = _Stop(start.model, writes, step, output, index)
        try:
            with recorder:
                inputs.call(start.model)
        except _Reached:
            pass
        number, learned = recorder.number, [t for t in leaves if t.requires_grad]
        if number is None or not number.requires_grad or not learned:
            return recorder, tuple(torch.zeros_like(t) for t in leaves)
        found = torch.autograd.grad(number, learned, allow_unused=True)
    known = {id(t): g for t, g in zip(learned, found, strict=True) if g is not None}
    return recorder, tuple(known.get(id(t), torch.zeros_like(t)).detach() for t in leaves)
