"""`fwdwidgets export`: notebooks to pages that need no kernel."""

import re

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

from fwdwidgets.cli import main
from fwdwidgets.pages import browser_files
from fwdwidgets.pages import cells as _cells

WIDGET = """import fwdwidgets as fw, torch
torch.manual_seed(0)
fw.RegressionOutput(torch.nn.Linear(6, 1), fw.datasets.animals("weight"))"""


def write(path, *cells):
    path.parent.mkdir(parents=True, exist_ok=True)
    nbformat.write(new_notebook(cells=list(cells)), path)
    return path


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """A site of two notebooks."""
    folder, out = tmp_path_factory.mktemp("course"), tmp_path_factory.mktemp("out") / "site"
    solution = new_code_cell("print('the answer')", metadata={"tags": ["solution"]})
    write(
        folder / "1_first.ipynb",
        new_markdown_cell(
            "# First <b>things</b>\n\nThe softmax is $p_i = e^{z_i}$; `$x$` is code."
        ),
        new_code_cell("print('<i>plain</i>', end='\\rover')"),
        new_code_cell(WIDGET),
        solution,
    )
    write(folder / "2_second.ipynb", new_markdown_cell("# Second"), new_code_cell("1 + 1"))
    assert main(["export", str(folder), str(out), "--seconds", "2"]) == 0
    return out


def test_a_site_has_an_index_a_page_a_notebook_and_shared_parts(site):
    names = {str(path.relative_to(site)) for path in site.rglob("*") if path.is_file()}
    assert names == {
        "index.html", "1_first.html", "2_second.html", "pages/1_first-1.html",
        "pages/1_first.ipynb",
        *(f"fwdwidgets/{name}" for name in
          ("fwdwidgets.css", "fwdwidgets.js", "ort.js", "plotly.js", "wasm.js")),
        *(f"fwdwidgets/LICENSES/{name}" for name in browser_files.licenses()),
    }  # fmt: skip
    index = (site / "index.html").read_text(encoding="utf-8")
    assert re.findall(r'<a href="([^"]+)"', index) == ["1_first.html", "2_second.html"]


def test_a_lesson_with_a_figure_leads_to_its_notebook(site):
    link = '<a href="pages/1_first.ipynb" download>the notebook</a>'
    assert link in (site / "1_first.html").read_text(encoding="utf-8")
    assert nbformat.read(site / "pages" / "1_first.ipynb", as_version=4).cells
    assert "the notebook</a>" not in (site / "2_second.html").read_text(encoding="utf-8")


def test_a_page_beside_its_notebook_leaves_that_as_it_is(tmp_path):
    path = write(tmp_path / "one.ipynb", new_code_cell(WIDGET))
    before = path.read_bytes()
    assert main(["export", str(path), str(tmp_path), "--seconds", "1"]) == 0
    assert path.read_bytes() == before
    assert "the notebook</a>" in (tmp_path / "one.html").read_text(encoding="utf-8")


def test_what_was_printed_before_a_figure_stands_before_it(tmp_path):
    path = write(tmp_path / "one.ipynb", new_code_cell("print('first')\ndisplay({'a': 2})"))
    assert main(["export", str(path), str(tmp_path / "one.html")]) == 0
    html = (tmp_path / "one.html").read_text(encoding="utf-8")
    printed, shown = html.index(">first<"), html.index("{&#x27;a&#x27;: 2}")
    assert printed < shown


def test_prose_code_outputs_and_solutions_are_there(site):
    html = (site / "1_first.html").read_text(encoding="utf-8")
    assert "<math" in html
    assert "<code>$x$</code>" in html
    assert "over" in html
    assert "plain" not in re.sub(r"(?s)<div class=\"code\">.*?</div>", "", html)
    assert "<details><summary>Solution</summary>" in html
    assert 'src="pages/1_first-1.html"' in html
    assert "2_second.html" in html
    assert not re.findall(r"(?:src|href)=\"https?:", html)


def test_a_notebook_as_one_file_carries_its_widgets(tmp_path):
    path = write(tmp_path / "one.ipynb", new_markdown_cell("# One"), new_code_cell(WIDGET))
    page = tmp_path / "out" / "one.html"
    assert main(["export", str(path), str(page), "--seconds", "2"]) == 0
    html = page.read_text(encoding="utf-8")
    assert "srcdoc=" in html
    assert [p.name for p in page.parent.iterdir()] == ["one.html"]


