"""A batch on a Voila page in Chromium: rows and pictures are chosen by mouse and by keyboard."""

from collections.abc import Callable

import nbformat
import numpy as np
import pytest
import torch
from playwright.sync_api import Page

import fwdwidgets as fw
from tests.browser.conftest import Visits

CODE = """
import traitlets, fwdwidgets as fw
from IPython.display import display
dataset = fw.datasets.digits()
batch = fw.BatchForward(fw.models.Network, dataset, size=6)
one = fw.ForwardPass(fw.models.Network, dataset)
link = traitlets.link((batch, "sample"), (one, "sample"))
display(batch, one)
"""
SHOWN = """() => Object.fromEntries(
  document.querySelector(".fwd-figure .js-plotly-plot").data.filter((t) => t.visible && t.name)
  .map((t) => [t.name, { z: t.z && Array.from(t.z, (row) => Array.from(row)),
    x: t.x && Array.from(t.x), y: t.y && Array.from(t.y), text: t.text }]))"""
CUT = """() => [...document.querySelectorAll(".fwd-figure:first-of-type text")]
  .map((text) => [text.textContent, text.getBoundingClientRect()])
  .filter(([, box]) => box.width && (box.left < 0 || box.right > innerWidth))
  .map(([text]) => text)"""


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory, voila: Callable[..., str]) -> str:
    folder = tmp_path_factory.mktemp("batch")
    book = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(CODE.strip())])
    nbformat.write(book, folder / "batch.ipynb")
    return f"{voila(folder)}voila/render/batch.ipynb"


def ready(page: Page) -> Page:
    page.wait_for_function(
        "() => document.querySelectorAll('.fwd-figure .heatmaplayer').length >= 2", timeout=60_000
    )
    page.wait_for_selector('.fwd-chosen-row [role="slider"][aria-label]')
    return page


def chosen(page: Page, row: int) -> None:
    """Wait until this row is framed, and the other widget shows its sample."""
    page.wait_for_function(
        """(row) => document.querySelector(".fwd-chosen-row .widget-readout").innerText == row
          && document.querySelector(".fwd-sample .widget-readout").innerText == row
          && document.querySelector(".fwd-figure .js-plotly-plot").data
            .find((t) => t.name === "chosen" && t.yaxis === "y3").y[0] === row - 0.5""",
        arg=row,
    )


def click_cell(page: Page, number: int, x: float, y: float) -> None:
    """Click inside a heatmap, at fractions of its width and height."""
    box = (
        page.locator(".fwd-figure").first.locator(".heatmaplayer image").nth(number).bounding_box()
    )
    assert box is not None
    page.mouse.move(box["x"] + box["width"] * x, box["y"] + box["height"] * y)
    page.wait_for_selector(".hoverlayer .hovertext")
    page.mouse.down()
    page.mouse.up()


def test_a_row_is_chosen_by_mouse_and_keyboard_and_is_the_sample_everywhere(
    address: str, visits: Visits
) -> None:
    page = ready(visits.open(address, height=1400))
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        model = fw.models.Network().eval()
    with torch.no_grad():
        logits = model(fw.datasets.digits().data[:6])
    shown = page.evaluate(SHOWN)
    # Another process: PyTorch may add in another order.
    np.testing.assert_allclose(shown["logits"]["z"], logits.numpy(), atol=1e-6)
    labels = fw.datasets.digits().targets[:6]
    signs = ["✓" if right else "✗" for right in logits.argmax(1) == labels]
    assert shown["signs"]["text"] == signs

    page.locator(".fwd-chosen-row [role=slider]").focus()
    page.keyboard.press("ArrowRight")
    chosen(page, 1)
    # pictures, confusion, logits, probabilities
    assert page.locator(".fwd-figure").first.locator(".heatmaplayer image").count() == 4
    click_cell(page, 2, 0.5, 3.5 / 6)
    chosen(page, 3)
    click_cell(page, 3, 0.2, 5.5 / 6)
    chosen(page, 5)
    click_cell(page, 0, 0.5, 0.1)
    chosen(page, 1)
    assert "Row 1 alone" in page.locator(".fwd-alone").inner_text()

    names = page.evaluate(
        """() => [...document.querySelector(".fwd-widget").querySelectorAll(
          ":is(button, input, [role=slider], [role=textbox], [tabindex])")]
          .filter((e) => e.offsetParent && e.tabIndex >= 0)
          .map((e) => e.getAttribute("aria-label") || e.labels?.[0]?.textContent.trim()
            || e.closest("label")?.textContent.trim() || e.textContent.trim())"""
    )
    assert all(names), names
    assert {"Start", "Size", "Row", "Seed", "batch ▸"} <= set(names)

    page.get_by_role("button", name="batch ▸").first.press("Enter")
    page.wait_for_function(
        "() => document.querySelector('.fwd-sample .widget-readout').innerText === '7'"
    )

    page.reload(wait_until="commit")  # a new kernel shows what the old one did
    ready(page)
    page.wait_for_function(
        """() => ["start", "chosen-row", "sample"].map((name) =>
          document.querySelector(`.fwd-${name} .widget-readout`).innerText).join() === "6,1,7" """
    )


@pytest.mark.parametrize(("width", "scheme"), [(1280, "dark"), (360, "light")])
def test_fits(address: str, visits: Visits, width: int, scheme: str) -> None:
    page = ready(visits.open(address, width=width, scheme=scheme))
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert page.evaluate(CUT) == []
