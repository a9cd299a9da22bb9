"""What went wrong in a forward pass, if anything."""

import pytest
import torch
from torch import nn

import fwdwidgets as fw
from fwdwidgets.widgets.what_went_wrong.compute import build
from tests.widgets.what_went_wrong.failing import Classifier, find


def test_nothing_went_wrong():
    finding = find(Classifier(), torch.rand(4, 1, 28, 28))
    assert (finding.kind, finding.step, finding.check) == ("fine", None, None)
    assert finding.sentences == (
        "Nothing went wrong: 11 steps, every value is finite, and the output is a tensor of "
        "shape (4, 10).",
    )


def test_a_reshape_that_mixes_the_samples():
    class Model(nn.Module):
        def __init__(self):
            super().__init__()
            self.fc = nn.Linear(3 * 2 * 2, 2)

        def forward(self, x):
            return self.fc(x.view(-1, 3 * 2 * 2))

    x = torch.rand(2, 3, 4, 4)
    finding = find(Model(), x)
    assert (finding.kind, finding.step) == ("batch", "view")
    assert Model()(x).shape == (8, 2)
    assert "made 8 rows of 2 samples: (2, 3, 4, 4) became (8, 12)" in finding.sentences[0]
    assert find(Model(), torch.rand(2, 3, 2, 2)).kind == "fine"


def test_a_model_or_what_makes_one():
    layer = nn.Linear(2, 1)
    assert build(layer) is layer
    assert isinstance(build(fw.models.Network), fw.models.Network)
    with pytest.raises(TypeError, match="model=3 is no network"):
        build(3)


@pytest.mark.filterwarnings("ignore:.torch.jit:DeprecationWarning")
def test_a_compiled_model_is_looked_at_as_it_is_written():
    model = torch.compile(nn.Linear(5, 3))
    widget = fw.WhatWentWrong(model, torch.rand(3, 4))
    assert widget.repairs == ("in_features=4 instead of 5 in the model",)
    assert widget.repaired


@pytest.mark.filterwarnings("ignore:.torch.jit:DeprecationWarning")
@pytest.mark.parametrize(
    "make",
    [
        lambda model: fw.WhatWentWrong(model, torch.rand(1, 3)),
        lambda model: fw.TrainingStep(model, (torch.rand(4, 3), torch.rand(4, 2))),
    ],
)
def test_torchscript_is_refused_with_a_sentence(make):
    script = torch.jit.trace(nn.Linear(3, 2), torch.rand(1, 3))
    with pytest.raises(TypeError, match=r"is TorchScript: .* Pass the nn\.Module"):
        make(script)
