"""Lessons 5 to 7: the three kinds of output."""

import ast
import re

import pytest
import torch
from torch import nn

import fwdwidgets as fw
from lessons import lesson, prose, run

pytestmark = pytest.mark.filterwarnings("ignore:.*:DeprecationWarning", "ignore:.*:RuntimeWarning")


def numbers(text):
    return [float(number) for number in re.findall(r"-?\d+\.\d*(?:e-?\d+)?", text)]


def test_lesson_5_yes_or_no(monkeypatch):
    printed, widgets = run(lesson(5), monkeypatch)
    text = prose(lesson(5))
    assert len(widgets) == 1
    assert "values.shape = (5, 6)" in printed
    assert "Five animals, six features" in text
    values = fw.datasets.animals().values
    assert "Five of the six numbers say yes (1) or no (0)" in text
    assert set(values[:, :5].unique().tolist()) == {0.0, 1.0}
    assert "output.shape = (5, 1)" in printed
    outputs = numbers(re.search(r"tensor\(\[\[(.*?)\]\]\)", printed, re.DOTALL)[1])
    assert len(outputs) == 5
    assert all(0 < output < 1 for output in outputs)
    quoted = re.search(r"random weights:\s([\d., ]+)\.\n", text)[1]
    decided = (torch.tensor(numbers(quoted)) >= 0.5).tolist()
    assert decided == [True, False, True, False, False]
    assert re.search(r"tensor\(\[ True, False,  True, False, False\]\)", printed)
    assert "The first and the third" in text
    assert torch.sigmoid(torch.tensor(0.0)) == 0.5  # "Zero becomes exactly one half"


def test_the_exercises_of_lesson_5():
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(6, 4), nn.Linear(4, 1), nn.Sigmoid())
    widget = fw.BinaryOutput(model, fw.datasets.animals())
    widget.threshold = 0.0
    assert widget.decisions == (1, 1, 1, 1, 1)
    widget.threshold = 1.0
    assert widget.decisions == (0, 0, 0, 0, 0)
    widget.threshold = 0.5
    right = []
    for seed in range(100):  # the seeds that the slider has
        widget.seed = seed
        right += [seed] if widget.decisions == widget.dataset.targets else []
    assert right, "random weights can: the exercise has an answer"


def test_lesson_6_one_of_several(monkeypatch):
    printed, widgets = run(lesson(6), monkeypatch)
    text = prose(lesson(6))
    assert len(widgets) == 1
    assert "output.shape = (5, 3)" in printed
    assert "*(5, 3)*" in text
    rows = numbers(re.search(r"rows: +tensor\(\[(.*?)\]\)", printed)[1])
    columns = numbers(re.search(r"columns: +tensor\(\[(.*?)\]\)", printed)[1])
    assert rows == pytest.approx([1.0] * 5, abs=1e-4)
    assert sum(columns) == pytest.approx(5, abs=1e-3)
    assert len(columns) == 3
    names = ast.literal_eval(re.findall(r"^\['.*\]$", printed, re.MULTILINE)[-1])
    assert len(names) == 5
    assert set(names) <= {"mammal", "bird", "reptile"}


def test_the_exercises_of_lesson_6():
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(6, 4), nn.Linear(4, 3), nn.Softmax(dim=-1))
    widget = fw.MulticlassOutput(model, fw.datasets.animals("class"))
    best = 0
    for seed in range(100):
        widget.seed = seed
        pairs = zip(widget.predictions, widget.dataset.targets, strict=True)
        best = max(best, sum(a == b for a, b in pairs))
    assert best >= 3
    equal = torch.tensor([1.0, 1.0, 3.0]).softmax(0)
    assert equal[0] == equal[1]


def test_lesson_7_any_number(monkeypatch):
    printed, widgets = run(lesson(7), monkeypatch)
    text = prose(lesson(7))
    assert len(widgets) == 1
    weights = ast.literal_eval(re.search(r"\{.*\}", printed)[0])
    assert "a cow has 0.6, a bat 0.00002" in text
    assert (weights["cow"], weights["bat"]) == (0.6, 0.00002)
    assert "output.shape = (5, 1)" in printed


def test_the_exercise_of_lesson_7():
    """Without an activation, equal steps of the input are equal steps of the output."""
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(6, 4), nn.Linear(4, 1))
    widget = fw.RegressionOutput(model, fw.datasets.animals("weight"))
    values = []
    for legs in ("4", "6", "8"):
        widget._table._received(None, {"kind": "edit", "row": 0, "column": 5, "text": legs}, [])
        values.append(widget.outputs[0][0])
    assert values[1] - values[0] == pytest.approx(values[2] - values[1], abs=1e-5)
    assert values[1] != values[0]
