"""The output widgets on a real page: a table to edit, a threshold, all of it by keyboard."""

from collections.abc import Callable
from pathlib import Path

import nbformat
import pytest
import torch
from playwright.sync_api import expect

from tests.browser.conftest import Visits

CODE = """
import fwdwidgets as fw, torch
from torch import nn
torch.manual_seed(0)
model = nn.Sequential(nn.Linear(6, 4), nn.Linear(4, 1), nn.Sigmoid())
fw.BinaryOutput(model, fw.datasets.animals())
"""


REGRESSION = """
import fwdwidgets as fw
from torch import nn
model = nn.Sequential(nn.Linear(6, 4), nn.Linear(4, 1))
fw.RegressionOutput(model, fw.datasets.animals("weight"), seed=6)
"""
# Of each point its place, shape and colours; the ends of the axis, and what stands at it.
DRAWN = """stage => [
  [...stage.querySelectorAll(".point")].map((point) =>
    ["transform", "d", "style"].map((name) => point.getAttribute(name))),
  stage._fullLayout.xaxis.range.map(Number),
  [...stage.querySelectorAll(".xtick text")].map((text) => text.textContent).sort()]"""
HOVERED = """stage => [0, 1].map((trace) => stage.calcdata[trace].map(({ x }) => Math.fround(x)))"""
REDRAW = "async (stage) => void await (await globalThis.__fwdwidgets_plotly).redraw(stage)"
COUNT = """async () => {
  const plotly = await globalThis.__fwdwidgets_plotly, { animate } = plotly;
  globalThis.__animated = 0;
  plotly.animate = (...all) => { globalThis.__animated += 1; return animate(...all); };
}"""


@pytest.fixture(scope="module")
def server(voila: Callable[..., str], tmp_path_factory: pytest.TempPathFactory) -> str:
    folder: Path = tmp_path_factory.mktemp("outputs")
    for name, code in {"binary": CODE, "regression": REGRESSION}.items():
        book = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(code)])
        book.metadata["kernelspec"] = {"name": "python3", "display_name": "Python 3"}
        nbformat.write(book, folder / f"{name}.ipynb")
    return f"{voila(folder)}voila/render"


@pytest.fixture(scope="module")
def address(server: str) -> str:
    return f"{server}/binary.ipynb"


def test_a_number_is_edited_and_decided_by_keyboard(address: str, visits: Visits) -> None:
    page = visits.open(address)
    legs = page.get_by_label("bat, legs", exact=True)
    expect(legs).to_have_value("2")
    output = page.locator(".fwd-table tbody tr").nth(2).locator("td").nth(7)
    before = output.text_content()
    legs.focus()
    expect(page.locator('.fwd-table tr[aria-current="true"] th')).to_have_text("▸ bat")
    page.keyboard.press("Control+a")
    page.keyboard.type("40")
    page.keyboard.press("Enter")
    expect(output).not_to_have_text(before or "")
    page.keyboard.press("Control+a")
    page.keyboard.type("many")
    page.keyboard.press("Tab")
    expect(page.locator(".fwd-message")).to_contain_text("'many' for bat, legs is no number")
    expect(legs).to_have_value("40")
    threshold = page.get_by_role("slider", name="Threshold")
    threshold.focus()
    page.keyboard.press("Home")
    expect(page.locator(".fwd-table tbody tr td:last-child")).to_have_text(["▸ mammal"] * 5)
    expect(page.locator(".fwd-badge")).to_contain_text("≥ 0")
    assert visits.console_errors == []


def test_it_fits_a_telephone(address: str, visits: Visits) -> None:
    page = visits.open(address, width=360, scheme="dark")
    expect(page.locator(".fwd-figure .main-svg").first).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth") <= 360


def expected_values(seed: int, table: torch.Tensor) -> list[float]:
    torch.manual_seed(seed)
    model = torch.nn.Sequential(torch.nn.Linear(6, 4), torch.nn.Linear(4, 1))
    with torch.no_grad():
        return model(table)[:, 0].tolist()


def test_points_that_move_are_drawn_as_if_all_were_drawn(server: str, visits: Visits) -> None:
    """By seeds of which two need a longer line, one after another and as fast as keys go."""
    page = visits.open(f"{server}/regression.ipynb")
    stage = page.locator(".fwd-figure [data-revision]")
    cells = page.locator(".fwd-table input")
    expect(stage.locator(".point")).to_have_count(10)
    expect(cells).to_have_count(30)
    table = torch.tensor([float(cells.nth(index).input_value()) for index in range(30)]).view(5, 6)
    page.evaluate(COUNT)

    def check(seed: int) -> None:
        values = expected_values(seed, table)
        shown = page.locator(".fwd-table tbody tr td:nth-last-child(3)")
        expect(shown).to_have_text([f"{value:.4f}" for value in values])
        page.wait_for_timeout(300)
        assert stage.evaluate(HOVERED)[0] == pytest.approx(values, abs=1e-6)
        points, ends, ticks = stage.evaluate(DRAWN)
        assert ends == ([-2, 2] if seed in (9, 16, 18) else [-1, 1])
        stage.evaluate(REDRAW)
        assert stage.evaluate(DRAWN) == [points, ends, ticks]

    seeds = page.get_by_role("slider", name="Seed")
    seeds.focus()
    for seed in range(7, 12):
        page.keyboard.press("ArrowRight")
        check(seed)
    assert page.evaluate("__animated") == 5
    for fast in (19, 15):
        for _ in range(abs(fast - seed)):
            page.keyboard.press("ArrowRight" if fast > seed else "ArrowLeft")
        check(seed := fast)
    page.get_by_role("slider", name="Row").focus()
    page.keyboard.press("End")
    expect(page.locator(".fwd-badge")).to_contain_text("python")
    check(seed)
    assert visits.console_errors == []
