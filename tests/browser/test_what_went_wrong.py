"""What went wrong, on a Voila page in Chromium, by hand and by keyboard."""

from collections.abc import Callable

import nbformat
import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import Visits

BOOKS = {
    "shapes": """
import torch, fwdwidgets as fw
from torch import nn
model = nn.Sequential(nn.Conv2d(1, 6, 5), nn.ReLU(), nn.Flatten(), nn.Linear(192, 10))
fw.WhatWentWrong(model, torch.rand(4, 1, 28, 28))
""",
    "two": """
import torch, fwdwidgets as fw
class Two(torch.nn.Module):
    def forward(self, x):
        return torch.cat([x.relu(), x], 1).sum()
fw.WhatWentWrong(Two(), torch.rand(4, 8))
""",
    "values": """
import torch, fwdwidgets as fw
class Log(torch.nn.Module):
    def forward(self, x):
        return (x * 1).log() * 2
fw.WhatWentWrong(Log(), torch.tensor([[1.0, 0.0, 4.0], [1.0, 2.0, 4.0]]))
""",
}


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory, voila: Callable[..., str]) -> str:
    folder = tmp_path_factory.mktemp("wrong")
    for name, code in BOOKS.items():
        book = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(code.strip())])
        nbformat.write(book, folder / f"{name}.ipynb")
    return f"{voila(folder)}voila/render/"


def ready(page: Page) -> Page:
    page.wait_for_selector(".fwd-figure .main-svg", timeout=60_000)
    page.wait_for_selector('.fwd-step [role="slider"][aria-label="Step"]')
    return page


def seen(page: Page, name: str) -> dict:
    """The trace of the page's own figure that has a name."""
    return page.evaluate(
        """(name) => {
          const plot = document.querySelector(".fwd-figure .js-plotly-plot");
          const trace = plot.data.find((t) => t.name === name);
          const list = (v) => Array.isArray(v) || ArrayBuffer.isView(v) ? Array.from(v, list) : v;
          return { visible: trace.visible, x: list(trace.x), text: list(trace.text) };
        }""",
        name,
    )


def until(page: Page, name: str, first: float) -> None:
    """Wait until the first bar of a trace has a length."""
    page.wait_for_function(
        """([name, first]) => document.querySelector(".fwd-figure .js-plotly-plot").data
          .find((t) => t.name === name).x?.[0] === first""",
        arg=[name, first],
    )


def test_shapes_and_bytes_by_keyboard(address: str, visits: Visits) -> None:
    page = ready(visits.open(f"{address}shapes.ipynb"))
    # 28 - 5 + 1 = 24; 6*24*24 = 3456
    assert "RuntimeError in 3" in page.locator(".fwd-badge").inner_text()
    said = page.locator(".fwd-message").inner_text()
    assert "6*24*24 = 3456" in said
    assert "in_features=3456 instead of 192 in 3" in said
    shapes = page.locator(".fwd-shapes")
    assert shapes.locator(".fwd-axis-bad").all_inner_texts() == [
        "3456\nfeatures",
        "192\nin_features",
    ]
    assert shapes.locator(".fwd-fits-not").inner_text() == "✗ does not fit"
    until(page, "bytes", 4 * 6 * 24 * 24 * 4)

    page.locator(".fwd-batch-size [role=slider]").focus()
    page.keyboard.press("ArrowRight")
    until(page, "bytes", 5 * 6 * 24 * 24 * 4)
    status = page.locator(".fwd-status")  # it follows the picture
    expect(status).to_contain_text("batch of 5 in 1,024 MB")
    page.locator(".fwd-memory [role=slider]").focus()
    page.keyboard.press("ArrowLeft")
    expect(status).to_contain_text("batch of 5 in 512 MB")

    page.locator(".fwd-step [role=slider]").focus()
    page.keyboard.press("Home")
    shapes.get_by_text("✓ fits").first.wait_for()
    assert shapes.locator(".fwd-axis-bad").count() == 0

    # a reload keeps it all
    page.reload(wait_until="commit")
    ready(page)
    until(page, "bytes", 5 * 6 * 24 * 24 * 4)
    page.wait_for_function(
        "() => document.querySelector('.fwd-status').innerText.includes('512 MB')"
    )
    shapes.get_by_text("✓ fits").first.wait_for()


def test_values_that_became_infinite(address: str, visits: Visits) -> None:
    page = ready(visits.open(f"{address}values.ipynb", width=360, scheme="dark"))
    assert "NaN or infinity first in log" in page.locator(".fwd-badge").inner_text()
    assert "at (0, 1): log(0) = -inf" in page.locator(".fwd-message").inner_text()
    assert seen(page, "result not finite")["text"] == ["-inf"]
    page.get_by_role("button", name="bytes", exact=True).press("Enter")
    until(page, "bytes", 2 * 3 * 4)
    assert not seen(page, "operand 1")["visible"]
    page.locator(".fwd-steps tbody tr").first.click()
    page.wait_for_function(
        "() => document.querySelector('.fwd-shapes').innerText.includes('x * 1')"
    )
    assert page.evaluate("document.documentElement.scrollWidth") <= 360


@pytest.mark.parametrize("width", [360, 1000])
@pytest.mark.parametrize(
    ("book", "steps"),
    [
        ("shapes", ("padding", "(4, 6, 24, 24) → (4, 6, 24, 24)", "4*3456", "192")),
        ("two", ("(4, 8) → (4, 8)", "all axes but axis 1", "(4, 16) → ()")),
    ],
)
def test_the_picture_keeps_its_place_from_step_to_step(
    address: str, visits: Visits, book: str, steps: tuple[str, ...], width: int
) -> None:
    page = ready(visits.open(f"{address}{book}.ipynb", width=width))
    page.locator(".fwd-step [role=slider]").focus()
    page.keyboard.press("Home")
    shapes = page.locator(".fwd-shapes")
    tops = set()
    for said in steps:
        shapes.get_by_text(said).first.wait_for()
        tops.add(page.locator(".fwd-figure").bounding_box()["y"])
        page.keyboard.press("ArrowRight")
    assert len(tops) == 1
