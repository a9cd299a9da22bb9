"""The widget that finds what went wrong, without a browser."""

import re

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn
from traitlets import TraitError

import fwdwidgets as fw


class Classifier(nn.Module):
    def __init__(self, features=64 * 7 * 7):
        super().__init__()
        self.conv1 = nn.Conv2d(1, 32, 3, padding=1)
        self.conv2 = nn.Conv2d(32, 64, 3, padding=1)
        self.fc1, self.fc2 = nn.Linear(features, 128), nn.Linear(128, 10)

    def forward(self, x):
        x = F.max_pool2d(F.relu(self.conv1(x)), 2)
        x = F.max_pool2d(F.relu(self.conv2(x)), 2)
        return self.fc2(F.relu(self.fc1(torch.flatten(x, 1))))


class Entropy(nn.Module):
    def forward(self, p):
        return -(p * p.log()).sum(1)


IMAGES = torch.rand(4, 1, 28, 28)


def shown(widget, name):
    """The values of a trace of the figure, None where it is not seen."""
    (trace,) = [t for t in widget.figure.data if t.name == name]
    return trace if trace.visible else None


def test_a_mismatch_and_the_number_that_fits():
    model = Classifier(64 * 28 * 28)
    widget = fw.WhatWentWrong(model, IMAGES)
    assert (widget.kind, widget.wrong_step, widget.step) == ("error", "fc1", "fc1")
    assert widget.repairs == ("in_features=3136 instead of 50176 in fc1",)
    assert widget.repaired
    message = widget._message.value
    assert "64*7*7 = 3136" in message
    assert "in_features=3136 would fit" in message
    assert "Checked on a copy of the model" in message
    assert model.fc1.in_features == 50176
    assert "✗ does not fit" in widget._shapes.value
    assert "RuntimeError in fc1" in widget._badge.value
    # the bytes are those of the repaired copy
    bars = shown(widget, "bytes")
    with torch.no_grad():
        conv = Classifier().conv1(IMAGES)
    assert bars.x[0] == conv.numel() * 4
    assert len(bars.x) == 10


def test_choosing_a_step_shows_its_shapes_and_values():
    widget = fw.WhatWentWrong(Classifier(1), IMAGES, view="values")
    widget.step = "conv1"
    assert "✓ fits" in widget._shapes.value
    assert "in_channels" in widget._shapes.value
    z = shown(widget, "operand 1").z
    assert np.nanmax(z) == IMAGES.max()
    widget.step = "relu"
    assert "relu, F.relu(self.conv1(x)): (4, 32, 28, 28) → (4, 32, 28, 28)" in widget._shapes.value
    assert shown(widget, "operand 2") is None
    widget.view = "bytes"
    assert shown(widget, "operand 1") is None
    assert shown(widget, "bytes") is not None


def test_each_step_draws_the_shape_that_went_in_above_the_one_that_came_out():
    model = nn.Sequential(nn.Conv2d(1, 2, 3), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten())
    images = torch.rand(4, 1, 10, 10)
    shapes = [tuple(images.shape)]
    for layer in model:
        images = layer(images)
        shapes.append(tuple(images.shape))
    widget = fw.WhatWentWrong(model, torch.rand(4, 1, 10, 10))
    names = [step.name for step in widget.trace]
    for name, went, came in zip(names[1:3], shapes[1:3], shapes[2:4], strict=True):
        widget.step = name
        rows = widget._shapes.value.split("<tr>")[1:]
        drawn = [tuple(map(int, re.findall(r"<b>(\d+)</b>", row))) for row in rows]
        assert drawn == [went, (), came]
        assert "↓" in rows[1]
        assert "fits" not in rows[1]


