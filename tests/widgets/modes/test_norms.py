"""Running statistics against the formula of PyTorch's documentation."""

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from fwdwidgets.widgets.modes.norms import statistics
from tests.widgets.modes.networks import ready, same, snapshot


@pytest.mark.parametrize("momentum", [0.1, 0.5])
def test_the_running_statistics_move_by_the_formula(momentum):
    torch.manual_seed(0)
    model = nn.Sequential(nn.Conv2d(1, 3, 3), nn.BatchNorm2d(3, momentum=momentum), nn.ReLU())
    model[1].running_mean.fill_(0.3)
    found = snapshot(model)
    batch = torch.randn(5, 1, 6, 6)
    (norm,) = statistics(ready(model), batch, draw=0)
    with torch.no_grad():
        channel = model[0](batch)[:, 0].double()
    assert norm.name == "1"
    assert norm.batch_mean == pytest.approx(channel.mean().item(), abs=1e-6)
    assert norm.batch_var == pytest.approx(channel.var(unbiased=True).item(), abs=1e-6)
    assert norm.before == pytest.approx((0.3, 1.0))
    assert norm.after[0] == pytest.approx(
        (1 - momentum) * 0.3 + momentum * norm.batch_mean, abs=1e-6
    )
    assert norm.after[1] == pytest.approx((1 - momentum) + momentum * norm.batch_var, abs=1e-6)
    assert same(model, found)


def test_an_average_of_all_batches_gives_each_the_same_share():
    model = nn.BatchNorm1d(2, momentum=None).train()
    batches = torch.rand(4, 6, 2)
    for batch in batches[:3]:
        model(batch)
    found = snapshot(model)
    (norm,) = statistics(ready(model), batches[3], draw=0)
    assert norm.momentum == pytest.approx(1 / 4)
    assert norm.before[0] == pytest.approx(batches[:3, :, 0].mean().item(), abs=1e-6)
    assert norm.after[0] == pytest.approx(batches[:, :, 0].mean().item(), abs=1e-6)
    assert same(model, found)


def test_the_statistics_are_of_the_draw_that_was_run():
    model = nn.Sequential(nn.Dropout(0.5), nn.BatchNorm1d(3))
    batch = torch.rand(8, 3)
    for draw in (0, 4):
        torch.manual_seed(draw)
        expected = F.dropout(batch, 0.5)[:, 0].mean().item()
        (norm,) = statistics(ready(model), batch, draw=draw)
        assert norm.batch_mean == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize("momentum", [0.1, None])
def test_an_instance_norm_takes_each_sample_by_itself(momentum):
    norm = nn.InstanceNorm2d(2, track_running_stats=True, momentum=momentum)
    batch = torch.rand(3, 2, 4, 4)
    found = snapshot(norm)
    (used,) = statistics(ready(norm), batch, draw=0)
    assert used.by_sample
    assert used.momentum == (momentum or 0)
    bare = nn.InstanceNorm2d(2, track_running_stats=True, momentum=momentum)
    bare(batch)
    after = bare.running_mean[0].item(), bare.running_var[0].item()
    assert used.after == pytest.approx(after, abs=1e-6)
    share = momentum or 0
    assert after[0] == pytest.approx(share * used.batch_mean, abs=1e-6)
    assert after[1] == pytest.approx(1 - share + share * used.batch_var, abs=1e-6)
    assert used.batch_mean == pytest.approx(batch[:, 0].mean().item(), abs=1e-6)
    assert same(norm, found)


class Twice(nn.Module):
    def __init__(self):
        super().__init__()
        self.norm = nn.BatchNorm1d(2)

    def forward(self, x):
        return self.norm(input=self.norm(input=x) * 5)


def test_a_norm_that_is_called_twice_shows_its_first_call():
    batch = torch.rand(4, 2) + 3
    (used,) = statistics(ready(Twice()), batch, draw=0)
    assert used.batch_mean == pytest.approx(batch[:, 0].mean().item(), abs=1e-5)
    assert used.after[0] == pytest.approx(0.1 * batch[:, 0].mean().item(), abs=1e-5)


def test_without_batchnorm_or_with_one_sample_there_are_none():
    assert statistics(ready(nn.Linear(2, 2)), torch.rand(1, 2), draw=0) == []
    model = nn.Sequential(nn.Linear(2, 2), nn.BatchNorm1d(2))
    assert (
        statistics(ready(model), torch.rand(1, 2), draw=0) == []
    )  # PyTorch refuses one value a channel
    assert not model[1]._forward_pre_hooks
