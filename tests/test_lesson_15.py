"""Lesson 15: an autoencoder."""

import re

import pytest
import torch
import torch.nn.functional as F

import fwdwidgets as fw
from lessons import lesson, prose, read, run, solutions


@pytest.mark.filterwarnings("ignore:.*:DeprecationWarning", "ignore:.*:RuntimeWarning")
def test_lesson_15_runs(environment, monkeypatch):
    printed, widgets = run(lesson(15), monkeypatch, **environment)
    text = prose(lesson(15))
    assert len(widgets) == 1
    assert "images.shape = (1000, 1, 28, 28)" in printed
    assert 28 * 28 == 784
    assert "784 numbers" in text
    before, after = map(
        float, re.search(r"error: ([\d.]+) before, ([\d.]+) after", printed).groups()
    )
    assert after < before / 2


def test_the_solution_solves_it_and_the_start_does_not(monkeypatch):
    monkeypatch.setattr(fw.datasets, "course", fw.datasets.digits)
    cells = [cell.source for cell in read(lesson(15)).cells if cell.cell_type == "code"]
    names = {}
    for source in (cells[0], solutions(lesson(15))[0], cells[2]):
        exec(source, names)
    images = names["images"]
    torch.manual_seed(0)
    start, solution = names["Autoencoder"](), names["Finished"]()
    assert (start(images[:2]) == 0).all()
    with torch.no_grad():
        x = images[:2]
        expected = solution.decoder(solution.encoder(x)).reshape(x.shape)
        assert torch.equal(solution(x), expected)
    names["fit"](solution)
    with torch.no_grad():
        error = F.mse_loss(solution(images), images).item()
        assert error < F.mse_loss(start(images), images).item() / 4
        # better than the best single picture: the mean of all
        assert error < F.mse_loss(images.mean(dim=0).expand_as(images), images).item() * 0.8
    assert solution.encoder(images[:1]).shape == (1, 8)
