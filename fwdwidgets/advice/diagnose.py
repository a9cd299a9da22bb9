"""What went wrong in a forward pass, in a learner's words.

Everything here reads a finished trace or an output and returns text; the model does not run.
"""

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import torch

from fwdwidgets.advice.rules import advise

if TYPE_CHECKING:
    from fwdwidgets.trace import ForwardTrace, Step

_LONGEST_MESSAGE = 400


def explain_failure(trace: "ForwardTrace") -> str:
    """Say where a forward pass failed, which shapes disagreed, and what would fit.

    Args:
        trace: A partial trace: its ``error`` is set, and its last step is the one that failed.

    Returns:
        The failing expression, the operands' shapes, the number that would fit if one certainly
        does, and the exception's message. An empty string if nothing failed.
    """
    error = trace.error
    if error is None:
        return ""
    message = _one_line(error)
    kind = type(error).__name__
    if not len(trace.steps) or trace.steps[-1].error is None:
        return f"The model raised {kind}: {message}"
    step = trace.steps[-1]
    place = _place(step)
    advice = advise(step.op, tuple(step.input_shapes), message)
    if advice:
        return f"{place} failed: {advice} PyTorch's own words: {message}"
    if step.op == "error" or not step.input_shapes:
        return f"{place} raised {kind}: {message}"
    shapes = " and ".join(str(tuple(shape)) for shape in step.input_shapes)
    return f"{place} failed on {shapes}: {message}"


def check_output(output: Any) -> str:
    """Say why a model's output for one sample cannot be shown as classes.

    Args:
        output: What the model returned for a batch of one.

    Returns:
        An empty string for a tensor of floats ``(1, classes)``, else a sentence that says what the
        model returned instead and what to do.
    """
    advice = "return the logits alone, a tensor of shape (1, classes)"
    if output is None:
        return f"The model returned None: end forward() with a return, and {advice}."
    if isinstance(output, Mapping):
        keys = ", ".join(repr(key) for key in output)
        return f"The model returned a {type(output).__name__} with the keys {keys}: {advice}."
    if isinstance(output, tuple | list):
        parts = ", ".join(_described(part) for part in output)
        kind, count = type(output).__name__, len(output)
        return f"The model returned a {kind} of {count} ({parts}): {advice}."
    if not isinstance(output, torch.Tensor):
        return f"The model returned {_described(output)}, no tensor: {advice}."
    return _check_output_tensor(output, advice)


def first_nonfinite(trace: "ForwardTrace") -> "Step | None":
    """Find the first step whose value holds NaN or infinity.

    Args:
        trace: A trace, complete or partial.

    Returns:
        The step, or None if every value is finite. Integers and bools always count as finite, and
        so does minus infinity that later steps absorb, as softmax does with a mask.
    """
    odd = [step for step in trace.steps if _count_nonfinite(step) != (0, 0)]
    output = trace.output
    if trace.error is None and isinstance(output, torch.Tensor) and _nonfinite_in(output) == (0, 0):
        if all(_is_mask(value) for step in odd for value in _values(step)):
            return None
    return odd[0] if odd else None


def _is_mask(value: torch.Tensor) -> bool:
    """Whether every non-finite value is minus infinity."""
    if _nonfinite_in(value) == (0, 0):
        return True
    return not value.is_complex() and bool((value.isfinite() | value.isneginf()).all())


def explain_nonfinite(trace: "ForwardTrace", sample_input: torch.Tensor | None = None) -> str:
    """Say where NaN or infinity first appeared in a forward pass.

    Args:
        trace: A trace, complete or partial.
        sample_input: The model's input, to see whether it already held NaN or infinity.

    Returns:
        The step, its expression, how many of its values are NaN or infinite, and the usual reason
        if the operation has one; an empty string if every value is finite.
    """
    step = first_nonfinite(trace)
    if step is None:
        return ""
    nans, infinities = _count_nonfinite(step)
    total = sum(value.numel() for value in _values(step))
    counts = [f"{nans} NaN"] if nans else []
    counts += [f"{infinities} infinite"] if infinities else []
    where = f"{step.name}, {_place(step)}," if step.source else f"{step.name} ({step.op})"
    text = f"{where} gave {' and '.join(counts)} of {total} values, the first step to do so."
    if sample_input is not None and _nonfinite_in(sample_input) != (0, 0):
        return f"{text} The input holds such values already: check the sample."
    later = None if nans else next((one for one in trace.steps if _count_nonfinite(one)[0]), None)
    if later is not None:
        text = f"{text} The first NaN came later, in {later.name}."
    return f"{text} {_reason(step.op, nans, infinities)}".rstrip()


