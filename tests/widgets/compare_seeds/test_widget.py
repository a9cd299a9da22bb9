"""Networks side by side without a browser: plain PyTorch is the oracle."""

import math

import numpy as np
import pytest
import torch
import traitlets
from torch import nn

import fwdwidgets as fw
from fwdwidgets.widgets.compare_seeds.draw import MAX_STEPS
from tests.widgets.looking import find, images, message


def model_of(seed, model=fw.models.Network):
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return model().eval()


def logits_of(data, sample, seeds, model=fw.models.Network):
    with torch.no_grad():
        return torch.cat([model_of(seed, model)(data[sample][0][None]) for seed in seeds])


def bars(widget, panel):
    """What the bars of a panel show, `(networks, rows)`."""
    traces = [t for t in widget.figure.data if t.type == "bar" and t.visible]
    number = {"logits": "y", "probabilities": "y2"}[panel]
    return np.array([t.x for t in traces if (t.yaxis or "y") == number])


def matrix(widget):
    (trace,) = [t for t in widget.figure.data if t.type == "heatmap"]
    return np.asarray(trace.z)


@pytest.fixture
def data():
    return images(6)


# --- the numbers ----------------------------------------------------------------------------------


def test_each_network_has_the_numbers_of_plain_pytorch(data):
    widget = fw.CompareSeeds(fw.models.Network, data, seeds=(4, 0, 9))
    for sample in (0, 3):
        widget.sample = sample
        logits = logits_of(data, sample, (4, 0, 9))
        assert widget.predictions == tuple(logits.argmax(1).tolist())
        assert widget.label == data[sample][1]
        assert np.array_equal(bars(widget, "logits"), logits.numpy())
        np.testing.assert_allclose(bars(widget, "probabilities"), logits.softmax(1), atol=1e-7)
        np.testing.assert_allclose(widget.probabilities, logits.softmax(1), atol=1e-7)
    names = [t.name for t in widget.figure.data if t.visible and t.showlegend]
    assert names == ["seed 4", "seed 0", "seed 9"]


def test_badges_and_agreement_are_told(data):
    every = {seed: int(logits_of(data, 0, [seed]).argmax()) for seed in range(60)}
    same = [seed for seed in every if every[seed] == every[0]][:2]
    other = next(seed for seed in every if every[seed] != every[0])
    data[0] = data[0][0], every[other]
    widget = fw.CompareSeeds(fw.models.Network, data, seeds=(*same, other))
    badges = find(widget, "fwd-badges").value
    assert badges.count("✗") == 2
    assert badges.count("✓") == 1
    assert f"seed {other}: class {every[other]}" in badges
    status = find(widget, "fwd-status").value
    assert f"2 of 3 agree: class {every[0]}" in status
    assert f"1 of 3 right (class {every[other]})" in status
    assert widget.agreement == 2
    widget.seeds = tuple(same)
    assert "all 2 agree" in find(widget, "fwd-status").value
    widget.seeds = (same[0], other)
    assert "none agree" in find(widget, "fwd-status").value


def test_distances_are_drawn_step_by_step(data):
    widget = fw.CompareSeeds(fw.models.Network, data, seeds=(1, 2, 1))
    one, two = model_of(1), model_of(2)
    with torch.no_grad():
        a, b = one.conv1(data[0][0][None]).double(), two.conv1(data[0][0][None]).double()
    expected = float(2 * (a - b).norm() / (a.norm() + b.norm()))
    drawn = matrix(widget)
    assert drawn.shape == (13, 2)
    assert np.array_equal(drawn[0], [0, 0])
    assert drawn[1, 0] == pytest.approx(expected)
    assert np.array_equal(drawn[:, 1], np.zeros(13))  # the same seed is the same network
    assert widget.distances["conv1"] == pytest.approx((0, expected, 0))


def test_of_many_steps_some_are_drawn_and_all_are_there(data):
    def deep():
        return nn.Sequential(nn.Flatten(), nn.Linear(784, 3), *[nn.Tanh() for _ in range(40)])

    widget = fw.CompareSeeds(deep, images(2, classes=3))
    assert len(widget.distances) == 43
    assert matrix(widget).shape == (MAX_STEPS, 2)
    assert "24 of 43 steps" in message(widget)


# --- choosing -------------------------------------------------------------------------------------


