"""Lesson 14: the start says nothing of its shapes, the solution prints them all."""

import ast
import re

import pytest
import torch
from torch import nn

import fwdwidgets as fw
from tests.lessons.reading import execute, lesson, prose, run, solutions, starts

pytestmark = pytest.mark.filterwarnings("ignore:.*:DeprecationWarning", "ignore:.*:RuntimeWarning")

SHAPES = [(32, 28, 28), (32, 14, 14), (64, 14, 14), (64, 7, 7), (3136,), (128,), (10,)]


def shapes(printed):
    return [ast.literal_eval(line) for line in re.findall(r"^\(.*\)$", printed, re.MULTILINE)]


@pytest.mark.parametrize("digits", [False, True])
def test_lesson_14_shapes(monkeypatch, tmp_path, digits):
    environment = {}
    if digits:
        monkeypatch.delenv("FWDWIDGETS_DATA", raising=False)
        environment = {"XDG_CACHE_HOME": str(tmp_path)}
    printed, widgets = run(lesson(14), monkeypatch, **environment)
    assert len(widgets) == 1
    assert shapes(printed) == [(4, 10), *[(4, *shape) for shape in SHAPES]]


def test_the_prose_of_lesson_14():
    text = prose(lesson(14))
    table = re.findall(r"^\| [^|]+ \| ([\d x]+) \|", text, re.MULTILINE)
    assert [tuple(int(n) for n in row.split(" x ")) for row in table] == SHAPES
    assert "Four rows of ten logits: *(4, 10)*" in text
    assert 64 * 7 * 7 == 3136
    # 32 x 32 pixels: twice pooled, 64 channels of 8 x 8
    pooled = nn.Sequential(nn.MaxPool2d(2, 2), nn.MaxPool2d(2, 2))(torch.zeros(1, 64, 32, 32))
    assert pooled.numel() == 64 * 8 * 8 == 4096
    assert "`64 * 8 * 8` = 4096" in text


def test_the_start_prints_no_shape_of_a_step_and_the_solution_each(capsys):
    (start,), (solution,) = starts(lesson(14)), solutions(lesson(14))
    execute(start)
    assert shapes(capsys.readouterr().out) == [(4, 10)]  # only that of the answer
    names = execute(start, solution)
    capsys.readouterr()
    model = names["Printing"]().eval()
    x = torch.rand(2, 1, 28, 28)
    logits = model(x)
    assert shapes(capsys.readouterr().out) == [(2, *shape) for shape in SHAPES]
    # it computes what the start computes
    plain = names["ImageClassifier"]().eval()
    plain.load_state_dict(model.state_dict())
    assert torch.equal(plain(x), logits)
    assert capsys.readouterr().out == ""


def test_the_widget_of_lesson_14_shows_the_same_shapes():
    (start,) = starts(lesson(14))
    names = execute(start)
    dataset = fw.datasets.course(download=False)
    widget = fw.StepThrough(names["ImageClassifier"], dataset, step="view")
    assert [line.text for line in widget.listing.lines][1] == "    x = F.relu(self.conv1(x))"
    seen = [step.shape for step in widget.trace]
    places = iter(seen)
    assert all((1, *shape) in places for shape in SHAPES)  # in this order
