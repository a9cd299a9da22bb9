"""Check the loss and the optimizer of a training loop, and say what is wrong with them."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import Tensor, nn

Loss = Callable[[Tensor, Tensor], Tensor]
MakeOptimizer = Callable[[Iterable[nn.Parameter]], torch.optim.Optimizer]


def check_loss(loss: Any) -> None:
    """Refuse a loss that is not a function of output and targets.

    Raises:
        TypeError: it cannot be called, or is a class instead of an instance.
    """
    if isinstance(loss, type):
        name = loss.__name__
        raise TypeError(f"loss is the class {name}: pass an instance, {name}().")
    if not callable(loss):
        raise TypeError(f"loss={loss!r} cannot be called: pass one such as nn.MSELoss().")


def measure(loss: Loss, output: Any, targets: Tensor) -> Tensor:
    """The loss of an output.

    Args:
        loss: of output and targets.
        output: what the model returned.
        targets: of the same batch.

    Returns:
        One number, a tensor of one element.

    Raises:
        ValueError: the output is not a tensor, the loss does not take output and targets, or it
            does not return one number.
    """
    if not isinstance(output, Tensor):
        raise ValueError(
            f"the model returned {type(output).__name__}: a training step needs one tensor."
        )
    try:
        value = loss(output, targets)
    except (RuntimeError, ValueError, IndexError, TypeError) as error:
        raise ValueError(
            f"the loss does not take an output of shape {tuple(output.shape)} with targets of "
            f"shape {tuple(targets.shape)}, {targets.dtype}.{_advise(loss, output, targets)} "
            f"PyTorch's own words: {error}"
        ) from error
    if not isinstance(value, Tensor) or value.numel() != 1 or value.is_complex():
        what = f"of shape {tuple(value.shape)}" if isinstance(value, Tensor) else repr(value)
        raise ValueError(
            f"the loss is {what}, not one real number as a tensor: use the mean, as in "
            "nn.MSELoss(reduction='mean')."
        )
    return value


def _advise(loss: Loss, output: Tensor, targets: Tensor) -> str:
    """What to do about labels that a loss does not take; empty if targets are numbers."""
    if targets.is_floating_point() or targets.is_complex() or output.dim() != 2:
        return ""
    classes = output.shape[1]
    if classes < 2:
        return (
            " Of one output a row make the targets floats of its shape: targets.float()[:, None]."
        )
    bad = targets[(targets < 0) | (targets >= classes)]
    if len(bad):
        return f" Label {bad[0].item()} is no class: {classes} outputs have 0 to {classes - 1}."
    name = getattr(loss, "__name__", type(loss).__name__)
    return (
        ""
        if name in ("cross_entropy", "CrossEntropyLoss")
        else " For labels use CrossEntropyLoss()."
    )


def check_differentiable(value: Tensor) -> None:
    """Refuse a loss that autograd cannot run backward from.

    Raises:
        ValueError: it has no `grad_fn`.
    """
    if not value.requires_grad:
        raise ValueError(
            "the loss has no grad_fn, so backward cannot reach the weights: compute output and "
            "loss with torch alone, without detach(), item(), argmax or no_grad."
        )


def check_reached(model: nn.Module) -> None:
    """Refuse a backward pass that reached no weight.

    Raises:
        ValueError: no parameter has a gradient.
    """
    if all(parameter.grad is None for parameter in model.parameters()):
        raise ValueError(
            "no weight of the model is reached by the backward pass of this loss: compute the "
            "output from them with torch alone, without detach(), item(), argmax or no_grad."
        )


def trainable(model: nn.Module) -> list[nn.Parameter]:
    """The parameters that require a gradient.

    Raises:
        ValueError: there are none.
    """
    found = [parameter for parameter in model.parameters() if parameter.requires_grad]
    if not found:
        raise ValueError(
            "this model has no parameters to train: give it a layer that learns, or set "
            "requires_grad of one to True."
        )
    return found


def made(optimizer: MakeOptimizer, parameters: list[nn.Parameter]) -> torch.optim.Optimizer:
    """The optimizer for these parameters.

    Raises:
        TypeError: the function does not return an optimizer.
        ValueError: the optimizer is an LBFGS, or holds parameters of another model.
    """
    result = optimizer(parameters)
    if not isinstance(result, torch.optim.Optimizer):
        raise TypeError(
            f"optimizer made {result!r}: return one, as in torch.optim.SGD(parameters, lr=0.01)."
        )
    check_optimizer(result, parameters)
    return result


def check_optimizer(optimizer: torch.optim.Optimizer, parameters: list[nn.Parameter]) -> None:
    """Refuse an optimizer whose step runs the model itself, or that moves another model.

    Raises:
        ValueError: it is an LBFGS, or holds parameters other than these.
    """
    own = {id(parameter) for parameter in parameters}
    held = [p for group in optimizer.param_groups for p in group["params"]]
    if not all(id(parameter) in own for parameter in held):
        raise ValueError(
            f"this {type(optimizer).__name__} holds parameters that are not this model's: make it "
            "of model.parameters(), after the model, or of the parameters that a function is given."
        )
    if isinstance(optimizer, torch.optim.LBFGS):
        raise ValueError(
            "LBFGS runs the model itself, several times a step, so its lines cannot be taken one "
            "by one: choose another optimizer, such as SGD or Adam."
        )
