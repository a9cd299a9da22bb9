"""Lesson 4: what it says of batches is so."""

import ast
import re

import pytest
import torch

import fwdwidgets as fw
from tests.lessons.reading import lesson, prose, read, run

pytestmark = pytest.mark.filterwarnings("ignore:.*:DeprecationWarning", "ignore:.*:RuntimeWarning")


def normed():
    """The model class that the lesson defines."""
    scope = {"torch": torch}
    (source,) = [c.source for c in read(lesson(4)).cells if c.source.startswith("class Normed")]
    exec(source[: source.index("\nfw.")], scope)
    return scope["Normed"]


def test_lesson_4_a_batch(environment, monkeypatch):
    printed, widgets = run(lesson(4), monkeypatch, **environment)
    text = prose(lesson(4))
    assert len(widgets) == 2
    assert "images.shape = (8, 1, 28, 28)" in printed
    assert "labels.shape = (8,)" in printed
    assert "output.shape = (8, 10)" in printed
    assert "*(8, 1, 28, 28)* goes in, *(8, 10)* comes out" in text
    rows, predictions, labels, agree, wrong, columns = [
        ast.literal_eval(found) for found in re.findall(r"tensor\((\[[^\[]*?\])\)", printed)
    ]
    assert rows == pytest.approx([1] * 8, abs=1e-4)  # each row sums to one
    assert sum(rows) == pytest.approx(8, abs=1e-3)  # "all eight together to 8"
    assert wrong != pytest.approx([1] * 8, abs=1e-3)
    assert columns == pytest.approx([1] * 10, abs=1e-4)

    dataset = fw.datasets.course()
    assert labels == [dataset[index][1] for index in range(8)]
    assert len(set(predictions)) == 1  # "it says the same for all eight images"
    assert agree == [p == label for p, label in zip(predictions, labels, strict=True)]
    assert "Nothing, or a few billionths" in text
    assert float(re.search(r"largest difference: (\S+)", printed)[1]) < 1e-7

    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        network = fw.models.Network()
    inputs = torch.stack([dataset[index][0] for index in range(100)])
    with torch.no_grad():
        answers = network(inputs).argmax(1).tolist()
    assert predictions == answers[:8]
    right = sum(answer == dataset[index][1] for index, answer in enumerate(answers))
    assert f"{right} of 100 right" in printed


def test_the_widget_shows_the_batch_of_the_lesson():
    widget = fw.BatchForward(fw.models.Network, fw.datasets.digits(), seed=0)
    assert (widget.start, widget.size) == (0, 8)
    for row in range(8):
        widget.row = row
        assert widget._run.alone.close
    assert all(abs(sum(chances) - 1) < 1e-6 for chances in widget.probabilities)


def test_batchnorm_in_train_mode_looks_at_the_neighbours():
    dataset = fw.datasets.digits()
    widget = fw.BatchForward(normed(), dataset, training=True)
    assert "BatchNorm in train mode" in widget._alone.value
    model = normed()()
    model.train()
    with torch.no_grad():
        one, many = model(dataset.data[:1])[0], model(dataset.data[:8])[0]
        assert (one - many).abs().max() > 1e-3
        model.eval()  # "every image has one answer"
        torch.testing.assert_close(model(dataset.data[:1])[0], model(dataset.data[:8])[0])

    widget.size = 1  # exercise 1: a batch of one is the row alone
    assert "bit for bit" in widget._alone.value
