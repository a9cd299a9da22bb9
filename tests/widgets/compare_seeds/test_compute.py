"""Networks side by side: plain PyTorch is the oracle of answers and distances."""

import itertools
import math

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

import fwdwidgets as fw
from fwdwidgets.widgets.compare_seeds.compute import Networks, agreement, distance, spread


def model_of(seed, model=fw.models.Network):
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return model().eval()


IMAGE = torch.rand(1, 28, 28, generator=torch.Generator().manual_seed(5))


def expected_distance(a, b):
    """2 |a - b| / (|a| + |b|), by the norms of PyTorch's own functions."""
    a, b = a.flatten().double(), b.flatten().double()
    return float(2 * F.pairwise_distance(a, b, eps=0) / (a.norm() + b.norm()))


def test_each_network_is_the_constructors_own_under_its_seed():
    networks = Networks(fw.models.Network, training=False)
    networks.use([3, 0, 3])
    compared = networks.run(IMAGE)
    assert compared.failure == ""
    for answer, seed in zip(compared.answers, [3, 0, 3], strict=True):
        with torch.no_grad():
            assert torch.equal(answer.logits, model_of(seed)(IMAGE[None])[0])


def test_distances_are_those_of_each_activation():
    networks = Networks(fw.models.Network, training=False)
    networks.use([1, 2])
    distances = networks.run(IMAGE).distances
    one, two = model_of(1), model_of(2)
    with torch.no_grad():
        first, second = one.conv1(IMAGE[None]), two.conv1(IMAGE[None])
        outputs = one(IMAGE[None]), two(IMAGE[None])
    assert list(distances)[:3] == ["input", "conv1", "relu"]
    assert distances["input"] == (0, 0)
    assert distances["conv1"] == pytest.approx((0, expected_distance(first, second)))
    assert distances["relu"][1] == pytest.approx(expected_distance(first.relu(), second.relu()))
    assert distances["out"][1] == pytest.approx(expected_distance(*outputs))


@given(
    st.lists(st.floats(-1e6, 1e6, width=32), min_size=1, max_size=20),
    st.floats(0, 100, width=32),
)
def test_distance_has_its_ends(values, factor):
    a = torch.tensor(values)
    assert distance(a, a) == 0
    if a.abs().max() > 1e-3:
        assert distance(a, -a) == pytest.approx(2)
        assert distance(a, factor * a) == pytest.approx(
            2 * abs(1 - factor) / (1 + factor), abs=1e-5
        )
    assert 0 <= distance(a, torch.ones(len(a))) <= 2 + 1e-12


def test_distance_at_right_angles_and_of_nothing():
    assert distance(torch.tensor([3.0, 0]), torch.tensor([0, 3.0])) == pytest.approx(math.sqrt(2))
    assert distance(torch.zeros(4), torch.zeros(4)) == 0
    assert math.isnan(distance(torch.tensor([math.nan]), torch.ones(1)))
    assert distance(torch.tensor([1j]), torch.tensor([-1j])) == 2
    assert distance(torch.tensor([1, 2]), torch.tensor([1, 2])) == 0


def test_weights_are_made_once_and_the_model_keeps_its_own():
    built = []

    def build():
        built.append(1)
        return nn.Sequential(nn.Flatten(), nn.Linear(784, 3))

    networks = Networks(build, training=False)
    networks.use([1, 2])
    networks.use([2, 3])
    assert len(built) == 3
    model = fw.models.Network()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    networks = Networks(model, training=True)
    networks.use([1, 2])
    networks.run(IMAGE)
    assert model.training
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())


def test_another_path_has_no_distance():
    class Branches(nn.Module):
        def __init__(self):
            super().__init__()
            self.fc = nn.Linear(4, 3)

        def forward(self, x):
            t = self.fc(x)
            return torch.tanh(t) if t.sum() > 0 else torch.sin(t)

    x = torch.ones(4)
    tanh = [s for s in range(20) if model_of(s, Branches).fc(x).sum() > 0]
    sin = [s for s in range(20) if s not in tanh]
    networks = Networks(Branches, training=False)
    networks.use([tanh[0], sin[0], tanh[1]])
    distances = networks.run(x).distances
    first, _, third = distances["tanh"]
    assert first == 0
    assert math.isnan(distances["tanh"][1])
    assert third > 0
    assert "sin" not in distances


def test_a_failure_names_its_network():
    class Picky(nn.Module):
        def __init__(self):
            super().__init__()
            self.fc = nn.Linear(4, 3)

        def forward(self, x):
            t = self.fc(x)
            return t if t.sum() > 0 else t.reshape(2, 2)

    x = torch.ones(4)
    bad = next(s for s in range(20) if model_of(s, Picky).fc(x).sum() <= 0)
    good = next(s for s in range(20) if model_of(s, Picky).fc(x).sum() > 0)
    networks = Networks(Picky, training=False)
    networks.use([good, bad])
    compared = networks.run(x)
    assert compared.failure.startswith(f"seed {bad}: t.reshape(2, 2)")
    assert compared.answers == ()


def test_epochs_are_checkpoints():
    states = [model_of(seed).state_dict() for seed in range(3)]
    networks = Networks(fw.models.Network, training=False, checkpoints=states)
    assert networks.epochs == 3
    networks.use([2, 0])
    assert networks.describe(2) == "epoch 2"
    for answer, epoch in zip(networks.run(IMAGE).answers, [2, 0], strict=True):
        with torch.no_grad():
            assert torch.equal(answer.logits, model_of(epoch)(IMAGE[None])[0])
    with pytest.raises(ValueError, match="epoch=3 is not there"):
        networks.use([0, 3])
    assert [run.answer.prediction for run in networks.run(IMAGE).runs] == [
        int(model_of(epoch)(IMAGE[None]).argmax()) for epoch in (2, 0)
    ]


def test_agreement_counts_the_most_frequent():
    assert agreement([7, 6, 7, None]) == (7, 2)
    assert agreement([3, 4]) == (3, 1)
    assert agreement([None]) == (None, 0)


@given(st.integers(0, 100), st.integers(2, 6))
def test_epochs_are_spread_from_the_first_to_the_last(count, most):
    chosen = spread(count, most)
    assert len(chosen) == min(count, most) == len(set(chosen))
    if count:
        assert (chosen[0], chosen[-1]) == (0, count - 1)
    gaps = [b - a for a, b in itertools.pairwise(chosen)]
    assert not gaps or max(gaps) - min(gaps) <= 1
