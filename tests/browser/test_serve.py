import json
import re
import sys
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook
from playwright.sync_api import Page, expect

from fwdwidgets.notebooks import lessons_dir
from tests.browser.conftest import Visits, serving

MATHS = r"""# Softmax and *its* sum

The logits $z \in \mathbb{R}^{10}$ cost \$5 or \$6, and `$x$` is code.

$$\operatorname{softmax}(z)_i = \frac{e^{z_i}}{\sum_{j=1}^{10} e^{z_j}}$$

\begin{align}
a &= \left\lfloor \frac{n - k + 2p}{s} \right\rfloor + 1 \\
b &= \begin{cases} 1 & \text{if } x > 0 \\ 0 & \text{otherwise}\end{cases}
\end{align}

> In a quote: $\theta \leftarrow \theta - \eta\nabla_\theta L$.

$$x_1 + x_2 + x_3 + x_4 + x_5 + x_6 + x_7 + x_8 + x_9 + x_{10} + x_{11} + x_{12} + x_{13} + x_{14}$$
"""
OUTPUTS = """
from IPython.display import Latex, Markdown, Math, display

display(Math(r"\\frac{a}{b}"), Markdown("drawn $x^2$"), Latex(r"$$\\alpha^2$$"))
print("word " * 80)
print("w" * 300)
"""
WIDGETS = """
import ipywidgets

slider = ipywidgets.IntSlider(description="n")
shown = ipywidgets.Label("n is 0")
slider.observe(lambda change: setattr(shown, "value", f"n is {change.new}"), "value")
formula = ipywidgets.HTMLMath("widget $x_1$")
ipywidgets.VBox([slider, shown, formula, ipywidgets.Button(description="go", icon="check")])
"""
DIES = """
import os, ipywidgets

button = ipywidgets.Button(description="end it")
button.on_click(lambda _: os._exit(1))
button
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("a teacher's notebooks")
    python = {"name": "some-other-venv", "display_name": "Mine", "language": "python"}
    notebooks = {
        "01_maths": [new_markdown_cell(MATHS), new_code_cell(OUTPUTS), new_code_cell(WIDGETS)],
        "02_raises": [
            new_markdown_cell("# It raises"),
            new_code_cell("print('before')"),
            new_code_cell("answer = 's3cret'\n1 / 0"),
        ],
        "03_dies": [new_markdown_cell("# It dies"), new_code_cell(DIES)],
        "04 straße & co": [new_code_cell("import sys; print(sys.executable, 'ran')")],
        "06_exercise": [
            new_markdown_cell("# Your turn"),
            new_code_cell("print('a start')"),
            new_code_cell(
                SOLUTION.strip(),
                metadata={"tags": ["solution"], "jupyter": {"source_hidden": True}},
            ),
        ],
        "05_slow": [
            new_markdown_cell("# Read meanwhile"),
            new_code_cell("import time; time.sleep(3)"),
        ],
    }
    for name, cells in notebooks.items():
        notebook = new_notebook(cells=cells, metadata={"kernelspec": python})
        nbformat.write(notebook, folder / f"{name}.ipynb")
    return folder


SOLUTION = """
import fwdwidgets as fw

