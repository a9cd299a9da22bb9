"""What each line of a training step did, in a sentence."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from fwdwidgets.widgets.training_step.lines import INPUT

if TYPE_CHECKING:
    from fwdwidgets.widgets.training_step.compute import TrainingLoop

NOTHING = "Nothing has run yet. The marked button is the next line of the loop."
TIPS = {
    "forward": "run the model on the batch",
    "loss": "measure how wrong the output is",
    "zero_grad": "clear the earlier gradients",
    "backward": "compute the gradient of every weight",
    "step": "move every weight against its gradient",
}
WANTED = {
    "lr": "a learning rate is a number from 0, such as 0.01.",
    "clip": "choose a largest norm, or 0 to leave gradients as they are.",
}
"""What a setting must be."""


def describe_line(loop: TrainingLoop, line: str) -> str:
    """What the line that was run last did."""
    return _SAY[line](loop)


def describe_run(loop: TrainingLoop, first: float | None) -> str:
    """Where many steps led.

    Args:
        loop: after them.
        first: the loss before them, None where there was none.
    """
    start = "" if first is None else f" from {first:.6g}"
    return f"{loop.steps} steps: the loss went{start} to {last_loss(loop)}."


def describe_picture(loop: TrainingLoop, parameter: str) -> str:
    """The figure in words."""
    return f"output, {parameter} before and now, its gradient, and the loss: {last_loss(loop)}"


def describe_warnings(loop: TrainingLoop) -> str:
    """What PyTorch warned of when the last loss was computed; empty where it did not."""
    return " ".join(f"PyTorch warns: {warning}" for warning in loop.warnings)


def describe_norm(loop: TrainingLoop) -> str:
    """The norm of the gradients at the last step; empty before there is one."""
    if not loop.norms:
        return ""
    return f"Norm of the gradients at the last step: {loop.norms[-1]:.4g}."


def last_loss(loop: TrainingLoop) -> str:
    """The last loss, or that there is none."""
    return f"{loop.losses[-1]:.6g}" if loop.losses else "not run yet"


def _forward(loop: TrainingLoop) -> str:
    assert loop.output is not None, "forward has run"
    shape = tuple(loop.output.shape)
    return f"The output has shape {shape}; it remembers its way here: grad_fn is set."


def _loss(loop: TrainingLoop) -> str:
    return f"loss = {last_loss(loop)}"


def _zero_grad(loop: TrainingLoop) -> str:
    if left := list(loop.gradients()):
        return f"The optimizer does not hold {', '.join(left)}: their .grad stays."
    return "Every .grad is None: the gradients of earlier backward passes are cleared."


def _backward(loop: TrainingLoop) -> str:
    without = [name for name in loop.weights() if name not in loop.fresh and name in loop.names]
    if loop.backwards == 1:
        every = "Every weight has a gradient."
        if without:
            every = f"The backward pass does not reach {', '.join(without)}: grad stays None there."
        return f"{every} Their norm is {loop.norm():.4g}."
    return (
        f"zero_grad was forgotten: .grad holds the sum of {loop.backwards} backward passes, norm "
        f"{loop.norm():.4g}; this pass alone has {loop.fresh_norm():.4g}."
    )


def _step(loop: TrainingLoop) -> str:
    moved = loop.moved()
    stayed = [n for n, by in moved.items() if by == 0 and n in loop.names and n != INPUT]
    text = f"The weights moved, by at most {max(moved.values()):.4g}."
    if not any(moved.values()):
        text = "No weight moved: the learning rate is 0, or all gradients are."
    elif stayed:
        text += f" These stayed: {', '.join(stayed)}."
    if loop.clip is not None and loop.norms[-1] > loop.clip:
        text += (
            f" The gradients' norm of {loop.norms[-1]:.4g} was clipped to {loop.clip:.4g} first."
        )
    return f"{text} Run forward again to see what it did to the loss."


_SAY: dict[str, Callable[[TrainingLoop], str]] = {
    "forward": _forward,
    "loss": _loss,
    "zero_grad": _zero_grad,
    "backward": _backward,
    "step": _step,
}
