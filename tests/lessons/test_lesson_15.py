"""Lesson 15: an autoencoder."""

import re

import pytest
import torch
import torch.nn.functional as F

import fwdwidgets as fw
from tests.lessons.reading import execute, lesson, prose, read, run


@pytest.mark.filterwarnings("ignore:.*:DeprecationWarning", "ignore:.*:RuntimeWarning")
def test_lesson_15_runs(environment, monkeypatch):
    printed, widgets = run(lesson(15), monkeypatch, **environment)
    text = prose(lesson(15))
    assert len(widgets) == 2
    assert "images.shape = (1000, 1, 28, 28)" in printed
    assert 28 * 28 == 784
    assert "784 numbers" in text
    before, after = map(
        float, re.search(r"error: ([\d.]+) before, ([\d.]+) after", printed).groups()
    )
    assert after < before / 2
    assert float(re.search(r"two numbers: ([\d.]+)", printed)[1]) > after


@pytest.fixture(scope="module")
def names():
    """What all cells of the lesson make, on the digits, both networks trained."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(fw.datasets, "course", fw.datasets.digits)
        return execute(*(c.source for c in read(lesson(15)).cells if c.cell_type == "code"))


def test_the_solution_solves_it_and_the_start_does_not(names):
    images, start, solution = names["images"], names["Autoencoder"](), names["model"]
    with torch.no_grad():
        assert (start(images[:2]) == 0).all()
        x = images[:2]
        assert torch.equal(solution(x), solution.decoder(solution.encoder(x)).reshape(x.shape))
        error = F.mse_loss(solution(images), images).item()
        assert error < F.mse_loss(start(images), images).item() / 4
        # better than the best single picture: the mean of all
        assert error < F.mse_loss(images.mean(dim=0).expand_as(images), images).item() * 0.8
    assert solution.encoder(images[:1]).shape == (1, 8)


def test_the_codes_of_two_pictures_meet_halfway(names):
    images, model, between = names["images"], names["model"], names["between"]
    with torch.no_grad():
        first, second = model.encoder(images[:1]), model.encoder(images[1:2])
        expected = model.decoder((first + second) / 2).reshape(1, 28, 28)
    assert torch.allclose(between.reconstruction, expected, atol=1e-5)
    assert not between.encoded


def test_fewer_numbers_tell_less(names):
    images, narrow = names["images"], names["narrow"]
    assert narrow.encoder(images[:1]).shape == (1, 2)
    with torch.no_grad():
        eight, two = (F.mse_loss(model(images), images) for model in (names["model"], narrow))
    assert eight < two / 1.1
