"""Train and eval mode side by side, against plain PyTorch."""

import copy
import re

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn

import fwdwidgets as fw


@pytest.fixture
def data():
    torch.manual_seed(1)
    return [(torch.rand(1, 28, 28), index % 10) for index in range(6)]


@pytest.fixture
def model():
    torch.manual_seed(0)
    return fw.models.ImageClassifier()


def traces(widget):
    return {trace.name: trace for trace in widget.figure.data if trace.name}


def test_train_mode_drops_under_the_draw_and_eval_mode_does_not(model, data):
    widget = fw.Modes(model, data)
    assert widget.layer == "dropout"
    for draw in (0, 3, 4):
        widget.draw = draw
        model.eval()
        with torch.no_grad():
            x = F.max_pool2d(F.relu(model.conv1(data[0][0][None])), 2)
            x = F.max_pool2d(F.relu(model.conv2(x)), 2)
            hidden = F.relu(model.fc1(x.view(1, -1)))
            torch.manual_seed(draw)
            mask = F.dropout(torch.ones(1, 128), 0.25, True) != 0
        assert widget.dropped == int((~mask).sum())
        assert np.array_equal(traces(widget)["eval bars"].y, hidden[0].numpy())
        expected = (hidden * mask / 0.75)[0]
        assert np.allclose(traces(widget)["train bars"].y, expected.numpy())
        marks = traces(widget)["train not finite"]
        assert marks.x.tolist() == (~mask[0]).nonzero()[:, 0].tolist()
        assert f"dropped {widget.dropped} of 128" in widget._said.value
        assert "multiplied by 1.333" in widget._said.value


def test_the_outputs_of_both_modes_and_their_history(model, data):
    widget = fw.Modes(model, data)
    train = []
    for draw in range(3):
        torch.manual_seed(draw)
        with torch.no_grad():
            train.append(model.train()(data[0][0][None]).softmax(1)[0])
    model.eval()
    with torch.no_grad():
        evaluated = model(data[0][0][None]).softmax(1)[0]
    model.train()
    widget.run_again()
    widget.run_again()
    assert widget.draw == 2
    found = (
        widget.figure.data[widget._figure.bars.traces[0]],
        widget.figure.data[widget._figure.bars.traces[1]],
    )
    assert np.allclose(found[0].x, train[2].numpy(), atol=1e-7)
    assert np.allclose(found[1].x, evaluated.numpy(), atol=1e-7)
    top = int(evaluated.argmax())
    line = widget.figure.data[widget._figure.runs.traces[0]]
    assert np.allclose(line.y, [float(row[top]) for row in train], atol=1e-7)
    assert widget.same is False


def test_the_model_and_the_random_state_are_left_as_found(model, data):
    model.dropout.eval()
    before = [module.training for module in model.modules()]
    torch.manual_seed(3)
    state = torch.get_rng_state()
    widget = fw.Modes(model, data)
    widget.draw, widget.mates, widget.sample = 5, 2, 1
    assert [module.training for module in model.modules()] == before
    assert torch.equal(state, torch.get_rng_state())


def norm_model():
    torch.manual_seed(0)
    return nn.Sequential(nn.Flatten(), nn.Linear(784, 4), nn.BatchNorm1d(4), nn.Linear(4, 3))


def test_batchnorm_in_train_mode_depends_on_the_batch_mates(data):
    model = norm_model()
    widget = fw.Modes(model, data, mates=2)
    batch = torch.stack([image for image, _ in data[:3]])
    before = {name: value.clone() for name, value in model.state_dict().items()}
    with torch.no_grad():
        inner = model[1](batch.flatten(1))
    expected = F.batch_norm(inner, None, None, training=True)[0]
    assert widget.layer == "2"
    assert np.allclose(traces(widget)["train bars"].y, expected.numpy(), atol=1e-5)
    numbers = re.findall(r"<td>([^<]*)</td>", widget._tables.value)
    assert numbers[0] == f"{inner[:, 0].double().mean():.4g}"
    assert numbers[1] == f"0 → {0.1 * inner[:, 0].double().mean():.4g}"
    first = traces(widget)["train bars"].y.copy()
    widget.mates = 4
    assert not np.allclose(traces(widget)["train bars"].y, first)
    assert all(torch.equal(before[name], value) for name, value in model.state_dict().items())


def test_other_batch_mates_give_another_answer_in_train_mode_only(data):
    model = norm_model()
    widget = fw.Modes(model, data, mates=2, mates_from=5)
    indices = [0, 5, 1]  # after the end comes the beginning, and a sample is no mate of its own
    for chosen in (indices, [0, 3, 4]):
        widget.mates_from = chosen[1]
        batch = torch.stack([data[index][0] for index in chosen])
        with torch.no_grad():
            inner = model[1](batch.flatten(1))
        expected = F.batch_norm(inner, None, None, training=True)[0]
        assert np.allclose(traces(widget)["train bars"].y, expected.numpy(), atol=1e-5)
        evaluated = inner[0] / (1 + 1e-5) ** 0.5  # the running statistics are still 0 and 1
        assert np.allclose(traces(widget)["eval bars"].y, evaluated.detach().numpy(), atol=1e-6)
        assert f"samples {', '.join(map(str, chosen))}." in widget._said.value


