"""Compiled models: one of `torch.compile` runs as it was written, one of TorchScript is refused."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from threading import Lock
from typing import Any

import torch
from torch import nn

_lock = Lock()
_before: list[Any] = []
"""Counts the users of `as_written`; the last to leave restores the stance the first one found."""


def is_compiled(model: nn.Module) -> bool:
    """Whether `torch.compile(model)` made this model, or `model.compile()` was called."""
    return "_orig_mod" in model._modules or model._compiled_call_impl is not None


def refuse_script(model: object) -> None:
    """Refuse a TorchScript model with a message that says what to pass instead.

    Raises:
        TypeError: the model is TorchScript.
    """
    if isinstance(model, torch.jit.ScriptModule):
        raise TypeError(
            f"model={type(model).__name__} is TorchScript: its operations run in C++, where "
            "nobody can watch them. Pass the nn.Module that it was made of."
        )


def is_of_compiler(error: BaseException | None) -> bool:
    """Whether the compiler raised this error, as it does when `torch.cond` is traced."""
    return type(error).__module__.startswith("torch._dynamo")


@contextmanager
def as_written() -> Iterator[None]:
    """Run compiled models as they were written, and compile nothing."""
    with _lock:
        _before.append(torch.compiler.set_stance("force_eager"))
    try:
        yield
    finally:
        with _lock:
            stance = _before.pop()
            if not _before:
                stance.__exit__(None, None, None)
