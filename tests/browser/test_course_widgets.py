"""The widgets of the course on real pages: by keyboard, on a telephone, in the dark."""

import re
from collections.abc import Callable
from pathlib import Path

import nbformat
import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import Visits

WIDGETS = {
    "graph": """
import fwdwidgets as fw
def g(a, b, c, d):
    e = a + b
    f = c * d
    return e * f
fw.ComputationGraph(g, a=2, b=-4, c=-2, d=2)
""",
    "training": """
import fwdwidgets as fw, torch
torch.manual_seed(0)
fw.TrainingStep(fw.models.Net(), (torch.randn(8, 10), torch.randn(8, 1)))
""",
    "modes": """
import fwdwidgets as fw
fw.Modes(fw.models.ImageClassifier, fw.datasets.digits())
""",
    "autoencoder": """
import fwdwidgets as fw
from torch import nn
class Model(nn.Module):
    def __init__(self):
        super().__init__()
        self.encoder = nn.Sequential(nn.Flatten(), nn.Linear(784, 3))
        self.decoder = nn.Sequential(nn.Linear(3, 784), nn.Sigmoid())
fw.Autoencoder(Model, fw.datasets.digits())
""",
}


@pytest.fixture(scope="module")
def open_widget(
    voila: Callable[..., str], tmp_path_factory: pytest.TempPathFactory
) -> Callable[..., Page]:
    folder: Path = tmp_path_factory.mktemp("course")
    for name, code in WIDGETS.items():
        book = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(code.strip())])
        book.metadata["kernelspec"] = {"name": "python3", "display_name": "Python 3"}
        nbformat.write(book, folder / f"{name}.ipynb")

    def opened(visits: Visits, name: str, **options: object) -> Page:
        page = visits.open(f"{voila(folder)}voila/render/{name}.ipynb", **options)  # type: ignore[arg-type]
        expect(page.locator(".fwd-widget svg").first).to_be_visible(timeout=60_000)
        return page

    return opened


def press(page: Page, slider: str, key: str) -> None:
    page.get_by_role("slider", name=slider, exact=True).focus()
    page.keyboard.press(key)


def test_the_graph_by_keyboard(open_widget: Callable[..., Page], visits: Visits) -> None:
    page = open_widget(visits, "graph")
    said = page.locator(".fwd-badge")
    page.get_by_role("button", name="next ▸").focus()
    page.keyboard.press("Enter")
    expect(said).to_contain_text("e = a + b = 2 + (-4) = -2")
    press(page, "Step", "End")
    expect(page.locator(".fwd-graph-below")).to_have_count(7)
    expect(page.locator(".fwd-code")).to_contain_text("a.grad  # -4")
    press(page, "a", "ArrowRight")  # 2 to 2.1: e = -1.9, g = 7.6
    expect(page.locator(".fwd-graph")).to_contain_text("7.6")
    assert visits.console_errors == []


def test_a_training_step_by_keyboard(open_widget: Callable[..., Page], visits: Visits) -> None:
    page = open_widget(visits, "training")
    for line in ("output =", "loss =", "optimizer.zero_grad", "loss.backward", "optimizer.step"):
        button = page.get_by_role("button", name=re.compile(rf"^▸ {re.escape(line)}"))
        button.focus()
        page.keyboard.press("Space")
    expect(page.locator(".fwd-badge")).to_contain_text("The weights moved")
    page.get_by_role("button", name="run n steps").focus()
    page.keyboard.press("Enter")
    expect(page.locator(".fwd-badge")).to_contain_text("21 steps: the loss went from")
    press(page, "Weights", "ArrowRight")
    expect(page.locator(".fwd-figure")).to_contain_text("fc1.bias now")


def test_modes_by_keyboard(open_widget: Callable[..., Page], visits: Visits) -> None:
    page = open_widget(visits, "modes")
    said = page.locator(".fwd-badge")
    expect(said).to_contain_text("Train mode, draw 0: dropout dropped")
    page.get_by_role("button", name="run again").focus()
    page.keyboard.press("Enter")
    expect(said).to_contain_text("draw 1: dropout dropped")
    press(page, "Mates", "ArrowRight")
    expect(page.get_by_role("row", name=re.compile(r"with gradients"))).to_be_visible()
    expect(
        page.get_by_role("row", name=re.compile(r"no_grad.* 0 bytes None False"))
    ).to_be_visible()


def test_a_code_by_keyboard_and_back(open_widget: Callable[..., Page], visits: Visits) -> None:
    page = open_widget(visits, "autoencoder")
    said = page.locator(".fwd-badge")
    expect(said).to_contain_text("784 numbers → 3 → 784; from the encoder's own code")
    press(page, "code 1", "End")
    expect(said).to_contain_text("a code set by hand")
    page.get_by_role("button", name="encode").focus()
    page.keyboard.press("Enter")
    expect(said).to_contain_text("the encoder's own code")


def test_a_reload_keeps_the_state(open_widget: Callable[..., Page], visits: Visits) -> None:
    page = open_widget(visits, "modes")
    press(page, "Draw", "ArrowRight")
    expect(page.locator(".fwd-badge")).to_contain_text("draw 1:")
    page.reload()
    expect(page.locator(".fwd-badge")).to_contain_text("draw 1:", timeout=60_000)


@pytest.mark.parametrize("name", WIDGETS)
def test_a_telephone_in_the_dark(
    open_widget: Callable[..., Page], visits: Visits, name: str
) -> None:
    page = open_widget(visits, name, width=360, scheme="dark")
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
    controls = page.locator(".fwd-widget :is(button, input, select, [role=slider])")
    names = controls.evaluate_all(
        "all => all.map(e => e.textContent.trim() || e.ariaLabel || e.labels?.length || e.title)"
    )
    assert all(names)
    assert visits.console_errors == []
