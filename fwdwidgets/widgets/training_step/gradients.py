"""Gradients by name: what there is, how long all of it is, what one backward adds."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager

from torch import Tensor


def copied_gradients(named: Iterable[tuple[str, Tensor]]) -> dict[str, Tensor]:
    """A copy of every gradient that these tensors have, by name.

    Raises:
        ValueError: one is sparse.
    """
    found = {name: t.grad.detach().clone() for name, t in named if t.grad is not None}
    for name, gradient in found.items():
        if gradient.is_sparse:
            raise ValueError(
                f"the gradient of {name} is sparse and cannot be shown: make its layer "
                "without sparse=True."
            )
    return found


def gradient_norm(gradients: Iterable[Tensor]) -> float:
    """The length of all gradients together: the root of the sum of all squares."""
    return float(sum(float(g.double().square().sum()) for g in gradients) ** 0.5)


@contextmanager
def added_to_gradients(tensors: Sequence[Tensor]) -> Iterator[None]:
    """Let a backward begin with no gradients; what there was is added to it afterwards.

    Inside, `.grad` is of this backward alone. If it raises, all is as before.
    """
    every = [(tensor, tensor.grad) for tensor in tensors]
    for tensor in tensors:
        tensor.grad = None
    try:
        yield
    except BaseException:
        for tensor, before in every:
            tensor.grad = before
        raise
    for tensor, before in every:
        if before is not None:
            tensor.grad = before if tensor.grad is None else before + tensor.grad