def test_both_modes_are_drawn_on_one_scale(model, data):
    widget = fw.Modes(model, data)
    axes = [
        traces(widget)[f"{mode} bars"].yaxis.replace("y", "yaxis") for mode in ("train", "eval")
    ]
    assert axes[0] != axes[1]
    assert widget.figure.layout[axes[0]].range == widget.figure.layout[axes[1]].range
    largest = max(traces(widget)[f"{mode} bars"].y.max() for mode in ("train", "eval"))
    assert widget.figure.layout[axes[0]].range[1] > largest


def test_both_modes_are_drawn_in_one_range_of_colours(data):
    model = nn.Sequential(nn.Conv2d(1, 4, 5), nn.BatchNorm2d(4), nn.Flatten(), nn.LazyLinear(3))
    widget = fw.Modes(model, data, mates=2, layer="1")
    batch = torch.stack([image for image, _ in data[:3]])
    with torch.no_grad():
        inner = model[0](batch)
        normed = F.batch_norm(inner, None, None, training=True)[0]
    end = max(normed.abs().max().item(), inner[0].abs().max().item())
    for panel in (widget._figure.left, widget._figure.right):
        axis = widget.figure.layout[f"coloraxis{panel.heatmap.color}"]
        assert (axis.cmin, axis.cmax) == (pytest.approx(-end, abs=1e-4), pytest.approx(end, 1e-4))


def test_the_history_of_draws_stands_beside_the_level_of_eval_mode(model, data):
    widget = fw.Modes(model, data, draw=12)
    level = widget.figure.data[widget._figure.runs.traces[1]]
    model.eval()
    with torch.no_grad():
        best = model(data[0][0][None]).softmax(1).max().item()
    assert level.x.tolist() == [2.5, 12.5]  # the last ten
    points = widget.figure.data[widget._figure.runs.points]
    assert list(points.x) == list(range(3, 13))
    for draw, value in zip(points.x, points.y, strict=True):
        widget.draw = int(draw)
        assert widget.figure.data[widget._figure.runs.points].y[-1] == value
    assert level.y.tolist() == [pytest.approx(best)] * 2


def test_one_sample_is_too_few_for_batchnorm_and_it_is_told(data):
    widget = fw.Modes(norm_model(), data)
    assert "Train mode:" in widget._message.value
    assert widget.same is None
    widget.mates = 1
    assert "Train mode:" not in widget._message.value


def test_what_autograd_keeps(model, data):
    widget = fw.Modes(model, data)
    kept = widget.held.pop("with gradients")
    assert kept > 0
    assert set(widget.held.values()) == {0}
    assert "torch.set_grad_enabled(False)" in widget.held
    assert "AddmmBackward0" in widget._tables.value.replace("<wbr>", "")


