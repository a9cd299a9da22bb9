"""What is published: the wheel and the sdist, and the wheel at work where only it was installed.

FWDWIDGETS_DIST=folder checks the wheel and the sdist in that folder in place of freshly built ones.
"""

import json
import os
import re
import subprocess
import sys
import zipfile
from importlib.metadata import Distribution, distribution
from pathlib import Path

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_notebook
from packaging.requirements import Requirement

import fwdwidgets
from fwdwidgets.pages import browser_files

ROOT = Path(__file__).parents[1]
RUNTIME = "fwdwidgets/pages/runtime/"
BUILD = [sys.executable, "-P", "-m", "hatchling", "build"]


def run(*command, **options):
    """What a program prints; its PYTHONPATH is not ours."""
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    options.setdefault("env", environment)
    done = subprocess.run(
        command, check=False, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, **options
    )
    assert done.returncode == 0, done.stdout
    return done.stdout


def contents(wheel):
    """The hash of each file of a wheel, by its path in it."""
    with zipfile.ZipFile(wheel) as archive:
        (record,) = [name for name in archive.namelist() if name.endswith(".dist-info/RECORD")]
        lines = archive.read(record).decode().splitlines()
    return {name: digest for name, digest, _ in (line.rsplit(",", 2) for line in lines)}


@pytest.fixture(scope="module")
def dist(tmp_path_factory):
    """The folder with the wheel and the sdist."""
    if given := os.environ.get("FWDWIDGETS_DIST"):
        return Path(given).resolve()
    out = tmp_path_factory.mktemp("dist")
    # No npm on the path: what is complete is not fetched again.
    said = run(*BUILD, "-d", str(out), cwd=ROOT, env={"PATH": str(out)})
    assert "Built without" not in said
    return out


@pytest.fixture(scope="module")
def wheel(dist):
    (path,) = dist.glob("*.whl")
    return path


@pytest.fixture(scope="module")
def source(dist, tmp_path_factory):
    """The sdist, unpacked."""
    (path,) = dist.glob("*.tar.gz")
    folder = tmp_path_factory.mktemp("source")
    run(sys.executable, "-m", "tarfile", "-e", str(path), str(folder))
    return folder / path.name.removesuffix(".tar.gz")


@pytest.fixture(scope="module")
def environment(wheel, tmp_path_factory):
    """Make an environment that holds the wheel and what it declares with some extras, no more."""

    def make(*extras):
        folder = tmp_path_factory.mktemp("environment")
        run(sys.executable, "-m", "venv", "--without-pip", str(folder))
        pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--quiet"]
        python = folder / "bin" / "python"
        options = ["--no-deps", "--no-index", "--no-compile"]
        run(*pip, "--python", str(python), "install", *options, str(wheel))
        (packages,) = folder.glob("lib/python*/site-packages")
        (metadata,) = packages.glob("fwdwidgets-*.dist-info")
        borrowed = folder / "borrowed"
        borrowed.mkdir()
        for name in needed(Distribution.at(metadata), extras):
            borrow(name, borrowed)
        (packages / "borrowed.pth").write_text(f"{borrowed}\n")
        return folder / "bin"

    return make


def needed(package, extras):
    """The names of all distributions that one needs with its extras, and what they need in turn."""
    names, asked = set(), [(package, {"", *extras})]
    while asked:
        package, extras = asked.pop()
        for line in package.requires or ():
            wanted = Requirement(line)
            if wanted.marker and not any(wanted.marker.evaluate({"extra": e}) for e in extras):
                continue
            if wanted.name not in names or wanted.extras:
                names.add(wanted.name)
                asked.append((distribution(wanted.name), {"", *wanted.extras}))
    return names


def borrow(name, folder):
    """Link a distribution of our own environment into a folder."""
    package = distribution(name)
    for top in {file.parts[0] for file in package.files} - {"..", "__pycache__"}:
        if not (folder / top).exists():  # folders that several distributions fill are linked once
            (folder / top).symlink_to(package.locate_file(top))


