"""StepThrough as a learner has it: on a Voila page in Chromium, by hand and by keyboard."""

from collections.abc import Callable

import nbformat
import numpy as np
import pytest
import torch
from playwright.sync_api import Page

from tests.browser.conftest import Visits

BEFORE_BARS, AFTER_BARS, CHANGE_BARS = 1, 4, 7  # the traces of the figure
CODE = """
import torch, fwdwidgets as fw
from torch import nn
class Cell(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc = nn.Linear(3, 3)
    def forward(self, x):
        if x.sum() > 0:
            x = torch.relu(x)
        else:
            x = torch.tanh(x)
        for _ in range(40):
            x = x + 1
            x = x * 0.5
        text = "<img src=x onerror=document.title='hacked'>"
        a = 1
        b = 2
        c = 3
        d = 4
        e = 5
        f = 6
        return self.fc(x)
torch.manual_seed(0)
fw.StepThrough(Cell(), [(torch.tensor([1.0, -2.0, 3.0]), None), (-torch.ones(3), None)], step=2)
"""


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory, voila: Callable[..., str]) -> str:
    folder = tmp_path_factory.mktemp("steps")
    book = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(CODE.strip())])
    nbformat.write(book, folder / "cell.ipynb")
    return f"{voila(folder)}voila/render/cell.ipynb"


def ready(page: Page) -> Page:
    page.wait_for_selector(".fwd-figure .main-svg", timeout=60_000)
    page.wait_for_selector('.fwd-step [role="slider"][aria-label="Step"]')
    page.wait_for_selector(".fwd-source[role=region]")
    return page


def bars(page: Page, trace: int) -> list[float]:
    script = "(n) => Array.from(document.querySelector('.fwd-figure .js-plotly-plot').data[n].y)"
    return page.evaluate(script, trace)


def step_to(page: Page, step: int) -> None:
    page.wait_for_function(
        "(text) => document.querySelector('.fwd-happened').innerText.startsWith(text)",
        arg=f"Step {step} of ",
    )


def test_hands_on_by_mouse_and_keyboard(address: str, visits: Visits) -> None:
    page = ready(visits.open(address))
    x = torch.tensor([1.0, -2.0, 3.0])
    assert page.locator(".fwd-source mark").inner_text() == "torch.relu(x)"
    current = page.locator(".fwd-source [aria-current=step]")
    assert current.count() == 1
    assert "▸" in current.inner_text()
    page.wait_for_selector(".fwd-figure .barlayer .point")
    assert np.array_equal(bars(page, BEFORE_BARS), x.numpy())
    assert np.array_equal(bars(page, AFTER_BARS), x.relu().numpy())
    assert np.array_equal(bars(page, CHANGE_BARS), (x.relu() - x).numpy())
    assert "relu set 1 of 3 values to zero" in page.locator(".fwd-happened").inner_text()
    skipped = page.locator(".fwd-source .fwd-skipped")
    assert [line.split()[0] for line in skipped.all_inner_texts()] == ["✗", "✗"]
    assert "not run" in skipped.last.inner_text()
    assert page.title() != "hacked"

    page.locator(".fwd-next-step").focus()
    page.keyboard.press("Enter")
    step_to(page, 4)
    assert page.locator(".fwd-source mark").inner_text() == "x + 1"
    assert "40 times" in page.locator(".fwd-source [aria-current]").inner_text()
    assert "run 1 of 40" in page.locator(".fwd-happened").inner_text()

    page.locator(".fwd-step [role=slider]").focus()
    page.keyboard.press("End")
    step_to(page, 84)
    page.wait_for_function(  # a line further down has come into view
        """() => {
          const box = document.querySelector(".fwd-source").getBoundingClientRect();
          const line = document.querySelector(".fwd-source [aria-current]").getBoundingClientRect();
          return line.top >= box.top && line.bottom <= box.bottom;
        }"""
    )
    assert page.locator(".fwd-next-step").is_disabled()

    page.locator(".fwd-sample [role=slider]").focus()
    page.keyboard.press("ArrowRight")
    page.wait_for_function(
        "() => document.querySelector('.fwd-source .fwd-skipped').innerText.includes('torch.relu')"
    )


def test_play_goes_on_by_itself(address: str, visits: Visits) -> None:
    page = ready(visits.open(address))
    names = page.evaluate(
        """() => [...document.querySelectorAll(
          ".fwd-widget :is(button, input, select, [role=slider], [role=textbox], [tabindex])")]
          .filter((e) => e.offsetParent && e.tabIndex >= 0)
          .map((e) => e.getAttribute("aria-label") || e.labels?.[0]?.textContent.trim()
            || e.textContent.trim())"""
    )
    assert all(names), names
    assert {"Step", "play or pause", "next ▸", "◂ previous", "source: Cell.forward"} <= set(names)
    page.get_by_role("button", name="play or pause").click()
    step_to(page, 4)
    step_to(page, 5)
    page.get_by_role("button", name="stop, back to the first step").click()
    step_to(page, 1)


def test_a_reload_keeps_the_step(address: str, visits: Visits) -> None:
    page = ready(visits.open(address))
    page.locator(".fwd-next-step").click()
    step_to(page, 4)
    page.wait_for_function(  # what is kept is the slider's value
        "() => document.querySelector('.fwd-steps [aria-current=true] th').innerText"
        " === document.querySelector('.fwd-step .widget-readout').innerText"
    )
    page.reload()
    ready(page)
    step_to(page, 4)


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 360])
def test_fits_and_can_be_read(address: str, visits: Visits, width: int, scheme: str) -> None:
    page = ready(visits.open(address, width=width, scheme=scheme))
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    tones = page.evaluate(
        """() => {
          const parse = (c) => c.match(/[\\d.]+/g).slice(0, 3).map(Number);
          const tone = ([r, g, b]) => (0.2126 * r + 0.7152 * g + 0.0722 * b) / 255;
          const style = (s) => getComputedStyle(document.querySelector(s));
          return { mark: tone(parse(style(".fwd-source mark").backgroundColor)),
                   ink: tone(parse(style(".fwd-source mark").color)),
                   code: tone(parse(style(".fwd-source code").color)),
                   page: tone(parse(style(".fwd-source").backgroundColor)) };
        }"""
    )
    assert abs(tones["mark"] - tones["ink"]) > 0.5
    assert abs(tones["page"] - tones["code"]) > 0.6
    assert (tones["page"] < 0.3) is (scheme == "dark")
