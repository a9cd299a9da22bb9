"""Repairs on a copy, against plain PyTorch."""

import copy

import pytest
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from torch import nn

import fwdwidgets as fw
from fwdwidgets.widgets.what_went_wrong.compute import describe_check
from tests.widgets.what_went_wrong.failing import SIZE, Calls, Classifier, find, refuses

REPAIRS = {
    "linear": (
        lambda: (Classifier(64 * 14 * 14), torch.rand(4, 1, 28, 28)),
        ["in_features=3136 instead of 12544 in fc1"],
        (4, 10),
    ),
    "flatten": (
        lambda: (Classifier(flat=False), torch.rand(4, 1, 28, 28)),
        ["torch.flatten(x, 1) before self.fc1(x): 64*7*7 = 3136"],
        (4, 10),
    ),
    "channels": (
        lambda: (Classifier(), torch.rand(4, 3, 28, 28)),
        ["in_channels=3 instead of 1 in conv1"],
        (4, 10),
    ),
    "channels last": (
        lambda: (Classifier(), torch.rand(4, 28, 28, 1)),
        ["x.permute(0, 3, 1, 2) before self.conv1(x)"],
        (4, 10),
    ),
    "no channel axis": (
        lambda: (Classifier(), torch.rand(4, 28, 28)),
        ["x.unsqueeze(1) before self.conv1(x)"],
        (4, 10),
    ),
    "neither axis": (
        lambda: (Classifier(), torch.rand(28, 28)),
        ["x.reshape(1, 1, 28, 28) before self.conv1(x)"],
        (1, 10),
    ),
    "pixels": (
        lambda: (Classifier(), torch.zeros(4, 1, 28, 28, dtype=torch.uint8)),
        ["x.float() before self.conv1(x)"],
        (4, 10),
    ),
    "reshape, then linear": (
        lambda: (fw.models.Network(), torch.rand(4, 1, 32, 32)),
        [
            "12*5*5 = 300 instead of 192 in t.reshape(-1, 12 * 4 * 4)",
            "in_features=300 instead of 192 in fc1",
        ],
        (4, 10),
    ),
    "normalisations": (
        lambda: (
            nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(5), nn.LayerNorm(7)),
            torch.rand(1, 3),
        ),
        [
            "eval mode for 1, as model.eval() sets it",
            "num_features=4 instead of 5 in 1",
            "normalized_shape=[4] instead of [7] in 2",
        ],
        (1, 4),
    ),
    "groups and slopes": (
        lambda: (nn.Sequential(nn.GroupNorm(2, 6), nn.PReLU(6)), torch.rand(2, 4, 3)),
        ["num_channels=4 instead of 6 in 0", "num_parameters=4 instead of 6 in 1"],
        (2, 4, 3),
    ),
    "kernel": (
        lambda: (nn.Sequential(nn.Conv2d(1, 2, 5, bias=False)), torch.rand(1, 1, 3, 3)),
        ["kernel_size=3 instead of 5 in 0"],
        (1, 2, 1, 1),
    ),
    "words": (
        lambda: (
            nn.Sequential(nn.Embedding(5, 4), nn.Linear(6, 2)),
            torch.tensor([[1, 2, 9]]),
        ),
        ["num_embeddings=10 instead of 5 in 0", "in_features=4 instead of 6 in 1"],
        (1, 3, 2),
    ),
}


@pytest.mark.parametrize("case", REPAIRS)
def test_a_repair_is_tried_on_a_copy(case):
    make, texts, shape = REPAIRS[case]
    model, x = make()
    before, modes = copy.deepcopy(model.state_dict()), [m.training for m in model.modules()]
    modules, given, state = list(model.modules()), x.clone(), torch.get_rng_state()
    finding = find(model, x)
    assert refuses(copy.deepcopy(model), x)
    assert finding.kind == "error"
    assert finding.step == finding.trace.steps[-1].name
    assert [repair.text for repair in finding.check.repairs] == texts
    assert finding.check.ran
    assert tuple(finding.check.trace.output.shape) == shape
    said = finding.sentences[-1]
    assert "Checked on a copy of the model" in said
    assert f"a tensor of shape {shape}" in said
    # the model is as it was
    assert list(model.modules()) == modules
    assert [m.training for m in modules] == modes
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
    assert torch.equal(x, given)
    assert torch.equal(torch.get_rng_state(), state)