SMOKE = """
import importlib.util, json, torch
import fwdwidgets as fw
import fwdwidgets.serve.app
from fwdwidgets.notebooks import lessons_dir
model, x = torch.nn.Linear(3, 2), torch.tensor([1.0, 2.0, 3.0])
widget = fw.ForwardPass(model, [(x, 1)])
expected = model(x).softmax(0).tolist()
print(json.dumps({
    "file": fw.__file__,
    "version": fw.__version__,
    "lessons": [path.name for path in sorted(lessons_dir().glob("*.ipynb"))],
    "probabilities": list(widget.probabilities),
    "expected": expected,
    "strangers": [n for n in ("pytest", "onnx", "jupyterlab") if importlib.util.find_spec(n)],
}))
"""


def test_the_wheel_works_where_nothing_else_was_installed(environment, tmp_path):
    bin = environment()
    said = json.loads(run(str(bin / "python"), "-I", "-c", SMOKE, cwd=tmp_path))
    assert Path(said["file"]).is_relative_to(bin.parent)
    assert said["strangers"] == []
    assert said["version"] == fwdwidgets.__version__
    assert said["lessons"] == [path.name for path in sorted((ROOT / "lessons").glob("*.ipynb"))]
    assert said["probabilities"] == pytest.approx(said["expected"])
    command = str(bin / "fwdwidgets")
    assert run(command, "--version", cwd=tmp_path) == f"fwdwidgets {fwdwidgets.__version__}\n"
    printed = run(command, "--help", cwd=tmp_path)
    assert re.findall(r"^    (serve|lab|export) ", printed, re.M) == ["serve", "lab", "export"]


PAGE = """
import torch
import fwdwidgets as fw
widget = fw.ForwardPass(torch.nn.Linear(3, 2), [(torch.ones(3), 1), (torch.zeros(3), 0)])
widget.save_page("page.html")
"""


def test_with_its_extra_the_wheel_makes_pages(environment, tmp_path):
    bin = environment("pages")
    run(str(bin / "python"), "-I", "-c", PAGE, cwd=tmp_path)
    page = (tmp_path / "page.html").read_text(encoding="utf-8")
    # The network itself travels in it, checked against PyTorch, and not recorded states alone.
    assert "The largest difference from PyTorch" in page
    nbformat.write(new_notebook(cells=[new_code_cell("6 * 7")]), tmp_path / "answer.ipynb")
    run(str(bin / "fwdwidgets"), "export", "answer.ipynb", "answer.html", cwd=tmp_path)
    assert ">42<" in (tmp_path / "answer.html").read_text(encoding="utf-8")


def test_the_wheel_is_the_package_and_its_licences(wheel):
    names = set(contents(wheel))
    assert {name.split("/")[0] for name in names} == {
        "fwdwidgets",
        f"fwdwidgets-{fwdwidgets.__version__}.dist-info",
    }
    assert "fwdwidgets/py.typed" in names
    assert f"fwdwidgets-{fwdwidgets.__version__}.dist-info/licenses/LICENSE" in names
    assert {f"{RUNTIME}{name}.gz" for name in ("plotly.js", "ort.mjs", "ort.wasm")} < names
    assert {f"{RUNTIME}LICENSES/{name}" for name in browser_files.licenses()} < names


def test_the_sdist_builds_the_same_wheel_but_for_what_npm_has(wheel, source, tmp_path):
    said = run(*BUILD, "-t", "wheel", "-d", str(tmp_path), cwd=source, env={"PATH": str(tmp_path)})
    assert "Built without pages that need no kernel: npm is not installed" in said
    (built,) = tmp_path.glob("*.whl")
    ours = contents(wheel)
    assert contents(built) == {n: ours[n] for n in ours if not n.startswith(RUNTIME)}


def test_the_sdist_is_a_checkout_that_tests_itself(source):
    names = {str(path.relative_to(source)) for path in source.rglob("*") if path.is_file()}
    assert {"scripts/test", "constraints.txt", "tests/test_wheel.py", "docs/pictures.py"} < names
    assert not {name for name in names if name.startswith((".venv/", RUNTIME))}