def test_a_book_has_its_shared_parts_where_its_author_wants_them(tmp_path, capsys):
    path = write(tmp_path / "one.ipynb", new_code_cell(WIDGET))
    book = tmp_path / "book"
    assert (
        main(["export", str(path), str(book / "a"), "--shared", str(book / "run"), "--seconds=1"])
        == 0
    )
    assert (book / "run" / "plotly.js").is_file()
    assert not (book / "a" / "fwdwidgets").exists()
    assert 'src="../../run/plotly.js"' in (book / "a" / "pages" / "one-1.html").read_text("utf-8")
    assert main(["export", str(path), str(book / "a.html"), "--shared", str(book / "run")]) == 2
    assert "a.html holds all that it needs: leave out --shared." in capsys.readouterr().err


def test_a_cell_that_fails_ends_in_a_sentence(tmp_path, capsys):
    path = write(tmp_path / "bad.ipynb", new_code_cell("raise ValueError('no such thing')"))
    assert main(["export", str(path), str(tmp_path / "out")]) == 2
    said = capsys.readouterr().err
    assert "bad.ipynb stops with an error: ValueError: no such thing" in said


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["missing.ipynb", "out"], "there is no notebook missing.ipynb"),
        (["missing", "out"], "there is no folder missing"),
        (["empty", "out"], "empty holds no notebook"),
        (["text.ipynb", "out"], "text.ipynb is no notebook"),
    ],
)
def test_what_cannot_be_exported(arguments, sentence, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "empty").mkdir()
    (tmp_path / "text.ipynb").write_text("no json")
    assert main(["export", *arguments]) == 2
    assert sentence in capsys.readouterr().err


def test_a_folder_does_not_fit_in_one_file(tmp_path, capsys):
    write(tmp_path / "a" / "one.ipynb", new_code_cell("1"))
    assert main(["export", str(tmp_path / "a"), str(tmp_path / "a.html")]) == 2
    assert "name a folder for the site" in capsys.readouterr().err


def test_a_progress_bar_is_shown_as_it_ended():
    text = "epoch 1\repoch 2\repoch 3\nloss \x1b[31m0.5\x1b[0m\n"
    assert _cells._as_on_a_screen(text) == "epoch 3\nloss 0.5"


def test_the_course_exports_from_the_wheel_and_the_checkout_alike():
    from fwdwidgets.notebooks import lessons_dir

    assert len(list(lessons_dir().glob("*.ipynb"))) == 19


def test_a_page_in_capitals_is_one_file(tmp_path):
    write(tmp_path / "one.ipynb", new_markdown_cell("# One"))
    assert main(["export", str(tmp_path / "one.ipynb"), str(tmp_path / "ONE.HTML")]) == 0
    assert "One" in (tmp_path / "ONE.HTML").read_text()


def test_notebooks_in_folders_below_are_named(tmp_path, capsys):
    folder = tmp_path / "course"
    (folder / "extra").mkdir(parents=True)
    write(folder / "one.ipynb", new_markdown_cell("# One"))
    write(folder / "extra" / "two.ipynb", new_markdown_cell("# Two"))
    assert main(["export", str(folder), str(tmp_path / "site")]) == 0
    assert "extra/ is a folder of its own: export it by itself" in capsys.readouterr().out


def test_widgets_in_a_box_are_shown_and_what_the_author_wishes_is_recorded(tmp_path):
    box = f"""import ipywidgets
{WIDGET.replace("fw.Regression", "widget = fw.Regression")}
ipywidgets.HBox([ipywidgets.Label("look"), ipywidgets.VBox([widget])])"""
    cell = new_code_cell(box, metadata={"fwdwidgets": {"seed": [7], "sample": [0]}})
    plain = new_code_cell("ipywidgets.HBox([ipywidgets.IntSlider()])")
    path = write(tmp_path / "a.ipynb", new_markdown_cell("# A"), cell, plain)
    assert main(["export", str(path), str(tmp_path / "out.html"), "--seconds", "2"]) == 0
    html = (tmp_path / "out.html").read_text(encoding="utf-8")
    assert html.count("<iframe") == 1
    assert "This page shows 4 recorded states" in html  # of two seeds, chosen or not
    assert "IntSlider" in html