print("the answer")
fw.ForwardPass(fw.models.Network, fw.datasets.digits())
"""


@pytest.fixture(scope="module")
def address(folder: Path, voila: Callable[..., str]) -> str:
    return voila(folder)


def page_of(address: str, name: str) -> str:
    return f"{address}voila/render/{name}.ipynb"


def assert_no_sideways_scrolling(page: Page) -> None:
    wide, window = page.evaluate("[document.documentElement.scrollWidth, innerWidth]")
    assert wide <= window


def ready(page: Page) -> Page:
    """The page, once every cell ran and Voila has drawn what they gave."""
    page.wait_for_function("window.fwdComplete")
    expect(page.locator("#loading")).to_have_count(0)
    return page


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_index(address: str, visits: Visits, scheme: str) -> None:
    page = visits.open(address, width=360, scheme=scheme)
    expect(page.get_by_role("main").get_by_role("link")).to_have_count(6)
    expect(page.get_by_role("main").get_by_role("img")).to_have_count(0)  # there is no picture
    link = page.get_by_role("link", name="Softmax and its sum")
    expect(link).to_have_attribute("href", "/voila/render/01_maths.ipynb")
    assert_no_sideways_scrolling(page)
    canvas = page.evaluate("matchMedia('(prefers-color-scheme: dark)').matches")
    assert canvas == (scheme == "dark")
    page.get_by_role("link", name="04 straße & co").click()
    expect(ready(page).get_by_text("ran")).to_be_visible()
    assert visits.console_errors == []


@pytest.mark.parametrize(
    ("scheme", "query"), [("light", ""), ("dark", ""), ("light", "?theme=dark")]
)
def test_the_index_of_the_lessons_has_pictures(
    voila: Callable[..., str], visits: Visits, scheme: str, query: str
) -> None:
    page = visits.open(voila() + query, width=360, scheme=scheme)
    names = sorted(path.stem for path in lessons_dir().glob("*.ipynb"))
    links = page.get_by_role("main").get_by_role("link")
    expect(links).to_have_count(len(names))
    for name, link in zip(names, links.all(), strict=True):
        expect(link).to_have_attribute("href", re.compile(f"/{name}.ipynb"))
        picture = link.get_by_role("img")
        picture.scroll_into_view_if_needed()
        page.wait_for_function(
            "image => image.complete && image.naturalWidth", arg=picture.element_handle()
        )
        mode = "_dark" if scheme == "dark" or query else ""
        assert str(picture.evaluate("image => image.currentSrc")).endswith(f"/{name}{mode}.png")
        assert len(picture.get_attribute("alt") or "") > 20
    assert_no_sideways_scrolling(page)
    links.first.focus()
    page.keyboard.press("Tab")
    expect(links.nth(1)).to_be_focused()
    assert page.evaluate("getComputedStyle(document.activeElement).outlineStyle") == "solid"
    page.keyboard.press("Enter")
    page.wait_for_url(re.compile(names[1]))
    assert visits.console_errors == []


def test_from_page_to_page_by_links(address: str, visits: Visits) -> None:
    page = ready(visits.open(page_of(address, "03_dies") + "?theme=dark", width=360))
    links = page.get_by_role("navigation", name="Lessons").get_by_role("link")
    expect(links).to_have_text(["← It raises", "straße & co →", "All lessons"])
    expect(page.get_by_text("fwdwidgets lab")).to_have_count(0)  # these are no lessons of ours
    links.nth(1).focus()
    page.keyboard.press("Enter")
    page.wait_for_url("**/04%20stra%C3%9Fe%20%26%20co.ipynb?theme=dark")
    expect(ready(page).locator("body")).to_have_attribute("data-jp-theme-light", "false")
    assert_no_sideways_scrolling(page)
    page.get_by_role("link", name="All lessons").click()
    expect(page.get_by_role("heading", name="Lessons")).to_be_visible()


def test_a_solution_waits_until_it_is_asked_for(address: str, visits: Visits) -> None:
    page = ready(visits.open(page_of(address, "06_exercise"), width=360))
    expect(page.get_by_text("a start", exact=True)).to_be_visible()
    summary = page.locator("summary", has_text="Solution")
    answer = page.get_by_text("the answer", exact=True)
    figure = page.locator(".fwd-figure")
    expect(figure).to_have_count(1)
    for folded in (answer, figure):
        expect(folded).to_be_hidden()
    summary.focus()
    page.keyboard.press("Enter")
    expect(answer).to_be_visible()
    expect(figure).to_be_visible()
    page.wait_for_function(  # drawn now: it had no width while it was folded
        "() => document.querySelector('.fwd-figure .main-svg')?.clientWidth > 250"
    )
    assert_no_sideways_scrolling(page)
    page.keyboard.press("Enter")
    expect(answer).to_be_hidden()
    assert visits.console_errors == []


def test_every_notebook_runs_in_this_python(address: str, visits: Visits) -> None:
    page = ready(visits.open(page_of(address, "04 straße & co")))
    expect(page.get_by_text(sys.executable)).to_be_visible()
    assert page.title() == "straße & co"


@pytest.mark.parametrize(
    ("scheme", "query", "light"),
    [
        ("light", "", "true"),
        ("dark", "", "false"),
        ("light", "?theme=dark", "false"),
        ("dark", "?theme=light", "true"),
        ("light", "?theme=nonsense&template=lab", "true"),
    ],
)
def test_page_in_both_themes(
    address: str, visits: Visits, scheme: str, query: str, light: str
) -> None:
    page = ready(visits.open(page_of(address, "01_maths") + query, width=360, scheme=scheme))
    assert page.title() == "Softmax and its sum"
    assert page.locator("html").get_attribute("lang") == "en"
    expect(page.get_by_role("main")).to_have_count(1)
    expect(page.locator("body")).to_have_attribute("data-fwd-page", "voila")
    expect(page.locator("body")).to_have_attribute("data-jp-theme-light", light)
    expect(page.get_by_text("n is 0")).to_be_visible()
    assert_no_sideways_scrolling(page)
    paper, ink = page.evaluate(
        """() => {
            const style = getComputedStyle(document.body);
            return [style.backgroundColor, style.color].map(
                (color) => color.match(/[0-9.]+/g).slice(0, 3).reduce((a, b) => a + Number(b), 0));
        }"""
    )
    assert (paper > ink) == (light == "true")


def test_mathematics_is_drawn_and_asks_nobody(address: str, visits: Visits) -> None:
    page = ready(visits.open(page_of(address, "01_maths")))
    # z, softmax, align, theta, the long one, three outputs and a widget
    expect(page.locator("mjx-container")).to_have_count(9)
    assert page.locator("mjx-merror").count() == 0
    page.evaluate("document.fonts.ready.then(() => true)")
    fonts = "[...document.fonts].filter(f => f.family.startsWith('MJXTEX') && f.status == 'loaded')"
    assert page.evaluate(f"{fonts}.length") > 0
    prose = page.locator(".jp-MarkdownOutput").inner_text()
    assert "cost $5 or $6" in prose
    assert "$x$ is code" in prose
    assert visits.console_errors == []


def test_widgets_answer_the_keyboard(address: str, visits: Visits) -> None:
    page = ready(visits.open(page_of(address, "01_maths")))
    handle = page.locator(".noUi-handle")
    handle.focus()
    page.keyboard.press("ArrowRight")
    expect(page.get_by_text("n is 1")).to_be_visible()
    icon = page.evaluate("getComputedStyle(document.querySelector('.fa-check')).fontFamily")
    assert "Awesome" in icon


def answer(address: str) -> int:
    """The status that a GET is answered with."""
    try:
        with urllib.request.urlopen(address) as response:
            return int(response.status)
    except urllib.error.HTTPError as error:
        return error.code


def kernel_of(page: Page, address: str) -> str:
    """The address of a page's kernel; it is there before the first cell has run."""
    page.wait_for_function("document.getElementById('jupyter-config-data')?.nextSibling")
    config = json.loads(page.locator("#jupyter-config-data").text_content() or "")
    return f"{address}api/kernels/{config['kernelId']}"


