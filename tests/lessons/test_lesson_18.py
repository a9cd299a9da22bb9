"""Lesson 18: the start gives two pictures one answer, the solution two."""

import re

import pytest
import torch
from torch import nn

import fwdwidgets as fw
from tests.lessons.reading import execute, lesson, prose, run, solutions, starts

pytestmark = pytest.mark.filterwarnings("ignore:.*:DeprecationWarning", "ignore:.*:RuntimeWarning")


def rows(printed):
    """The rows of each tensor that a cell printed."""
    found = re.findall(r"tensor\((\[\[.*?\]\])", printed, re.DOTALL)
    return [
        [[float(n) for n in re.findall(r"-?\d+\.\d*", row)] for row in text.split("],")]
        for text in found
    ]


@pytest.mark.parametrize("digits", [False, True])
def test_lesson_18_debugging(monkeypatch, tmp_path, digits):
    environment = {}
    if digits:
        monkeypatch.delenv("FWDWIDGETS_DATA", raising=False)
        environment = {"XDG_CACHE_HOME": str(tmp_path)}
    printed, widgets = run(lesson(18), monkeypatch, **environment)
    assert len(widgets) == 1
    start, solution = rows(printed)
    assert [len(row) for row in start + solution] == [10, 10, 10, 10]
    assert start[0] == start[1]  # "the same to the last digit"
    assert solution[0] != solution[1]
    ranges = {
        name: (float(low), float(high))
        for name, low, high in re.findall(r"^(\w+) +(\S+) to (\S+)$", printed, re.MULTILINE)
    }
    assert ranges["pixels"][0] == 0
    assert 0.5 < ranges["pixels"][1] <= 1  # "Ours go from 0 to 1"
    assert ranges["bright"][1] > 0
    assert "Ours go from 0 to 1" in prose(lesson(18))


def test_the_start_loses_the_picture_and_the_solution_keeps_it(capsys):
    (start,), (solution,) = starts(lesson(18)), solutions(lesson(18))
    names = execute(start, solution)
    two = names["two"]
    torch.manual_seed(0)
    broken = names["Bright"]()
    mended = names["Mended"]()
    mended.load_state_dict(broken.state_dict())
    wrong, right = broken(two), mended(two)
    assert torch.equal(wrong[0], wrong[1])
    assert (right[0] - right[1]).abs().max() > 0.01
    # the threshold 1 on the scale from 0 to 255
    bright = torch.relu(two.flatten(1) * 255 - 1) / 255
    hidden = nn.functional.linear(bright, broken.fc1.weight, broken.fc1.bias).relu()
    expected = nn.functional.linear(hidden, broken.fc2.weight, broken.fc2.bias)
    torch.testing.assert_close(right, expected)


def test_the_widget_shows_where_the_picture_is_lost():
    (start,) = starts(lesson(18))
    names = execute(start)
    widget = fw.StepThrough(names["Bright"], names["dataset"], seed=0, step="flatten")
    values = {}
    for sample in (0, 1):
        widget.sample = sample
        values[sample] = {step.name: step.value for step in widget.trace}
    assert list(values[0]) == ["flatten", "sub", "relu", "fc1", "relu_2", "fc2"]
    differ = [name for name, value in values[0].items() if not torch.equal(value, values[1][name])]
    assert differ == ["flatten", "sub"]
    assert (values[0]["sub"] <= 0).all()  # "no pixel is above zero"
    assert (values[0]["relu"] == 0).all()
    widget.step = "relu"
    assert widget.zeroed == int((values[1]["sub"] != 0).sum())
