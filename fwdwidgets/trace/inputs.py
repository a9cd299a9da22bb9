"""What a model is called with: one tensor, several, or keyword arguments."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

Change = Callable[[Tensor], Tensor]


@dataclass(frozen=True)
class Inputs:
    """The arguments of one call of a model.

    Attributes:
        args: by position.
        kwargs: by name.
    """

    args: tuple[Any, ...]
    kwargs: dict[str, Any]

    def call(self, model: nn.Module) -> Any:
        """Run the model on these very tensors."""
        return model(*self.args, **self.kwargs)

    def copied(self) -> Inputs:
        """Run the model on copies: a forward that works in place must not change the inputs."""
        return self.changed(torch.clone)

    def changed(self, change: Change) -> Inputs:
        """The same arguments, with a function applied to each tensor."""
        args = tuple(_changed(value, change) for value in self.args)
        kwargs = {name: _changed(value, change) for name, value in self.kwargs.items()}
        return Inputs(args, kwargs)

    def tensors(self) -> list[Tensor]:
        """All tensors among the arguments, in order."""
        found: list[Tensor] = []

        def note(tensor: Tensor) -> Tensor:
            found.append(tensor)
            return tensor

        self.changed(note)
        return found

    @property
    def batch(self) -> int | None:
        """The batch size: the length of the first tensor's first axis; None if it has no axes."""
        first = next(iter(self.tensors()), None)
        return first.shape[0] if first is not None and first.dim() else None

    def rows(self, number: int) -> Inputs:
        """The same inputs as a batch of another size, the samples repeated where needed."""
        batch = self.batch
        assert batch, "a batch without samples has none to repeat"

        def rows(tensor: Tensor) -> Tensor:
            if not tensor.dim() or tensor.shape[0] != batch:
                return tensor
            return tensor[torch.arange(number, device=tensor.device) % batch]

        return self.changed(rows)


def as_inputs(inputs: Any) -> Inputs:
    """Take a tensor, a tuple or list of arguments, or a dict of keywords.

    Raises:
        TypeError: it holds no tensor.
    """
    if isinstance(inputs, Mapping):
        taken = Inputs((), dict(inputs))
    elif isinstance(inputs, tuple | list):
        taken = Inputs(tuple(inputs), {})
    else:
        taken = Inputs((inputs,), {})
    if not all(isinstance(name, str) for name in taken.kwargs):
        raise TypeError(f"inputs={list(taken.kwargs)!r}: the keys of a dict name keywords, as text")
    if not taken.tensors():
        raise TypeError(
            f"inputs holds no tensor, it is a {type(inputs).__name__}: pass what the model takes, "
            "such as torch.rand(4, 1, 28, 28), a tuple of arguments, or a dict of keywords; "
            "torch.as_tensor(numbers) makes a tensor of numbers."
        )
    return taken


def _changed(value: Any, change: Change) -> Any:
    if isinstance(value, Tensor):
        return change(value)
    if isinstance(value, Mapping) and type(value) is dict:
        return {name: _changed(one, change) for name, one in value.items()}
    if type(value) in (tuple, list):
        return type(value)(_changed(one, change) for one in value)
    return value
