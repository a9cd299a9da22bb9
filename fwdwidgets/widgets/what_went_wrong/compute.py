"""What went wrong in a forward pass, if anything: the finding, its cause, and what would help."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from fwdwidgets.advice import explain_failure, explain_nonfinite, first_nonfinite
from fwdwidgets.networks import reseed
from fwdwidgets.trace import ForwardTrace, Inputs, Step, named_modules, refuse_script, rerun
from fwdwidgets.widgets.what_went_wrong import words
from fwdwidgets.widgets.what_went_wrong.meetings import Meetings
from fwdwidgets.widgets.what_went_wrong.memory import Memory, measure_memory
from fwdwidgets.widgets.what_went_wrong.mismatch import arithmetic, meet
from fwdwidgets.widgets.what_went_wrong.nonfinite import explain_values, is_finite
from fwdwidgets.widgets.what_went_wrong.repairs import Check, check_repairs

_NO_MEMORY = re.compile("can't allocate memory|out of memory", re.IGNORECASE)


@dataclass(frozen=True)
class Finding:
    """What one forward pass showed.

    Attributes:
        model: that ran.
        inputs: what it got.
        trace: the steps, up to the failing one.
        kind: `"error"`, `"nonfinite"`, `"batch"` (it ran, but the samples are not kept apart)
            or `"fine"`.
        step: the name of the step to look at; None where all is well.
        check: what a copy with the repairs did; None where there was nothing to try.
        random: the state of the random numbers that the model ran under.
        sentences: all that in words, the most important first.
    """

    model: nn.Module
    inputs: Inputs
    trace: ForwardTrace
    kind: str
    step: str | None
    check: Check | None
    sentences: tuple[str, ...]
    random: Tensor

    @property
    def out_of_memory(self) -> bool:
        """Whether it stopped because the batch asked for more memory than there is."""
        return _out_of_memory(self.trace)

    def measure(self) -> Memory | None:
        """The bytes of the model, or of the repaired copy where that runs by itself."""
        if self.kind != "error" or self.out_of_memory:
            return measure_memory(self.model, self.inputs, self.trace)
        check = self.check
        if check is None or not check.ran or any(repair.edit for repair in check.repairs):
            return None
        return measure_memory(check.model, self.inputs, check.trace)

    def meetings(self, step: Step) -> Meetings | None:
        """The shapes that meet in a step."""
        return meet(step, _layer(self.model, step))

    def operands(self, step: Step) -> list[Tensor]:
        """What went into a step, as it was before the step ran; the model runs again for it."""
        index = [one.name for one in self.trace].index(step.name)
        with torch.random.fork_rng(devices=[]):
            torch.set_rng_state(self.random)  # dropout drops the same
            again, operands = rerun(self.model, self.inputs, keep=index)
        same = index < len(again) and again[index].op == step.op
        return operands if same and operands is not None else []


def build(model: nn.Module | Callable[[], nn.Module]) -> nn.Module:
    """A model as it is, or one that a class or factory makes under seed 0.

    Raises:
        TypeError: it is neither.
    """
    refuse_script(model)
    if isinstance(model, nn.Module):
        # What torch.compile wraps is the model itself, which can be copied and changed.
        written = model._modules.get("_orig_mod")
        return model if written is None else written
    if not callable(model):
        raise TypeError(
            f"model={model!r} is no network: pass an nn.Module, or a class or function that makes "
            "one."
        )
    return reseed(model, 0)


def find_wrong(model: nn.Module, inputs: Inputs) -> Finding:
    """Run a model once, in the mode that it is in, and find what went wrong, if anything.

    Args:
        model: any module; it is left as found.
        inputs: what it takes.
    """
    random = torch.get_rng_state()
    trace, _ = rerun(model, inputs)

    def found(
        kind: str, step: str | None, sentences: tuple[str, ...], check: Check | None = None
    ) -> Finding:
        return Finding(model, inputs, trace, kind, step, check, sentences, random)

    if trace.error is not None:
        check, last = check_repairs(model, inputs, trace), trace.steps[-1]
        return found("error", last.name, _failure(trace, last, check), check)
    odd = first_nonfinite(trace)
    if odd is not None:
        operands = found("nonfinite", odd.name, ()).operands(odd)
        return found("nonfinite", odd.name, _nonfinite(trace, inputs, odd, operands))
    lost = _lost_batch(trace, inputs)
    if lost is not None:
        step, sentence = lost
        return found("batch", step, (sentence,))
    return found("fine", None, (words.say_fine(len(trace), _came(trace)),))


def describe_check(check: Check | None) -> str:
    """What a copy of the model did with the repairs, in a sentence or two."""
    if check is None:
        return words.NOTHING_TRIED
    tried = [repair.text for repair in check.repairs]
    if check.ran:
        return words.say_ran(tried, _came(check.trace))
    return words.say_stopped(tried, explain_failure(check.trace))


def _out_of_memory(trace: ForwardTrace) -> bool:
    error = trace.error
    return isinstance(error, MemoryError) or bool(error and _NO_MEMORY.search(str(error)))


def _failure(trace: ForwardTrace, step: Step, check: Check | None) -> tuple[str, ...]:
    if _out_of_memory(trace):
        return explain_failure(trace), words.TOO_LARGE
    count = words.say_features(arithmetic(trace, step))
    return tuple(text for text in (explain_failure(trace), count, describe_check(check)) if text)


def _came(trace: ForwardTrace) -> str:
    """What the output is, in words."""
    output = trace.output
    shape = tuple(output.shape) if isinstance(output, Tensor) else None
    return words.name_output(shape, type(output).__name__)


def _nonfinite(
    trace: ForwardTrace, inputs: Inputs, step: Step, operands: list[Tensor]
) -> tuple[str, ...]:
    given = next((t for t in inputs.tensors() if not is_finite(t)), None)
    said = explain_nonfinite(trace, given), explain_values(step, operands)
    return tuple(text for text in said if text)


def _lost_batch(trace: ForwardTrace, inputs: Inputs) -> tuple[str, str] | None:
    """The step that gave the output another number of rows than there are samples, if one did."""
    output, batch = trace.output, inputs.batch
    if not isinstance(output, Tensor) or not output.dim() or not batch:
        return None
    for step in trace:
        if step.op not in ("reshape", "view") or len(step.input_shapes) != 1 or not step.shape:
            continue
        given = step.input_shapes[0]
        if len(given) < 3 or given[0] != batch or len(step.shape) != 2 or step.shape[0] == batch:
            continue
        if output.shape[0] == step.shape[0]:
            source = " ".join(step.source.split()) or step.op
            return step.name, words.say_mixed(source, batch, given, step.shape)
    return None


def _layer(model: nn.Module, step: Step) -> nn.Module | None:
    modules = {name: module for module, name in named_modules(model).items()}
    return modules.get(step.module)