def assert_ends(kernel: str, page: Page) -> None:
    page.goto("about:blank")
    for _ in range(300):
        if answer(kernel) == 404:
            return
        page.wait_for_timeout(100)
    raise AssertionError("the kernel of a page that was left still runs")


def test_a_page_that_is_left_ends_its_kernel(address: str, visits: Visits) -> None:
    page = ready(visits.open(page_of(address, "01_maths")))
    page.locator(".noUi-handle").wait_for()
    kernel = kernel_of(page, address)
    assert answer(kernel) == 200
    assert_ends(kernel, page)


def test_a_page_that_is_left_before_its_widgets_are_there_ends_its_kernel(
    address: str, visits: Visits
) -> None:
    page = visits.open("about:blank")
    page.route("**/voila.js", lambda route: route.abort())  # Voila's own script never comes up
    page.goto(page_of(address, "01_maths"))
    page.wait_for_function("window.fwdComplete")
    assert_ends(kernel_of(page, address), page)


def test_a_page_that_is_left_while_its_cells_run_ends_its_kernel(
    address: str, visits: Visits
) -> None:
    page = visits.open(page_of(address, "05_slow"))
    kernel = kernel_of(page, address)
    assert not page.evaluate("window.fwdComplete")
    assert_ends(kernel, page)


def test_a_reader_starts_before_the_code_is_done(address: str, visits: Visits) -> None:
    page = visits.open(page_of(address, "05_slow"))
    expect(page.get_by_role("heading", name="Read meanwhile")).to_be_visible()
    expect(page.get_by_role("status")).to_have_text("Running cell 2 of 2 …")
    ready(page)


