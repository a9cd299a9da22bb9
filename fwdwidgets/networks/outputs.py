"""What a model's output says: its head, logits, probabilities and decision.

If a model already ends in softmax, log_softmax or a sigmoid, no second softmax is taken, and the
logits are the input of that last step.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from fwdwidgets import display
from fwdwidgets.display import as_float
from fwdwidgets.trace import ForwardTrace, Step

THRESHOLD = 0.5
"""A single sigmoid output of at least this is class 1."""

_HEADS = {
    "softmax": "softmax",
    "softmin": "softmin",
    "log_softmax": "log_softmax",
    "sigmoid": "sigmoid",
    "special_expit": "sigmoid",
    "expit": "sigmoid",
}
"""How an operation that makes probabilities is read."""
_UNDONE = {("exp", "log_softmax"): "softmax", ("log", "softmax"): "log_softmax"}
"""An operation after another one, and the single operation that both amount to."""
_KEEPS = frozenset(
    "view reshape squeeze unsqueeze flatten unflatten ravel view_as reshape_as getitem select "
    "float double half bfloat16 to type type_as clone contiguous detach cpu clamp clip".split()
)
"""These operations keep the meaning of each number."""
_NOTES = {
    "softmax": "This model ends in softmax: its output is drawn as it is, no second softmax.",
    "log_softmax": "This model ends in log_softmax: the probabilities are exp(output).",
    "sigmoid": "This model ends in one sigmoid: the probability of class 1, "
    f"decided at {THRESHOLD}.",
    "sigmoids": "This model ends in a sigmoid for each class: the outputs need not sum to one, "
    "no softmax is taken.",
}


@dataclass(frozen=True)
class Answer:
    """What one row of output says.

    Attributes:
        head: `"logits"`, `"softmax"`, `"log_softmax"`, `"sigmoid"`, `"sigmoids"` or `"value"`
            (one output and no sigmoid: a regression).
        output: the row itself, `(K,)` floats.
        logits: what the probabilities are made of, `(classes,)`; NaN for class 0 of a sigmoid,
            which has only one logit. None if the model did not compute any.
        probabilities: `(classes,)`; empty for a value.
        prediction: the class index; None for a value, or if a probability is NaN.
        note: a sentence on how the output is read, or an empty string.
    """

    head: str
    output: Tensor
    logits: Tensor | None
    probabilities: Tensor
    prediction: int | None
    note: str

    @property
    def head_name(self) -> str:
        """The function that makes the probabilities, as PyTorch names it."""
        return {"sigmoids": "sigmoid", "logits": "softmax"}.get(self.head, self.head)


def read_answer(trace: ForwardTrace, row: int = 0, *, decided: bool = True) -> Answer:
    """Read one row of the output `(N, K)` of a finished trace.

    Args:
        trace: a forward pass whose output has one row of classes, or one value, for each sample.
        row: which row, 0 to N - 1.
        decided: read the values too, for prediction and note; `torch.export` cannot.
    """
    head = find_head(trace)
    output = as_float(trace.output.detach()[row])  # (K,)
    chances = probabilities(output, head)
    logits = output if head == "logits" else _logits_before(trace, row)
    if logits is not None and head == "sigmoid":
        logits = torch.cat([logits.new_full((1,), torch.nan), logits])
    if not decided:
        return Answer(head, output, logits, chances, None, "")
    note = _NOTES.get(head, "")
    total = float(chances.sum()) if head == "softmax" else 1.0
    if abs(total - 1) > sum_tolerance(trace.output):
        note = (
            f"This model ends in softmax, but this row sums to {total:.4g}: the softmax does not "
            "run along the axis of the classes. Use nn.Softmax(dim=1)."
        )
    return Answer(head, output, logits, chances, decide(output, head), note)


def find_head(trace: ForwardTrace) -> str:
    """How to read the output `(N, K)` of this trace: see `Answer.head`."""
    op, _ = find_last(trace)
    one = trace.output.shape[-1] == 1
    if op == "sigmoid":
        return "sigmoid" if one else "sigmoids"
    if one:
        return "value"
    return op or "logits"


def find_last(trace: ForwardTrace) -> tuple[str, Step | None]:
    """The operation that made the output's probabilities; copies and reshapes are skipped.

    Returns:
        `"softmax"`, `"log_softmax"` or `"sigmoid"`, and the step whose input is the logits: None if
        no step has them, or their order may differ. An empty string if it was none of the three.
    """
    step, count, after = trace.output_step, trace.output.numel(), ""
    in_order = True
    while step is not None and step.shape is not None and math.prod(step.shape) == count:
        head = _HEADS.get(step.op, "")
        if head and after:
            return _UNDONE.get((after, head), ""), step if in_order else None
        if head == "softmin":  # its logits are those of softmax with the sign changed
            return "softmax", None
        if head:
            return head, step if in_order else None
        if step.op in ("exp", "log") and not after:
            after = step.op
        elif step.op not in _KEEPS:
            break
        parent = step.parents[0] if step.parents else None
        if step.op == "getitem" and parent is not None and step.shape == trace[parent].shape:
            in_order = False  # as x[:, [2, 0, 1]] does
        step = trace[parent] if parent is not None else None
    return "", None


def sum_tolerance(output: Tensor) -> float:
    """How far from 1 the sum of a softmax may be, in the dtype of its computation."""
    eps = torch.finfo(output.dtype).eps if output.is_floating_point() else 0.0
    return max(1e-3, eps * output.shape[-1])


def probabilities(output: Tensor, head: str) -> Tensor:
    """The probabilities of the classes.

    Args:
        output: `(K,)`, a row of the model's output.
        head: how to read it.

    Returns:
        `(K,)`; `(2,)` for a single sigmoid; `(0,)` for a value. For logits z it is
        softmax(z)_i = exp(z_i) / sum_j exp(z_j), as `torch.softmax` computes it.
    """
    if head == "value":
        return output[:0]
    if head == "sigmoid":
        return torch.cat([1 - output, output])
    if head == "log_softmax":
        return output.exp()
    return output if head in ("softmax", "sigmoids") else output.softmax(dim=0)


def predict(output: Tensor, head: str) -> Tensor:
    """The predicted class index of one row `(K,)`, an integer `()`; -1 if `decide` gives None."""
    if head == "value":
        return output.new_full((), -1, dtype=torch.int64)
    chosen = (output[0] >= THRESHOLD).long() if head == "sigmoid" else output.argmax()
    # The softmax of an infinite logit is NaN as well.
    return torch.where(probabilities(output, head).isnan().any(), -1, chosen)


def decide(output: Tensor, head: str) -> int | None:
    """The predicted class index of one row `(K,)`; None for a value or a NaN probability."""
    chosen = int(predict(output, head))
    return None if chosen < 0 else chosen


def rank_classes(chances: Tensor, label: Tensor, most: int = 16) -> Tensor:
    """The classes to draw, from top to bottom: all in order, or the likeliest if there are many.

    Args:
        chances: `(classes,)`.
        label: an integer `()`, the true class, always drawn; -1 for none.
        most: the largest number of classes to draw; of more, only the likeliest are drawn.

    Returns:
        `(classes,)` integers, or `(most + 1,)`: the last is the label, or -1 if the label is among
        the likeliest or there is none.
    """
    if len(chances) <= most + 4:
        return torch.arange(len(chances))
    # Of equal probabilities the first class comes first, here as in ONNX.
    likeliest = chances.nan_to_num(-1).sort(descending=True).indices[:most]
    last = torch.where((likeliest == label).any(), -1, label)
    return torch.cat([likeliest, last.reshape(1)])


def top_classes(chances: Tensor, label: int | None) -> list[int]:
    """The classes to draw, as `rank_classes` ranks them; `label` is None if there is none."""
    ranked = rank_classes(chances, torch.full((), -1 if label is None else label))
    return [index for index in ranked.tolist() if index >= 0]


def classes_to_show(
    labels: Sequence[int | None], predictions: Sequence[int | None], classes: int, most: int = 20
) -> list[int]:
    """The classes to draw: all in order, or if there are many, the labels and predictions.

    Args:
        labels: the true class of each sample, or None.
        predictions: the predicted class of each, or None.
        classes: how many there are.
        most: the largest number of classes to draw.
    """
    if classes <= most:
        return list(range(classes))
    seen = [c for pair in zip(predictions, labels, strict=True) for c in pair if c is not None]
    return sorted(list(dict.fromkeys(seen))[:most]) or list(range(most))


def answer_picture(answer: Answer, classes: Tensor) -> dict[str, Tensor]:
    """Everything that is drawn of an answer with classes.

    Args:
        answer: of a model that predicts a class.
        classes: `(rows,)` integers, as `rank_classes` gives them.

    Returns:
        `"classes"`; the `"probabilities"` of each, NaN if there is none, and
        `"probabilities.range"` `(2,)` of their axis; if the model has logits, also `"logits"`,
        `"logits.range"`, and `"logits.digits"` `()`, the number of decimals to print.
    """
    drawn = {"classes": classes}
    for name, values in (("probabilities", answer.probabilities), ("logits", answer.logits)):
        if values is not None:
            chosen = torch.where(classes < 0, torch.nan, values[classes.clamp(min=0)])
            drawn |= {name: chosen, f"{name}.range": display.value_range(chosen)}
    if answer.logits is not None:
        sizes = drawn["logits"].abs()
        largest = torch.where(sizes.isnan(), 0.0, sizes).max()
        drawn["logits.digits"] = torch.where(largest < 10, 3, 1)
    return drawn


def _logits_before(trace: ForwardTrace, row: int) -> Tensor | None:
    """One row of the logits."""
    _, last = find_last(trace)
    name = last.parents[0] if last is not None and last.parents else None
    if name is None:
        return None
    value = trace[name].value
    if value is None or value.numel() != trace.output.numel():
        return None
    return as_float(value.reshape(trace.output.shape)[row])
