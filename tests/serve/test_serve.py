import json
import re
import sys
from pathlib import Path
from typing import Any

import pytest

from fwdwidgets.notebooks import (
    Card,
    FolderError,
    around,
    card_of,
    copy_lessons,
    lessons_dir,
    notebooks_dir,
    title_of,
)
from fwdwidgets.serve.app import SHARE, OwnKernel, _address
from fwdwidgets.serve.lab import SETTINGS
from fwdwidgets.serve.markdown import LessonMarkdownRenderer


def markdown(*lines: str) -> dict[str, Any]:
    return {"cell_type": "markdown", "source": "\n".join(lines)}


@pytest.mark.parametrize(
    ("cells", "title"),
    [
        ([markdown("# One image into a network")], "One image into a network"),
        ([markdown("words", "", "## A *small* `step` ##")], "A small step"),
        ([{"cell_type": "code", "source": "# no"}, markdown("# Yes")], "Yes"),
        ([markdown("```python", "# no", "```", "# Yes")], "Yes"),
        ([markdown("# The [paper](https://a.example/x) of $10$")], "The paper of 10"),
        ([markdown("# Softmax $\\frac{a}{b}$")], "Softmax a/b"),
        ([markdown("# Why $\\theta \\leftarrow \\theta - \\eta\\nabla L$?")], "Why θ ← θ - η∇ L?"),
        ([markdown("# Logits $$z \\in \\mathbb{R}^{10}$$")], "Logits z ∈ R^10"),
        ([markdown("# From \\\\(x_1\\\\) to $\\log x$")], "From x_1 to log x"),
        ([markdown("# It costs \\$5 or \\$6")], "It costs $5 or $6"),
        ([markdown("# Is a<b and b>c? <!-- later --><br/>")], "Is a<b and b>c?"),
        ([markdown("# It costs $5 or $6")], "It costs $5 or $6"),
        ([markdown("# <a id='top'></a>![logo](a.png) On top")], "On top"),
        ([{"cell_type": "markdown", "source": ["words\n", "# Listed"]}], "Listed"),
        ([markdown("#no heading")], "forward pass"),
        ([], "forward pass"),
    ],
)
def test_title(cells: list[dict[str, Any]], title: str) -> None:
    assert title_of({"cells": cells}, "01_forward_pass") == title


@pytest.mark.parametrize("content", ["", "{", "[]", "{}", '{"cells": null}'])
def test_title_of_a_file_that_is_no_notebook(tmp_path: Path, content: str) -> None:
    path = tmp_path / "02.ipynb"
    path.write_text(content)
    assert card_of(tmp_path, "02.ipynb") == Card("02", "", (None, None), "Picture of: 02")


def test_the_card_of_a_notebook(tmp_path: Path) -> None:
    cells = [
        markdown(
            "# The *loss* $\\mathcal{L}_2$", "", "**The question.** What is", "`loss`?", "", "More."
        )
    ]
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "pictures").mkdir()
    (tmp_path / "a" / "pictures" / "01_loss_dark.png").write_bytes(b"")
    (tmp_path / "a" / "01_loss.ipynb").write_text(json.dumps({"cells": cells}))
    dark = "a/pictures/01_loss_dark.png"
    assert card_of(tmp_path, "a/01_loss.ipynb") == Card(
        "The loss L_2", "What is loss?", (None, dark), "Picture of: The loss L_2"
    )


def test_a_notebook_says_in_its_metadata_what_the_index_shall_say(tmp_path: Path) -> None:
    words = {"sentence": "One\n sentence.", "alt": "A curve that falls.", "other": 3}
    for metadata, sentence, alt in [
        ({"fwdwidgets": words}, "One sentence.", "A curve that falls."),
        ({"fwdwidgets": {"alt": 3}}, "Its own.", "Picture of: The loss"),
        ({"fwdwidgets": ["no"]}, "Its own.", "Picture of: The loss"),
        (None, "Its own.", "Picture of: The loss"),
    ]:
        cells = [markdown("# The loss", "", "![a curve](a.png)", "", "> Its own.")]
        notebook = {"cells": cells, "metadata": metadata}
        (tmp_path / "01.ipynb").write_text(json.dumps(notebook))
        card = card_of(tmp_path, "01.ipynb")
        assert (card.sentence, card.alt) == (sentence, alt)


