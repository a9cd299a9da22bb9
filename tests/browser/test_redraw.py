"""A move draws what a whole redraw draws: of every widget with a figure, by each of its sliders."""

from collections.abc import Callable
from pathlib import Path

import nbformat
import pytest
from playwright.sync_api import expect

from tests.browser.conftest import Visits

CODE = {
    "ForwardPass": "fw.ForwardPass(fw.models.Network, fw.datasets.digits())",
    "CompareSeeds": "fw.CompareSeeds(fw.models.Network, fw.datasets.digits(), seeds=(0, 1))",
    "BatchForward": "fw.BatchForward(fw.models.Network, fw.datasets.digits(), size=4)",
    "StepThrough": "fw.StepThrough(fw.models.Network, fw.datasets.digits())",
    "WhatWentWrong": "fw.WhatWentWrong(fw.models.Network, torch.rand(4, 1, 28, 28))",
    "BinaryOutput": "fw.BinaryOutput(nn.Linear(6, 1), fw.datasets.animals())",
    "MulticlassOutput": 'fw.MulticlassOutput(nn.Linear(6, 3), fw.datasets.animals("class"))',
    "RegressionOutput": 'fw.RegressionOutput(nn.Linear(6, 1), fw.datasets.animals("weight"))',
    "TrainingStep": "fw.TrainingStep(nn.Linear(3, 2), (torch.ones(4, 3), torch.ones(4, 2)))",
    "Modes": "fw.Modes(fw.models.ImageClassifier, fw.datasets.digits())",
}
# All that plotly has drawn, in no order: what comes and goes is put last.
DRAWN = """stage => {
  const marks = ".heatmaplayer image, .point path, path.point, .js-line, .heatmap-label, "
    + ".xtick text, .ytick text, .annotation-text, .bartext, .shapelayer path, .cbaxis text";
  const names = ["transform", "d", "style", "x", "y", "width", "height", "href"];
  const told = (mark) => names.map((name) => mark.getAttribute(name)).concat(mark.textContent);
  return [...stage.querySelectorAll(marks)].map((mark) => told(mark).join("|")).sort();
}"""
REDRAW = "async (stage) => void await (await globalThis.__fwdwidgets_plotly).redraw(stage)"
REVISION = "stage => Number(stage.dataset.revision)"


@pytest.fixture(scope="module")
def server(voila: Callable[..., str], tmp_path_factory: pytest.TempPathFactory) -> str:
    folder: Path = tmp_path_factory.mktemp("redraw")
    for name, code in CODE.items():
        source = f"import torch\nfrom torch import nn\nimport fwdwidgets as fw\n{code}"
        book = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(source)])
        book.metadata["kernelspec"] = {"name": "python3", "display_name": "Python 3"}
        nbformat.write(book, folder / f"{name}.ipynb")
    return f"{voila(folder)}voila/render"


@pytest.mark.parametrize("name", CODE)
def test_a_move_draws_what_a_whole_redraw_draws(name: str, server: str, visits: Visits) -> None:
    page = visits.open(f"{server}/{name}.ipynb")
    stage = page.locator(".fwd-figure [data-revision]")
    expect(stage.locator(".main-svg").first).to_be_visible()
    if name == "TrainingStep":  # the same line twice moves its points and nothing else
        for line in ("output = model", "loss = criterion", "loss = criterion"):
            page.get_by_role("button", name=line).click()
            page.wait_for_timeout(300)
    moved = 0
    for slider in page.locator(".fwd-widget [role=slider]:visible").all():
        before = stage.evaluate(REVISION)
        slider.focus()
        page.keyboard.press("ArrowRight")
        page.wait_for_timeout(600)
        drawn = stage.evaluate(DRAWN)
        moved += stage.evaluate(REVISION) > before
        stage.evaluate(REDRAW)
        assert drawn == stage.evaluate(DRAWN), slider.get_attribute("aria-label")
    assert moved
    assert visits.console_errors == []
