"""Rows of numbers as a dataset, with a name for each row and column."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor
from torch.utils.data import Dataset

MAX_ROWS, MAX_FEATURES = 64, 32
"""Nobody reads a table on a page with more rows or columns than these."""

LARGEST = torch.finfo(torch.float32).max
"""The largest number in a table: the model gets float32."""


class Table(Dataset[tuple[Tensor, float | int | None]]):
    """Rows of numbers with a name for each row and column: a dataset that can be edited.

    Attributes:
        values: `(N, F)`, float32.
        targets: the true value or class of each row, or None.
        row_names: one for each row.
        feature_names: one for each column.
        classes: the names of the classes, or None.
        notice: a sentence for the learner, or an empty string.
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
    """Make a table from a copy of `inputs`.

    Args:
        inputs: a `Table`, or `(N, F)` numbers: a tensor, a NumPy array or a list of lists. The
            numbers become float32, the dtype of PyTorch's layers.
        targets: one number a row, or None for those of the table.
        row_names: one a row; by default those of the table, else "row 0", "row 1", ...
        feature_names: one a column; by default those of the table, else "x0", "x1", ...
        class_names: by default those of the table.

    Raises:
        TypeError: `inputs` or `targets` are not numbers.
        ValueError: `inputs` does not have two axes, is empty or too large, or holds NaN or
            infinity; or the names or targets do not match the number of rows or columns.
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
                    f"targets[{row}]={target!r} cannot be used: pass finite numbers, as a float32 "
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
    """Refuse too few class names, and targets that are not a class.

    Raises:
        ValueError: the message names the row and its target, or both numbers.
    """
    if table.classes is not None and len(table.classes) < classes:
        raise ValueError(
            f"class_names={tuple(table.classes)} has {len(table.classes)} of {classes} names: "
            "pass one name for each class."
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
