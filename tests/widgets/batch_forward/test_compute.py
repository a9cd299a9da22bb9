"""Batches: PyTorch's own DataLoader, softmax and modules are the oracle."""

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given
from hypothesis import strategies as st
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

import fwdwidgets as fw
from fwdwidgets.data import get_sample
from fwdwidgets.networks import Forward, classes_to_show
from fwdwidgets.widgets.batch_forward import compute as batches
from fwdwidgets.widgets.batch_forward.compute import (
    collate,
    confusion,
    look_at,
    run_batch,
)


def data(count=6, shape=(1, 28, 28), classes=10):
    generator = torch.Generator().manual_seed(7)
    inputs = torch.rand((count, *shape), generator=generator)
    return TensorDataset(inputs, torch.arange(count) % classes)


def samples(dataset, *indices):
    return [get_sample(dataset, index) for index in indices]


def forward_of(model, seed=None, training=False):
    forward = Forward(model, training=training)
    forward.use_seed(seed)
    return forward


class Normed(nn.Module):
    """BatchNorm between two linear layers."""

    def __init__(self):
        super().__init__()
        self.fc = nn.Linear(4, 5)
        self.bn = nn.BatchNorm1d(5)
        self.out = nn.Linear(5, 3)

    def forward(self, x):
        return self.out(torch.relu(self.bn(self.fc(x))))


class Named(nn.Module):
    """A model of one given function, on top of a linear layer."""

    def __init__(self, function):
        super().__init__()
        self.fc = nn.Linear(4, 3)
        self.function = function

    def forward(self, x):
        return self.function(self.fc(x))


# --- the batch ------------------------------------------------------------------------------------


def test_a_batch_is_that_of_a_data_loader():
    dataset = data(6)
    inputs, _ = next(iter(DataLoader(dataset, batch_size=4)))
    assert torch.equal(collate(samples(dataset, 0, 1, 2, 3)), inputs)


def test_pillow_images_are_collated():
    Image = pytest.importorskip("PIL.Image")
    images = [Image.new("RGB", (5, 4), (255, 0, 51 * k)) for k in range(3)]
    batch = collate(samples([(image, 0) for image in images], 0, 1, 2))
    assert batch.shape == (3, 3, 4, 5)
    torch.testing.assert_close(batch[2, :, 0, 0], torch.tensor([1.0, 0.0, 0.4]))


def test_shapes_that_differ_end_in_a_sentence():
    dataset = [(torch.zeros(1, 4, 4), 0), (torch.zeros(1, 5, 4), 1)]
    with pytest.raises(ValueError, match=r"sample 1 has the shape \(1, 5, 4\).*size=1"):
        collate(samples(dataset, 0, 1))


@given(count=st.integers(1, 9), row=st.integers(0, 8), seed=st.integers(0, 99))
def test_each_row_is_what_plain_pytorch_gives(count, row, seed):
    dataset, row = data(count, (1, 28, 28)), min(row, count - 1)
    torch.manual_seed(seed)
    model = fw.models.Network().eval()
    run = run_batch(forward_of(model), samples(dataset, *range(count)), row)
    with torch.no_grad():
        logits = model(dataset.tensors[0])
    assert run.failure == ""
    assert torch.equal(torch.stack([answer.logits for answer in run.answers]), logits)
    chances = torch.stack([answer.probabilities for answer in run.answers])
    torch.testing.assert_close(chances, logits.softmax(1))
    assert [answer.prediction for answer in run.answers] == logits.argmax(1).tolist()
    assert all(step.shape[0] == count for step in run.trace)
    with torch.no_grad():
        alone = model(dataset.tensors[0][row : row + 1])[0]
    assert run.alone.difference == float((alone - logits[row]).abs().max())
    assert run.alone.equal is torch.equal(alone, logits[row])
    assert run.alone.close
    assert ("bit for bit" in run.alone.sentence) is run.alone.equal


def test_a_model_that_ends_in_softmax_keeps_the_logits_of_each_row():
    model = Named(nn.Softmax(dim=1)).eval()
    dataset = data(5, (4,), 3)
    run = run_batch(forward_of(model), samples(dataset, *range(5)), 0)
    with torch.no_grad():
        logits = model.fc(dataset.tensors[0])
    for answer, row in zip(run.answers, logits, strict=True):
        assert torch.equal(answer.logits, row)
        torch.testing.assert_close(answer.probabilities, row.softmax(0))


def test_the_dataset_and_the_model_are_left_as_found():
    class Writes(nn.Module):
        def __init__(self):
            super().__init__()
            self.bn = nn.BatchNorm1d(4)

        def forward(self, x):
            return self.bn(x.mul_(2))

    model, dataset = Writes(), data(4, (4,), 4)
    before, found = dataset.tensors[0].clone(), model.bn.running_mean.clone()
    random = torch.get_rng_state()
    run_batch(forward_of(model, training=True), samples(dataset, 0, 1, 2), 0)
    assert torch.equal(dataset.tensors[0], before)
    assert torch.equal(model.bn.running_mean, found)
    assert model.bn.num_batches_tracked == 0
    assert torch.equal(torch.get_rng_state(), random)


# --- one alone ------------------------------------------------------------------------------------


