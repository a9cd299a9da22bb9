"""The house: what an import really loads, no circles, and the public face.

Who may know whom stands in pyproject.toml, as contracts that `lint-imports` keeps.
"""

import ast
import subprocess
import sys
from contextlib import suppress
from importlib.metadata import PackageNotFoundError, metadata
from pathlib import Path

import grimp
import pytest
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet

import fwdwidgets

PACKAGE = Path(fwdwidgets.__file__).parent
NOT_TORCHS = ("ipywidgets", "plotly", "anywidget", "voila", "jupyterlab", "torchvision", "sklearn")
SLICES = sorted(path.parent.name for path in (PACKAGE / "widgets").glob("*/widget.py"))
TORCH_ROOMS = ["trace", "explain", "display", "advice", "data", "networks", "training"]
ROOMS = {
    **dict.fromkeys(TORCH_ROOMS, NOT_TORCHS),
    **{
        f"widgets.{path.parent.name}.{path.stem}": NOT_TORCHS
        for path in sorted((PACKAGE / "widgets").glob("*/compute.py"))
    },
    "figures": ("torch", "ipywidgets", "anywidget", "voila"),
    "widgets.shared": ("voila", "jupyterlab", "torchvision", "sklearn"),
    "pages": ("voila", "jupyterlab", "torchvision", "onnx", "onnxscript", "onnxruntime"),
    "notebooks": ("torch", "numpy", "plotly", "ipywidgets"),
}


# What it prints of each code is loaded in a process of its own; all begin where `first` ended, so
# that torch, which takes seconds, is imported once.
FORKS = """
import os, sys
first, *codes = sys.argv[1:]
exec(first)
for code in codes:
    if os.fork() == 0:
        exec(code, {"sys": sys})
        print(*sorted({name.split(".")[0] for name in sys.modules}), flush=True)
        os._exit(0)
    if os.wait()[1]:
        sys.exit(code)
"""


def loaded_by(*codes, first=""):
    """The top-level modules that a Python which ran `first` has loaded after each code."""
    command = [sys.executable, "-c", FORKS, first, *codes]
    run = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    return [set(line.split()) for line in run.stdout.splitlines()]


# The package itself loads torch and ipywidgets, so each room is entered past its __init__.
ALONE = f"""
import types
package = types.ModuleType("fwdwidgets")
package.__path__ = [{str(PACKAGE)!r}]
package.__file__ = {str(PACKAGE / "__init__.py")!r}
sys.modules["fwdwidgets"] = package
import importlib
importlib.import_module("fwdwidgets.%s")
"""


@pytest.mark.parametrize("first", ["import torch", ""], ids=["with torch", "without"])
def test_a_room_knows_only_what_it_may(first):
    rooms = [room for room, others in ROOMS.items() if bool(first) is ("torch" not in others)]
    found = loaded_by(*[ALONE % room for room in rooms], first=first)
    assert len(found) == len(rooms) > 0
    known = {room: names & set(ROOMS[room]) for room, names in zip(rooms, found, strict=True)}
    assert known == {room: set() for room in rooms}


def test_importing_the_package_stays_light():
    heavy = {"voila", "jupyterlab", "onnx", "onnxscript", "torchvision", "sklearn", "matplotlib"}
    assert not loaded_by("import fwdwidgets")[0] & heavy


def test_no_module_stands_in_a_circle():
    # Types included, and modules that enter their own room through its face.
    house = grimp.build_graph("fwdwidgets", cache_dir=None)
    house.remove_import(importer="fwdwidgets.widgets.shared.base", imported="fwdwidgets.pages")
    circles = {
        f"{module} -> {known}"
        for module in house.modules
        for known in house.find_modules_directly_imported_by(module)
        if house.chain_exists(importer=known, imported=module)
    }
    assert len(house.modules) > 100
    assert circles == set()


def test_others_enter_a_room_through_its_face():
    beside = set()
    for path in PACKAGE.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            for room in [*TORCH_ROOMS, "figures", "widgets.shared"]:
                folder = PACKAGE.joinpath(*room.split("."))
                known = (isinstance(node, ast.ImportFrom) and node.module) or ""
                if known.startswith(f"fwdwidgets.{room}.") and folder not in path.parents:
                    beside.add(f"{path.relative_to(PACKAGE)}: {known}")
    assert beside == set()


def test_the_root_holds_rooms_and_nothing_else():
    assert {path.name for path in PACKAGE.glob("*.py")} == {"__init__.py", "cli.py"}


@pytest.mark.parametrize("name", SLICES)
def test_a_slice_is_complete(name):
    files = {path.stem for path in (PACKAGE / "widgets" / name).glob("*.py")}
    assert {"__init__", "widget", "compute", "figure", "words"} <= files
    tests = {path.stem for path in (Path(__file__).parent / "widgets" / name).glob("*.py")}
    assert "test_widget" in tests
    root = PACKAGE.parent
    public = "".join(part.capitalize() for part in name.split("_"))
    assert public in fwdwidgets.__all__
    assert f"`fw.{public}" in (root / "README.md").read_text(encoding="utf-8")
    lessons = [path.read_text(encoding="utf-8") for path in (root / "lessons").glob("*.ipynb")]
    assert any(f"fw.{public}(" in lesson for lesson in lessons)


def test_the_public_names_are_sorted_and_there():
    names = fwdwidgets.__all__
    assert names == sorted(names)
    assert all(hasattr(fwdwidgets, name) for name in names)
    public = {
        name
        for name, value in vars(fwdwidgets).items()
        if not name.startswith("_") and getattr(value, "__module__", "").startswith("fwdwidgets.")
    }
    assert public <= set(names)


def test_pinned_releases_run_on_debians_python():
    too_new = []
    for line in (PACKAGE.parent / "constraints.txt").read_text().splitlines():
        name = Requirement(line).name
        with suppress(PackageNotFoundError):  # of an extra that is not installed
            needs = metadata(name).get("Requires-Python") or ""
            if not SpecifierSet(needs).contains("3.11.2"):
                too_new.append(f"{line} needs Python {needs}")
    assert too_new == []