class Careless(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc = nn.Linear(784, 3)

    def forward(self, x, is_training=True):
        return F.dropout(self.fc(x.flatten(1)), 0.5, is_training)


class Functional(Careless):
    def forward(self, x):
        return F.dropout(self.fc(x.flatten(1)), 0.5)


class Sleepy(Careless):
    def forward(self, x, is_training=False):
        return super().forward(x, is_training)


class Off(Careless):
    def forward(self, x):
        return super().forward(x, False)


DROPS, IDLE = "drops in eval mode too", "drops nothing in train mode either"


@pytest.mark.parametrize(
    ("kind", "does", "why"),
    [
        (Careless, DROPS, "a flag is_training, True"),
        (Functional, DROPS, "training=self.training"),
        (Sleepy, IDLE, "a flag is_training, False"),
        (Off, IDLE, "Pass training=self.training"),
    ],
)
def test_a_dropout_that_does_not_know_its_mode_is_told(kind, does, why, data):
    widget = fw.Modes(kind, data)
    assert f"dropout {does}" in widget._message.value
    assert why in widget._message.value


def test_what_is_dropped_in_eval_mode_too_is_counted_and_marked(data):
    widget = fw.Modes(Functional, data, draw=2)
    torch.manual_seed(2)
    mask = F.dropout(torch.ones(1, 3), 0.5) != 0
    assert f"Eval mode: {int((~mask).sum())} of 3 are dropped" in widget._said.value
    marks = traces(widget)["eval not finite"]
    assert marks.x.tolist() == (~mask[0]).nonzero()[:, 0].tolist()


@pytest.mark.parametrize(
    ("norm", "said"),
    [
        (nn.BatchNorm1d(4), "Train mode: BatchNorm 1 uses mean and variance of this batch"),
        (nn.BatchNorm1d(4, track_running_stats=False), "BatchNorm 1, in both modes: it uses mean"),
        (
            nn.InstanceNorm1d(4, track_running_stats=True),
            "Train mode: InstanceNorm 1 uses mean and variance of each sample by itself. Eval "
            "mode: it uses its running statistics",
        ),
        (nn.InstanceNorm1d(4), "InstanceNorm 1, in both modes: it uses mean and variance of each"),
    ],
)
def test_a_norm_tells_the_statistics_that_it_went_by(norm, said):
    model = nn.Sequential(nn.Unflatten(1, (4, 3)), norm, nn.Flatten(), nn.Linear(12, 2))
    widget = fw.Modes(model, [(torch.rand(12), 0) for _ in range(3)], mates=2)
    with torch.no_grad():
        batch = torch.stack([item[0] for item in widget.dataset])
        same = torch.equal(copy.deepcopy(model).eval()(batch), copy.deepcopy(model).train()(batch))
    assert (widget.layer == "1") is not same
    assert widget.same is same
    widget.layer = "1"
    assert said in widget._said.value
    assert ("running mean" in widget._tables.value) is not same


def test_alpha_dropout_is_counted_marked_and_told(data):
    model = nn.Sequential(nn.Flatten(), nn.AlphaDropout(0.5), nn.LazyLinear(2))
    widget = fw.Modes(model, data, draw=3)
    size = data[0][0].numel()
    torch.manual_seed(3)
    kept = F.alpha_dropout(torch.zeros(1, size), 0.5, True)  # a kept zero becomes b, above zero
    assert widget.dropped == int((kept < 0).sum())
    assert "and became -" in widget._said.value
    assert "is added" in widget._said.value


def test_what_draws_unseen_is_told(data):
    model = nn.Sequential(nn.Flatten(), nn.RReLU(), nn.LazyLinear(2))
    told = "1 draws random numbers of its own in train mode"
    assert told in fw.Modes(model, [(-item, label) for item, label in data])._message.value
    assert "draws" not in fw.Modes(nn.Sequential(nn.Flatten()), data)._message.value


def test_a_dropout_that_knows_its_mode_is_not_blamed(model, data):
    widget = fw.Modes(model, data)
    assert "drops" not in widget._message.value


def test_a_network_without_modes_gives_the_same(data):
    widget = fw.Modes(fw.models.Network, data)
    assert widget.same is True
    assert "the same output for this sample, bit for bit" in widget._said.value
    assert widget.dropped is None


@pytest.mark.parametrize(
    ("state", "sentence"),
    [
        ({"draw": 100}, "draw=100 is out of range: choose 0 to 99"),
        ({"mates": 6}, "mates=6 is out of range: choose 0 to 5"),
        ({"mates_from": 6}, "mates_from=6 is out of range: choose 0 to 5"),
        ({"layer": "fc9"}, "layer='fc9' is not a step"),
        ({"sample": 6}, "6"),
    ],
)
def test_bad_states_are_refused_and_told(state, sentence, model, data):
    widget = fw.Modes(model, data)
    ((name, value),) = state.items()
    with pytest.raises(ValueError, match=re.escape(sentence)):
        setattr(widget, name, value)
    assert sentence.replace("'", "&#x27;") in widget._message.value
    with pytest.raises(ValueError, match=re.escape(sentence)):
        fw.Modes(model, data, **state)


def test_a_wrong_shape_is_told(data):
    widget = fw.Modes(nn.Linear(5, 2), data)
    assert "(1, 1, 28, 28)" in widget._message.value or "28" in widget._message.value
    assert widget.same is None


def test_samples_of_different_shapes_are_no_batch(data):
    mixed = [(torch.rand(1, 28, 28), 0), (torch.rand(1, 20, 20), 1)]
    widget = fw.Modes(nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten()), mixed)
    with pytest.raises(ValueError, match="have different shapes"):
        widget.mates = 1
    assert "have different shapes" in widget._message.value


def test_a_dataset_of_one_sample_has_no_mates(model, data):
    widget = fw.Modes(model, data[:1])
    assert (widget.mates, widget.mates_from) == (0, 0)
    with pytest.raises(ValueError, match="mates=1 is out of range: choose 0 to 0"):
        widget.mates = 1


def test_too_few_class_names_are_refused(model, data):
    with pytest.raises(ValueError, match="class_names has 1 name, but the model has 10 outputs"):
        fw.Modes(model, data, class_names=["cat"])


def test_nan_in_both_modes_is_the_same_and_is_told():
    class Logarithm(nn.Module):
        def forward(self, x):
            return torch.log(-x - 1)

    widget = fw.Modes(Logarithm(), [(torch.rand(3), 0)])
    assert widget.same is True
    assert "gave 3 NaN of 3 values" in widget._message.value


def test_an_output_without_a_number_is_no_error():
    widget = fw.Modes(nn.Identity(), [(torch.zeros(0), 0)])
    assert widget.same is None
