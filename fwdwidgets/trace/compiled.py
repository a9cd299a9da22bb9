"""What compilers made of a model: `torch.compile`'s runs as written, TorchScript's is refused."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from threading import Lock
from typing import Any

import torch
from torch import nn

_lock = Lock()
_before: list[Any] = []
"""A stance for each that is in `as_written`; the last to leave puts back what the first found."""


def is_compiled(model: nn.Module) -> bool:
    """Whether `torch.compile(model)` made this model, or `model.compile()` was called."""
    return "_orig_mod" in model._modules or model._compiled_call_impl is not None


def refuse_script(model: object) -> None:
    """Refuse a model of TorchScript with a sentence.

    Raises:
        TypeError: it is one.
    """
    if isinstance(model, torch.jit.ScriptModule):
        raise TypeError(
            f"model={type(model).__name__} is TorchScript: its operations run in C++, where "
            "nobody can watch them. Pass the nn.Module that it was made of."
        )


def is_of_compiler(error: BaseException | None) -> bool:
    """Whether the compiler raised it, as it does in `torch.cond` when it is looked at."""
    return type(error).__module__.startswith("torch._dynamo")


@contextmanager
def as_written() -> Iterator[None]:
    """Run what was compiled as it was written, and compile nothing."""
    with _lock:
        _before.append(torch.compiler.set_stance("force_eager"))
    try:
        yield
    finally:
        with _lock:
            stance = _before.pop()
            if not _before:
                stance.__exit__(None, None, None)
