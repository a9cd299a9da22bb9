"""Masks against plain PyTorch."""

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

import fwdwidgets as fw
from fwdwidgets.widgets.modes.compute import run_in_mode
from fwdwidgets.widgets.modes.norms import statistics
from fwdwidgets.widgets.modes.saved_tensors import held_bytes
from fwdwidgets.widgets.modes.words import dropping_in_eval, flag_of
from tests.widgets.modes.networks import ready, same, snapshot


@pytest.mark.parametrize("draw", [0, 1, 7])
def test_the_masks_are_those_that_the_seed_draws(draw):
    model = fw.models.ImageClassifier()
    found = snapshot(model)
    batch = torch.rand(2, 1, 28, 28)
    run = run_in_mode(ready(model), batch, training=True, draw=draw)
    torch.manual_seed(draw)
    expected = F.dropout(torch.ones(2, 128), 0.25, True) != 0
    (dropped,) = run.dropped.values()
    assert torch.equal(dropped.kept, expected)
    assert dropped.scale == pytest.approx(4 / 3)
    before = run.trace[run.trace["dropout"].parents[0]].value
    assert torch.allclose(run.trace["dropout"].value, before * expected / 0.75)
    assert same(model, found)


def test_two_dropouts_have_masks_of_their_own():
    model = nn.Sequential(nn.Dropout(0.5), nn.Linear(8, 8), nn.Dropout(0.25))
    batch = torch.rand(1, 8) + 1
    run = run_in_mode(ready(model), batch, training=True, draw=3)
    assert list(run.dropped) == ["0", "2"]
    for name, dropped in run.dropped.items():
        assert torch.equal(run.trace[name].value == 0, ~dropped.kept)


def test_eval_mode_drops_nothing():
    run = run_in_mode(
        ready(fw.models.ImageClassifier()), torch.rand(1, 1, 28, 28), training=False, draw=0
    )
    assert run.dropped == {}
    assert dropping_in_eval(run) == []


class Careless(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc = nn.Linear(4, 4)

    def forward(self, x, is_training=True):
        return F.dropout(self.fc(x), 0.5, training=is_training)


def test_a_dropout_that_drops_in_eval_mode_is_found():
    run = run_in_mode(ready(Careless()), torch.rand(1, 4), training=False, draw=0)
    assert [step.op for step in dropping_in_eval(run)] == ["dropout"]
    assert flag_of(Careless()) == ("is_training", True)
    assert flag_of(nn.Linear(2, 2)) is None


class Sleepy(Careless):
    def forward(self, x, is_training=False):
        return super().forward(x, is_training)


def test_a_dropout_that_drops_nothing_in_train_mode_is_found():
    run = run_in_mode(ready(Sleepy()), torch.rand(1, 4), training=True, draw=0)
    assert run.idle == ("dropout",)
    assert run.dropped == {}
    assert flag_of(Sleepy()) == ("is_training", False)
    nothing_to_drop = nn.Sequential(nn.Dropout(0.0))
    run = run_in_mode(ready(nothing_to_drop), torch.rand(1, 4), training=True, draw=0)
    assert run.idle == ()


@pytest.mark.parametrize("kind", [nn.Dropout, nn.Dropout2d])
@given(
    p=st.sampled_from([0.1, 0.5, 1.0]),
    shape=st.tuples(st.integers(1, 3), st.integers(1, 4), st.integers(1, 3), st.integers(1, 3)),
    draw=st.integers(0, 99),
)
def test_whatever_the_shape_the_masks_are_those_of_a_bare_run(kind, p, shape, draw):
    model = nn.Sequential(kind(p), nn.ReLU(), kind(p))
    batch = torch.rand(shape) + 1
    torch.manual_seed(draw)
    first = model[0].train()(batch)
    second = model[2].train()(first)
    run = run_in_mode(ready(model), batch, training=True, draw=draw)
    assert torch.equal(run.trace.output, second)
    assert torch.equal(run.dropped["0"].kept, first != 0)
    # what the first dropped is 0 already: of the second's mask the rest can be seen
    assert torch.equal(run.dropped["2"].kept & (first != 0), second != 0)


@pytest.mark.parametrize("kind", [nn.AlphaDropout, nn.FeatureAlphaDropout])
def test_alpha_dropout_by_the_formula_of_its_paper(kind):
    p, batch = 0.25, torch.rand(3, 40, 2)
    run = run_in_mode(ready(nn.Sequential(kind(p))), batch, training=True, draw=3)
    torch.manual_seed(3)
    expected = kind(p).train()(batch)
    (dropped,) = run.dropped.values()
    assert torch.equal(run.trace.output, expected)
    # Klambauer et al., 2017: alpha' = -scale * alpha of SELU, a and b keep mean and variance
    low = -1.0507009873554805 * 1.6732632423543772
    a = ((1 - p) * (1 + p * low**2)) ** -0.5
    b = -a * p * low
    assert (dropped.scale, dropped.shift) == pytest.approx((a, b), abs=1e-5)
    assert dropped.low == pytest.approx(a * low + b, abs=1e-5)
    kept = ~torch.isclose(expected, torch.tensor(a * low + b))
    assert 0 < kept.sum() < kept.numel()
    assert torch.equal(dropped.kept, kept)


class Bare(nn.Module):
    def forward(self, x):
        x = torch.dropout(x, 0.9, self.training)
        return F.dropout(torch.feature_dropout(x, 0.0, self.training), 0.5, self.training)


def test_each_dropout_keeps_its_own_p_however_it_is_called():
    batch = torch.rand(2, 50) + 1
    torch.manual_seed(1)
    first = torch.dropout(batch, 0.9, True)
    second = F.dropout(torch.feature_dropout(first, 0.0, True), 0.5)
    run = run_in_mode(ready(Bare()), batch, training=True, draw=1)
    assert torch.equal(run.trace.output, second)
    assert [d.p for d in run.dropped.values()] == [0.9, 0.0, 0.5]
    assert torch.equal(next(iter(run.dropped.values())).kept, first != 0)
    assert run_in_mode(ready(Bare()), batch, training=False, draw=1).dropped == {}


def test_other_steps_that_draw_are_told_by_name():
    model = nn.Sequential(nn.Linear(4, 4), nn.RReLU(), nn.Dropout(0.5))
    batch = -torch.rand(1, 4)
    assert run_in_mode(ready(model), batch, training=True, draw=0).drew == ("1",)
    assert run_in_mode(ready(model), batch, training=False, draw=0).drew == ()
    lstm = nn.LSTM(3, 3, num_layers=2, dropout=0.5)
    run = run_in_mode(ready(lstm), torch.rand(5, 1, 3), training=True, draw=0)
    assert [run.trace[name].op for name in run.drew] == ["lstm"]


def test_the_random_state_is_left_as_found():
    model = fw.models.ImageClassifier()
    batch = torch.rand(1, 1, 28, 28)
    before = torch.get_rng_state()
    run_in_mode(ready(model), batch, training=True, draw=5)
    statistics(ready(model), batch, draw=0)
    held_bytes(ready(model), batch, training=True)
    assert torch.equal(before, torch.get_rng_state())
