"""Lesson 19: ResNet-18, a transformer on text, and a place for one's own."""

import math

import pytest
import torch
from torch import nn

import fwdwidgets as fw
from tests.lessons.reading import lesson, prose, read, run, solutions


def reader_classes():
    """The model to start from, the solution's, and the texts, from the lesson's own cells."""
    (start,) = [c.source for c in read(lesson(19)).cells if "start" in c.metadata.get("tags", [])]
    (solution,) = solutions(lesson(19))
    names = {"torch": torch, "nn": nn, "fw": fw}
    exec(f"{start}\n{solution}", names)
    return names["Reader"], names["OrderedReader"], names["text"]


def probabilities(model, text):
    with torch.no_grad():
        return model.eval()(torch.stack([ids for ids, _ in text])).softmax(dim=-1)


def test_start_and_solution_differ_in_the_order_of_words():
    start, solution, text = reader_classes()
    assert [label for _, label in text] == [0, 1, 0, 1]
    for (first, _), (second, _) in (text[:2], text[2:]):
        assert first.sort().values.equal(second.sort().values)
        assert not first.equal(second)
    for seed in range(10):
        torch.manual_seed(seed)
        blind = probabilities(start(), text)
        torch.testing.assert_close(blind[0::2], blind[1::2])
        ordered = probabilities(solution(), text)
        assert (ordered[0::2] - ordered[1::2]).abs().min() > 1e-3


def test_the_solution_adds_a_row_for_each_position():
    _, solution, text = reader_classes()
    model, ids = solution().eval(), text[0][0].unsqueeze(0)
    words, places = model.embedding.weight[[1, 0, 2]], model.position.weight
    with torch.no_grad():
        expected = model.fc(model.encoder((words + places).unsqueeze(0)).mean(dim=1))
        torch.testing.assert_close(model(ids), expected)


def test_no_training_can_mend_the_start():
    start, solution, text = reader_classes()
    ids, labels = torch.stack([ids for ids, _ in text]), torch.tensor([n for _, n in text])
    losses = {}
    for make in (start, solution):
        torch.manual_seed(0)
        model = make()
        optimizer = torch.optim.Adam(model.parameters(), lr=0.02)
        for _ in range(120):
            loss = nn.functional.cross_entropy(model(ids), labels)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        right = probabilities(model, text).gather(1, labels.unsqueeze(1))
        losses[make.__name__] = -right.log().mean().item()
    # The same p for both of a pair costs -log(p) - log(1 - p), which is least at one half.
    assert losses["Reader"] > math.log(2) - 1e-5
    assert losses["OrderedReader"] < 0.1


def test_words_are_read_as_integers():
    start, _, text = reader_classes()
    torch.manual_seed(0)
    model = start().eval()
    widget = fw.ForwardPass(model, text, class_names=["dog", "man"], layer="embedding")
    answers = []
    for sample, (ids, label) in enumerate(text):
        widget.sample = sample
        step = next(step for step in widget.trace if step.name == "embedding")
        assert step.shape == (1, 3, 8)
        torch.testing.assert_close(step.value[0], model.embedding.weight[ids].detach())
        with torch.no_grad():
            expected = model(ids.unsqueeze(0)).softmax(dim=-1)[0].tolist()
        assert widget.probabilities == pytest.approx(expected, abs=1e-6)
        answers.append(widget.correct)
        assert widget.label == label
    assert answers.count(True) == 2  # "one of the two answers is wrong"


def test_the_steps_of_resnet_18():
    text = " ".join(prose(lesson(19)).split())
    torch.manual_seed(0)
    model = fw.datasets.import_torchvision().models.resnet18(num_classes=10)
    dataset = fw.datasets.digits()
    images = [(dataset[0][0].expand(3, -1, -1), dataset[0][1])]
    widget = fw.ForwardPass(model, images, class_names=dataset.classes)
    convolutions = [m for m in model.modules() if isinstance(m, nn.Conv2d)]
    linear = [m for m in model.modules() if isinstance(m, nn.Linear)]
    beside = [name for name in dict(model.named_modules()) if name.endswith("downsample.0")]
    blocks = [m for m in model.modules() if type(m).__name__ == "BasicBlock"]
    assert (len(convolutions), len(linear), len(beside), len(blocks)) == (20, 1, 3, 8)
    assert len(convolutions) - len(beside) + len(linear) == 18
    ops = [step.op for step in widget.trace]
    assert (len(ops), ops.count("conv2d"), ops.count("add")) == (69, 20, 8)
    assert "There are 69 steps, and 20 of them are called `conv2d`" in text
    assert "The other three have `downsample` in their names" in text
    assert "8 plus signs, one for each block" in text
    assert sum(p.numel() for p in model.parameters()) // 1_000_000 == 11
    assert "eleven million numbers" in text
    assert all(m.stride == (2, 2) for m in map(dict(model.named_modules()).get, beside))


@pytest.mark.filterwarnings("ignore:.*:DeprecationWarning", "ignore:.*:RuntimeWarning")
def test_lesson_19_your_own_model(environment, monkeypatch):
    printed, widgets = run(lesson(19), monkeypatch, **environment)
    assert len(widgets) == 4
    assert "Error" not in printed
    assert "Warning" not in printed