def test_seeds_are_typed_added_and_taken_away(data):
    widget = fw.CompareSeeds(fw.models.Network, data)
    box = find(widget, "fwd-seeds")
    assert widget.seeds == (0, 1, 2)
    assert box.value == "0, 1, 2"
    box.value = "7, 3 5,1"
    assert widget.seeds == (7, 3, 5, 1)
    assert box.value == "7, 3, 5, 1"
    assert widget.predictions == tuple(logits_of(data, 0, (7, 3, 5, 1)).argmax(1).tolist())
    widget.show_more()
    assert widget.seeds == (7, 3, 5, 1, 8)
    widget.show_others()
    assert widget.seeds == (9, 10, 11, 12, 13)
    widget.show_more()
    widget.show_more()
    assert len(widget.seeds) == 6
    assert find(widget, "fwd-seeds").value == "9, 10, 11, 12, 13, 14"
    for _ in range(6):
        widget.show_fewer()
    assert widget.seeds == (9, 10)
    assert len(bars(widget, "logits")) == 2


@pytest.mark.parametrize("text", ["1", "1, 2, 3, 4, 5, 6, 7", "one, two", "1.5, 2"])
def test_what_cannot_be_read_is_told(data, text):
    widget = fw.CompareSeeds(fw.models.Network, data)
    find(widget, "fwd-seeds").value = text
    assert "2 to 6 whole numbers" in message(widget)
    assert widget.seeds == (0, 1, 2)
    assert find(widget, "fwd-seeds").value == "0, 1, 2"
    widget.sample = 1
    assert message(widget) == ""


def test_seeds_are_taken_as_a_list_or_a_range(data):
    assert fw.CompareSeeds(fw.models.Network, data, seeds=[3, 1]).seeds == (3, 1)
    assert fw.CompareSeeds(fw.models.Network, data, seeds=range(2, 5)).seeds == (2, 3, 4)


@pytest.mark.parametrize("seeds", [(1,), (1, "a"), tuple(range(7)), (0, 2**70), "01"])
def test_bad_seeds_are_refused(data, seeds):
    widget = fw.CompareSeeds(fw.models.Network, data)
    with pytest.raises((ValueError, TypeError, traitlets.TraitError)):
        widget.seeds = seeds
    assert widget.seeds == (0, 1, 2)
    with pytest.raises((ValueError, TypeError, traitlets.TraitError)):
        fw.CompareSeeds(fw.models.Network, data, seeds=seeds)
    with pytest.raises(ValueError, match="no checkpoints"):
        widget.epochs = (0, 1)


@pytest.fixture(scope="module")
def states():
    return [model_of(seed).state_dict() for seed in range(9)]


def test_checkpoints_are_compared_by_epoch(data, states):
    widget = fw.CompareSeeds(fw.models.Network, data, checkpoints=states)
    assert widget.epochs[0] == 0
    assert widget.epochs[-1] == widget.epoch == 8
    assert len(widget.epochs) == 6
    widget.epochs = (8, 2)
    assert np.array_equal(bars(widget, "logits"), logits_of(data, 0, (8, 2)).numpy())
    assert [t.name for t in widget.figure.data if t.visible and t.showlegend] == [
        "epoch 8",
        "epoch 2",
    ]
    assert find(widget, "fwd-epoch").value == widget.epoch == 2
    with pytest.raises(ValueError, match="epoch=9 is not there"):
        widget.epochs = (0, 9)
    with pytest.raises(ValueError, match="checkpoints"):
        widget.seeds = (0, 1)
    with pytest.raises(ValueError, match="2 to 6"):
        fw.CompareSeeds(fw.models.Network, data, checkpoints=states[:1])


def test_a_slider_moves_the_last_network_through_the_epochs(data, states):
    widget = fw.CompareSeeds(fw.models.Network, data, checkpoints=states, epochs=(0, 4, 1))
    slider = find(widget, "fwd-epoch")
    assert (slider.min, slider.max, slider.value) == (0, 8, 1)
    for epoch in (2, 8, 4):
        slider.value = epoch
        assert widget.epochs == (0, 4, epoch)
        expected = logits_of(data, 0, (0, 4, epoch))
        assert np.array_equal(bars(widget, "logits"), expected.numpy())
        assert widget.predictions == tuple(expected.argmax(1).tolist())
        assert f"epoch {epoch}: class {int(expected[-1].argmax())}" in (
            find(widget, "fwd-badges").value
        )
    widget.epoch = np.int64(7)
    assert widget.epochs == (0, 4, 7)
    assert slider.value == 7
    widget.epoch = None
    assert widget.epoch == 7
    for wrong, told in [(9, "epoch=9 is not there"), (-1, "epoch=-1"), (1.5, "give an int")]:
        with pytest.raises(ValueError, match=told):
            widget.epoch = wrong
        assert told in message(widget)
        assert widget.epochs == (0, 4, 7)
    with pytest.raises(ValueError, match="no checkpoints"):
        fw.CompareSeeds(fw.models.Network, data).epoch = 1


