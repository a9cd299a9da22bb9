"""Lesson 13: every number in its prose, from plain PyTorch."""

import ast
import re

import pytest
import torch

import fwdwidgets as fw
from tests.lessons.reading import lesson, prose, read, run, solutions

pytestmark = pytest.mark.filterwarnings("ignore:.*:DeprecationWarning", "ignore:.*:RuntimeWarning")


@pytest.fixture(scope="module")
def names():
    """What the classes of the lesson and of its solution define, and its tensors."""
    cells = [cell.source for cell in read(lesson(13)).cells if cell.cell_type == "code"]
    made = {}
    for source in cells:
        for node in ast.parse(source).body:
            if not isinstance(node, ast.Expr):
                exec(compile(ast.Module([node], []), "lesson 13", "exec"), made)
    return made


def test_lesson_13_runs(monkeypatch):
    printed, widgets = run(lesson(13), monkeypatch)
    assert len(widgets) == 4
    # row 0 is finite, two of three results are nan
    first, solved = re.findall(r"tensor\(\[(.*?)\]\)", printed)
    assert first.count("nan") == 2
    assert not first.startswith("nan")
    assert "nan" not in solved
    assert "Two of three results are `nan`" in prose(lesson(13))
    assert "torch.Size([4, 10])" in printed


def test_the_shapes_of_lesson_13(names):
    text = prose(lesson(13))
    model, images = names["Classifier"](64 * 28 * 28), names["images"]
    with torch.no_grad():
        first = torch.max_pool2d(model.conv1(images), 2)
        second = torch.max_pool2d(model.conv2(first), 2)
    assert [images.shape[2], first.shape[2], second.shape[2]] == [28, 14, 7]
    assert "28, 14, 7" in text
    assert tuple(second.shape) == (4, 64, 7, 7)
    arriving = torch.flatten(second, 1).shape[1]
    assert f"`64*7*7 = {arriving}`" in text
    assert f"64 * 7 * 7 = {arriving}" in text
    assert f"expected {model.fc1.in_features}, sixteen times as many" in text
    assert model.fc1.in_features == 16 * arriving
    right = names["Classifier"](arriving)
    assert tuple(right(images).shape) == (4, 10)
    assert "*(4, 10)*" in text
    widget = fw.WhatWentWrong(model, images)
    assert widget.repairs == (f"in_features={arriving} instead of 50176 in fc1",)
    assert widget.repaired
    assert f"`in_features={arriving}`" in text


def test_the_bytes_of_lesson_13(names):
    text = prose(lesson(13))
    model, images = names["Classifier"](64 * 7 * 7), names["images"]
    results = {}
    handles = [
        module.register_forward_hook(
            lambda _, __, output, name=name: results.update({name: output[0]})
        )
        for name, module in model.named_children()
    ]
    model(images)
    for handle in handles:
        handle.remove()
    conv = results["conv1"]
    assert f"32 * 28 * 28 * 4 = {conv.numel() * conv.element_size():,} bytes" in text
    assert f"The first convolution holds {conv.numel():,}" in text
    assert f"only {results['fc1'].numel()} numbers" in text
    assert "A float takes 4 bytes" in text
    assert conv.element_size() == 4
    weights = {name: sum(p.numel() for p in m.parameters()) for name, m in model.named_children()}
    assert max(weights, key=weights.get) == "fc1"
    assert max(results, key=lambda name: results[name].numel()) == "conv1"
    widget = fw.WhatWentWrong(model, images, memory_mb=64)
    assert 1 < widget.largest_training_batch < widget.largest_batch
    optimizer = torch.optim.Adam(model.parameters())
    model(images).sum().backward()
    optimizer.step()
    state = optimizer.state[model.fc1.weight]
    kept = [value for value in state.values() if value.shape == model.fc1.weight.shape]
    assert len(kept) == 2  # "Adam keeps two more numbers for each weight"


def test_the_nan_of_lesson_13(names):
    counts = names["counts"]
    assert (counts == 0).sum(1).tolist() == [0, 1, 3]  # "Row 1 holds one zero, row 2 only zeros"
    p = counts / counts.sum(1, keepdim=True)
    assert p.isnan().any(1).tolist() == [False, False, True]
    assert p.log()[1, 1] == -torch.inf
    assert (p * p.log())[1].isnan().tolist() == [False, True, False]
    widget = fw.WhatWentWrong(names["Entropy"](), counts)
    assert (widget.kind, widget.wrong_step) == ("nonfinite", "div")
    assert {"log", "mul"} <= {step.name for step in widget.trace}


def test_the_solution_of_lesson_13(names):
    assert len(solutions(lesson(13))) == 1
    larger = names["larger"]
    widget = fw.WhatWentWrong(names["Classifier"](64 * 7 * 7), larger)
    assert widget.repairs == (f"in_features={64 * 8 * 8} instead of 3136 in fc1",)
    assert tuple(names["Classifier"](64 * 8 * 8)(larger).shape) == (4, 10)
    counts = names["counts"]
    mended = names["Mended"]()(counts)
    known = torch.distributions.Categorical(counts[:2]).entropy()
    torch.testing.assert_close(mended[:2], known)
    assert mended[2] == 0
    assert fw.WhatWentWrong(names["Mended"](), counts).kind == "fine"
