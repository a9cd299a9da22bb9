"""Lessons 11 and 12: train and eval, and what a forward pass remembers."""

import re

import pytest
import torch
from torch import nn

import fwdwidgets as fw
from lessons import lesson, prose, run

pytestmark = pytest.mark.filterwarnings("ignore:.*:DeprecationWarning", "ignore:.*:RuntimeWarning")


def test_lesson_11_two_modes(environment, monkeypatch):
    printed, widgets = run(lesson(11), monkeypatch, **environment)
    text = prose(lesson(11))
    assert len(widgets) == 2
    rows = re.findall(r"tensor\(\[(.*?)\]\)", printed)
    assert len(rows) == 4
    assert rows[0] != rows[1]
    assert rows[2] == rows[3]
    model = fw.models.ImageClassifier()
    assert (model.dropout.p, model.fc1.out_features) == (0.25, 128)
    assert "a quarter of 128 units" in text
    assert "About 32 of 128" in text
    assert 0.25 * 128 == 32
    assert f"{1 / (1 - 0.25):.3f}" == "1.333"
    assert r"\frac{1}{1 - 0.25} = 1.333" in text


def test_train_and_eval_set_one_flag_and_no_grad_is_another():
    model = fw.models.ImageClassifier().eval()
    assert not any(module.training for module in model.modules())
    assert model(torch.rand(1, 1, 28, 28)).requires_grad  # eval() does not turn gradients off


def test_the_exercise_of_lesson_11():
    norm = nn.Sequential(nn.Conv2d(1, 4, 5), nn.BatchNorm2d(4)).train()
    assert norm(torch.rand(1, 1, 28, 28)).shape == (1, 4, 24, 24)  # 24 x 24 pixels a channel


def test_lesson_12_what_is_kept(environment, monkeypatch):
    printed, widgets = run(lesson(12), monkeypatch, **environment)
    assert len(widgets) == 1
    assert "grad_fn = AddmmBackward0, requires_grad = True" in printed
    assert "grad_fn = None, requires_grad = False" in printed
    assert "the same numbers: True" in printed


def test_the_memory_of_lesson_12_grows_with_the_batch():
    widget = fw.Modes(fw.models.Network, fw.datasets.digits())
    one = widget.held["with gradients"]
    widget.mates = 9
    assert widget.held["with gradients"] == 10 * one
    assert "ten times the pictures, ten times the memory" in prose(lesson(12))


def test_the_exercises_of_lesson_12():
    output = fw.models.Network()(torch.rand(1, 1, 28, 28))
    output.sum().backward()
    with pytest.raises(RuntimeError, match="backward through the graph a second time"):
        output.sum().backward()
