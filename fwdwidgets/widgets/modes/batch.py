"""Which samples are in the batch with the chosen one, and the batch itself."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import count, islice

import torch
from torch import Tensor, nn

from fwdwidgets.data import Sample, batch_of_one
from fwdwidgets.widgets.modes.words import listed
from fwdwidgets.widgets.shared import BadValue


def batch_indices(sample: int, mates: int, mates_from: int, length: int) -> list[int]:
    """The sample, followed by its batch-mates, which are other samples.

    Args:
        sample: index into the dataset.
        mates: how many others there are, at most `length - 1`.
        mates_from: index of the first of them; after the dataset's end comes its beginning.
        length: of the dataset.
    """
    others = (index % length for index in count(mates_from))
    return [sample, *islice((index for index in others if index != sample), mates)]


def stack_samples(samples: Sequence[Sample], network: nn.Module) -> Tensor:
    """The samples as a batch on the network's device, `(N, ...)`.

    Raises:
        BadValue: they have different shapes.
    """
    inputs = [batch_of_one(sample.input, network) for sample in samples]
    shapes = {tuple(each.shape[1:]) for each in inputs}
    if len(shapes) > 1:
        raise BadValue(
            f"samples {listed([sample.index for sample in samples])} have different shapes, "
            f"{' and '.join(map(str, sorted(shapes)))}: a batch needs equal ones. Set mates=0."
        )
    return torch.cat(inputs)
