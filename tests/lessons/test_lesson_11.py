"""Lesson 11: two modes, and a flag that neither of them reaches."""

import re

import pytest
import torch
import torch.nn.functional as F
from torch import nn

import fwdwidgets as fw
from tests.lessons.reading import execute, lesson, prose, read, run, solutions, starts

pytestmark = pytest.mark.filterwarnings("ignore:.*:DeprecationWarning", "ignore:.*:RuntimeWarning")


@pytest.fixture
def names():
    return execute(*(cell.source for cell in read(lesson(11)).cells if cell.cell_type == "code"))


def test_lesson_11_two_modes(environment, monkeypatch):
    printed, widgets = run(lesson(11), monkeypatch, **environment)
    text = prose(lesson(11))
    assert len(widgets) == 4
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
    assert "(1, 24, 24): 576 numbers in one channel of one picture" in printed


def test_train_and_eval_set_one_flag_and_no_grad_is_another():
    model = fw.models.ImageClassifier().eval()
    assert not any(module.training for module in model.modules())
    assert model(torch.rand(1, 1, 28, 28)).requires_grad  # eval() does not turn gradients off


def test_running_averages_keep_nine_tenths():
    assert "nine tenths of the old value and one tenth of this batch" in prose(lesson(11))
    norm, batch = nn.BatchNorm2d(4).train(), torch.rand(3, 4, 5, 5)
    norm.running_mean.fill_(0.7)
    norm(batch)
    expected = 0.9 * 0.7 + 0.1 * batch.mean((0, 2, 3))
    assert torch.allclose(norm.running_mean, expected)


def test_the_start_drops_in_both_modes_and_the_solution_in_one(names):
    assert len(starts(lesson(11))) == 1
    assert len(solutions(lesson(11))) == 2
    batch = torch.rand(1, 1, 28, 28)
    start, solution = names["Flagged"](), names["Careful"]()
    solution.load_state_dict(start.state_dict())
    hidden = F.relu(start.fc1(batch.flatten(1)))
    for training in (True, False):
        torch.manual_seed(5)
        both = start.fc2(F.dropout(hidden, 0.25))
        torch.manual_seed(5)
        assert torch.equal(start.train(training)(batch), both)  # the flag stays True
        torch.manual_seed(5)
        expected = both if training else start.fc2(hidden)
        assert torch.equal(solution.train(training)(batch), expected)


def test_the_line_below_the_picture_names_the_flag(names):
    flagged = fw.Modes(names["Flagged"], names["dataset"])
    assert "dropout drops in eval mode too" in flagged._message.value
    assert "a flag is_training, True" in flagged._message.value
    careful = fw.Modes(names["Careful"], names["dataset"])
    assert "drops" not in careful._message.value


def test_one_picture_is_enough_for_the_second_widget(names):
    widget = fw.Modes(names["norm"], names["dataset"])
    assert widget.mates == 0
    assert "Train mode:" not in widget._message.value
    assert widget.same is False
