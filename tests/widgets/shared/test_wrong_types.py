"""Every trait of every widget says what it takes in place of a value of another type."""

import html

import numpy as np
import pytest
import torch
from torch import nn

import fwdwidgets as fw
from tests.widgets.looking import images, message


class Halves(nn.Module):
    def __init__(self):
        super().__init__()
        self.encoder, self.decoder = nn.Linear(4, 2), nn.Linear(2, 4)

    def forward(self, x):
        return self.decoder(self.encoder(x))


ANIMALS = fw.datasets.animals
WIDGETS = {
    "ForwardPass": lambda: fw.ForwardPass(fw.models.Network, images()),
    "StepThrough": lambda: fw.StepThrough(fw.models.Network, images()),
    "CompareSeeds": lambda: fw.CompareSeeds(fw.models.Network, images()),
    "BatchForward": lambda: fw.BatchForward(fw.models.Network, images(), size=2),
    "BinaryOutput": lambda: fw.BinaryOutput(nn.Linear(6, 1), ANIMALS()),
    "MulticlassOutput": lambda: fw.MulticlassOutput(nn.Linear(6, 3), ANIMALS("class")),
    "RegressionOutput": lambda: fw.RegressionOutput(nn.Linear(6, 1), ANIMALS("weight")),
    "ComputationGraph": lambda: fw.ComputationGraph(lambda a, b: a * b, a=2.0, b=3.0),
    "TrainingStep": lambda: fw.TrainingStep(fw.models.Net(), (torch.ones(2, 10), torch.ones(2, 1))),
    "Modes": lambda: fw.Modes(fw.models.ImageClassifier, images()),
    "WhatWentWrong": lambda: fw.WhatWentWrong(nn.Linear(3, 2), torch.ones(1, 4)),
    "Autoencoder": lambda: fw.Autoencoder(Halves(), [(torch.ones(4), None)]),
}


def settable(widget):
    """The names of the traits that fwdwidgets declares and a learner may set."""
    ours = [c for c in type(widget).__mro__ if c.__module__.startswith("fwdwidgets")]
    return [
        name
        for name, trait in widget.traits().items()
        if not trait.read_only and any(name in c.__dict__ for c in ours)
    ]


def test_every_widget_is_here():
    public = {n for n in fw.__all__ if hasattr(getattr(fw, n), "save_page")}
    assert public == set(WIDGETS)


@pytest.mark.parametrize("kind", WIDGETS)
def test_every_widget_can_be_restored_named_and_recorded(kind):
    widget = WIDGETS[kind]()
    assert widget._message in widget.children
    assert widget._frame in widget.children
    assert widget._frame.controls
    assert not widget._quiet


@pytest.mark.parametrize("kind", WIDGETS)
def test_a_value_of_another_type_is_told_and_raised(kind):
    widget = WIDGETS[kind]()
    assert settable(widget)
    wrong = 1j  # no trait takes a complex number
    for name in settable(widget):
        before = getattr(widget, name)
        with pytest.raises(ValueError, match=rf"^{name}=1j .*(give|expected) ") as raised:
            setattr(widget, name, wrong)
        assert getattr(widget, name) == before
        assert html.escape(str(raised.value)) in message(widget)


def test_numbers_are_taken_from_numpy_and_tensors():
    widget = fw.BinaryOutput(nn.Linear(6, 1), ANIMALS())
    widget.threshold = np.float32(0.25)
    assert widget.threshold == 0.25
    widget.threshold = torch.tensor(0.75)
    assert widget.threshold == 0.75
    with pytest.raises(ValueError, match=r"threshold=.* is of type Tensor: give a number"):
        widget.threshold = torch.tensor([0.1, 0.2])
    with pytest.raises(ValueError, match=r"threshold='0.5' is of type str: give a number"):
        widget.threshold = "0.5"
