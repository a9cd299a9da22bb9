"""Every lesson runs from a clean kernel on both datasets, and its prose tells the truth."""

import ast
import re

import pytest

from tests.lessons.reading import LESSONS, lesson, prose, read, run


def own_lines(source):
    """Lines of Python outside the classes of models."""
    inside = {
        line
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.ClassDef)
        for line in range(node.lineno, node.end_lineno + 1)
    }
    lines = [text for number, text in enumerate(source.splitlines(), 1) if number not in inside]
    return [text for text in lines if text.strip()]


@pytest.mark.parametrize("path", LESSONS, ids=lambda path: path.stem)
def test_a_lesson_is_committed_without_outputs_and_is_short(path):
    code = [cell for cell in read(path).cells if cell.cell_type == "code"]
    assert all(not cell.outputs and cell.execution_count is None for cell in code)
    shown = [cell.source for cell in code if "solution" not in cell.metadata.get("tags", [])]
    assert len([line for source in shown for line in own_lines(source)]) <= 15
    assert prose(path).startswith("# ")


@pytest.mark.filterwarnings("ignore:.*:DeprecationWarning", "ignore:.*:RuntimeWarning")
def test_lesson_1_one_image(environment, monkeypatch):
    path = lesson(1)
    printed, widgets = run(path, monkeypatch, **environment)
    assert len(widgets) == 1
    text = prose(path)
    fashion = "Ankle boot" in printed
    assert fashion is ("XDG_CACHE_HOME" not in environment)

    # (channels, height, width): one grey channel, 28 rows, 28 columns
    assert "image.shape = (1, 28, 28)" in printed
    assert "one grey channel, 28 rows, 28 columns" in text
    assert "batch.shape = (1, 1, 28, 28)" in printed
    assert "*(1, 1, 28, 28)*" in text
    assert "output.shape = (1, 10)" in printed
    assert "*(1, 10)*" in text
    assert "ten classes" in text

    # argmax against the label, in words
    answer = re.search(r"prediction = (\d), label = (\d): (in)?correct", printed)
    prediction, label = int(answer[1]), int(answer[2])
    assert bool(answer[3]) is (prediction != label)

    # probabilities are near ten percent each, and sum to one
    rows = [
        [float(number) for number in re.findall(r"-?\d\.\d+", row)]
        for row in re.findall(r"tensor\(\[\[(.*?)\]\]\)", printed, re.DOTALL)
    ]
    logits, chances, first, second = rows
    assert [len(row) for row in rows] == [10, 10, 10, 10]
    assert all(0.04 < chance < 0.2 for chance in chances)
    assert "about ten percent" in text
    assert "sum = 1.0000" in printed
    assert logits.index(max(logits)) == chances.index(max(chances)) == prediction

    # two networks, two answers
    assert first != second


def test_the_exercise_of_lesson_1_has_an_answer():
    import torch

    import fwdwidgets as fw

    dataset = fw.datasets.digits()
    widget = fw.ForwardPass(fw.models.Network, dataset)
    right = []
    for seed in range(100):  # the seeds that the slider has
        widget.seed = seed
        right += [seed] if widget.correct else []
    assert right
    steps = {step.name: step for step in widget.trace}
    assert (steps["relu"].value >= 0).all()
    halved = [
        step.name
        for step in widget.trace
        if step.op == "max_pool2d"
        and tuple(s / 2 for s in widget.trace[step.parents[0]].shape[2:]) == step.shape[2:]
    ]
    assert halved == ["max_pool2d", "max_pool2d_2"]
    assert steps["reshape"].shape == (1, 192)
    assert torch.equal(steps["reshape"].value.flatten(), steps["max_pool2d_2"].value.flatten())
