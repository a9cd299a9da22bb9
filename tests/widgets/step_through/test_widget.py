"""The widget without a browser: steps, values, sentences; plain PyTorch as the oracle."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

import fwdwidgets as fw
from fwdwidgets.widgets.step_through.compute import find_operands

BEFORE, BEFORE_BARS, _, AFTER, AFTER_BARS, _, CHANGE, CHANGE_BARS, _ = range(9)


def images(count=4, shape=(1, 28, 28)):
    generator = torch.Generator().manual_seed(7)
    return [(torch.rand(shape, generator=generator), i % 10) for i in range(count)]


def find(widget, css_class):
    """The one child, however deep, that carries a CSS class."""
    found, todo = [], [widget]
    while todo:
        child = todo.pop()
        todo.extend(getattr(child, "children", ()))
        if css_class in child._dom_classes:
            found.append(child)
    (one,) = found
    return one


def message(widget):
    return find(widget, "fwd-message").value


def happened(widget):
    return find(widget, "fwd-happened").value


def bars(widget, trace):
    return np.asarray(widget.figure.data[trace].y)


class Path(nn.Module):
    """Takes tanh or relu, by a flag, and a loop."""

    def __init__(self, flag=True, rounds=3):
        super().__init__()
        self.fc = nn.Linear(4, 4)
        self.flag, self.rounds = flag, rounds

    def forward(self, x):
        if self.flag:
            x = torch.tanh(x)
        else:
            x = torch.relu(x)
        for _ in range(self.rounds):
            x = self.fc(x)
        return x


# --- the numbers ----------------------------------------------------------------------------------


def test_takes_gives_and_difference_are_those_of_plain_pytorch():
    torch.manual_seed(3)
    model = fw.models.ForwardPassDemo()
    x = torch.tensor([[1.0, 2.0]])
    widget = fw.StepThrough(model, [(x[0], None)])
    with torch.no_grad():
        hidden = model.fc1(x)
        activated = F.relu(hidden)
        output = model.fc2(activated)
    assert [step.name for step in widget.trace] == ["fc1", "relu", "fc2"]
    for name, before, after in [
        ("fc1", x, hidden),
        ("relu", hidden, activated),
        ("fc2", activated, output),
    ]:
        widget.step = name
        assert np.array_equal(bars(widget, BEFORE_BARS), before[0].numpy())
        assert np.array_equal(bars(widget, AFTER_BARS), after[0].numpy())
        printed = ", ".join(f"{value:.4f}" for value in after[0].tolist())
        assert f"gives <code>[{printed}]</code>" in happened(widget)
    widget.step = "relu"
    negative = int((hidden < 0).sum())
    assert widget.figure.layout.yaxis.range == widget.figure.layout.yaxis2.range
    assert widget.figure.layout.yaxis.range[0] < hidden.min()
    assert widget.figure.layout.yaxis.range[1] > hidden.max()
    assert np.array_equal(bars(widget, CHANGE_BARS), (activated - hidden)[0].numpy())
    assert (widget.changed, widget.zeroed) == (negative, negative)
    assert f"relu set {negative} of 3 values to zero" in happened(widget)
    widget.step = "fc2"
    assert widget.zeroed is None
    assert widget.figure.data[CHANGE_BARS].visible is False


def test_pictures_share_their_colours_where_values_can_be_compared():
    model = fw.models.Network().eval()
    data = images()
    widget = fw.StepThrough(model, data, step="relu", sample=1)
    with torch.no_grad():
        before = model.conv1(data[1][0][None])[0]
    for trace, value in [
        (BEFORE, before),
        (AFTER, F.relu(before)),
        (CHANGE, F.relu(before) - before),
    ]:
        z = np.asarray(widget.figure.data[trace].z)
        for channel in range(6):
            y, x = 25 * (channel // 3), 25 * (channel % 3)
            assert np.array_equal(z[y : y + 24, x : x + 24], value[channel].numpy())
    layout = widget.figure.layout
    limit = float(before.abs().max())
    assert (layout.coloraxis.cmin, layout.coloraxis.cmax) == (-limit, limit)
    assert (layout.coloraxis2.cmin, layout.coloraxis2.cmax) == (-limit, limit)
    assert widget.zeroed == int((before < 0).sum())
    widget.sample = 2
    with torch.no_grad():
        assert widget.zeroed == int((model.conv1(data[2][0][None]) < 0).sum())


def test_a_seed_draws_the_weights_and_they_come_back():
    data = images()
    widget = fw.StepThrough(fw.models.Network, data, step="out")
    for seed in (0, 4):
        widget.seed = seed
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            expected = fw.models.Network().eval()(data[0][0][None])
        assert np.array_equal(bars(widget, AFTER_BARS), expected[0].detach().numpy())


def test_a_step_runs_no_forward_pass_again():
    class Counts(nn.Module):
        calls = 0

        def forward(self, x):
            Counts.calls += 1
            return x.relu().abs()

    widget = fw.StepThrough(Counts(), [(torch.ones(2), 0), (torch.ones(2), 0)])
    calls = Counts.calls
    widget.step = "abs"
    widget.previous_step()
    assert Counts.calls == calls
    widget.sample = 1
    assert Counts.calls == calls + 1


# --- which operand --------------------------------------------------------------------------------


class Skip(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc = nn.Linear(2, 2)
        self.scale = nn.Parameter(torch.full((1, 2), 3.0))

    def forward(self, x):
        y = self.fc(x).relu()
        return (y + x) * self.scale


def test_each_operand_can_be_seen():
    model = Skip()
    x = torch.tensor([[0.5, -2.0]])
    widget = fw.StepThrough(model, [(x[0], 0)], step="add")
    y = model.fc(x).relu().detach()
    assert np.array_equal(bars(widget, BEFORE_BARS), y[0].numpy())
    widget.operand = 1
    assert np.array_equal(bars(widget, BEFORE_BARS), x[0].numpy())
    assert np.array_equal(bars(widget, CHANGE_BARS), (y + x - x)[0].numpy())
    assert find(widget, "fwd-operand").layout.display == "flex"
    widget.step = "mul"
    assert widget.operand == 0
    assert find(widget, "fwd-operand").layout.display == "none"
    assert np.array_equal(bars(widget, BEFORE_BARS), (y + x)[0].numpy())
    assert "with weights (1, 2)" in happened(widget)
    assert np.array_equal(bars(widget, AFTER_BARS), ((y + x) * model.scale)[0].detach().numpy())
    with pytest.raises(ValueError, match="operand=1 is out of range; this step has 1 input:"):
        widget.operand = 1


class InPlace(nn.Module):
    """Writes by every road: in place, by an index, through a view."""

    def forward(self, x):
        a = x + 1
        a.relu_()
        b = a * 2
        b[:, 0] = 0
        c = b.abs()
        c[:, :1].add_(5)
        d = c.neg()
        return d


@settings(max_examples=20, deadline=None)
@given(values=st.lists(st.floats(-3, 3, width=32), min_size=2, max_size=4))
def test_a_value_written_to_since_is_never_shown_as_it_was(values):
    x = torch.tensor([values])
    widget = fw.StepThrough(InPlace(), [(x[0], 0)])
    a = (x + 1).relu()
    b = a * 2
    b[:, 0] = 0
    for name, expected in [("relu", x + 1), ("mul", a), ("abs", b)]:
        widget.step = name
        assert np.array_equal(bars(widget, BEFORE_BARS), expected[0].numpy()), name
    widget.step = "neg"  # what it took was written to through c[:, :1]
    assert widget.figure.data[BEFORE_BARS].visible is False
    assert "not recorded" in happened(widget)
    assert widget.zeroed is None


def test_a_residual_block_with_relu_in_place_loses_nothing():
    class Block(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv = nn.Conv2d(1, 1, 3, padding=1)
            self.relu = nn.ReLU(inplace=True)

        def forward(self, x):
            start = self.relu(x + 0)
            return self.relu(self.conv(start)) + start

    model, (image, _) = Block(), images(1, (1, 5, 5))[0]
    widget = fw.StepThrough(model, [(image - 0.5, 0)], step="add_2")
    batch = (image - 0.5)[None]
    operands = find_operands(widget.trace, len(widget.trace) - 1, batch)
    start = batch.relu()
    assert torch.equal(operands[0].value, model.conv(start).relu().detach())
    assert torch.equal(operands[1].value, start)


# --- the path -------------------------------------------------------------------------------------


def test_the_code_shows_the_path_and_what_was_not_taken():
    widget = fw.StepThrough(Path(), [(torch.ones(4), 0)])
    code = find(widget, "fwd-source").value
    assert "<mark>torch.tanh(x)</mark>" in code
    assert code.count('aria-current="step"') == 1
    assert code.count("not run") == 2
    assert code.count("3 times") == 1
    assert code.count("3 rounds") == 1
    skipped = [line.text.strip() for line in widget.listing.skipped]
    assert skipped == ["else:", "x = torch.relu(x)"]
    numbers = [line.number for line in widget.listing.skipped]
    assert f"did not run lines {numbers[0]}, {numbers[1]}." in happened(widget)
    other = fw.StepThrough(Path(flag=False, rounds=1), [(torch.ones(4), 0)])
    assert [line.text.strip() for line in other.listing.skipped] == ["x = torch.tanh(x)"]


def test_a_step_that_the_next_path_lacks_gives_way_to_an_earlier_one():
    class Sign(nn.Module):
        def forward(self, x):
            if x.sum() > 0:
                x = x.tanh()
            return x.abs()

    data = [(torch.ones(2), 0), (-torch.ones(2), 0)]
    widget = fw.StepThrough(Sign(), data, step="tanh")
    widget.sample = 1
    assert widget.step == "gt"
    assert "no step &#x27;tanh&#x27;" in message(widget)
    widget.step = "abs"
    assert "no step" not in message(widget)


def test_markup_in_the_source_is_text():
    class Markup(nn.Module):
        def forward(self, x):
            """<b>bold</b> & <script>"""
            return x.relu() if "<i>" < "<j>" else x

    widget = fw.StepThrough(Markup(), [(torch.ones(2), 0)])
    code = find(widget, "fwd-source").value
    assert "&lt;b&gt;bold&lt;/b&gt; &amp; &lt;script&gt;" in code
    assert "<script>" not in code


def test_a_sequential_shows_its_layers():
    model = nn.Sequential(nn.Flatten(), nn.Linear(4, 3), nn.ReLU())
    widget = fw.StepThrough(model, [(torch.ones(4), 0)], step=2)
    assert widget.step == "2"
    assert "<mark>(2): ReLU()</mark>" in find(widget, "fwd-source").value
    assert not widget.listing.is_source


# --- state and trouble ----------------------------------------------------------------------------


def test_step_takes_a_name_or_an_index_and_says_what_it_takes():
    widget = fw.StepThrough(fw.models.Network, images(), step=1)
    assert widget.step == "relu"
    widget.step = 0
    assert widget.step == "conv1"
    widget.step = np.int64(2)
    assert widget.step == "max_pool2d"
    for bad in ("conv9", 12, -1):
        with pytest.raises(ValueError, match="is not a step of this forward pass"):
            widget.step = bad
        assert f"step={bad!r}".replace("'", "&#x27;") in message(widget)
        assert widget.step == "max_pool2d"
    with pytest.raises(ValueError, match=r"step=1.5 is of type float: give a string or an int"):
        widget.step = 1.5
    assert "step=1.5 is of type float" in message(widget)
    with pytest.raises(ValueError, match="choose an index from 0 to 11"):
        fw.StepThrough(fw.models.Network, images(), step="nothing")
    with pytest.raises(TypeError, match="did you mean 'step'"):
        fw.StepThrough(fw.models.Network, images(), steps=1)


def test_buttons_slider_play_and_table_take_the_same_path():
    widget = fw.StepThrough(fw.models.SimpleNN, [(torch.ones(3), 0)])
    back, on = find(widget, "fwd-previous-step"), find(widget, "fwd-next-step")
    play, slider = find(widget, "fwd-play"), find(widget, "fwd-step")
    assert back.disabled
    assert not on.disabled
    on.click()
    assert (widget.step, play.value, slider.value) == ("relu", 1, "relu")
    play.value = 2
    assert widget.step == "fc2"
    assert on.disabled
    widget.next_step()
    assert widget.step == "fc2"
    slider.value = "fc1"
    assert (widget.step, play.value) == ("fc1", 0)
    back.click()
    assert widget.step == "fc1"
    widget._table.chosen = "relu"
    assert (widget.step, play.max) == ("relu", 2)


def test_an_error_is_shown_at_its_expression_and_the_steps_before_it():
    class Wrong(nn.Module):
        def __init__(self):
            super().__init__()
            self.fc1, self.fc2 = nn.Linear(4, 3), nn.Linear(5, 2)

        def forward(self, x):
            return self.fc2(self.fc1(x).relu())

    model = Wrong()
    data = [(torch.ones(4), 0), (torch.zeros(4), 0)]
    widget = fw.StepThrough(model, data)
    assert "self.fc2" in message(widget)
    assert widget.step == "fc1"
    widget.step = len(widget.trace) - 1
    code = find(widget, "fwd-source").value
    assert "<mark>self.fc2(self.fc1(x).relu())</mark>" in code
    relu = model.fc1(data[0][0][None]).relu().detach()
    assert np.array_equal(bars(widget, BEFORE_BARS), relu[0].numpy())
    assert widget.figure.data[AFTER_BARS].visible is False
    assert "failed" in happened(widget)
    with pytest.raises(RuntimeError):
        widget.sample = 1
    assert widget.sample == 1


def test_a_model_without_operations_and_outputs_of_any_kind():
    class Nothing(nn.Module):
        def forward(self, x):
            return x

    widget = fw.StepThrough(Nothing(), [(torch.ones(2), 0)])
    assert "no PyTorch operation" in message(widget)
    assert widget.step is None
    with pytest.raises(ValueError, match="has no steps"):
        widget.step = 0

    class Pair(nn.Module):
        def forward(self, x):
            return {"mean": x.mean(), "top": x.topk(1)}

    pair = fw.StepThrough(Pair(), [(torch.rand(1, 6, 6), None)])
    assert "fwd-error" not in message(pair)


def test_large_values_come_in_pages():
    class Grows(nn.Module):
        def forward(self, x):
            return x.repeat(1, 60, 1, 1).relu()

    x = torch.rand(1, 80, 80) - 0.5
    widget = fw.StepThrough(Grows(), [(x, 0)], step="relu")
    slider = find(widget, "fwd-page")
    assert slider.layout.display == "flex"
    last = slider.max
    widget.page = last
    z = np.asarray(widget.figure.data[AFTER].z)
    assert np.array_equal(z[:80, :80], x[0].relu().numpy())
    with pytest.raises(ValueError, match="page="):
        widget.page = last + 1
    widget.step = "repeat"
    assert widget.page == 0


def test_everything_is_left_as_found():
    class Model(nn.Module):
        def __init__(self):
            super().__init__()
            self.bn, self.drop = nn.BatchNorm1d(3), nn.Dropout(0.5)

        def forward(self, x):
            x.add_(1)
            return self.drop(self.bn.eval()(x))

    model, x = Model(), torch.rand(3)
    kept = x.clone()
    state = {k: v.clone() for k, v in model.state_dict().items()}
    rng = torch.get_rng_state()
    widget = fw.StepThrough(model, [(x, 0)], training=True, step="drop")
    first = widget.zeroed
    widget.step = "add"
    widget.step = "drop"
    assert widget.zeroed == first
    assert "train mode" in find(widget, "fwd-status").value
    assert torch.equal(x, kept)
    assert all(torch.equal(v, state[k]) for k, v in model.state_dict().items())
    assert [module.training for module in model.modules()] == [True, True, True]
    assert torch.equal(torch.get_rng_state(), rng)


def test_checkpoints_choose_the_weights():
    model = fw.models.SimpleNN()
    states = [{k: v + i for k, v in model.state_dict().items()} for i in range(2)]
    widget = fw.StepThrough(model, [(torch.ones(3), 0)], checkpoints=states)
    for epoch in (1, 0):
        widget.epoch = epoch
        copy = fw.models.SimpleNN()
        copy.load_state_dict(states[epoch])
        assert np.array_equal(
            bars(widget, AFTER_BARS), copy.fc1(torch.ones(1, 3))[0].detach().numpy()
        )
