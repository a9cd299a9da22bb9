"""Lesson 3: what it says of random weights is so."""

import math
import re

import pytest
import torch

import fwdwidgets as fw
from tests.lessons.reading import lesson, prose, read, run

pytestmark = pytest.mark.filterwarnings("ignore:.*:DeprecationWarning", "ignore:.*:RuntimeWarning")


@pytest.fixture(params=["digits", "fashion"])
def dataset(request, fashion_folder):
    if request.param == "digits":
        return fw.datasets.digits()
    return fw.datasets.fashion_mnist(root=fashion_folder, download=False)


def model_of(seed):
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return fw.models.Network().eval()


def printed_logits():
    """The logits that the lesson quotes, read from its source."""
    source = "\n".join(cell.source for cell in read(lesson(3)).cells)
    rows = [re.search(rf"{name} = \[(.*?)\]", source)[1] for name in ("net1", "net2")]
    return torch.tensor([[float(number) for number in row.split(",")] for row in rows])


def test_lesson_3_runs_and_says_what_follows_from_the_printed_logits(environment, monkeypatch):
    printed, widgets = run(lesson(3), monkeypatch, **environment)
    text = prose(lesson(3))
    assert len(widgets) == 1
    logits = printed_logits()
    assert logits.shape == (2, 10)
    assert logits.argmax(1).tolist() == [7, 6]
    assert "says 7, a sneaker; the second says 6, a shirt" in text
    assert "ankle\nboot (class 9)" in text
    assert "answers:       tensor([7, 6])" in printed
    winners = logits.softmax(1).max(1).values
    assert "no more than 12 percent" in text
    assert (winners <= 0.12).all()
    shown = re.search(r"probabilities: tensor\(\[(.*?), (.*?)\]\)", printed)
    assert [float(n) for n in shown.groups()] == pytest.approx(winners.tolist(), abs=1e-4)
    assert "the same weights: True" in printed


def test_the_quoted_classes_are_those_of_fashion_mnist(fashion_folder):
    names = fw.datasets.fashion_mnist(root=fashion_folder, download=False).classes
    assert (names[6], names[7], names[9]) == ("Shirt", "Sneaker", "Ankle boot")


def test_four_networks_give_four_answers_and_hardly_change_them(dataset):
    inputs = torch.stack([dataset[index][0] for index in range(100)])
    with torch.no_grad():
        logits = torch.stack([model_of(seed)(inputs) for seed in range(4)])  # (4, 100, 10)
    answers = logits.argmax(2)
    assert len(set(answers[:, 0].tolist())) == 4
    chances = logits.softmax(2)
    assert (chances > 0.06).all()  # "every class gets about ten percent"
    assert (chances < 0.15).all()
    favourite = [row.bincount().max().item() for row in answers]
    assert sum(favourite) / 400 > 0.75  # "another picture hardly changes an answer"


def test_distances_are_as_the_lesson_tells(dataset):
    image = dataset[0][0][None]
    steps = []
    for seed in range(0, 40):
        trace = fw.trace_forward(model_of(seed), image)
        steps.append({step.name: step.value.flatten().double() for step in trace})

    def distance(a, b):
        return float(2 * (a - b).norm() / (a.norm() + b.norm()))

    pairs = [(steps[0], other) for other in steps[1:]]
    pairs += [(steps[1], other) for other in steps[2:]]
    out = [distance(a["out"], b["out"]) for a, b in pairs]
    assert sum(out) / len(out) == pytest.approx(math.sqrt(2), abs=0.1)
    assert "around 1.41" in prose(lesson(3))
    shrinks = [
        distance(a[relu], b[relu]) < distance(a[before], b[before])
        for a, b in pairs
        for before, relu in [("conv1", "relu"), ("conv2", "relu_2"), ("fc1", "relu_3")]
    ]
    assert sum(shrinks) / len(shrinks) > 0.8  # "mostly shrinks"
    widget = fw.CompareSeeds(fw.models.Network, dataset, seeds=(0, 1))
    assert widget.distances["out"][1] == pytest.approx(out[0], abs=1e-5)
    assert widget.distances["input"] == (0, 0)


def test_the_exercise_of_lesson_3(environment, monkeypatch):
    widget = fw.CompareSeeds(fw.models.Network, fw.datasets.digits(), seeds=(0, 0))
    assert {value for values in widget.distances.values() for value in values} == {0}
    printed, _ = run(lesson(3), monkeypatch, **environment)
    seeds = [int(n) for n in re.search(r"right about sample 0: \[(.*?)\]", printed)[1].split(",")]
    dataset = fw.datasets.course()
    image, label = dataset[0]
    with torch.no_grad():
        right = [s for s in range(100) if int(model_of(s)(image[None]).argmax()) == label]
        inputs = torch.stack([dataset[index][0] for index in range(100)])
        answers = model_of(seeds[0])(inputs).argmax(1).tolist()
    assert seeds == right
    count = sum(a == dataset[index][1] for index, a in enumerate(answers))
    assert f"seed {seeds[0]} is right about {count} of 100 samples" in printed
    assert count < 30  # "a lucky guess"
