"""Lessons 9 and 10: training."""

import re

import pytest
import torch
from torch import nn

import fwdwidgets as fw
from tests.lessons.reading import lesson, prose, run

pytestmark = pytest.mark.filterwarnings("ignore:.*:DeprecationWarning", "ignore:.*:RuntimeWarning")


def setup():
    torch.manual_seed(0)
    model = fw.models.Net()
    inputs = torch.randn(16, 10)
    targets = inputs.sum(dim=1, keepdim=True)
    return model, inputs, targets, torch.optim.SGD(model.parameters(), lr=0.01)


def test_lesson_9_five_lines(monkeypatch):
    printed, widgets = run(lesson(9), monkeypatch)
    text = prose(lesson(9))
    assert len(widgets) == 1
    model, inputs, targets, _ = setup()
    with torch.no_grad():
        loss = nn.functional.mse_loss(model(inputs), targets).item()
    assert f"loss = {loss:.4f}" in printed
    assert "in_features=10, out_features=20" in printed
    assert "Ten numbers go in, twenty hidden units, one number comes out" in text
    weight = torch.zeros(1, requires_grad=True)
    weight.sum().backward()  # its gradient is 1
    torch.optim.SGD([weight], lr=0.01).step()
    assert weight.item() == pytest.approx(-0.01)


def test_the_exercises_of_lesson_9():
    model, inputs, targets, optimizer = setup()
    widget = fw.TrainingStep(model, (inputs, targets), nn.MSELoss(), optimizer)
    for line in ("forward", "loss", "backward") * 2:
        widget.run_line(line)
    whole, alone = (float(n) for n in re.findall(r"(?:norm|has) ([\d.]+\d)", widget._said.value))
    assert whole == pytest.approx(2 * alone, rel=0.01)
    widget.reset()
    widget.lr = 1.0
    with pytest.raises(ValueError, match="smaller learning rate"):
        widget.run_steps(20)
    unclipped = max(widget.losses)
    widget.reset()
    widget.lr, widget.clip = 1.0, 0.5
    widget.run_steps(20)
    assert max(widget.losses) < unclipped
    assert widget.losses[-1] < widget.losses[0]


def test_lesson_10_watch_it_learn(environment, monkeypatch):
    printed, widgets = run(lesson(10), monkeypatch, **environment)
    text = prose(lesson(10))
    assert len(widgets) == 1
    assert "batches of 32 pictures" in text
    points = re.findall(r"^  epoch (\d)  loss ([\d.]+)  accuracy ([\d.]+)%$", printed, re.MULTILINE)
    assert [int(epoch) for epoch, _, _ in points] == [0, 1, 2, 3, 4, 5, 6]
    assert float(points[0][1]) == pytest.approx(torch.tensor(10.0).log().item(), abs=0.1)
    assert float(points[-1][1]) < float(points[0][1]) / 2
    assert float(points[-1][2]) > 50 > 30 > float(points[0][2])


def test_the_exercise_of_lesson_10_has_an_answer():
    few = torch.utils.data.Subset(fw.datasets.digits(), range(1000))
    checkpoints = fw.train(fw.models.Network, few, epochs=6, progress=False)
    widget = fw.ForwardPass(fw.models.Network, few, checkpoints=checkpoints)
    first = widget.correct
    widget.epoch = 6
    changed = widget.correct and not first
    for sample in range(1, 30):
        widget.epoch = 0
        widget.sample = sample
        first = widget.correct
        widget.epoch = 6
        changed = changed or (widget.correct and not first)
    assert changed
