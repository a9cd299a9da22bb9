"""The first lesson in JupyterLab, as a learner runs it, and the widget after a reload."""

import re
from collections.abc import Callable
from urllib.parse import urlsplit

import nbformat.v4
import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import Visits

from .test_forward_pass import drawn, press


def run_all(page: Page) -> None:
    """Run the notebook, as soon as it is there and its kernel too: before, nothing would run."""
    expect(page.locator(".jp-Notebook h1").first).to_be_visible()
    expect(page.get_by_text("Python 3 (ipykernel) | Idle")).to_be_visible()
    page.get_by_role("menuitem", name="Run", exact=True).click()
    page.get_by_text("Run All Cells", exact=True).click()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_lesson_runs_and_keeps_its_picture(
    jupyterlab: Callable[[str], str], visits: Visits, scheme: str
) -> None:
    page = visits.open(jupyterlab("01_forward_pass.ipynb"), scheme=scheme, height=1600)
    run_all(page)
    handle = page.locator(".fwd-sample [role=slider]")
    expect(handle).to_have_attribute("aria-label", "Sample", timeout=60_000)
    expect(page.locator(".fwd-figure .heatmaplayer image").first).to_be_attached(timeout=60_000)
    handle.scroll_into_view_if_needed()
    for _ in range(3):
        press(page, ".fwd-sample", "ArrowRight")
    press(page, ".fwd-layer", "ArrowRight")
    expect(page.locator(".fwd-badge")).to_contain_text("correct")
    expect(page.locator("body")).to_have_attribute(
        "data-jp-theme-light", "true" if scheme == "light" else "false"
    )
    colors = page.evaluate(
        """() => ["body", ".fwd-figure .y4tick text"].map((name) =>
          getComputedStyle(document.querySelector(name)))
          .map((style, text) => text ? style.fill : style.backgroundColor)"""
    )
    dark_ink = sum(int(part) for part in colors[1].strip("rgb()").split(",")) < 300
    assert dark_ink is (scheme == "light")

    before = drawn(page)
    page.keyboard.press("Control+s")
    page.wait_for_timeout(1500)
    page.reload()
    expect(page.locator(".fwd-figure .heatmaplayer image").first).to_be_attached(timeout=60_000)
    expect(page.locator(".fwd-layer .widget-readout")).to_have_text("relu")
    page.wait_for_timeout(1000)
    assert drawn(page) == before


def test_a_lesson_with_buttons(jupyterlab: Callable[[str], str], visits: Visits) -> None:
    # The server remembers which notebooks were open; this one is to be alone.
    page = visits.open(jupyterlab("09_training_step.ipynb") + "&reset", height=1600)
    run_all(page)
    run = page.get_by_role("button", name="run n steps")
    expect(run).to_be_visible(timeout=60_000)
    run.click()
    expect(page.locator(".fwd-badge")).to_contain_text("20 steps: the loss went")


BUSY = """
import time
import fwdwidgets as fw
widget = fw.ForwardPass(fw.models.Network, fw.datasets.digits())
display(widget)
widget.sample = 3
while True:
    time.sleep(1)
"""


def test_a_busy_kernel_keeps_no_picture_back(
    jupyterlab: Callable[[str], str], visits: Visits
) -> None:
    address = jupyterlab("busy.ipynb") + "&reset"
    cells = [nbformat.v4.new_markdown_cell("# Busy"), nbformat.v4.new_code_cell(BUSY)]
    kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
    notebook = nbformat.v4.new_notebook(cells=cells, metadata={"kernelspec": kernel})
    where = urlsplit(address)
    page = visits.open(f"{where.scheme}://{where.netloc}/api")
    answer = page.request.put(
        f"{where.scheme}://{where.netloc}/api/contents/busy.ipynb",
        headers={"Authorization": f"token {where.query.split('token=')[1].split('&')[0]}"},
        data={"type": "notebook", "content": notebook},
    )
    assert answer.ok, answer.text()
    page.goto(address)
    run_all(page)
    figure = page.locator(".fwd-figure [role=img]")
    expect(figure.locator(".heatmaplayer image").first).to_be_attached()
    expect(figure).to_have_attribute("aria-label", re.compile("sample 3"))
    expect(page.locator(".jp-CodeCell .jp-InputPrompt").last).to_have_text("[*]:")