def test_batchnorm_in_train_mode_is_named_with_the_largest_difference():
    torch.manual_seed(1)
    model = nn.Sequential(nn.Conv2d(1, 3, 3), nn.BatchNorm2d(3), nn.Flatten(), nn.Linear(108, 3))
    dataset = data(4, (1, 8, 8), 3)
    run = run_batch(forward_of(model, training=True), samples(dataset, 0, 1, 2, 3), 2)
    model.train()
    with torch.no_grad():
        many, one = model(dataset.tensors[0])[2], model(dataset.tensors[0][2:3])[0]
    assert run.alone.difference == float((one - many).abs().max())
    assert not run.alone.equal
    assert not run.alone.close
    assert run.alone.step == "1"
    assert "BatchNorm in train mode" in run.alone.sentence
    assert f"{float((one - many).abs().max()):.3g}" in run.alone.sentence
    evaluated = run_batch(forward_of(model), samples(dataset, 0, 1, 2, 3), 2)
    assert evaluated.alone.close


def test_batchnorm_that_cannot_take_one_row_says_so():
    run = run_batch(forward_of(Normed, 0, training=True), samples(data(4, (4,), 3), 0, 1, 2), 1)
    assert run.failure == ""
    assert len(run.answers) == 3
    assert run.alone.difference is None
    assert "alone does not go through" in run.alone.sentence
    assert "more than 1 value" in run.alone.sentence


@pytest.mark.parametrize(
    ("function", "step", "words"),
    [
        (nn.Softmax(dim=0), "function", "dim=1"),
        (nn.Dropout(0.5), "function", "dropout in train mode"),
        (lambda t: t - t.mean(dim=0), "mean", "mixes the rows"),
        (lambda t: F.relu(t) if len(t) > 1 else torch.tanh(t), "relu", "another path"),
    ],
)
def test_what_mixes_the_rows_is_named(function, step, words):
    torch.manual_seed(0)
    run = run_batch(
        forward_of(Named(function), training=True), samples(data(5, (4,), 3), *range(5)), 3
    )
    assert not run.alone.close
    assert run.alone.step == step
    assert words in run.alone.sentence


def test_nan_in_both_is_the_same():
    model = Named(lambda t: (-t.abs()).log())
    run = run_batch(forward_of(model), samples(data(3, (4,), 3), 0, 1), 0)
    assert run.alone.equal
    assert run.answers[0].prediction is None


def test_another_row_runs_the_batch_not_again():
    model = Named(lambda t: t)
    calls = []
    model.register_forward_pre_hook(lambda module, inputs: calls.append(len(inputs[0])))
    forward, dataset = forward_of(model), data(4, (4,), 3)
    run = run_batch(forward, samples(dataset, 0, 1, 2, 3), 0)
    assert calls == [1, 4]
    other = look_at(forward, run, 2)
    assert calls == [1, 4, 1]
    assert other.alone.row == 2
    assert other.trace is run.trace


# --- what goes wrong ------------------------------------------------------------------------------


def test_a_forward_made_for_one_sample_is_told_so():
    class Fixed(nn.Module):
        def __init__(self):
            super().__init__()
            self.fc = nn.Linear(4, 3)

        def forward(self, x):
            return self.fc(x.reshape(1, 4))

    run = run_batch(forward_of(Fixed, 0), samples(data(3, (4,), 3), 0, 1, 2), 0)
    assert "x.reshape(1, 4)" in run.failure
    assert "batch of 1" in run.failure
    assert run.answers == ()
    assert run.alone is None
    assert look_at(forward_of(Fixed, 0), run, 1) is run


def test_a_reshape_that_moves_the_batch_axis_is_told():
    model = Named(lambda t: t.reshape(-1, 1))
    run = run_batch(forward_of(model), samples(data(2, (4,), 3), 0, 1), 0)
    assert "(6, 1), 6 rows for 2 samples" in run.failure


def test_a_batch_that_is_too_large_is_refused_with_a_size_that_fits(monkeypatch):
    dataset = data(6, (4,), 3)
    run = run_batch(forward_of(Named(torch.relu)), samples(dataset, *range(6)), 0)
    assert run.failure == ""
    monkeypatch.setattr(batches, "MAX_BYTES", 2 * 3 * 4 * 4)  # two steps of three floats, times 4
    run = run_batch(forward_of(Named(torch.relu)), samples(dataset, *range(6)), 0)
    assert run.trace is None
    assert "Choose size=4 or less" in run.failure
    fits = run_batch(forward_of(Named(torch.relu)), samples(dataset, *range(4)), 0)
    assert fits.failure == ""


# --- confusion ------------------------------------------------------------------------------------


@given(st.lists(st.tuples(st.integers(0, 4), st.integers(0, 4)), max_size=30))
def test_confusions_are_counted(pairs):
    labels, predictions = [a for a, _ in pairs], [b for _, b in pairs]
    counts = confusion([*labels, None, 1], [*predictions, 2, None], 5)
    flat = torch.tensor([5 * a + b for a, b in pairs], dtype=torch.int64)
    assert torch.equal(counts, torch.bincount(flat, minlength=25).reshape(5, 5))


def test_of_many_classes_those_that_occur_are_shown():
    assert classes_to_show([1, 2], [0, None], 10) == list(range(10))
    assert classes_to_show([900, None, 7], [3, 7, None], 1000) == [3, 7, 900]
    assert classes_to_show([None], [None], 1000) == list(range(20))
    assert len(classes_to_show(list(range(32)), list(range(100, 132)), 1000)) == 20
