"""Lesson 17: the start ignores its flag, the solution takes another path for it."""

import pytest
import torch
from torch import nn

import fwdwidgets as fw
from tests.lessons.reading import execute, lesson, prose, read, run, solutions, starts

pytestmark = pytest.mark.filterwarnings("ignore:.*:DeprecationWarning", "ignore:.*:RuntimeWarning")


@pytest.fixture
def names():
    code = [cell.source for cell in read(lesson(17)).cells if cell.cell_type == "code"]
    assert code[2:] == starts(lesson(17)) + solutions(lesson(17))
    return execute(*code)


def skipped(widget):
    return [line.text.strip() for line in widget.listing.skipped]


def test_lesson_17_runs(monkeypatch):
    _, widgets = run(lesson(17), monkeypatch)
    assert len(widgets) == 3


def test_the_data_decides(names):
    text = prose(lesson(17))
    assert "The second input has length 5" in text
    assert names["inputs"][1][0].norm() == 5
    assert "Twice: 5, then 2.5, then 1.25." in text
    widget = fw.StepThrough(names["Sizing"], names["inputs"], sample=1)
    assert [step.op for step in widget.trace].count("div") == 2
    lines = {line.text.strip(): line for line in widget.listing.lines}
    assert lines["x = x / 2"].times == 2
    assert skipped(widget) == ["x = x * 2"]
    widget.sample = 0  # "so the loop goes 0 rounds, and the other branch is taken"
    assert skipped(widget) == ["x = x / 2", "rounds = rounds + 1"]
    assert "mul" in widget.trace
    assert "div" not in widget.trace


def test_the_start_ignores_its_flag_and_the_solution_does_not(names):
    x = torch.tensor([[1.0, 0.5], [-2.0, 3.0]])
    torch.manual_seed(0)
    weights = names["Flagged"]().state_dict()
    for name, use_tanh, function in [
        ("Conditional", False, torch.relu),
        ("Conditional", True, torch.tanh),
        ("Flagged", False, torch.relu),
        ("Flagged", True, torch.relu),  # the task is not done yet
    ]:
        model = names[name](use_tanh=use_tanh)
        model.load_state_dict(weights)
        hidden = nn.functional.linear(x, weights["fc1.weight"], weights["fc1.bias"])
        expected = nn.functional.linear(
            function(hidden), weights["fc2.weight"], weights["fc2.bias"]
        )
        assert torch.equal(model(x), expected), (name, use_tanh)
    assert not torch.equal(torch.relu(hidden), torch.tanh(hidden))


def test_the_widget_shows_the_path_of_the_flag(names):
    inputs = names["inputs"]
    taken = fw.StepThrough(names["Conditional"](use_tanh=True), inputs, seed=0, step="tanh")
    assert skipped(taken) == ["else:", "x = torch.relu(x)"]
    other = fw.StepThrough(names["Conditional"](use_tanh=False), inputs, seed=0, step="relu")
    assert skipped(other) == ["x = torch.tanh(x)"]
    assert torch.equal(taken.trace["fc1"].value, other.trace["fc1"].value)  # the same seed


def test_a_branch_that_is_not_taken_gets_no_gradient():
    class Two(nn.Module):
        def __init__(self):
            super().__init__()
            self.left, self.right = nn.Linear(2, 1), nn.Linear(2, 1)

        def forward(self, x):
            return self.left(x) if x.sum() > 0 else self.right(x)

    model = Two()
    model(torch.ones(1, 2)).sum().backward()
    assert model.left.weight.grad is not None
    assert model.right.weight.grad is None
