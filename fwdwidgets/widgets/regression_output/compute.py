"""One plain output a row, and how far it is from what is true: PyTorch alone."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from fwdwidgets.networks import TableRun


def read_regression(run: TableRun) -> Tensor | None:
    """The value of each row, `(N,)` floats; None where a row has several outputs.

    Args:
        run: one that gave an output, `(N, K)`.
    """
    assert run.output is not None, "a failure is told before"
    return run.output[:, 0] if run.output.shape[1] == 1 else None


def errors(values: Tensor, targets: Sequence[float]) -> Tensor:
    """How much each value `(N,)` is above its target; `(N,)` float64."""
    return values.double() - torch.tensor(targets, dtype=torch.float64)
