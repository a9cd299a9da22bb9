"""Networks side by side on a Voila page in Chromium: chosen by keyboard, readable everywhere."""

from collections.abc import Callable

import nbformat
import numpy as np
import pytest
import torch
from playwright.sync_api import Page

import fwdwidgets as fw
from tests.browser.conftest import Visits

SEEDS = """
import fwdwidgets as fw
fw.CompareSeeds(fw.models.Network, fw.datasets.digits(), seeds=(0, 5))
"""
EPOCHS = """
states = [fw.reseed(fw.models.Network, seed).state_dict() for seed in range(4)]
fw.CompareSeeds(fw.models.Network, fw.datasets.digits(), checkpoints=states, epochs=(0, 2))
"""
BARS = """(number) => document.querySelectorAll(".js-plotly-plot")[number].data
  .filter((t) => t.type === "bar" && t.visible && !t.yaxis.match(/[2-9]/))
  .map((t) => [t.name, Array.from(t.x)])"""
CUT = """() => [...document.querySelectorAll(".fwd-figure text")]
  .map((text) => [text.textContent, text.getBoundingClientRect()])
  .filter(([, box]) => box.width && (box.left < 0 || box.right > innerWidth))
  .map(([text]) => text)"""


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory, voila: Callable[..., str]) -> str:
    folder = tmp_path_factory.mktemp("compare")
    cells = [nbformat.v4.new_code_cell(code.strip()) for code in (SEEDS, EPOCHS)]
    book = nbformat.v4.new_notebook(cells=cells)
    nbformat.write(book, folder / "compare.ipynb")
    return f"{voila(folder)}voila/render/compare.ipynb"


def ready(page: Page) -> Page:
    for number in range(2):
        widget = page.locator(".fwd-widget").nth(number)
        widget.locator(".fwd-figure .barlayer .point").first.wait_for()
        widget.locator('.fwd-sample [role="slider"][aria-label]').wait_for()
    return page


def shows(page: Page, sample: int, *seeds: int, kind: str = "seed") -> None:
    """Wait until the bars are those of these seeds, and compare them with plain PyTorch."""
    number = ["seed", "epoch"].index(kind)
    page.wait_for_function(
        f"""([names, sample, number]) => ({BARS})(number).map(([name]) => name).join() === names
          && document.querySelectorAll(".fwd-figure [role=img]")[number].ariaLabel
            .startsWith(sample)""",
        arg=[",".join(f"{kind} {seed}" for seed in seeds), f"sample {sample},", number],
    )
    for seed, (_, values) in zip(seeds, page.evaluate(BARS, number), strict=True):
        with torch.random.fork_rng(devices=[]), torch.no_grad():
            torch.manual_seed(seed)
            model = fw.models.Network().eval()
            logits = model(fw.datasets.digits()[sample][0][None])[0]
        np.testing.assert_allclose(values, logits.numpy(), atol=1e-6)


def test_seeds_epochs_and_samples_are_chosen_by_keyboard(address: str, visits: Visits) -> None:
    page = ready(visits.open(address))
    by_seed, by_epoch = (page.locator(".fwd-widget").nth(number) for number in range(2))
    shows(page, 0, 0, 5)
    by_seed.locator(".fwd-sample [role=slider]").press("ArrowRight")
    shows(page, 1, 0, 5)
    box = page.get_by_label("Seeds")
    box.fill("3, 4, 42")
    box.press("Enter")
    shows(page, 1, 3, 4, 42)
    by_seed.get_by_role("button", name="fewer").press("Enter")
    shows(page, 1, 3, 4)
    assert by_seed.locator(".fwd-badges").inner_text().count("seed") == 2
    box.fill("many")
    box.press("Enter")
    page.wait_for_selector(".fwd-error")
    assert "seeds='many'" in by_seed.locator(".fwd-message").inner_text()

    shows(page, 0, 0, 2, kind="epoch")
    by_epoch.get_by_label("Beside").fill("0, 1")
    by_epoch.get_by_label("Beside").press("Enter")
    shows(page, 0, 0, 1, 2, kind="epoch")
    by_epoch.get_by_role("slider", name="Epoch").press("ArrowRight")
    shows(page, 0, 0, 1, 3, kind="epoch")
    assert "epoch 3" in by_epoch.locator(".fwd-badges").inner_text()

    page.reload(wait_until="commit")
    ready(page)
    shows(page, 1, 3, 4)
    shows(page, 0, 0, 1, 3, kind="epoch")


@pytest.mark.parametrize(("width", "scheme"), [(1280, "light"), (360, "dark")])
def test_fits(address: str, visits: Visits, width: int, scheme: str) -> None:
    page = ready(visits.open(address, width=width, scheme=scheme))
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert page.evaluate(CUT) == []
