"""Reads and runs the lessons for the tests of each of them."""

import linecache
from pathlib import Path

import nbformat
from nbclient import NotebookClient

LESSONS = sorted((Path(__file__).parents[2] / "lessons").glob("*.ipynb"))


def lesson(number):
    """The path of a lesson by its number."""
    (path,) = [path for path in LESSONS if path.stem.startswith(f"{number:02}_")]
    return path


def read(path):
    return nbformat.read(path, as_version=4)


def prose(path):
    return "\n".join(cell.source for cell in read(path).cells if cell.cell_type == "markdown")


def solutions(path):
    """The source of the solution cells."""
    return [c.source for c in read(path).cells if "solution" in c.metadata.get("tags", [])]


def starts(path):
    """The source of the cells that an exercise begins with."""
    return [c.source for c in read(path).cells if "start" in c.metadata.get("tags", [])]


def execute(*sources):
    """Run cells one after the other; their names. Python can read their source, as in a kernel."""
    names = {}
    for number, source in enumerate(sources):
        file = f"<cell {number} {hash(source)}>"
        linecache.cache[file] = len(source), None, source.splitlines(True), file
        exec(compile(source, file, "exec"), names)
    return names


def run(path, monkeypatch, **environment):
    """Run a lesson in a kernel of its own; the text that its cells print and show, and widgets."""
    monkeypatch.setenv("FWDWIDGETS_OFFLINE", "1")
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    notebook = read(path)
    NotebookClient(notebook, timeout=120, resources={"metadata": {"path": path.parent}}).execute()
    outputs = [output for cell in notebook.cells for output in cell.get("outputs", [])]
    assert not [output for output in outputs if output.output_type == "error"]
    texts = [o.get("text") or o.get("data", {}).get("text/plain", "") for o in outputs]
    widgets = [
        o for o in outputs if "application/vnd.jupyter.widget-view+json" in o.get("data", {})
    ]
    return "\n".join(texts), widgets
