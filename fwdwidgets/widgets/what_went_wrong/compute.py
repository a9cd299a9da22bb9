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
from fwdwidgets.widgets.what_went_wrong.mismatch import Meetings, arithmetic, meet
from fwdwidgets.widgets.what_went_wrong.repairs import Check, check_repairs

_NO_MEMORY = re.compile("can't allocate memory|out of memory", re.IGNORECASE)
_SHOWN = 3
"""So many values that became NaN or infinite are written out."""
_MIXING = ("linear", "matmul", "mm", "bmm", "batch_norm", "layer_norm", "group_norm", "where")
"""Operations whose operands may have the result's shape although each value is made of many."""


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
    steps = f"{len(trace)} step{'' if len(trace) == 1 else 's'}"
    fine = f"Nothing went wrong: {steps}, every value is finite, and the output is {_came(trace)}."
    return found("fine", None, (fine,))


def describe_check(check: Check | None) -> str:
    """What a copy of the model did with the repairs, in a sentence or two."""
    if check is None:
        return "No number certainly fits here, so nothing was tried."
    tried = ", and then ".join(repair.text for repair in check.repairs)
    if check.ran:
        return (
            f"Checked on a copy of the model: with {tried}, the forward pass runs to its end, and "
            f"the output is {_came(check.trace)}. The model itself is as it was."
        )
    return (
        f"Tried on a copy of the model: {tried}. It did not reach its end: "
        f"{explain_failure(check.trace)} The model itself is as it was."
    )


def _out_of_memory(trace: ForwardTrace) -> bool:
    error = trace.error
    return isinstance(error, MemoryError) or bool(error and _NO_MEMORY.search(str(error)))


def _failure(trace: ForwardTrace, step: Step, check: Check | None) -> tuple[str, ...]:
    if _out_of_memory(trace):
        advice = "There is less memory than this batch asks for: a smaller batch asks for less."
        return explain_failure(trace), advice
    product = arithmetic(trace, step)
    count = f"{product}: that is how many features arrive here." if product else ""
    return tuple(text for text in (explain_failure(trace), count, describe_check(check)) if text)


def _came(trace: ForwardTrace) -> str:
    output = trace.output
    if isinstance(output, Tensor):
        return f"a tensor of shape {tuple(output.shape)}"
    return f"a {type(output).__name__}"


# --- NaN and infinity -----------------------------------------------------------------------------


def _nonfinite(
    trace: ForwardTrace, inputs: Inputs, step: Step, operands: list[Tensor]
) -> tuple[str, ...]:
    given = next((t for t in inputs.tensors() if not _finite(t)), None)
    said = explain_nonfinite(trace, given), explain_values(step, operands)
    return tuple(text for text in said if text)


def explain_values(step: Step, operands: list[Tensor]) -> str:
    """The very values that an operation made NaN or infinity of.

    Args:
        step: whose value holds some.
        operands: what went into it, parameters included.

    Returns:
        `at (0, 2): log(0) = -inf` for some of them where each value is made of one value of each
        operand, else the ranges of the operands; an empty text without operands.
    """
    value = step.value
    if value is None or not operands:
        return ""
    bad = [n for n, operand in enumerate(operands) if not _finite(operand)]
    spoilt = ""
    if bad:
        places = ", ".join(f"{n + 1} {tuple(operands[n].shape)}" for n in bad)
        spoilt = f"NaN or infinity is in what went in already: operand {places}."
    pointwise = step.op not in _MIXING and not step.op.startswith("conv")
    if pointwise and all(_stretches(operand, value) for operand in operands):
        rows = (~value.isfinite()).nonzero()[:_SHOWN].tolist()
        shown = [_at(step.op, row, operands, value) for row in rows]
        more = int((~value.isfinite()).sum()) - len(rows)
        rest = f", and {more} more" if more > 0 else ""
        return f"{spoilt} The values that made it: {'; '.join(shown)}{rest}.".strip()
    ranges = [
        f"{tuple(o.shape)} from {o.min().item():.4g} to {o.max().item():.4g}"
        for o in operands
        if o.numel() and not o.is_complex() and _finite(o)
    ]
    return f"{spoilt} What went in: {', '.join(ranges)}.".strip() if ranges else spoilt


def _at(op: str, row: list[int], operands: list[Tensor], value: Tensor) -> str:
    place = tuple(row)
    given = ", ".join(f"{operand.expand(value.shape)[place].item():.6g}" for operand in operands)
    where = f"at {place if len(place) != 1 else f'({place[0]})'}: " if place else ""
    return f"{where}{op}({given}) = {value[place].item():g}".replace("nan", "NaN")


def _stretches(operand: Tensor, value: Tensor) -> bool:
    try:
        operand.expand(value.shape)
    except RuntimeError:
        return False
    return True


def _finite(tensor: Tensor) -> bool:
    if tensor.layout is not torch.strided or not tensor.is_floating_point():
        return True
    return bool(tensor.isfinite().all())


# --- a batch that is lost -------------------------------------------------------------------------


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
            return step.name, (
                f"It ran, but {source} made {step.shape[0]} rows of {batch} "
                f"sample{'' if batch == 1 else 's'}: {given} became {step.shape}. "
                "A reshape(-1, ...) with another size than the true one mixes the samples; "
                "torch.flatten(x, 1) keeps the batch axis."
            )
    return None


def _layer(model: nn.Module, step: Step) -> nn.Module | None:
    modules = {name: module for module, name in named_modules(model).items()}
    return modules.get(step.module)