@pytest.mark.parametrize("path", sorted(lessons_dir().glob("*.ipynb")), ids=lambda path: path.stem)
def test_a_lesson_has_a_light_and_a_dark_picture_and_words_for_it(path: Path) -> None:
    card = card_of(path.parent, path.name)
    assert 20 < len(card.sentence) < 180
    assert card.sentence.endswith((".", "?"))
    assert not card.alt.startswith("Picture of:")
    assert None not in card.pictures
    for picture in card.pictures:
        assert (path.parent / str(picture)).stat().st_size <= 34_000


def test_no_picture_is_of_a_lesson_that_is_gone() -> None:
    folder = lessons_dir()
    lessons = {path.stem for path in folder.glob("*.ipynb")}
    assert {p.stem.removesuffix("_dark") for p in (folder / "pictures").glob("*.png")} == lessons


def test_the_lessons_are_found() -> None:
    assert (lessons_dir() / "01_forward_pass.ipynb").is_file()


def test_lessons_that_were_not_installed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("fwdwidgets.notebooks.folders.PACKAGE", tmp_path / "fwdwidgets")
    with pytest.raises(FolderError, match=r"install the package again, or name a folder"):
        lessons_dir()


def test_notebooks_in_folders_below_count(tmp_path: Path) -> None:
    below = tmp_path / "week 1"
    below.mkdir()
    (below / "a.ipynb").write_text("{}")
    assert notebooks_dir(str(tmp_path)) == tmp_path


def test_the_notebooks_before_and_after_stand_in_one_folder(tmp_path: Path) -> None:
    for name in [
        "b.ipynb",
        "a.ipynb",
        "c.ipynb",
        ".hidden.ipynb",
        "week 1/x.ipynb",
        "week 1/y.ipynb",
    ]:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("{}")
    assert around(tmp_path, "a.ipynb") == (None, "b.ipynb")
    assert around(tmp_path, "b.ipynb") == ("a.ipynb", "c.ipynb")
    assert around(tmp_path, "c.ipynb") == ("b.ipynb", None)
    assert around(tmp_path, "week 1/x.ipynb") == (None, "week 1/y.ipynb")
    assert around(tmp_path, "gone.ipynb") == (None, None)


def test_a_copy_is_made_once(tmp_path: Path) -> None:
    assert copy_lessons(tmp_path) == []
    names = sorted(path.name for path in lessons_dir().glob("*.ipynb"))
    assert sorted(path.name for path in tmp_path.iterdir()) == names
    changed = tmp_path / names[0]
    changed.write_text("mine")
    assert copy_lessons(tmp_path) == [changed]
    assert changed.read_text() == "mine"


@pytest.mark.parametrize("name", ["python3", "ir", "a teacher's own"])
def test_every_notebook_runs_in_this_python(name: str) -> None:
    kernels = OwnKernel()
    spec = kernels.get_kernel_spec(name)
    assert spec.argv[0] == sys.executable
    specs = kernels.get_all_specs()
    assert name in specs
    assert specs[name]["spec"]["argv"][0] == sys.executable


@pytest.mark.parametrize(
    ("host", "address"),
    [
        ("127.0.0.1", "http://127.0.0.1:80/"),
        ("0.0.0.0", "http://127.0.0.1:80/"),
        ("::1", "http://[::1]:80/"),
        ("::", "http://[::1]:80/"),
        ("lessons.example", "http://lessons.example:80/"),
    ],
)
def test_address(host: str, address: str) -> None:
    assert _address(host, 80) == address


def test_a_price_is_no_formula() -> None:
    from nbconvert.filters.markdown_mistune import MarkdownWithMath

    renderer = LessonMarkdownRenderer(contents_manager=None, escape=False)
    html = MarkdownWithMath(renderer=renderer).render(r"\$5 and $x$ and \$6")
    prices = re.findall(r'<span class="[^"]*tex2jax_ignore[^"]*">\$</span>([56])', html)
    assert prices == ["5", "6"]
    assert "$x$" in html


FILES = sorted(path for path in SHARE.rglob("*") if path.is_file())


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_the_templates_name_no_other_host(path: Path) -> None:
    assert re.findall(r"(?:https?:|wss?:|[\"'(])//[^\s\"')]+", path.read_text()) == []


def test_jupyterlab_is_told_to_ask_nobody() -> None:
    settings = json.loads((SETTINGS / "overrides.json").read_text())
    notification = settings["@jupyterlab/apputils-extension:notification"]
    assert notification == {"checkForUpdates": False, "fetchNews": "false"}
