"""A model and its optimizer as they are given, and copies of both that a loop may train."""

from __future__ import annotations

import copy
from typing import Any

import torch
from torch import nn
from torch.nn.parameter import is_lazy

from fwdwidgets.trace import refuse_script
from fwdwidgets.training import check_optimizer, made, trainable


def check_model(model: Any) -> None:
    """Refuse what cannot be trained.

    Raises:
        TypeError: it is no model, or the class of one.
        ValueError: a layer is lazy and has no weights yet, or there are none to train.
    """
    if isinstance(model, type):
        name = model.__name__
        raise TypeError(f"model is the class {name}: pass an instance, such as {name}().")
    if not isinstance(model, nn.Module):
        raise TypeError(f"model={model!r} is no network: pass an nn.Module.")
    refuse_script(model)
    if any(is_lazy(parameter) for parameter in model.parameters()):
        raise ValueError(
            "this model has a lazy layer without weights: run it once, as in model(inputs), "
            "and make the optimizer after that."
        )
    trainable(model)


def check_given_optimizer(optimizer: Any, model: nn.Module) -> None:
    """Refuse what is neither an optimizer of this model nor makes one.

    Raises:
        TypeError: it is neither.
        ValueError: it is of another model, or an LBFGS.
    """
    if isinstance(optimizer, torch.optim.Optimizer):
        check_optimizer(optimizer, list(model.parameters()))
    elif not callable(optimizer):
        raise TypeError(
            f"optimizer={optimizer!r} is none: pass one, or a function that makes it, as in "
            "lambda parameters: torch.optim.SGD(parameters, lr=0.01)."
        )


def copies_of(model: nn.Module, optimizer: Any) -> tuple[nn.Module, torch.optim.Optimizer]:
    """A copy of the model without gradients, and an optimizer of the copy.

    Args:
        model: it stays as it is.
        optimizer: one of the model, which is copied with its groups and its state, or a class or
            function that makes one of the copy's parameters.

    Raises:
        ValueError: the model cannot be copied.
    """
    # Copied together, so that the copied optimizer moves the copied parameters.
    try:
        own, given = copy.deepcopy((model, optimizer))
    except Exception as error:
        raise ValueError(
            f"{type(model).__name__} could not be copied ({type(error).__name__}: "
            f"{error}): it may keep a tensor of an earlier forward pass. Make a new model."
        ) from error
    for before, parameter in zip(model.parameters(), own.parameters(), strict=True):
        parameter.grad = None
        hooks = (before._backward_hooks or {}) if before.requires_grad else {}
        for hook in hooks.values():  # a copy has none
            parameter.register_hook(hook)  # type: ignore[no-untyped-call]
    if not isinstance(given, torch.optim.Optimizer):
        given = made(given, list(own.parameters()))
    return own, given