def test_nothing_wrong_shows_shapes_and_bytes():
    widget = fw.WhatWentWrong(Classifier(), IMAGES)
    assert (widget.kind, widget.wrong_step, widget.step) == ("fine", None, "conv1")
    assert (widget.repairs, widget.repaired) == ((), None)
    assert "nothing went wrong" in widget._badge.value
    assert "fwd-error" not in widget._message.value
    assert widget.batch_size == 4
    widget.batch_size = 64
    bars = shown(widget, "bytes")
    assert bars.x[0] == 64 * 32 * 28 * 28 * 4
    assert widget.figure.layout.yaxis.ticktext[0] == "<b>conv1 ▸</b>"


def test_what_batch_fits():
    model = nn.Sequential(nn.Linear(1000, 500))
    widget = fw.WhatWentWrong(model, torch.rand(2, 1000), memory_mb=10)
    weights = 4 * (1000 * 500 + 500)
    assert widget.largest_batch == (10_000_000 - weights) // (4 * 1500)
    assert widget.largest_training_batch < widget.largest_batch
    widget.batch_size = widget.largest_batch
    assert "to predict: 10.0 MB ✓ fits" in widget._status.value
    assert "✗ too large" in widget._status.value  # to train
    widget.memory_mb = 2
    assert widget.largest_batch == 0
    assert "✓" not in widget._status.value


class Wide(nn.Module):
    def forward(self, x):
        x = x.repeat(1, 1_000_000)
        return torch.relu(x)


def test_a_batch_that_memory_does_not_hold_is_told_with_what_fits():
    model, inputs = Wide(), torch.ones(10_000_000, 1)  # 40 TB
    widget = fw.WhatWentWrong(model, inputs, memory_mb=1024)
    assert (widget.kind, widget.wrong_step) == ("error", "repeat")
    assert "There is less memory than this batch asks for" in widget._message.value
    # two results of 4 MB and an input of 4 bytes are alive at once, for each sample
    assert widget.largest_batch == 1024 * 1_000_000 // (2 * 4_000_000 + 4) == 127
    assert widget._sizes() == {"repeat": 4 * 10**13, "relu": 4 * 10**13}
    widget.batch_size = 127
    assert "to predict: 1.0 GB ✓ fits (a batch of at most 127)" in widget._status.value
    assert "copy" not in widget._status.value


def test_the_first_nan_and_the_values_that_made_it():
    p = torch.tensor([[0.5, 0.5, 0.0], [1.0, 0.0, 0.0]])
    widget = fw.WhatWentWrong(Entropy(), p)
    assert (widget.kind, widget.wrong_step, widget.view) == ("nonfinite", "log", "values")
    assert "log(0) = -inf" in widget._message.value
    assert np.array_equal(shown(widget, "operand 1").z, p.numpy())
    assert list(shown(widget, "result not finite").text) == ["-inf"] * 3
    assert widget.trace["mul"].value.isnan().sum() == 3


def test_samples_that_are_mixed():
    model = nn.Sequential(nn.Flatten(), nn.Unflatten(1, (2, 8)))
    assert fw.WhatWentWrong(model, torch.rand(3, 16)).kind == "fine"

    class Mixes(nn.Module):
        def forward(self, x):
            return x.view(-1, 8)

    widget = fw.WhatWentWrong(Mixes(), torch.rand(3, 4, 4))
    assert (widget.kind, widget.wrong_step) == ("batch", "view")
    assert "made 6 rows of 3 samples" in widget._message.value


def test_several_inputs_and_keywords():
    class Sum(nn.Module):
        def forward(self, x, *, y):
            return x + y

    widget = fw.WhatWentWrong(Sum(), {"x": torch.rand(2, 3), "y": torch.rand(2, 4)})
    assert widget.kind == "error"
    assert "axis 1" in widget._shapes.value
    assert "no forward pass to measure" in widget._status.value
    widget = fw.WhatWentWrong(torch.nn.Bilinear(2, 3, 4), (torch.rand(5, 2), torch.rand(5, 3)))
    assert widget.kind == "fine"
    assert widget.batch_size == 5


