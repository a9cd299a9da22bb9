"""The widget as a learner has it: on a Voila page in Chromium, by hand and by keyboard."""

import json
import re
from collections.abc import Callable
from pathlib import Path

import nbformat
import numpy as np
import pytest
import torch
from playwright.sync_api import Page

import fwdwidgets as fw
from fwdwidgets import figures
from tests.browser.conftest import Visits

INPUT, LAYER, BARS, MARKS, LOGITS, _, PROBABILITIES = range(7)  # the traces of the figure

BOOKS = {
    "explore": """
import fwdwidgets as fw
fw.ForwardPass(fw.models.Network, fw.datasets.digits())
""",
    "trouble": """
import torch, fwdwidgets as fw
class Names(list):
    classes = ["<img src=x onerror=document.title='hacked'>", "<b>bold</b>", "plain & simple"]
class Model(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = torch.nn.Conv2d(1, 2, 3)
    def forward(self, x):
        t = self.conv(x)
        t = t.log() if x.mean() < 0 else t
        return t.reshape(1, 2 * 4 * 4)[:, :3]
torch.manual_seed(0)
good, bad = torch.ones(1, 6, 6), torch.ones(1, 7, 7)
fw.ForwardPass(Model(), Names([(good, 0), (good / 2, 1), (bad, 2), (-good, 0)]))
""",
    "four": """
import fwdwidgets as fw
from IPython.display import display
for seed in range(4):
    display(fw.ForwardPass(fw.models.Network, fw.datasets.digits(), seed=seed))
""",
}

FIGURE = """() => {
  const plot = document.querySelector(".fwd-figure .js-plotly-plot");
  const list = (value) => Array.isArray(value) || ArrayBuffer.isView(value)
    ? Array.from(value, list) : Number.isNaN(value) ? null : value;
  return plot.data.map((t) => ({ visible: t.visible, z: list(t.z), x: list(t.x), text: list(t.text),
    cells: t.customdata }));
}"""


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory, voila: Callable[..., str]) -> str:
    folder = tmp_path_factory.mktemp("widgets")
    for name, code in BOOKS.items():
        book = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(code.strip())])
        nbformat.write(book, folder / f"{name}.ipynb")
    return f"{voila(folder)}voila/render/"


def ready(page: Page) -> Page:
    page.wait_for_selector(".fwd-figure .heatmaplayer image", timeout=60_000)
    page.wait_for_selector('.fwd-layer [role="slider"][aria-label]')
    page.wait_for_timeout(300)
    return page


def drawn(page: Page) -> list[dict]:
    return page.evaluate(FIGURE)


def revision(page: Page) -> int:
    return int(page.locator(".fwd-figure [data-revision]").get_attribute("data-revision") or 0)


def press(page: Page, control: str, key: str, times: int = 1) -> None:
    """Press a key on a slider, and wait until the picture has changed for it and rests."""
    before = revision(page)
    page.locator(f"{control} [role=slider]").focus()
    for _ in range(times):
        page.keyboard.press(key)
    page.wait_for_function(
        "(before) => +document.querySelector('.fwd-figure [data-revision]').dataset.revision"
        " > before",
        arg=before,
    )
    page.wait_for_timeout(400)


def model_of(seed: int) -> torch.nn.Module:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return fw.models.Network().eval()


