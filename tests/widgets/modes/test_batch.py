"""Which samples stand in the batch."""

import pytest
import torch
from torch import nn

from fwdwidgets.data import get_sample
from fwdwidgets.widgets.modes.batch import batch_indices, stack_samples


def test_the_mates_go_on_at_the_beginning_and_leave_out_the_sample():
    assert batch_indices(sample=1, mates=0, mates_from=3, length=5) == [1]
    assert batch_indices(sample=1, mates=3, mates_from=3, length=5) == [1, 3, 4, 0]
    assert batch_indices(sample=1, mates=4, mates_from=3, length=5) == [1, 3, 4, 0, 2]


def test_a_batch_holds_the_samples_in_their_order():
    data = [(torch.full((3,), float(i)), 0) for i in range(3)] + [(torch.zeros(2), 0)]
    samples = [get_sample(data, index) for index in (2, 0)]
    batch = stack_samples(samples, nn.Linear(3, 1))
    assert batch.tolist() == [[2.0] * 3, [0.0] * 3]
    with pytest.raises(ValueError, match=r"samples 0, 3 have different shapes, \(2,\) and \(3,\)"):
        stack_samples([get_sample(data, index) for index in (0, 3)], nn.Linear(3, 1))