def test_epochs_beside_the_slider_are_typed_added_and_taken_away(data, states):
    widget = fw.CompareSeeds(fw.models.Network, data, checkpoints=states, epochs=(0, 8))
    box = find(widget, "fwd-epochs")
    assert box.value == "0"
    box.value = "3, 1"
    assert widget.epochs == (3, 1, 8)
    widget.show_more()
    assert widget.epochs == (3, 1, 0, 8)
    assert box.value == "3, 1, 0"
    widget.show_fewer()
    widget.show_fewer()
    widget.show_fewer()
    assert widget.epochs == (3, 8)
    for text, told in [("", "1 to 5 whole"), ("1,2,3,4,5,6", "1 to 5 whole"), ("9", "epoch=9")]:
        box.value = text
        assert told in message(widget)
        assert widget.epochs == (3, 8)
        assert box.value == "3"


def test_training_is_compared_epoch_by_epoch():
    data = images(12, classes=3)
    torch.manual_seed(0)
    model = nn.Sequential(nn.Flatten(), nn.Linear(784, 3))
    checkpoints = fw.train(model, data, epochs=3, progress=False)
    widget = fw.CompareSeeds(model, data, checkpoints=checkpoints)
    assert widget.epochs == (0, 1, 2, 3)
    states = [checkpoints[epoch].state for epoch in range(4)]
    weights = [(state["1.weight"], state["1.bias"]) for state in states]
    expected = [data[0][0].flatten() @ w.T + b for w, b in weights]
    np.testing.assert_allclose(bars(widget, "logits"), torch.stack(expected), atol=1e-5)
    distances = widget.distances["1"]
    assert distances[0] == 0 < distances[1]
    batch = fw.BatchForward(model, data, checkpoints=checkpoints, epoch=3, size=12)
    assert batch.accuracy == pytest.approx(checkpoints[3].accuracy)


def test_another_sample_draws_no_weights_again(data):
    built = []

    def build():
        built.append(1)
        return fw.models.Network()

    widget = fw.CompareSeeds(build, data)
    widget.sample = 4
    assert len(built) == 3


# --- what goes wrong ------------------------------------------------------------------------------


def test_a_network_that_fails_is_named_and_the_old_picture_stays():
    class Picky(nn.Module):
        def __init__(self):
            super().__init__()
            self.fc = nn.Linear(4, 3)

        def forward(self, x):
            return self.fc(x if x.sum() > 0 else x.reshape(2, 2))

    widget = fw.CompareSeeds(Picky, [(torch.ones(4), 0), (-torch.ones(4), 1)])
    (plot,) = [child for child in widget.children if hasattr(child, "figure")]
    before = bars(widget, "logits")
    with pytest.raises(RuntimeError):
        widget.sample = 1
    assert plot.old
    assert "seed 0: " in message(widget)
    assert "it shows sample 0, seed 0, seed 1, seed 2" in message(widget)
    assert np.array_equal(bars(widget, "logits"), before)
    assert widget.predictions == ()
    widget.sample = 0
    assert not plot.old
    assert message(widget) == ""


def test_values_nan_and_no_label():
    values = fw.CompareSeeds(fw.models.Net, [(torch.rand(10), 0.5), (torch.rand(10), 0.7)])
    assert bars(values, "logits").shape == (3, 1)
    assert values.predictions == (None,) * 3
    assert values.label is None
    nan = fw.CompareSeeds(
        lambda: nn.Sequential(nn.Linear(2, 2)), [(torch.full((2,), math.nan), None)]
    )
    assert nan.predictions == (None,) * 3
    assert "NaN" in message(nan)
    unknown = fw.CompareSeeds(fw.models.Network, [(images(1)[0][0], None)])
    assert unknown.label is None
    assert "●" in find(unknown, "fwd-badges").value


def test_names_are_text_and_not_markup():
    class Names(list):
        classes = ("<b>one</b>", "<i>two</i>", "three")

    data = Names([(torch.ones(4), 0)])
    widget = fw.CompareSeeds(lambda: nn.Linear(4, 3), data)
    assert "<b>one" not in find(widget, "fwd-badges").value
    assert "<b>one" not in find(widget, "fwd-status").value


def test_unknown_keywords_and_bad_samples_are_refused(data):
    with pytest.raises(TypeError, match="did you mean 'seeds'"):
        fw.CompareSeeds(fw.models.Network, data, seed=(1, 2))
    with pytest.raises(ValueError, match="sample=6 is out of range"):
        fw.CompareSeeds(fw.models.Network, data, sample=6)
    widget = fw.CompareSeeds(fw.models.Network, data)
    with pytest.raises(ValueError, match="sample=-1"):
        widget.sample = -1
    assert widget.sample == 0


def test_the_model_is_left_as_found(data):
    model = fw.models.ImageClassifier()
    model.dropout.eval()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    random = torch.get_rng_state()
    fw.CompareSeeds(model, data, training=True).sample = 2
    assert model.training
    assert not model.dropout.training
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
    assert torch.equal(torch.get_rng_state(), random)
