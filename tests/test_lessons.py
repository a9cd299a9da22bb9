"""Every lesson runs from a clean kernel on both datasets, and its prose tells the truth."""

import re
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

LESSONS = sorted((Path(__file__).parents[1] / "lessons").glob("*.ipynb"))


def read(path):
    return nbformat.read(path, as_version=4)


def prose(path):
    return "\n".join(cell.source for cell in read(path).cells if cell.cell_type == "markdown")


def run(path, monkeypatch, **environment):
    """Run a lesson in a kernel of its own; the text that its cells print and show."""
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


@pytest.fixture(params=["digits", "fashion"])
def environment(request, tmp_path):
    """The environment of a machine with one of the two datasets."""
    if request.param == "digits":
        return {"FWDWIDGETS_DATA": str(tmp_path), "XDG_CACHE_HOME": str(tmp_path)}
    return {"FWDWIDGETS_DATA": str(request.getfixturevalue("fashion_folder"))}


@pytest.mark.parametrize("path", LESSONS, ids=lambda path: path.stem)
def test_a_lesson_is_committed_without_outputs_and_is_short(path):
    code = [cell for cell in read(path).cells if cell.cell_type == "code"]
    assert all(not cell.outputs and cell.execution_count is None for cell in code)
    lines = [line for cell in code for line in cell.source.splitlines() if line.strip()]
    printing = [line for line in lines if line.lstrip().startswith("print(")]
    assert len(lines) - len(printing) <= 15
    assert prose(path).startswith("# ")


@pytest.mark.filterwarnings("ignore:.*:DeprecationWarning", "ignore:.*:RuntimeWarning")
def test_lesson_1_one_image(environment, monkeypatch):
    (path,) = [path for path in LESSONS if path.stem == "01_forward_pass"]
    printed, widgets = run(path, monkeypatch, **environment)
    assert len(widgets) == 1
    text = prose(path)
    fashion = "Ankle boot" in printed
    assert fashion is ("XDG_CACHE_HOME" not in environment)

    # (channels, height, width): one grey channel, 28 rows, 28 columns
    assert "image.shape = (1, 28, 28)" in printed
    assert "one grey channel, 28 rows, 28 columns" in text
    assert "batch.shape = (1, 1, 28, 28)" in printed
    assert "*(1, 1, 28, 28)*" in text
    assert "output.shape = (1, 10)" in printed
    assert "*(1, 10)*" in text
    assert "ten classes" in text

    # argmax against the label, in words
    answers = re.findall(r"^(prediction|label) += (\d): ", printed, re.MULTILINE)
    prediction, label = (int(number) for _, number in answers)
    assert ("incorrect" in printed) is (prediction != label)

    # probabilities are near ten percent each, and sum to one
    rows = [
        [float(number) for number in re.findall(r"-?\d\.\d+", row)]
        for row in re.findall(r"tensor\(\[\[(.*?)\]\]\)", printed, re.DOTALL)
    ]
    logits, chances, first, second = rows
    assert [len(row) for row in rows] == [10, 10, 10, 10]
    assert all(0.04 < chance < 0.2 for chance in chances)
    assert "about ten percent" in text
    assert "sum = 1.0000" in printed
    assert logits.index(max(logits)) == chances.index(max(chances)) == prediction

    # two networks, two answers
    assert first != second


def test_the_exercise_of_lesson_1_has_an_answer():
    import torch

    import fwdwidgets as fw

    dataset = fw.datasets.digits()
    widget = fw.ForwardPass(fw.models.Network, dataset)
    right = []
    for seed in range(100):  # the seeds that the slider has
        widget.seed = seed
        right += [seed] if widget.correct else []
    assert right
    steps = {step.name: step for step in widget.trace}
    assert (steps["relu"].value >= 0).all()
    halved = [
        step.name
        for step in widget.trace
        if step.op == "max_pool2d"
        and tuple(s / 2 for s in widget.trace[step.parents[0]].shape[2:]) == step.shape[2:]
    ]
    assert halved == ["max_pool2d", "max_pool2d_2"]
    assert steps["reshape"].shape == (1, 192)
    assert torch.equal(steps["reshape"].value.flatten(), steps["max_pool2d_2"].value.flatten())
