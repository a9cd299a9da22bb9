"""What one forward pass says, in sentences."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from fwdwidgets.widgets.forward_pass.compute import Search

UNSEEN = (
    "Its steps cannot be seen: this forward pass runs no PyTorch operation in Python. TorchScript "
    "runs in C++: to look into it pass the nn.Module that it was made of."
)
NO_CLASSES = "There is no right or wrong to look for: no class is predicted."


def old_picture(shown: str) -> str:
    """The picture is still the last good one."""
    return f"The picture is old: it shows {shown}."


def describe_run(weights: str, length: int, *, training: bool, drawn: bool) -> str:
    """The mode, the weights and the dataset.

    Args:
        weights: in words.
        length: how many samples there are.
        training: whether the network runs in train mode.
        drawn: whether the weights are random, by a seed.
    """
    mode = "train mode (dropout drops)" if training else "eval mode (dropout is off)"
    said = f"random weights ({weights})" if drawn else weights
    return f"{mode} · {said} · {length:,} samples"


def search_ended(search: Search, start: int, length: int) -> str:
    """How a search for a wrong answer ended; nothing to say where it found one.

    Args:
        search: what it found.
        start: the sample that it started from.
        length: how many samples there are.
    """
    if search.found:
        return ""
    if search.out_of_time:
        return (
            f"No wrong answer among the {search.count:,} samples from {start} to {search.index}; "
            "press again to search on from there."
        )
    return f"No other sample of the {length:,} is answered wrong."
