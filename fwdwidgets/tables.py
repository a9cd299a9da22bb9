"""Rows of numbers as a dataset, and one forward pass over all of them.

What the output widgets show: five animals with six features go in, one output a row comes out.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.utils.data import Dataset

from fwdwidgets.advice import explain_failure
from fwdwidgets.compute import Forward
from fwdwidgets.display import as_float
from fwdwidgets.outputs import find_last
from fwdwidgets.trace import ForwardTrace

MAX_ROWS, MAX_FEATURES = 64, 32
"""A table on a page with more rows or columns than these is not read by anybody."""

LARGEST = torch.finfo(torch.float32).max
"""No number of a table is larger: the model gets float32."""


class Table(Dataset[tuple[Tensor, float | int | None]]):
    """Rows of numbers with a name for each row and column: a dataset that can be edited.

    Attributes:
        values: `(N, F)`, float32.
        targets: what is true of each row, or None.
        row_names: one a row.
        feature_names: one a column.
        classes: the names of the classes, or None.
        notice: a sentence for the learner, or an empty text.
    """

    def __init__(
        self,
        values: Tensor,
        targets: Sequence[float | int] | None,
        row_names: Sequence[str],
        feature_names: Sequence[str],
        classes: Sequence[str] | None = None,
        notice: str = "",
    ) -> None:
        self.values = values
        self.targets = None if targets is None else tuple(targets)
        self.row_names = tuple(row_names)
        self.feature_names = tuple(feature_names)
        self.classes = None if classes is None else tuple(classes)
        self.notice = notice

    def __len__(self) -> int:
        return len(self.values)

    def __getitem__(self, index: int) -> tuple[Tensor, float | int | None]:
        if not 0 <= index < len(self):
            raise IndexError(index)
        return self.values[index], None if self.targets is None else self.targets[index]

    def __repr__(self) -> str:
        rows, features = self.values.shape
        return f"Table({rows} rows of {features} features: {', '.join(self.row_names)})"


def as_table(
    inputs: Any,
    targets: Any = None,
    row_names: Sequence[str] | None = None,
    feature_names: Sequence[str] | None = None,
    class_names: Sequence[str] | None = None,
) -> Table:
    """Make a table of a copy of `inputs`.

    Args:
        inputs: a `Table`, or `(N, F)` numbers: a tensor, a NumPy array or a list of lists; all of
            them become float32, which PyTorch's layers work in.
        targets: one number a row, or None for those of the table.
        row_names: one a row; by default those of the table, else "row 0", "row 1", ...
        feature_names: one a column; by default those of the table, else "x0", "x1", ...
        class_names: by default those of the table.

    Raises:
        TypeError: `inputs` or `targets` are no numbers.
        ValueError: they have not two axes, are empty or too many, or hold NaN or infinity; or
            names or targets are not as many as rows or columns.
    """
    given = inputs if isinstance(inputs, Table) else None
    values, notice = _numbers(given.values if given is not None else inputs)
    rows, features = values.shape
    if targets is None:
        targets = None if given is None else given.targets
    else:
        try:
            targets = torch.as_tensor(targets).reshape(-1).tolist()
        except (TypeError, ValueError, RuntimeError) as error:
            raise TypeError(
                f"targets={targets!r} are no numbers ({error}): pass one number a row, or None."
            ) from None
        _check_count("targets", len(targets), rows, "rows")
        for row, target in enumerate(targets):
            if not -LARGEST <= target <= LARGEST:
                raise ValueError(
                    f"targets[{row}]={target!r} does not do: pass finite numbers, as a float32 "
                    f"can hold them, up to {LARGEST:.3g}."
                )
    named = {
        "row_names": (row_names, given.row_names if given else None, rows, "row {}"),
        "feature_names": (feature_names, given.feature_names if given else None, features, "x{}"),
    }
    names = {}
    for what, (chosen, old, count, pattern) in named.items():
        names[what] = [str(name) for name in chosen or old or map(pattern.format, range(count))]
        _check_count(what, len(names[what]), count, "rows" if what == "row_names" else "columns")
    classes = class_names if class_names is not None else given.classes if given else None
    return Table(
        values, targets, names["row_names"], names["feature_names"], classes,
        " ".join(filter(None, [given.notice if given else "", notice])),
    )  # fmt: skip


def _numbers(inputs: Any) -> tuple[Tensor, str]:
    try:
        values = torch.as_tensor(inputs)
    except (TypeError, ValueError, RuntimeError) as error:
        raise TypeError(
            f"inputs={type(inputs).__name__} are no rows of numbers ({error}): pass a tensor, an "
            "array or a list of lists of shape (N, F)."
        ) from None
    if values.dim() != 2 or values.numel() == 0:
        advice = "inputs.unsqueeze(0) makes one row of it" if values.dim() == 1 else "pass (N, F)"
        raise ValueError(
            f"inputs of shape {tuple(values.shape)} are no table: expected a row for each sample "
            f"and a column for each feature; {advice}."
        )
    rows, features = values.shape
    if rows > MAX_ROWS or features > MAX_FEATURES:
        raise ValueError(
            f"inputs of shape {tuple(values.shape)} are too large for a table to edit: pass at "
            f"most {MAX_ROWS} rows and {MAX_FEATURES} features, such as inputs[:5]."
        )
    dtype = str(values.dtype).removeprefix("torch.")
    number = values.detach().to("cpu", torch.float32).clone()
    if not bool(number.isfinite().all()):
        raise ValueError("inputs hold NaN or infinity: replace those numbers first.")
    if values.dtype == torch.float32:
        return number, ""
    return number, f"The {dtype} numbers became float32: PyTorch's layers work in that."


def check_classes(table: Table, classes: int) -> None:
    """Refuse class names that are too few, and targets that are no class.

    Raises:
        ValueError: the message names the row and its target, or both numbers.
    """
    if table.classes is not None and len(table.classes) < classes:
        raise ValueError(
            f"class_names={tuple(table.classes)} has {len(table.classes)} of {classes} names: "
            "pass one name a class."
        )
    for name, target in zip(table.row_names, table.targets or (), strict=False):
        if target not in range(classes):
            raise ValueError(
                f"target={target!r} of {name} is no class: a target must be an integer from 0 to "
                f"{classes - 1}, or pass targets=None."
            )


def _check_count(what: str, count: int, wanted: int, of: str) -> None:
    if count != wanted:
        raise ValueError(f"{what} has {count} entries, but there are {wanted} {of}: pass {wanted}.")


@dataclass(frozen=True, eq=False)
class TableRun:
    """One forward pass over all rows.

    Attributes:
        trace: all its steps.
        last: the operation that made the output where it is a sigmoid or a softmax, else empty.
        raw: `(N, K)` floats: what went into that operation, or the output itself.
        output: `(N, K)` floats, what the model returned; None where there is none.
        failure: a sentence that says why there is no output, or an empty text.
    """

    trace: ForwardTrace
    last: str
    raw: Tensor | None
    output: Tensor | None
    failure: str


def run_table(forward: Forward, values: Tensor) -> TableRun:
    """Run the network once over all rows `(N, F)`."""
    network = forward.network
    assert network is not None, "use_seed comes first"
    first = next(network.parameters(), values)
    trace = forward.trace(values.to(first.device, first.dtype))
    if trace.error is not None:
        return TableRun(trace, "", None, None, explain_failure(trace))
    output = trace.output
    if not isinstance(output, Tensor):
        failure = f"The model returned {type(output).__name__}: return one tensor, (N, outputs)."
        return TableRun(trace, "", None, None, failure)
    if output.dim() == 1 and len(output) == len(values):
        output = output[:, None]  # a model that squeezes its one output
    if output.dim() != 2 or len(output) != len(values):
        failure = (
            f"The output has shape {tuple(output.shape)} for {len(values)} rows: expected one row "
            f"of outputs for each, ({len(values)}, outputs)."
        )
        return TableRun(trace, "", None, None, failure)
    if output.is_complex():
        failure = (
            f"The output is complex ({str(output.dtype).removeprefix('torch.')}): a probability, a "
            "class or a value is a real number. Return output.abs() or output.real."
        )
        return TableRun(trace, "", None, None, failure)
    last, step = find_last(trace)
    parent = step.parents[0] if step is not None and step.parents else None
    before = trace[parent].value if parent is not None else None
    raw = before if before is not None and before.numel() == output.numel() else output
    return TableRun(
        trace, last, as_float(raw.detach()).reshape(output.shape), as_float(output.detach()), ""
    )


def decide_binary(probabilities: Tensor, threshold: float = 0.5) -> Tensor:
    """Decide each row: class 1 where its probability is at least the threshold.

    Args:
        probabilities: of class 1, any shape.
        threshold: 0 to 1.

    Returns:
        Booleans of the same shape.

    Example:
        >>> decide_binary(torch.tensor([0.5188, 0.3761, 0.5015])).tolist()
        [True, False, True]
    """
    return probabilities >= threshold