def test_a_model_without_steps_and_one_for_a_single_batch_size():
    widget = fw.WhatWentWrong(nn.Identity(), torch.ones(1))
    assert widget.step == ""
    assert widget.kind == "fine"

    class Fixed(nn.Module):
        def forward(self, x):
            return x.reshape(2, 3)

    widget = fw.WhatWentWrong(Fixed(), torch.ones(2, 3))
    assert "known for this batch alone" in widget._status.value
    assert widget.largest_batch is None


def test_the_model_is_left_as_found():
    model = nn.Sequential(nn.BatchNorm1d(3), nn.Dropout(), nn.Linear(4, 2))
    before = {name: value.clone() for name, value in model.state_dict().items()}
    x, modes = torch.rand(5, 3), [m.training for m in model.modules()]
    state = torch.get_rng_state()
    widget = fw.WhatWentWrong(model, x)
    widget.view = "values"
    for name in ("0", "1", "2"):
        widget.step = name
    assert all(torch.equal(v, before[k]) for k, v in model.state_dict().items())
    assert [m.training for m in model.modules()] == modes
    assert torch.equal(torch.get_rng_state(), state)
    assert all(p.grad is None for p in model.parameters())
    assert not any(m._forward_hooks or m._forward_pre_hooks for m in model.modules())


@pytest.mark.parametrize(
    ("trait", "value", "sentence"),
    [
        ("step", "conv9", "step='conv9' is not a step of this forward pass; choose one of conv1"),
        ("view", "shapes", "view='shapes' is no view: choose 'bytes' or 'values'."),
        ("batch_size", 0, "batch_size=0 is out of range: choose 1 to 1,000,000."),
        ("memory_mb", 0.5, "memory_mb=0.5 is out of range: choose 1 to 1,048,576 megabytes."),
    ],
)
def test_bad_values_are_told_twice(trait, value, sentence):
    widget = fw.WhatWentWrong(Classifier(), IMAGES)
    before = getattr(widget, trait)
    with pytest.raises(TraitError, match="^" + sentence.split("'")[0].split("=")[0]) as raised:
        setattr(widget, trait, value)
    assert str(raised.value).startswith(sentence)
    assert "✗" in widget._message.value
    assert getattr(widget, trait) == before
    widget.step = "conv2"
    assert "fwd-error" not in widget._message.value


def test_no_step_means_the_one_where_it_went_wrong():
    widget = fw.WhatWentWrong(Classifier(64 * 28 * 28), IMAGES, step="conv1")
    widget.step = None
    assert widget.step == widget.wrong_step == "fc1"
    assert widget._links["step"].value == "fc1"


def test_bad_arguments():
    with pytest.raises(TypeError, match="model=3 is no network"):
        fw.WhatWentWrong(3, IMAGES)
    with pytest.raises(TypeError, match="inputs holds no tensor"):
        fw.WhatWentWrong(Classifier(), IMAGES.numpy())
    with pytest.raises(TypeError, match="did you mean 'inputs'"):
        fw.WhatWentWrong(Classifier(), IMAGES, input=1)


def test_a_class_is_built_and_controls_set_the_traits():
    widget = fw.WhatWentWrong(fw.models.Network, torch.rand(2, 1, 28, 28))
    controls = widget._frame.controls
    assert list(controls) == ["step", "view", "batch_size", "memory_mb"]
    controls["step"].value = "fc1"
    controls["view"].value = "values"
    controls["batch_size"].value = 7
    controls["memory_mb"].value = 64.0
    assert (widget.step, widget.view, widget.batch_size, widget.memory_mb) == (
        *("fc1", "values", 7),
        64.0,
    )
    widget.batch_size = 5000
    assert controls["batch_size"].value == 5000
    widget._table.chosen = "out"
    assert controls["step"].value == "out"


def test_many_steps_show_the_largest_and_the_chosen():
    model = nn.Sequential(*[nn.Linear(n + 1, n + 2) for n in range(20)])
    widget = fw.WhatWentWrong(model, torch.rand(1, 1), step="0")
    names = [
        t.replace("<b>", "").replace(" ▸</b>", "") for t in widget.figure.layout.yaxis.ticktext
    ]
    assert names == ["0", *map(str, range(6, 20))]
