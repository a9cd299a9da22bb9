"""Lessons 5 to 7: the three kinds of output."""

import ast
import re

import pytest
import torch
from torch import nn

import fwdwidgets as fw
from tests.lessons.reading import lesson, prose, run

pytestmark = pytest.mark.filterwarnings("ignore:.*:DeprecationWarning", "ignore:.*:RuntimeWarning")


def numbers(text):
    return [float(number) for number in re.findall(r"-?\d+\.\d*(?:e-?\d+)?", text)]


def edit(widget, row, column, text):
    """Type a number into a cell of the table, as a hand on the page would."""
    content = {"kind": "edit", "row": row, "column": column, "text": text}
    widget._table._received(None, content, [])


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
    quoted = re.search(r"gives these five\noutputs: ([\d., ]+)\.\n", text)[1]
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


def test_a_cow_with_a_hundred_legs_goes_far_on_the_curve():
    """Exercise 2 of lesson 5: each leg moves the raw number by the same, and there are 96 more."""
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(6, 4), nn.Linear(4, 1), nn.Sigmoid())
    widget = fw.BinaryOutput(model, fw.datasets.animals())
    row = widget.dataset.row_names.index("cow")
    column = widget.dataset.feature_names.index("legs")
    before = fw.datasets.animals().values
    edit(widget, row, column, "100")
    after = before.clone()
    after[row, column] = 100
    with torch.no_grad():
        a_leg = (model[1].weight @ model[0].weight)[0, column]
        raw = model[:2](before)[row, 0] + (100 - before[row, column]) * a_leg
        chances = model(after)[:, 0]
    dots = next(t for t in widget.figure.data if len(t.x) == 5 and t.mode and "markers" in t.mode)
    assert dots.x[row] == pytest.approx(float(raw), rel=1e-4)
    assert widget.probabilities == pytest.approx(chances.tolist(), abs=1e-6)
    assert widget.decisions == tuple((chances >= 0.5).int().tolist())


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


def test_the_class_that_wins_has_the_largest_logit():
    """Exercises 1 and 2 of lesson 6."""
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(6, 4), nn.Linear(4, 3), nn.Softmax(dim=-1))
    values = fw.datasets.animals("class").values
    with torch.no_grad():
        logits = model[:2](values)
    widget = fw.MulticlassOutput(model, fw.datasets.animals("class"))
    drawn = next(trace for trace in widget.figure.data if trace.type == "heatmap")
    assert drawn.z == pytest.approx(logits.numpy(), abs=1e-6)
    assert widget.predictions == tuple(logits.argmax(1).tolist())

    with torch.no_grad():  # two classes with the same weights have equal logits
        model[1].weight[2], model[1].bias[2] = model[1].weight[0], model[1].bias[0]
    twins = fw.MulticlassOutput(model, fw.datasets.animals("class"))
    assert all(row[0] == row[2] for row in twins.probabilities)


def test_lesson_7_any_number(monkeypatch):
    printed, widgets = run(lesson(7), monkeypatch)
    text = prose(lesson(7))
    assert len(widgets) == 1
    weights = ast.literal_eval(re.search(r"\{.*\}", printed)[0])
    assert "a cow has 0.6, a bat 0.00002" in text
    assert (weights["cow"], weights["bat"]) == (0.6, 0.00002)
    assert "output.shape = (5, 1)" in printed


def values_with_legs(widget):
    """The value of the first animal with 4, 6 and 8 legs."""
    values = []
    for legs in ("4", "6", "8"):
        edit(widget, 0, 5, legs)
        values.append(widget.outputs[0][0])
    return values


def test_the_exercises_of_lesson_7():
    """Without an activation equal steps of the input are equal steps of the output."""
    kinks = 0
    for seed in range(10):
        torch.manual_seed(seed)
        first, last = nn.Linear(6, 4), nn.Linear(4, 1)
        straight = fw.RegressionOutput(nn.Sequential(first, last), fw.datasets.animals("weight"))
        four, six, eight = values_with_legs(straight)
        assert six != four
        assert six - four == pytest.approx(eight - six, abs=1e-5)
        bent = nn.Sequential(first, nn.ReLU(), last)
        four, six, eight = values_with_legs(
            fw.RegressionOutput(bent, fw.datasets.animals("weight"))
        )
        rows = fw.datasets.animals("weight").values[:1].repeat(3, 1)
        rows[:, 5] = torch.tensor([4.0, 6.0, 8.0])
        assert (four, six, eight) == pytest.approx(bent(rows)[:, 0].tolist(), abs=1e-5)
        kinks += abs((six - four) - (eight - six)) > 1e-3
    assert kinks, "a ReLU bends the line for some weights"
