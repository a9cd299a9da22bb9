"""The first lesson in JupyterLab, as a learner runs it, and the widget after a reload."""

from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from .conftest import Visits
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
    # The server remembers which notebooks were open; this one shall be alone.
    page = visits.open(jupyterlab("09_training_step.ipynb") + "&reset", height=1600)
    run_all(page)
    run = page.get_by_role("button", name="run n steps")
    expect(run).to_be_visible(timeout=60_000)
    run.click()
    expect(page.locator(".fwd-badge")).to_contain_text("20 steps: the loss went")
