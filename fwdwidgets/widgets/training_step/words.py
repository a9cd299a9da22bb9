"""What each line of a training step did, in a sentence."""

from __future__ import annotations

from collections.abc import Callable

from fwdwidgets.widgets.training_step.compute import INPUT, TrainingLoop, gradient_norm

NOTHING = (
    "Nothing has run yet: all is as it was given. The marked button is the next line of the loop."
)
SETTINGS = ("lr", "clip")
TIPS = {
    "forward": "run the model on the batch",
    "loss": "measure how wrong the output is",
    "zero_grad": "clear the gradients of before",
    "backward": "compute the gradient of every weight",
    "step": "move every weight against its gradient",
}


def describe_line(loop: TrainingLoop, line: str) -> str:
    """What the line that was run last did."""
    return _SAY[line](loop)


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
    return "Every .grad is None: nothing is left of the backward passes of before."


def _backward(loop: TrainingLoop) -> str:
    fresh = gradient_norm(loop.fresh.values())
    norm = gradient_norm(loop.gradients().values())
    without = [name for name in loop.weights() if name not in loop.fresh and name in loop.names]
    if loop.backwards == 1:
        every = "Every weight has a gradient."
        if without:
            every = f"No way leads back to {', '.join(without)}: grad stays None there."
        return f"{every} All together have the norm {norm:.4g}."
    return (
        f"zero_grad was forgotten: .grad holds the sum of {loop.backwards} backward passes, norm "
        f"{norm:.4g}; this pass alone has {fresh:.4g}."
    )


def _step(loop: TrainingLoop) -> str:
    now, before = loop.weights(), loop.before
    moved = {n: float((now[n] - before[n]).abs().max()) for n in now if now[n].numel()}
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


def noted(log: str, done: str) -> str:
    """A log with what was done after it; of settings those that a line ran under, and the last.

    Args:
        log: lines, `run=N`, and the settings `lr=` and `clip=`, separated by spaces.
        done: one of these.
    """
    entries = log.split()
    if not _is_setting(done):
        return " ".join([*entries, done])
    ran = max((i for i, entry in enumerate(entries, 1) if not _is_setting(entry)), default=0)
    before = dict(entry.split("=") for entry in entries[:ran] if _is_setting(entry))
    last = dict(entry.split("=") for entry in [*entries[ran:], done])
    settings = [f"{n}={last[n]}" for n in SETTINGS if n in last and last[n] != before.get(n)]
    return " ".join([*entries[:ran], *settings])


def _is_setting(entry: str) -> bool:
    return entry.partition("=")[0] in SETTINGS