def test_a_notebook_that_raises_says_so_and_shows_no_source(address: str, visits: Visits) -> None:
    page = ready(visits.open(page_of(address, "02_raises")))
    expect(page.get_by_text("before")).to_be_visible()
    expect(page.get_by_role("alert").filter(visible=True)).to_have_text(
        re.compile("This cell could not be run, so the lesson stops here")
    )
    assert "s3cret" not in page.content()
    assert "ZeroDivisionError" not in page.content()


def test_a_kernel_that_ends_is_told(address: str, visits: Visits) -> None:
    page = ready(visits.open(page_of(address, "03_dies"), width=360))
    page.get_by_role("button", name="end it").click()
    trouble = page.get_by_role("alert").filter(visible=True)
    expect(trouble).to_have_text(re.compile("The kernel of this page has ended"), timeout=15_000)
    assert_no_sideways_scrolling(page)
    trouble.get_by_role("button", name="Reload").click()
    expect(ready(page).get_by_role("button", name="end it")).to_be_visible()
    expect(trouble).to_have_count(0)


def test_a_server_that_ends_is_told(folder: Path, visits: Visits) -> None:
    with serving(str(folder)) as (address, server):
        page = ready(visits.open(page_of(address, "04 straße & co")))
        visits.expected_error = "Loading chunk"  # of Voila's own script, asked for too late
        server.terminate()
        server.wait(20)
        expect(page.get_by_role("alert").filter(visible=True)).to_have_text(
            re.compile("The server does not answer"), timeout=15_000
        )


def test_a_page_that_is_not_there(address: str, visits: Visits) -> None:
    page = visits.open(page_of(address, "nothing"))
    expect(page.get_by_role("heading", name="Not Found")).to_be_visible()
    page.get_by_role("link", name="All lessons").click()
    expect(page.get_by_role("heading", name="Lessons")).to_be_visible()


def test_nothing_leaks_from_a_folder(address: str) -> None:
    def status(path: str) -> int:
        try:
            return urllib.request.urlopen(address + path).status
        except urllib.error.HTTPError as error:
            return error.code

    assert status("voila/files/02_raises.ipynb") == 403
    assert status("voila/files/..%2f..%2fetc/passwd") in (403, 404)
    with urllib.request.urlopen(address) as answer:
        assert answer.headers["Content-Security-Policy"].endswith("; frame-ancestors 'self'")
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
    with urllib.request.urlopen(f"{address}?classic-tree=false&template=lab") as answer:
        assert "//" not in answer.read().decode().replace("<!DOCTYPE", "")


def test_a_course_may_show_the_pages_in_a_frame(folder: Path) -> None:
    with (
        serving(str(folder), "--frame-ancestors=https://course.example") as (address, _),
        urllib.request.urlopen(address) as answer,
    ):
        policy = answer.headers["Content-Security-Policy"]
        assert policy.endswith("; frame-ancestors 'self' https://course.example")


@pytest.mark.parametrize("name", sorted(path.stem for path in lessons_dir().glob("*.ipynb")))
def test_each_lesson_as_a_page(voila: Callable[..., str], visits: Visits, name: str) -> None:
    page = ready(visits.open(page_of(voila(), name), width=360, scheme="dark"))
    expect(page.locator(".jp-InputArea-editor").first).to_be_visible()  # a lesson shows its code
    cells = nbformat.read(lessons_dir() / f"{name}.ipynb", as_version=4).cells
    folded = page.locator(".fwd-solution .jp-InputArea-editor")
    expect(folded).to_have_count(sum("solution" in c.metadata.get("tags", []) for c in cells))
    for code in folded.all():
        expect(code).to_be_hidden()
    page.evaluate("document.querySelectorAll('details').forEach((part) => { part.open = true; })")
    expect(page.locator(".fwd-widget svg").first).to_be_visible()
    assert page.get_by_role("alert").filter(visible=True).count() == 0
    assert page.get_by_text("epoch 1 of").count() <= 1  # of a progress bar its last state
    assert_no_sideways_scrolling(page)
    assert visits.console_errors == []


def test_jupyterlab_opens_a_lesson_and_asks_nobody(
    jupyterlab: Callable[[str], str], visits: Visits
) -> None:
    page = visits.open(jupyterlab("01_forward_pass.ipynb"), scheme="dark")
    expect(page.locator(".jp-Notebook h1").first).to_be_visible()
    expect(page.locator("body")).to_have_attribute("data-jp-theme-light", "false")
    page.wait_for_timeout(1500)  # the time in which JupyterLab would ask for news
    expect(page.locator(".Toastify__toast")).to_have_count(0)