def assert_shows(page: Page, sample: int, seed: int) -> None:
    """The numbers in the page's own figure are those of plain PyTorch."""
    model, (image, label) = model_of(seed), fw.datasets.digits()[sample]
    with torch.no_grad():
        layer, logits = model.conv1(image[None])[0], model(image[None])[0]
    traces = drawn(page)
    assert np.array_equal(traces[INPUT]["z"], image[0].numpy())
    z = np.array(traces[LAYER]["z"], dtype=float)
    for channel in range(6):
        y, x = 25 * (channel // 3), 25 * (channel % 3)
        assert np.array_equal(z[y : y + 24, x : x + 24], layer[channel].numpy())
    assert np.array_equal(traces[LOGITS]["x"], logits.numpy())
    assert np.array_equal(traces[PROBABILITIES]["x"], logits.softmax(0).numpy())
    badge = page.locator(".fwd-badge").inner_text()
    prediction = logits.argmax().item()
    if prediction == label:
        assert f"✓ correct: {label}" in badge
    else:
        assert f"✗ incorrect: {prediction}, really {label}" in badge
    assert f"{logits.softmax(0).max():.1%}" in badge


def test_hands_on(address: str, visits: Visits) -> None:
    page = ready(visits.open(f"{address}explore.ipynb"))
    assert_shows(page, 0, 0)
    press(page, ".fwd-sample", "ArrowRight")
    assert_shows(page, 1, 0)
    press(page, ".fwd-sample", "ArrowRight", times=12)  # faster than they are drawn
    page.wait_for_timeout(800)
    assert_shows(page, 13, 0)
    press(page, ".fwd-seed", "ArrowRight", times=2)
    assert_shows(page, 13, 2)

    # hover tells channel, row, column and the tensor's own value
    value = model_of(2).conv1(fw.datasets.digits()[13][0][None])[0].detach()
    box = page.locator(".fwd-figure .heatmaplayer").last.locator("image").bounding_box()
    page.mouse.move(box["x"] + box["width"] * 30.5 / 74, box["y"] + box["height"] * 27.5 / 49)
    page.wait_for_selector(".hoverlayer .hovertext")
    where, shown = page.locator(".hoverlayer .hovertext tspan.line").all_text_contents()
    assert where == "channel 4, row 2, column 5"
    assert np.float32(shown.replace("\u2212", "-")) == value[4, 2, 5].numpy()
    cells = np.array(drawn(page)[LAYER]["cells"])
    assert np.array_equal(cells, figures.hover_cells((24, 24), (2, 3), (0, 0, 0)))

    # another layer by the slider and by a click on its row of the table
    press(page, ".fwd-layer", "ArrowRight")
    assert page.locator(".fwd-layer .widget-readout").inner_text() == "relu"
    assert page.locator(".fwd-steps tr[aria-current=true]").inner_text().split()[1] == "relu"
    page.locator(".fwd-steps tr", has_text="fc1").first.click()
    page.wait_for_timeout(600)
    assert page.locator(".fwd-layer .widget-readout").inner_text() == "fc1"
    traces = drawn(page)
    assert traces[BARS]["visible"] is True
    assert len(traces[BARS]["x"]) == 120

    # a reload starts a new kernel, and keeps what was shown
    before = drawn(page)
    page.reload(wait_until="commit")
    page.wait_for_selector(".fwd-figure .barlayer .point", timeout=60_000)
    page.wait_for_function(
        "() => document.querySelector('.fwd-layer .widget-readout')?.innerText === 'fc1'"
    )
    page.wait_for_timeout(800)
    assert drawn(page) == before
    assert page.locator(".fwd-sample .widget-readout").inner_text() == "13"


def test_keyboard_and_names(address: str, visits: Visits) -> None:
    page = ready(visits.open(f"{address}explore.ipynb"))
    names = page.evaluate(
        """() => [...document.querySelectorAll(
          ".fwd-widget :is(button, input, select, [role=slider], [role=textbox], [tabindex])")]
          .filter((e) => e.offsetParent && e.tabIndex >= 0)
          .map((e) => e.getAttribute("aria-label") || e.labels?.[0]?.textContent.trim()
            || e.closest("label")?.textContent.trim() || e.textContent.trim())"""
    )
    assert len(names) >= 8
    assert all(names), names
    assert {"Sample", "Seed", "Layer", "random", "weights as given"} <= set(names)
    seen = []
    page.locator(".fwd-sample [role=slider]").focus()
    for _ in range(12):
        outline = page.evaluate("getComputedStyle(document.activeElement).outlineStyle")
        inside = page.evaluate("!!document.activeElement.closest('.fwd-widget')")
        name = page.evaluate(
            "document.activeElement.getAttribute('aria-label') || document.activeElement.innerText"
        )
        if inside:
            assert outline != "none", name
            seen.append(name)
        page.keyboard.press("Tab")
    for earlier, later in [("Sample", "random"), ("random", "Seed"), ("Seed", "Layer")]:
        assert seen.index(earlier) < seen.index(later), seen
    for area in (".fwd-badge", ".fwd-message"):
        assert page.locator(area).get_attribute("role") == "status"
        assert page.locator(area).get_attribute("aria-live") == "polite"
    handle = page.locator(".fwd-layer [role=slider]")
    assert handle.get_attribute("aria-valuetext") == "conv1"
    assert page.locator(".fwd-figure [role=img]").get_attribute("aria-label")


def test_trouble_is_told_and_leaves_the_page_alive(address: str, visits: Visits) -> None:
    page = ready(visits.open(f"{address}trouble.ipynb"))
    assert page.title() != "hacked"
    assert page.locator(".fwd-widget img").count() == 0
    assert "onerror" in page.locator(".fwd-badge").inner_text()
    press(page, ".fwd-sample", "ArrowRight")
    good = drawn(page)
    page.locator(".fwd-sample [role=slider]").focus()
    page.keyboard.press("ArrowRight")
    page.wait_for_selector(".fwd-figure.fwd-old")
    message = page.locator(".fwd-message").inner_text()
    assert "t.reshape(1, 2 * 4 * 4)" in message
    assert "50" in message
    assert "old" in message
    assert drawn(page) == good
    press(page, ".fwd-sample", "ArrowRight")
    assert page.locator(".fwd-figure.fwd-old").count() == 0
    page.locator(".fwd-steps tr", has_text="log").first.click()
    page.wait_for_timeout(600)
    traces = drawn(page)
    assert traces[MARKS]["visible"] is True
    assert set(traces[MARKS]["text"]) <= {"NaN", "-inf", "inf"}
    assert "NaN" in page.locator(".fwd-message").inner_text()
    assert page.title() != "hacked"


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 360])
def test_fits_and_can_be_read(address: str, visits: Visits, width: int, scheme: str) -> None:
    page = ready(visits.open(f"{address}explore.ipynb", width=width, scheme=scheme))
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    box = page.locator(".fwd-figure .main-svg").first.bounding_box()
    assert box["x"] >= 0
    assert box["x"] + box["width"] <= width
    cut = page.evaluate(
        """(width) => [...document.querySelectorAll(".fwd-figure text")]
          .map((text) => [text.textContent, text.getBoundingClientRect()])
          .filter(([, box]) => box.width && (box.left < 0 || box.right > width))
          .map(([text]) => text)""",
        width,
    )
    assert cut == []
    light = page.evaluate(
        """() => {
          const parse = (c) => c.match(/[\\d.]+/g).slice(0, 3).map(Number);
          const tone = ([r, g, b]) => (0.2126 * r + 0.7152 * g + 0.0722 * b) / 255;
          const ink = (s) => tone(parse(getComputedStyle(document.querySelector(s)).fill));
          return { page: tone(parse(getComputedStyle(document.body).backgroundColor)),
                   ticks: ink(".fwd-figure .y4tick text"),
                   title: ink(".fwd-figure .annotation text") };
        }"""
    )
    assert abs(light["page"] - light["ticks"]) > 0.6, json.dumps(light)
    assert abs(light["page"] - light["title"]) > 0.6
    assert (light["page"] < 0.3) is (scheme == "dark")


def test_four_widgets_fetch_plotly_once(address: str, visits: Visits) -> None:
    page = visits.open("about:blank")
    received: list[int] = []
    page.on(
        "websocket",
        lambda socket: socket.on("framereceived", lambda data: received.append(len(data))),
    )
    page.goto(f"{address}four.ipynb", wait_until="commit")
    page.wait_for_function(
        "() => document.querySelectorAll('.fwd-figure .heatmaplayer').length >= 8", timeout=60_000
    )
    page.wait_for_timeout(500)
    assert sum(received) < 5_500_000
    assert page.locator(".fwd-figure").count() == 4


def test_a_page_without_a_kernel_stays_as_it_is(address: str) -> None:
    """The widget's scripts load nothing by themselves: no address stands in them."""
    static = Path(fw.__file__).parent / "widgets" / "static"
    for script in static.glob("*.js"):
        assert not re.search(r"https?://", script.read_text(encoding="utf-8")), script.name
