"""The widget without a browser: state in, numbers and sentences out, PyTorch as the oracle."""

import html
import math
import re
import warnings

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn

import fwdwidgets as fw
from fwdwidgets import figures
from tests.widgets.looking import find, images, message

INPUT, LAYER, BARS, MARKS, LOGITS, _, PROBABILITIES = range(7)  # the traces of the figure


class Names(list):
    classes = ("T-shirt", "Trouser", "<b>Bag</b>")


class Tiny(nn.Module):
    """Three classes from a 4x4 image; a data-dependent branch on request."""

    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(1, 2, 3)
        self.out = nn.Linear(8, 3)
        self.calls = 0

    def forward(self, x):
        self.calls += 1
        t = self.conv(x)
        if x.sum() > 0:
            t = F.relu(t)
        return self.out(t.flatten(1))


@pytest.fixture
def data():
    return images()


# --- the numbers ----------------------------------------------------------------------------------


def test_results_are_those_of_plain_pytorch(data):
    torch.manual_seed(3)
    model = fw.models.Network().eval()
    widget = fw.ForwardPass(model, data)
    for sample in range(len(data)):
        widget.sample = sample
        with torch.no_grad():
            logits = model(data[sample][0][None])[0]
        chances = logits.softmax(0)
        assert widget.label == data[sample][1]
        assert widget.prediction == logits.argmax().item()
        assert widget.correct == (logits.argmax().item() == data[sample][1])
        assert widget.probabilities == tuple(chances.tolist())
        traces = widget.figure.data
        assert np.array_equal(traces[INPUT].z, data[sample][0][0].numpy())
        assert np.array_equal(traces[LOGITS].x, logits.numpy())
        assert np.array_equal(traces[PROBABILITIES].x, chances.numpy())


