"""Networks side by side on a Voila page in Chromium: chosen by keyboard, readable everywhere."""

from collections.abc import Callable

import nbformat
import numpy as np
import pytest
import torch
from playwright.sync_api import Page

import fwdwidgets as fw

from .conftest import Visits

CODE = """
import fwdwidgets as fw
fw.CompareSeeds(fw.models.Network, fw.datasets.digits(), seeds=(0, 5))
"""
BARS = """() => document.querySelector(".js-plotly-plot").data
  .filter((t) => t.type === "bar" && t.visible && !t.yaxis.match(/[2-9]/))
  .map((t) => [t.name, Array.from(t.x)])"""
CUT = """() => [...document.querySelectorAll(".fwd-figure text")]
  .map((text) => [text.textContent, text.getBoundingClientRect()])
  .filter(([, box]) => box.width && (box.left < 0 || box.right > innerWidth))
  .map(([text]) => text)"""


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory, voila: Callable[..., str]) -> str:
    folder = tmp_path_factory.mktemp("compare")
    book = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(CODE.strip())])
    nbformat.write(book, folder / "compare.ipynb")
    return f"{voila(folder)}voila/render/compare.ipynb"


def ready(page: Page) -> Page:
    page.wait_for_selector(".fwd-figure .barlayer .point", timeout=60_000)
    page.wait_for_selector('.fwd-sample [role="slider"][aria-label]')
    return page


def shows(page: Page, sample: int, *seeds: int) -> None:
    """Wait until the bars are those of these seeds, and compare them with plain PyTorch."""
    page.wait_for_function(
        f"""([names, sample]) => ({BARS})().map(([name]) => name).join() === names
          && document.querySelector(".fwd-figure [role=img]").ariaLabel.startsWith(sample)""",
        arg=[",".join(f"seed {seed}" for seed in seeds), f"sample {sample},"],
    )
    for seed, (_, values) in zip(seeds, page.evaluate(BARS), strict=True):
        with torch.random.fork_rng(devices=[]), torch.no_grad():
            torch.manual_seed(seed)
            model = fw.models.Network().eval()
            logits = model(fw.datasets.digits()[sample][0][None])[0]
        np.testing.assert_allclose(values, logits.numpy(), atol=1e-6)


def test_seeds_and_samples_are_chosen_by_keyboard(address: str, visits: Visits) -> None:
    page = ready(visits.open(address))
    shows(page, 0, 0, 5)
    page.locator(".fwd-sample [role=slider]").press("ArrowRight")
    shows(page, 1, 0, 5)
    box = page.get_by_label("Seeds")
    box.fill("3, 4, 42")
    box.press("Enter")
    shows(page, 1, 3, 4, 42)
    page.get_by_role("button", name="fewer").press("Enter")
    shows(page, 1, 3, 4)
    assert page.locator(".fwd-badges").inner_text().count("seed") == 2
    box.fill("many")
    box.press("Enter")
    page.wait_for_selector(".fwd-error")
    assert "seeds='many'" in page.locator(".fwd-message").inner_text()

    page.reload(wait_until="commit")
    ready(page)
    shows(page, 1, 3, 4)


@pytest.mark.parametrize(("width", "scheme"), [(1280, "light"), (360, "dark")])
def test_fits(address: str, visits: Visits, width: int, scheme: str) -> None:
    page = ready(visits.open(address, width=width, scheme=scheme))
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert page.evaluate(CUT) == []