@given(SIZE, SIZE, st.integers(1, 3))
@settings(max_examples=20)
def test_the_number_that_fits_is_that_of_pytorch(features, wanted, rows):
    assume(features != wanted)
    finding = find(nn.Sequential(nn.Linear(wanted, 2)), torch.rand(rows, features))
    (fixed,) = finding.check.model
    assert fixed.in_features == features
    assert fixed(torch.rand(rows, features)).shape == (rows, 2)


@pytest.mark.parametrize("kind", [nn.RNN, nn.LSTM, nn.GRU])
def test_recurrent_layers_are_built_anew(kind):
    class Model(nn.Module):
        def __init__(self):
            super().__init__()
            self.rnn = kind(6, 3, num_layers=2, batch_first=True, bidirectional=True, bias=False)

        def forward(self, x):
            return self.rnn(x)[0]

    model, x = Model(), torch.rand(2, 5, 4)
    finding = find(model, x)
    assert [r.text for r in finding.check.repairs] == ["input_size=4 instead of 6 in rnn"]
    assert finding.check.trace.output.shape == (2, 5, 6)
    fixed = finding.check.model.rnn
    assert (fixed.num_layers, fixed.bidirectional, fixed.bias) == (2, True, False)


def test_a_second_operand_is_transposed():
    class Product(nn.Module):
        def forward(self, x, y):
            return x @ y

    x, y = torch.rand(2, 3), torch.rand(4, 3)
    finding = find(Product(), x, y)
    assert torch.equal(finding.check.trace.output, x @ y.transpose(-2, -1))


def test_several_inputs_by_name_without_a_certain_repair():
    class Sum(nn.Module):
        def forward(self, x, *, y):
            return x + y

    finding = find(Sum(), x=torch.rand(2, 3), y=torch.rand(2, 4))
    assert finding.check is None
    assert finding.sentences[-1] == describe_check(None)
    assert "3 against 4 in axis 1" in finding.sentences[0]


def test_what_fails_next_is_told():
    class Model(nn.Module):
        def __init__(self):
            super().__init__()
            self.fc = nn.Linear(5, 4)

        def forward(self, x):
            return self.fc(x) + torch.ones(3)

    finding = find(Model(), torch.rand(2, 6))
    said = finding.sentences[-1]
    assert not finding.check.ran
    assert said.startswith("Tried on a copy of the model: in_features=6 instead of 5 in fc.")
    assert "self.fc(x) + torch.ones(3)" in said
    assert "4 against 3" in said


def test_a_model_that_cannot_be_copied_is_told_apart():
    class Model(nn.Module):
        def __init__(self):
            super().__init__()
            self.fc = nn.Linear(2, 2)

        def forward(self, x):
            return self.fc(x)

        def __deepcopy__(self, memo):
            raise RuntimeError("no copies")

    finding = find(Model(), torch.rand(1, 3))
    assert finding.check is None
    assert "in_features=3 would fit" in finding.sentences[0]


def test_errors_of_python_have_no_repair():
    finding = find(Calls(lambda x: {}["missing"]), torch.ones(2))
    assert finding.check is None
    assert "KeyError" in finding.sentences[0]


@pytest.mark.parametrize(
    ("model", "x", "text"),
    [
        (nn.Linear(4, 3), torch.rand(2, 5), "in_features=5 instead of 4 in the model"),
        (nn.Conv2d(3, 2, 3), torch.rand(1, 1, 8, 8), "in_channels=1 instead of 3 in the model"),
        (nn.Embedding(3, 4), torch.tensor([[7]]), "num_embeddings=8 instead of 3 in the model"),
    ],
)
def test_a_model_that_is_one_layer_is_repaired_too(model, x, text):
    finding = find(model, x)
    assert [repair.text for repair in finding.check.repairs] == [text]
    assert finding.check.ran
    assert refuses(model, x)


def test_a_forgotten_batch_axis_is_added_and_no_layer_is_changed():
    model = nn.Sequential(nn.Conv2d(1, 4, 3), nn.Flatten(), nn.Linear(144, 2))
    widget = fw.WhatWentWrong(model, torch.rand(1, 8, 8))
    assert widget.repairs == ("x.unsqueeze(0) before conv2d, for the batch axis",)
    assert widget.repaired
    assert "the output is a tensor of shape (1, 2)" in widget._message.value
    assert model(torch.rand(1, 1, 8, 8)).shape == (1, 2)