def _place(step: "Step") -> str:
    """Name the failing expression and its line, or the operation if no user code called it."""
    if step.source:
        source = " ".join(step.source.split())
        inside = step.module and not source.startswith(f"self.{step.module}(")
        notes = [f"line {step.line}"] if step.line else []
        notes += [f"in {step.module}"] if inside else []
        return f"{source} ({', '.join(notes)})" if notes else source
    place = f"layer {step.module!r}" if step.module else "the model"
    return place if step.op == "error" else f"{step.op} in {place}"


def _one_line(error: BaseException) -> str:
    text = " ".join(str(error).split()) or "no message"
    return text if len(text) <= _LONGEST_MESSAGE else f"{text[: _LONGEST_MESSAGE - 3]}..."


def _check_output_tensor(output: torch.Tensor, advice: str) -> str:
    shape = tuple(output.shape)
    came = f"The model returned a tensor of shape {shape}"
    if output.dim() == 2 and shape[0] == 1 and shape[1] > 0:
        if output.is_floating_point():
            return ""
        return f"{came} and type {_dtype(output)}, no floats: {advice}."
    if output.dim() == 1:
        return f"{came}, without a batch axis: {advice}; keep the first axis when flattening."
    if output.dim() == 2 and shape[0] != 1:
        return (
            f"{came}, {shape[0]} rows for one sample: {advice}; a reshape(-1, ...) may have split "
            "the sample, torch.flatten(x, 1) keeps it together."
        )
    return f"{came}, which is not 2-D with at least one class: {advice}."


def _described(value: Any) -> str:
    if isinstance(value, torch.Tensor):
        return f"a tensor of shape {tuple(value.shape)}"
    if value is None:
        return "None"
    return f"a value of type {type(value).__name__}"


def _dtype(tensor: torch.Tensor) -> str:
    return str(tensor.dtype).removeprefix("torch.")


def _values(step: "Step") -> tuple[torch.Tensor, ...]:
    if step.values:
        return tuple(step.values)
    return () if step.value is None else (step.value,)


def _count_nonfinite(step: "Step") -> tuple[int, int]:
    counts = [_nonfinite_in(value) for value in _values(step)]
    return sum(nans for nans, _ in counts), sum(infinities for _, infinities in counts)


def _nonfinite_in(value: torch.Tensor) -> tuple[int, int]:
    """Count the NaN and the infinite values of a tensor of any dtype."""
    if not (value.is_floating_point() or value.is_complex()) or value.layout != torch.strided:
        return 0, 0
    if value.element_size() == 1:  # float8 has no isnan of its own
        value = value.float()
    nans = int(value.isnan().sum())
    return nans, value.numel() - int(value.isfinite().sum()) - nans


def _reason(op: str, nans: int, infinities: int) -> str:
    """The likely reason for NaN or infinity in an operation on finite operands."""
    if op in ("log", "log2", "log10", "log1p"):
        edge = -1 if op == "log1p" else 0
        reasons = [f"the logarithm of {edge} is infinite"] if infinities else []
        reasons += [f"{op} of less than {edge} is NaN"] if nans else []
    elif op in ("div", "true_divide", "divide", "reciprocal"):
        reasons = ["division by zero gives infinity"] if infinities else []
        reasons += ["0 / 0 gives NaN"] if nans else []
    elif op == "sqrt" and nans:
        reasons = ["the square root of a negative number is NaN"]
    elif op == "exp" and infinities:
        limit = math.floor(math.log(torch.finfo(torch.float32).max))
        reasons = [f"exp of more than {limit} is beyond float32"]
    elif op in ("linear", "conv1d", "conv2d", "conv3d", "matmul", "batch_norm", "layer_norm"):
        reasons = ["the operands hold NaN or infinity, or grew beyond their dtype: check weights"]
    else:
        return ""
    return f"Likely reason: {' and '.join(reasons)}."
