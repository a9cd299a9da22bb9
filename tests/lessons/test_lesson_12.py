"""Lesson 12: what a forward pass remembers, and how to forget it."""

import pytest
import torch

import fwdwidgets as fw
from tests.lessons.reading import execute, lesson, prose, run, solutions, starts

pytestmark = pytest.mark.filterwarnings("ignore:.*:DeprecationWarning", "ignore:.*:RuntimeWarning")
NEEDED = "import torch\nimport fwdwidgets as fw\nimage = torch.rand(1, 1, 28, 28)"


def test_lesson_12_what_is_kept(environment, monkeypatch):
    printed, widgets = run(lesson(12), monkeypatch, **environment)
    assert len(widgets) == 1
    assert "grad_fn = AddmmBackward0, requires_grad = True" in printed
    assert "grad_fn = None, requires_grad = False" in printed
    assert "the same numbers: True" in printed
    assert "Trying to backward through the graph a second time" in printed


def test_the_memory_grows_with_the_batch():
    assert "ten times the pictures, ten times the memory" in prose(lesson(12))
    widget = fw.Modes(fw.models.Network, fw.datasets.digits())
    one = widget.held["with gradients"]
    widget.mates = 9
    assert widget.held["with gradients"] == 10 * one
    assert {kept for way, kept in widget.held.items() if way != "with gradients"} == {0}


def test_three_ways_to_say_it():
    model, image = fw.models.Network(), torch.rand(1, 1, 28, 28)
    expected = model(image)
    assert expected.requires_grad
    with torch.set_grad_enabled(False):
        off = model(image)
    with torch.set_grad_enabled(True):
        on = model(image)
    with torch.inference_mode():
        inferred = model(image)
    assert [output.requires_grad for output in (off, on, inferred)] == [False, True, False]
    assert all(torch.equal(output, expected) for output in (off, on, inferred))
    weight = torch.ones(10, requires_grad=True)
    (off * weight).sum().backward()  # a constant on the way, as far as autograd can tell
    with pytest.raises(RuntimeError, match="Inference tensors cannot be saved for backward"):
        inferred * weight


def test_the_start_does_two_things_badly_and_the_solution_neither():
    (start,), (solution, _) = starts(lesson(12)), solutions(lesson(12))
    image = torch.rand(1, 1, 28, 28)
    for source, careful in [(start, False), (solution, True)]:
        answer = execute(NEEDED, source)["answer"]
        model = fw.models.ImageClassifier()
        first, second = answer(model, image), answer(model, image)
        assert torch.equal(first, second) is careful
        assert first.requires_grad is not careful


def test_after_the_first_way_back_what_was_kept_is_gone():
    output = fw.models.Network()(torch.rand(1, 1, 28, 28))
    output.sum().backward()
    with pytest.raises(RuntimeError, match="backward through the graph a second time"):
        output.sum().backward()
