"""What train and eval mode did to one sample, in sentences."""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from torch import nn

    from fwdwidgets.trace import Step
    from fwdwidgets.widgets.modes.compute import ModeRun
    from fwdwidgets.widgets.modes.watch import Dropped

FLAGS = ("is_training", "training", "train", "is_train")
"""Names of flags of `forward` that `model.train()` and `model.eval()` do not reach."""


def flag_of(network: nn.Module) -> tuple[str, Any] | None:
    """A flag of `forward` that decides what the mode should: its name and default, or None."""
    try:
        parameters = inspect.signature(network.forward).parameters
    except (TypeError, ValueError):
        return None
    for name in FLAGS:
        if name in parameters and isinstance(parameters[name].default, bool):
            return name, parameters[name].default
    return None


def dropping_in_eval(run: ModeRun) -> list[Step]:
    """The dropout steps of an eval-mode run that dropped all the same."""
    return [step for step in run.trace if step.name in run.dropped]


def explain_careless(network: nn.Module | None, train: ModeRun, evaluated: ModeRun) -> str:
    """What a dropout does in a mode in which it should not, and why; empty where all is well."""
    dropping, idle = dropping_in_eval(evaluated), train.idle
    if not dropping and not idle:
        return ""
    flag = flag_of(network) if network is not None else None
    name = dropping[0].name if dropping else idle[0]
    does = "drops in eval mode too" if dropping else "drops nothing in train mode either"
    if flag and flag[1] is bool(dropping):
        call = "eval" if dropping else "train"
        return (
            f"{name} {does}: forward() has a flag {flag[0]}, {flag[1]} by default, and "
            f"model.{call}() does not change it. Use self.training instead."
        )
    is_alpha = "alpha" in (dropping[0] if dropping else train.trace[name]).op
    default = ", its default" if is_alpha is not bool(dropping) else ""
    return (
        f"{name} {does}: its argument training is {bool(dropping)}{default}. Pass "
        "training=self.training; a layer such as nn.Dropout knows its mode by itself."
    )


def explain_unseen(train: ModeRun, evaluated: ModeRun) -> str:
    """Which other steps drew random numbers, so that their result alone is shown."""
    drew = list(dict.fromkeys((*train.drew, *evaluated.drew)))
    if not drew:
        return ""
    both = set(train.drew) & set(evaluated.drew)
    modes = "both modes" if both else "train mode" if train.drew else "eval mode"
    return (
        f"{', '.join(drew)} draws random numbers of its own in {modes}, dropout inside it "
        "included: its result is shown, and not which numbers it drew or dropped."
    )


def describe_layer(
    layer: str, train: ModeRun, evaluated: ModeRun, draw: int, indices: Sequence[int]
) -> str:
    """What a dropout or a norm did to the first sample; empty of any other step.

    Args:
        layer: the name of a step.
        train: in train mode.
        evaluated: in eval mode.
        draw: the seed of dropout's random numbers.
        indices: of the samples of the batch.
    """
    if layer in train.dropped:
        return _describe_dropout(train.dropped[layer], evaluated.dropped.get(layer), draw)
    if layer not in train.norms or layer not in evaluated.norms:
        return ""
    kind, whose = "BatchNorm", f"this batch, samples {listed(indices)}"
    if evaluated.trace[layer].op == "instance_norm":
        kind, whose = "InstanceNorm", "each sample by itself"
    own = f"uses mean and variance of {whose}"
    running = "uses its running statistics"
    in_train, in_eval = train.norms[layer], evaluated.norms[layer]
    if in_train is in_eval:
        always = f"{own}: running statistics play no part" if in_train else running
        return f"{kind} {layer}, in both modes: it {always}."
    first, second = (own, running) if in_train else (running, own)
    whatever = ", whatever the batch" if in_train else ""
    return f"Train mode: {kind} {layer} {first}. Eval mode: it {second}{whatever}."


def describe_outputs(same: bool | None) -> str:
    """Whether both modes give the same output for a sample; None where there is none."""
    if same is None:
        return "Both modes have run; look at the layers."
    if same:
        return "Both modes give the same output for this sample, bit for bit."
    return "The two modes give different outputs for the same sample and weights."


def _describe_dropout(dropped: Dropped, too: Dropped | None, draw: int) -> str:
    kept = dropped.kept[0]
    still = f"{int((~too.kept[0]).sum())} of {kept.numel()} are" if too else "nothing is"
    low = f" and became {dropped.low:.4g}" if dropped.low else ""
    shift = f", and {dropped.shift:.4g} is added" if dropped.shift else ""
    return (
        f"Train mode, draw {draw}: {dropped.name} dropped {int((~kept).sum())} of {kept.numel()}, "
        f"marked by a cross (p = {dropped.p:g}){low}; the others are multiplied by "
        f"{dropped.scale:.4g}{shift}. Eval mode: {still} dropped."
    )


def listed(indices: Sequence[int]) -> str:
    """Indices in words, the middle of many left out."""
    few = indices if len(indices) <= 6 else [*indices[:4], "…", indices[-1]]
    return ", ".join(map(str, few))
