"""The output widgets on a real page: a table to edit, a threshold, all of it by keyboard."""

from collections.abc import Callable
from pathlib import Path

import nbformat
import pytest
from playwright.sync_api import expect

from .conftest import Visits

CODE = """
import fwdwidgets as fw, torch
from torch import nn
torch.manual_seed(0)
model = nn.Sequential(nn.Linear(6, 4), nn.Linear(4, 1), nn.Sigmoid())
fw.BinaryOutput(model, fw.datasets.animals())
"""


@pytest.fixture(scope="module")
def address(voila: Callable[..., str], tmp_path_factory: pytest.TempPathFactory) -> str:
    folder: Path = tmp_path_factory.mktemp("outputs")
    book = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(CODE)])
    book.metadata["kernelspec"] = {"name": "python3", "display_name": "Python 3"}
    nbformat.write(book, folder / "binary.ipynb")
    return f"{voila(folder)}voila/render/binary.ipynb"


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
