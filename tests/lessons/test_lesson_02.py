"""Lesson 2: what each line does to the numbers."""

import re

import pytest
import torch

import fwdwidgets as fw
from tests.lessons.reading import lesson, prose, run, solutions

pytestmark = pytest.mark.filterwarnings("ignore:.*:DeprecationWarning", "ignore:.*:RuntimeWarning")

X = torch.tensor([[1.0, 2.0]])


def numbers(text):
    return [float(number) for number in re.findall(r"-?\d+\.\d*(?:e-?\d+)?", text)]


@pytest.mark.parametrize("digits", [False, True])
def test_lesson_2_step_by_step(monkeypatch, tmp_path, digits):
    environment = {}
    if digits:
        monkeypatch.delenv("FWDWIDGETS_DATA", raising=False)
        environment = {"XDG_CACHE_HOME": str(tmp_path)}
    printed, widgets = run(lesson(2), monkeypatch, **environment)
    text = prose(lesson(2))
    assert len(widgets) == 2

    # the shapes, and what ReLU does to the printed values
    shapes = dict(re.findall(r"^(hidden|activated|output) +(\(\d, \d\))", printed, re.MULTILINE))
    assert shapes == {"hidden": "(1, 3)", "activated": "(1, 3)", "output": "(1, 1)"}
    assert "The shapes are *(1, 3)*, *(1, 3)* and *(1, 1)*" in text
    assert "a batch of one row, *(1, 2)*" in text
    hidden, activated = (
        numbers(re.search(rf"^{name} .*?\[\[(.*?)\]\]", printed, re.MULTILINE)[1])
        for name in ("hidden", "activated")
    )
    assert activated == [max(value, 0.0) for value in hidden]

    # the values that the guide printed
    quoted = numbers(re.search(r"hidden values\nare (.*?)\.\n", text)[1])
    assert quoted == [-0.2314, 0.5712, -0.1034]
    assert torch.equal(torch.relu(torch.tensor(quoted)), torch.tensor([0.0, 0.5712, 0.0]))
    assert "tensor([0.0000, 0.5712, 0.0000])" in printed
    assert "Two of the three became zero" in text

    # the solution: where nothing is left, the output is the bias
    seed, output, bias = re.search(r"seed (\d+): output (\S+), bias of fc2 (\S+)", printed).groups()
    model = fw.reseed(fw.models.ForwardPassDemo, int(seed))
    with torch.no_grad():
        assert (model.fc1(X) <= 0).all()
        assert float(output) == float(bias) == round(model.fc2.bias.item(), 4)
        assert model(X + 0.001) == model(X)  # another input changes nothing, a little
    assert len(solutions(lesson(2))) == 1


def test_what_lesson_2_says_of_the_picture():
    dataset = fw.datasets.course(download=False)
    widget = fw.StepThrough(fw.models.Network, dataset)
    assert len(widget.trace) == 12  # "in 12 steps"
    shares = []
    for seed in range(5):
        widget.seed = seed
        for step in widget.trace:
            widget.step = step.name
            if step.op == "relu":
                taken = widget.trace[step.parents[0]].value
                assert widget.zeroed == int((taken < 0).sum())
                shares.append(widget.zeroed / taken.numel())
            elif step.op == "max_pool2d":
                taken = widget.trace[step.parents[0]].value
                assert step.value.numel() * 4 == taken.numel()  # "a quarter"
            elif step.op == "reshape":
                taken = widget.trace[step.parents[0]].value
                assert torch.equal(step.value.flatten(), taken.flatten())
    assert 0.4 < sum(shares) / len(shares) < 0.6  # "about half"


def test_the_seeds_of_lesson_2_give_every_count_of_zeros():
    widget = fw.StepThrough(fw.models.ForwardPassDemo, [(X[0], None)], step="relu")
    counts = set()
    for seed in range(100):  # the seeds that the slider has
        widget.seed = seed
        counts.add(widget.zeroed)
    assert counts == {0, 1, 2, 3}
