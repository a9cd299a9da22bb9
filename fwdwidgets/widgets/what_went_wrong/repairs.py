"""The number that would fit, checked on a copy; the model itself is not changed."""

from __future__ import annotations

import copy
from dataclasses import dataclass

import torch
from torch import nn

from fwdwidgets.trace import Edit, ForwardTrace, Inputs, named_modules, rerun
from fwdwidgets.widgets.what_went_wrong.argument_repairs import by_argument, by_batch_axis
from fwdwidgets.widgets.what_went_wrong.layer_repairs import by_embedding, by_layer
from fwdwidgets.widgets.what_went_wrong.repair import Repair

MOST = 5
"""The most repairs that are tried one after the other."""


@dataclass(frozen=True)
class Check:
    """What happened on a copy of the model with the repairs.

    Attributes:
        repairs: those that were tried, in order.
        model: the copy.
        trace: its forward pass with all of them.
    """

    repairs: tuple[Repair, ...]
    model: nn.Module
    trace: ForwardTrace

    @property
    def ran(self) -> bool:
        """Whether the forward pass reached its end."""
        return self.trace.error is None


def check_repairs(model: nn.Module, inputs: Inputs, trace: ForwardTrace) -> Check | None:
    """Repair a copy of a model step by step until it runs, or until nothing certain is left.

    Args:
        model: whose forward pass failed; it is left as found.
        inputs: what it got.
        trace: the partial trace of that.

    Returns:
        What the last run did; None where no repair is known or the model cannot be copied.
    """
    repairs: list[Repair] = []
    edits: dict[int, tuple[str, Edit]] = {}
    fixed, now = None, trace
    with torch.random.fork_rng(devices=[]):  # a layer that is built again draws its weights
        while now.error is not None and len(repairs) < MOST:
            repair = propose(model if fixed is None else fixed, inputs, now, edits)
            if repair is None or repair.text in [one.text for one in repairs]:
                break
            if fixed is None:
                try:
                    fixed = copy.deepcopy(model)
                except Exception:  # whatever a user's model holds
                    return None
            repairs.append(repair)
            if repair.layer is not None:
                fixed = repair.layer(fixed)
            if repair.edit is not None:
                index, op, edit = repair.edit
                edits[index] = op, _after(edits.get(index), edit)
            now, _ = rerun(fixed, inputs, edits=edits)
    return None if fixed is None else Check(tuple(repairs), fixed, now)


def propose(
    model: nn.Module,
    inputs: Inputs,
    trace: ForwardTrace,
    edits: dict[int, tuple[str, Edit]] | None = None,
) -> Repair | None:
    """The change that certainly lets the last step of a partial trace run; None: none is known.

    Args:
        model: whose trace it is.
        inputs: what it got.
        trace: its `error` is set.
        edits: of steps that were changed in that run, as for `rerun`.
    """
    if not trace.steps or trace.steps[-1].error is None:
        return None
    step, index = trace.steps[-1], len(trace.steps) - 1
    layer = {name: module for module, name in named_modules(model).items()}.get(step.module, model)
    if (repair := by_batch_axis(step, trace, inputs)) is not None:
        return repair
    if (repair := by_layer(step, layer) or by_argument(step, layer, index)) is not None:
        return repair
    if step.op == "embedding" and isinstance(layer, nn.Embedding):
        _, operands = rerun(model, inputs, keep=index, edits=edits)
        return by_embedding(step, layer, operands or [])
    return None


def _after(before: tuple[str, Edit] | None, edit: Edit) -> Edit:
    if before is None:
        return edit
    first = before[1]
    return lambda args: edit(first(args))