def test_the_mosaic_holds_the_layers_own_values_and_nan_in_the_gaps(data):
    model = fw.models.Network().eval()
    widget = fw.ForwardPass(model, data, layer="conv1")
    expected = model.conv1(data[0][0][None])[0].detach().numpy()
    z = np.asarray(widget.figure.data[LAYER].z)
    assert z.shape == (49, 74)
    for channel in range(6):
        y, x = 25 * (channel // 3), 25 * (channel % 3)
        assert np.array_equal(z[y : y + 24, x : x + 24], expected[channel])
    assert np.isnan(z[24]).all()
    assert np.isnan(z[:, [24, 49]]).all()
    limit = float(np.abs(expected).max())
    axis = widget.figure.layout.coloraxis2
    assert (axis.cmin, axis.cmax) == (-limit, limit)


def test_hover_names_channel_row_and_column(data):
    widget = fw.ForwardPass(fw.models.Network(), data, layer="conv1")
    trace = widget.figure.data[LAYER]
    cells = figures.hover_cells(
        tuple(trace.meta["tile"]), tuple(trace.meta["tiles"]), trace.meta["first"]
    )
    value = widget.trace["conv1"].value[0]
    z = np.asarray(trace.z)
    for (y, x), number in np.ndenumerate(z):
        if not np.isnan(number):
            channel, row, column = cells[y, x]
            assert value[channel, row, column].item() == number


def test_a_vector_is_drawn_as_bars(data):
    widget = fw.ForwardPass(fw.models.Network(), data, layer="fc1")
    bars = widget.figure.data[BARS]
    assert bars.visible is True
    assert np.array_equal(bars.y, widget.trace["fc1"].value[0].numpy())
    assert widget.figure.data[LAYER].visible is False
    assert widget.figure.data[LAYER].z is None


def test_a_seed_draws_the_constructors_own_weights(data):
    widget = fw.ForwardPass(fw.models.Network, data, seed=5)
    state = torch.get_rng_state()
    torch.manual_seed(5)
    model = fw.models.Network().eval()
    torch.set_rng_state(state)
    with torch.no_grad():
        expected = model(data[0][0][None]).softmax(1)[0]
    assert widget.probabilities == tuple(expected.tolist())
    assert fw.ForwardPass(fw.models.Network, data).seed == 0


def test_weights_as_given_come_back(data):
    model = fw.models.Network()
    widget = fw.ForwardPass(model, data)
    given = widget.probabilities
    assert widget.seed is None
    widget.seed = 4
    assert widget.probabilities != given
    widget.seed = None
    assert widget.probabilities == given


def test_a_layer_runs_no_forward_pass_again():
    model = Tiny()
    widget = fw.ForwardPass(model, images(3, (1, 4, 4), 3))
    calls = model.calls
    for name in ("relu", "out", "conv", "flatten"):
        widget.layer = name
    assert model.calls == calls
    widget.sample = 1
    assert model.calls == calls + 1


def test_the_model_and_the_data_are_left_as_found():
    class InPlace(nn.Module):
        def __init__(self):
            super().__init__()
            self.bn = nn.BatchNorm2d(1)
            self.out = nn.Linear(16, 3)

        def forward(self, x):
            x.add_(1)
            return self.out(self.bn(x).flatten(1))

    model = InPlace()
    model.bn.eval()
    data = images(2, (1, 4, 4), 3)
    before = data[0][0].clone()
    state = {k: v.clone() for k, v in model.state_dict().items()}
    rng = torch.get_rng_state()
    widget = fw.ForwardPass(model, data, training=True)
    widget.seed = 3
    assert torch.equal(data[0][0], before)
    assert all(torch.equal(v, state[k]) for k, v in model.state_dict().items())
    assert [m.training for m in model.modules()] == [True, False, True]
    assert torch.equal(torch.get_rng_state(), rng)
    assert np.array_equal(widget.figure.data[INPUT].z, before[0].numpy())


def test_train_mode_drops_under_a_fixed_seed():
    model = nn.Sequential(nn.Flatten(), nn.Dropout(0.5), nn.Linear(16, 3))
    data = images(2, (1, 4, 4), 3)
    widget = fw.ForwardPass(model, data, training=True, layer="1")
    first = widget.trace["1"].value.clone()
    assert (first == 0).any()
    widget.sample = 1
    widget.sample = 0
    assert torch.equal(widget.trace["1"].value, first)
    assert "train mode" in find(widget, "fwd-status").value
    assert "eval mode" in find(fw.ForwardPass(model, data), "fwd-status").value


# --- heads ----------------------------------------------------------------------------------------

VECTORS = [(torch.tensor([0.5, -1.0, 2.0, 0.1]), 1), (torch.tensor([0.0, 1.0, 0.0, 1.0]), 0)]


@pytest.mark.parametrize("last", [nn.Softmax(dim=1), nn.LogSoftmax(dim=1)])
def test_no_second_softmax(last):
    linear = nn.Linear(4, 3)
    widget = fw.ForwardPass(nn.Sequential(linear, last), VECTORS)
    logits = linear(VECTORS[0][0][None]).detach()[0]
    expected = last(logits[None])[0]
    expected = expected.exp() if isinstance(last, nn.LogSoftmax) else expected
    assert widget.probabilities == tuple(expected.tolist())
    assert np.array_equal(widget.figure.data[LOGITS].x, logits.numpy())
    assert "softmax" in message(widget)


def test_one_sigmoid_output_is_two_classes():
    linear = nn.Linear(4, 1)
    widget = fw.ForwardPass(nn.Sequential(linear, nn.Sigmoid()), VECTORS, class_names=["no", "yes"])
    z = linear(VECTORS[0][0][None]).detach()[0]
    p = z.sigmoid()
    assert widget.probabilities == (1 - p.item(), p.item()) or widget.probabilities == tuple(
        torch.cat([1 - p, p]).tolist()
    )
    assert widget.prediction == int(p >= 0.5)
    assert np.asarray(widget.figure.data[LOGITS].x)[1] == z.item()


def test_one_output_without_sigmoid_is_a_value():
    model = fw.models.Net()
    x = torch.linspace(-1, 1, 10)
    widget = fw.ForwardPass(model, [(x, 0.25)])
    assert f"{model(x[None]).item():.6g}" in find(widget, "fwd-badge").value
    assert "0.25" in find(widget, "fwd-badge").value
    assert widget.prediction is None
    assert widget.correct is None
    assert widget.probabilities == ()
    assert widget.figure.data[PROBABILITIES].visible is False


def test_softmax_along_the_wrong_axis_is_told():
    widget = fw.ForwardPass(nn.Sequential(nn.Linear(4, 3), nn.Softmax(dim=0)), VECTORS)
    assert "dim=1" in message(widget)
    assert widget.probabilities == (1.0, 1.0, 1.0)


# --- the badge ------------------------------------------------------------------------------------


class Fixed(nn.Module):
    """Logits that do not depend on the input, but on its first pixel."""

    def forward(self, x):
        first = x.flatten(1)[:, :1]
        return torch.cat([first, 1 - first, first * 0], dim=1)


def test_the_badge_in_words():
    data = Names([(torch.ones(1, 2, 2), 0), (torch.ones(1, 2, 2), 2), (torch.ones(1, 2, 2), None)])
    widget = fw.ForwardPass(Fixed(), data)
    chance = torch.tensor([1.0, 0.0, 0.0]).softmax(0)[0].item()
    badge = find(widget, "fwd-badge")
    assert "✓" in badge.value
    assert "correct: T-shirt" in badge.value
    assert f"{chance:.1%}" in badge.value
    widget.sample = 1
    assert "✗" in badge.value
    assert "incorrect: T-shirt, really &lt;b&gt;Bag&lt;/b&gt;" in badge.value
    assert widget.correct is False
    widget.sample = 2
    assert widget.label is None
    assert widget.correct is None
    assert "prediction: T-shirt" in badge.value


def test_html_in_class_names_is_text_in_the_figure():
    widget = fw.ForwardPass(Fixed(), Names(images(2, (1, 2, 2), 3)))
    ticks = widget.figure.layout.yaxis3.ticktext
    assert any("&lt;b&gt;Bag&lt;/b&gt;" in tick for tick in ticks)
    assert not any("<b>Bag" in tick for tick in ticks)


def test_the_sign_stands_at_the_predicted_and_the_true_class():
    widget = fw.ForwardPass(Fixed(), Names([(torch.ones(1, 2, 2), 1)]))
    ticks = widget.figure.layout.yaxis3.ticktext
    assert "▸" in ticks[0]
    assert "✓" in ticks[1]
    assert "▸" not in ticks[2] + ticks[1]


# --- walking --------------------------------------------------------------------------------------


def test_next_and_previous_wrong_sample():
    ones, zeros = torch.ones(1, 2, 2), torch.zeros(1, 2, 2)
    data = [(ones, 0), (ones, 0), (zeros, 0), (zeros, 1), (ones, 2), (ones, 0)]
    widget = fw.ForwardPass(Fixed(), data)  # wrong: samples 2 and 4
    widget.next_wrong()
    assert widget.sample == 2
    widget.next_wrong()
    assert widget.sample == 4
    widget.next_wrong()
    assert widget.sample == 2
    widget.previous_wrong()
    assert widget.sample == 4
    right = fw.ForwardPass(Fixed(), [(ones, 0), (zeros, 1)])
    right.next_wrong()
    assert right.sample == 0
    assert "No other sample of the 2 is answered wrong." in message(right)


def test_the_search_passes_what_has_no_label_or_no_answer_and_leaves_the_model_alone():
    class Counted(Fixed):
        def __init__(self):
            super().__init__()
            self.register_buffer("calls", torch.zeros(1))

        def forward(self, x):
            self.calls += 1
            return super().forward(x) if x.isfinite().all() else {"logits": x}

    ones, odd = torch.ones(1, 2, 2), torch.full((1, 2, 2), math.inf)
    model = Counted()
    widget = fw.ForwardPass(model, [(odd, 0), (ones, None), (odd, 1), (ones, 0), (ones, 2)])
    widget.next_wrong()
    assert widget.sample == 4
    assert model.calls == 0
    unknown = fw.ForwardPass(model, [(ones, None), (ones, None)])
    unknown.next_wrong()
    assert unknown.sample == 0
    assert "No other sample of the 2 is answered wrong." in message(unknown)


def test_the_search_leaves_running_statistics_alone_in_train_mode():
    model = nn.Sequential(nn.BatchNorm2d(1), nn.Flatten(), nn.Linear(16, 3))
    mean = model[0].running_mean.clone()
    fw.ForwardPass(model, images(6, (1, 4, 4), 3), training=True).next_wrong()
    assert torch.equal(model[0].running_mean, mean)


def test_a_sample_may_come_from_numpy_or_a_tensor(data):
    widget = fw.ForwardPass(fw.models.Network, data)
    widget.sample = np.int64(3)
    assert (widget.sample, type(widget.sample)) == (3, int)
    widget.sample = torch.tensor(2)
    assert widget.sample == 2


def test_lazy_layers_draw_their_weights_under_the_seed():
    def make():
        return nn.Sequential(nn.Flatten(), nn.LazyLinear(3))

    image = torch.ones(1, 4, 4)
    widget = fw.ForwardPass(make, [(image, 0)], seed=5)
    torch.manual_seed(5)
    model = make()
    assert widget.probabilities == tuple(model(image[None]).softmax(1)[0].tolist())


def test_a_random_sample_leaves_the_global_state_alone(data):
    import random

    widget = fw.ForwardPass(fw.models.Network, data)
    state, rng = random.getstate(), torch.get_rng_state()
    seen = set()
    for _ in range(40):
        widget.random_sample()
        seen.add(widget.sample)
    assert seen <= set(range(len(data)))
    assert len(seen) > 1
    assert random.getstate() == state
    assert torch.equal(torch.get_rng_state(), rng)


def test_controls_and_traits_follow_each_other(data):
    widget = fw.ForwardPass(fw.models.Network(), data)
    find(widget, "fwd-sample").value = 2
    assert widget.sample == 2
    widget.sample = 4
    assert find(widget, "fwd-sample").value == 4
    find(widget, "fwd-layer").value = "conv2"
    assert widget.layer == "conv2"
    find(widget, "fwd-seed").value = 7
    assert widget.seed == 7
    assert find(widget, "fwd-given").value is False
    find(widget, "fwd-given").value = True
    assert widget.seed is None
    widget.seed = 1234
    assert find(widget, "fwd-seed").value == 1234


def test_the_default_layer_of_the_first_forward_that_runs():
    class Model(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv = nn.Conv2d(1, 2, 3)

        def forward(self, x):
            if x.shape[1] == 3:
                raise ValueError("no colours")
            scale = torch.ones(1)
            return self.conv(x).flatten(1)[:, :3] * scale

    widget = fw.ForwardPass(Model(), [(torch.zeros(3, 4, 4), 0), (torch.zeros(1, 4, 4), 1)])
    assert widget.layer is None
    widget.sample = 1
    assert widget.layer == "conv"


def test_another_path_shows_the_nearest_earlier_step():
    data = [(torch.ones(1, 4, 4), 0), (-torch.ones(1, 4, 4), 0)]
    widget = fw.ForwardPass(Tiny(), data, layer="relu")
    widget.sample = 1
    assert [step.name for step in widget.trace] == ["conv", "sum", "gt", "flatten", "out"]
    assert widget.layer == "gt"
    assert find(widget, "fwd-layer").value == "gt"
    assert "&#x27;relu&#x27;" in message(widget)
    assert "&#x27;gt&#x27;" in message(widget)
    widget.sample = 0
    assert "&#x27;relu&#x27;" not in message(widget)


def test_the_default_layer():
    widget = fw.ForwardPass(fw.models.Network, images(), layer="fc1")
    widget.layer = None
    assert widget.layer == "conv1"
    assert fw.ForwardPass(fw.models.Network, images()).layer == "conv1"
    model = nn.Sequential(nn.Linear(4, 3), nn.ReLU(), nn.Linear(3, 3))
    assert fw.ForwardPass(model, VECTORS).layer == "0"


def test_large_layers_are_paged_and_say_so():
    model = nn.Sequential(nn.Conv2d(1, 20, 1), nn.Flatten(), nn.Linear(20 * 10_000, 3))
    widget = fw.ForwardPass(model, images(1, (1, 100, 100), 3))
    value = widget.trace["0"].value[0].numpy()
    seen = 0
    pages = find(widget, "fwd-page")
    assert pages.layout.display != "none"
    for page in range(pages.max + 1):
        widget.page = page
        z = np.asarray(widget.figure.data[LAYER].z)
        assert z.size <= 96_000
        seen += np.count_nonzero(~np.isnan(z))
        assert "channels" in widget.figure.layout.annotations[1].text
    assert seen == value.size
    with pytest.raises(ValueError, match="pages"):
        widget.page = pages.max + 1


def test_a_smaller_layer_of_another_sample_has_fewer_pages():
    model = nn.Sequential(nn.Conv2d(1, 20, 1), nn.AdaptiveAvgPool2d(1), nn.Flatten())
    data = [(torch.rand(1, 100, 100), 0), (torch.rand(1, 20, 20), 0)]
    widget = fw.ForwardPass(model, data)
    widget.page = 2
    widget.sample = 1
    assert widget.page == 0
    assert find(widget, "fwd-page").value == 0
    expected = model[0](data[1][0][None])[0, 0].detach().numpy()
    assert np.array_equal(widget.figure.data[LAYER].z[:20, :20], expected)


def test_a_model_without_recorded_steps_still_answers():
    module = nn.Sequential(nn.Flatten(), nn.Linear(4, 3))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        scripted = torch.jit.script(module)
    widget = fw.ForwardPass(scripted, VECTORS)
    expected = module(VECTORS[0][0][None]).softmax(1)[0]
    assert widget.probabilities == tuple(expected.tolist())
    assert widget.layer is None
    assert len(widget.trace) == 0
    widget.sample = 1
    assert widget.prediction is not None
    assert "Its steps cannot be seen" in find(widget, "fwd-message").value
    with pytest.raises(ValueError, match=r"'fc1' is not a step .* \(it has no steps\)"):
        widget.layer = "fc1"


# --- bad input ------------------------------------------------------------------------------------


@pytest.mark.parametrize("sample", [6, -1, 10**9])
def test_a_sample_out_of_range(data, sample):
    widget = fw.ForwardPass(fw.models.Network, data, sample=2)
    picture = np.asarray(widget.figure.data[INPUT].z).copy()
    with pytest.raises(ValueError, match=rf"sample={sample} is out of range.*0 to 5"):
        widget.sample = sample
    assert widget.sample == 2
    assert f"sample={sample}" in message(widget)
    assert np.array_equal(widget.figure.data[INPUT].z, picture)
    with pytest.raises(ValueError, match="out of range"):
        fw.ForwardPass(fw.models.Network, data, sample=sample)


def test_a_good_value_clears_the_sentence(data):
    widget = fw.ForwardPass(fw.models.Network, data)
    with pytest.raises(ValueError, match="out of range"):
        widget.sample = 99
    widget.sample = 1
    assert "99" not in message(widget)
    with pytest.raises(ValueError, match="nope"):
        widget.layer = "nope"
    widget.layer = "relu"
    assert "nope" not in message(widget)


def test_an_unknown_layer_names_the_ones_there_are(data):
    with pytest.raises(ValueError, match=r"layer='conv9'.*conv1, relu, .*out"):
        fw.ForwardPass(fw.models.Network, data, layer="conv9")
    widget = fw.ForwardPass(fw.models.Network, data)
    with pytest.raises(ValueError, match="conv9"):
        widget.layer = "conv9"
    assert widget.layer == "conv1"


def test_bad_arguments_raise_a_sentence(data):
    with pytest.raises(TypeError, match="no keyword 'sampel': did you mean 'sample'"):
        fw.ForwardPass(fw.models.Network, data, sampel=3)
    with pytest.raises(TypeError, match="model=3"):
        fw.ForwardPass(3, data)
    with pytest.raises(ValueError, match="empty"):
        fw.ForwardPass(fw.models.Network, [])
    with pytest.raises(ValueError, match=r"class_names has 2 names.*10 outputs"):
        fw.ForwardPass(fw.models.Network, data, class_names=["a", "b"])
    with pytest.raises((TypeError, ValueError), match="pair"):
        fw.ForwardPass(fw.models.Network, [torch.zeros(1, 28, 28)])
    with pytest.raises(TypeError, match="training='eval' is a str: give True"):
        fw.ForwardPass(fw.models.Network, data, training="eval")
    with pytest.raises(ValueError, match="label=12"):
        fw.ForwardPass(fw.models.Network, [(torch.zeros(1, 28, 28), 12)])
    with pytest.raises((TypeError, ValueError), match="cat"):
        fw.ForwardPass(fw.models.Network, [(torch.zeros(1, 28, 28), "cat")])


def test_a_wrong_shape_keeps_the_old_picture_and_marks_it():
    data = [(torch.zeros(1, 28, 28), 1), (torch.zeros(1, 32, 32), 1), (torch.ones(1, 28, 28), 1)]
    widget = fw.ForwardPass(fw.models.Network, data)
    picture = np.asarray(widget.figure.data[INPUT].z).copy()
    with pytest.raises(RuntimeError, match="invalid for input of size 300"):
        widget.sample = 1
    assert widget.sample == 1
    assert widget.label == 1
    assert widget.prediction is None
    assert widget.probabilities == ()
    assert "300" in message(widget)
    assert "12 * 4 * 4" in message(widget)
    assert "old" in message(widget)
    figure = find(widget, "fwd-figure")
    assert figure.old is True
    assert np.array_equal(widget.figure.data[INPUT].z, picture)
    assert widget.trace.error is not None
    widget.sample = 2
    assert figure.old is False
    assert "old" not in message(widget)


def test_from_the_page_a_failure_is_told_and_not_raised():
    data = [(torch.zeros(1, 28, 28), 1), (torch.zeros(3, 28, 28), 1)]
    widget = fw.ForwardPass(fw.models.Network, data)
    find(widget, "fwd-sample").value = 1
    assert widget.sample == 1
    assert "channels" in message(widget)


def test_a_model_that_raises_does_not_raise_from_the_constructor():
    widget = fw.ForwardPass(fw.models.Network, [(torch.zeros(1, 32, 32), 1)])
    assert "300" in message(widget)
    assert widget.trace.error is not None
    assert np.array_equal(widget.figure.data[INPUT].z, np.zeros((32, 32)))
    widget.layer = "relu"
    assert widget.figure.data[LAYER].visible is True


class Odd(nn.Module):
    def __init__(self, make):
        super().__init__()
        self.linear, self.make = nn.Linear(4, 3), make

    def forward(self, x):
        return self.make(self.linear(x))


@pytest.mark.parametrize(
    ("make", "word"),
    [
        (lambda t: {"logits": t}, "dict"),
        (lambda t: (t, t), "tuple"),
        (lambda t: t[0], r"2-D|two|\(1, classes\)"),
        (lambda t: t[None], r"2-D|two|\(1, classes\)"),
        (lambda t: None, "None"),
    ],
)
def test_an_output_that_is_no_row_of_classes(make, word):
    import re

    widget = fw.ForwardPass(Odd(make), VECTORS)
    assert re.search(word, message(widget))
    assert widget.prediction is None
    assert widget.trace["linear"].value.shape == (1, 3)
    widget.sample = 1
    assert widget.figure.data[INPUT].visible is True


def test_nan_and_infinity_are_drawn_marked_and_told():
    class Broken(nn.Module):
        def forward(self, x):
            t = x.log()
            return t.flatten(1)[:, :3] * 1

    image = torch.tensor([[[1.0, 0.0], [-1.0, 2.0]]])
    widget = fw.ForwardPass(Broken(), [(image, 0)])
    assert widget.layer == "log"
    z = np.asarray(widget.figure.data[LAYER].z)
    assert np.array_equal(z, image[0].log().numpy(), equal_nan=True)
    marks = widget.figure.data[MARKS]
    assert sorted(marks.text) == ["-inf", "NaN"]
    assert "log" in message(widget)
    assert "NaN" in message(widget)
    assert widget.prediction is None
    assert any(math.isnan(p) for p in widget.probabilities)


@pytest.mark.parametrize("factor", [-math.inf, math.inf])
def test_a_probability_that_is_no_number_is_no_answer(factor):
    class Model(nn.Module):
        def forward(self, x):
            return (x.flatten(1)[:, :3] + 1) * factor

    widget = fw.ForwardPass(Model(), images(1, (1, 2, 2), 3))
    assert "no answer" in find(widget, "fwd-badge").value
    assert "nan%" not in find(widget, "fwd-badge").value


@pytest.mark.parametrize("label", [0.5, math.nan, math.inf])
def test_a_label_that_is_no_integer(label):
    image = torch.zeros(1, 28, 28)
    with pytest.raises(ValueError, match=f"label={label} .* must be an integer from 0 to 9"):
        fw.ForwardPass(fw.models.Network, [(image, label)])
    failing = fw.ForwardPass(fw.models.Network, [(torch.zeros(3, 28, 28), label)])
    assert failing.label is None
    assert "channels" in message(failing)


@pytest.mark.parametrize(
    ("trait", "value", "words"),
    [
        ("sample", "two", "sample='two' is of type str: give an int."),
        ("sample", 1.5, "sample=1.5 is of type float: give an int."),
        ("seed", "two", "seed='two' is of type str: give an int or None."),
        ("page", None, "page=None is of type NoneType: give an int."),
        ("layer", 3, "layer=3 is of type int: give a string or None."),
    ],
)
def test_a_value_of_the_wrong_type_is_told_and_raised(data, trait, value, words):
    widget = fw.ForwardPass(fw.models.Network, data)
    before = getattr(widget, trait)
    with pytest.raises(ValueError, match=f"^{re.escape(words)}$"):
        setattr(widget, trait, value)
    assert getattr(widget, trait) == before
    assert html.escape(words) in message(widget)


def test_a_reload_asks_for_the_state_that_is_shown(data):
    widget = fw.ForwardPass(fw.models.Network, data, layer="relu")
    widget.sample = 3
    state = find(widget, "fwd-figure").get_state()["_shown"]
    tree, buffers = state["tree"], state["buffers"]
    z = tree["data"][INPUT]["z"]
    sent = np.frombuffer(buffers[z["buffer"]], dtype=z["dtype"]).reshape(z["shape"])
    assert np.array_equal(sent, data[3][0][0].numpy())


def test_before_a_page_has_opened_a_figure_its_state_is_kept_up_to_date(data):
    widget = fw.ForwardPass(fw.models.Network, data)
    figure = find(widget, "fwd-figure")
    sent = []
    figure.send_state = sent.append
    widget.sample = 1
    assert sent == ["_shown"]
    figure._handle_custom_msg({"kind": "ready", "revision": figure._revision}, [])
    widget.sample = 2
    assert sent == ["_shown"]


def test_the_first_message_after_a_move_holds_what_changed_only(data):
    widget = fw.ForwardPass(fw.models.Network, data)
    figure = find(widget, "fwd-figure")
    figure._handle_custom_msg({"kind": "ready", "revision": figure._revision}, [])
    sent = []
    figure.send = lambda content, buffers=None: sent.append((content, buffers))
    widget.layer = "relu"
    widget.sample = 1
    (layer, layer_buffers), (sample, sample_buffers) = sent
    assert set(layer["traces"]) == {LAYER}  # the same answer again
    assert sum(b.nbytes for b in layer_buffers) < 16_000
    assert INPUT in sample["traces"]
    assert sum(b.nbytes for b in sample_buffers) < 20_000


# --- weights by epoch ---------------------------------------------------------------------------


def three_states():
    torch.manual_seed(3)
    return [fw.models.Network().state_dict() for _ in range(3)]


@pytest.mark.parametrize("as_class", [True, False])
def test_an_epoch_has_the_weights_of_its_checkpoint(data, as_class):
    states = three_states()
    given = fw.models.Network()
    before = {name: value.clone() for name, value in given.state_dict().items()}
    widget = fw.ForwardPass(fw.models.Network if as_class else given, data, checkpoints=states)
    assert (widget.epoch, widget.seed) == (0, None)
    oracle = fw.models.Network().eval()
    for epoch in (0, 2, 1):
        widget.epoch = epoch
        oracle.load_state_dict(states[epoch])
        with torch.no_grad():
            logits = oracle(data[0][0][None])[0]
        assert np.array_equal(widget.figure.data[LOGITS].x, logits.numpy())
        assert widget.prediction == logits.argmax()
        assert f"epoch {epoch}" in widget._status.value
    assert all(torch.equal(before[name], value) for name, value in given.state_dict().items())


def test_what_fw_train_knows_of_an_epoch_is_told(data):
    class Point:
        state = fw.models.Network().state_dict()
        loss, accuracy = 0.25, 0.9

    widget = fw.ForwardPass(fw.models.Network, data, checkpoints=[Point()])
    assert "epoch 0, loss 0.25, 90.0% right in training" in widget._status.value


def test_checkpoints_that_do_not_do(data):
    states = three_states()
    with pytest.raises(TypeError, match=r"checkpoints=OrderedDict holds no state dicts"):
        fw.ForwardPass(fw.models.Network, data, checkpoints=states[0])
    with pytest.raises(TypeError, match="holds no state dicts"):
        fw.ForwardPass(fw.models.Network, data, checkpoints=[])
    with pytest.raises(ValueError, match=r"checkpoints\[0\] does not fit Network"):
        fw.ForwardPass(fw.models.Network, data, checkpoints=[{}])
    with pytest.raises(ValueError, match="choose 0 to 2"):
        fw.ForwardPass(fw.models.Network, data, checkpoints=states, epoch=3)
    with pytest.raises(ValueError, match="pass checkpoints="):
        fw.ForwardPass(fw.models.Network, data, epoch=0)
    with pytest.raises(ValueError, match="Choose an epoch"):
        fw.ForwardPass(fw.models.Network, data, checkpoints=states, seed=1)
    widget = fw.ForwardPass(fw.models.Network, data, checkpoints=states)
    with pytest.raises(ValueError, match="seed=4 cannot be chosen here"):
        widget.seed = 4
    assert "seed=4 cannot be chosen here" in widget._message.value
    assert widget.epoch == 0


def test_the_same_failure_again_from_the_page_is_told_in_the_same_words():
    data = [(torch.rand(4), 0) for _ in range(4)]
    widget = fw.ForwardPass(nn.Linear(5, 3), data)
    told = widget._error
    assert "in_features=4 would fit" in told
    for sample in (1, 2, 3):
        widget._links["sample"].value = sample
        assert widget.sample == sample
        assert widget._error == told


@pytest.mark.parametrize("odd", [math.inf, -math.inf])
def test_an_infinite_output_is_no_answer(odd):
    class Infinite(nn.Module):
        def forward(self, x):
            return x.flatten(1) * odd

    assert torch.full((3,), odd).softmax(0).isnan().all()
    data = [(torch.ones(3), 0), (torch.ones(3), 1)]
    widget = fw.ForwardPass(Infinite(), data)
    assert widget.prediction is None
    assert widget.correct is None
    assert "no answer: the output holds NaN or infinity" in widget._badge.value
    assert "3 infinite of 3 values" in widget._message.value
    batch = fw.BatchForward(Infinite(), data, size=2)
    assert batch.predictions == (None, None)
    one = torch.tensor([0.0, -math.inf, 1.0])  # a class that is masked out
    masked = fw.ForwardPass(nn.Identity(), [(one, 2)])
    assert masked.prediction == int(one.softmax(0).argmax())
    assert masked.correct


def test_of_one_sample_there_is_none_to_choose(data):
    one, more = (fw.ForwardPass(fw.models.Network, data[:count]) for count in (1, 2))
    for name in ("fwd-sample", "fwd-random", "fwd-previous-wrong", "fwd-next-wrong"):
        found = [find(widget, name).disabled for widget in (one, more)]
        assert found == [True, False], name
