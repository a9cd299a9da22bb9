"""Pages without a kernel: what is recorded, what is exported, what is refused."""

import base64
import gzip
import json
import re
import sys
from html import escape, unescape

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from torch import nn

import fwdwidgets as fw
from fwdwidgets.pages.network import onnx as _onnx
from fwdwidgets.pages.network.proof import Prover
from fwdwidgets.pages.recorded import Archive, Recorder, Snapshots, check_choices
from fwdwidgets.pages.recorded.archive import LEVELS, quantise
from fwdwidgets.pages.recorded.controls import Controls
from fwdwidgets.pages.template import script

DATA = [(torch.rand(1, 28, 28), i % 10) for i in range(6)]


def part(html, name):
    """What a page carries under a name."""
    (text,) = re.findall(rf'data-part="{name}">([^<]*)<', html)
    return gzip.decompress(base64.b64decode(text))


def saved(widget, tmp_path, **options):
    return widget.save_page(tmp_path / "page.html", **options).read_text(encoding="utf-8")


def footer(html):
    return re.search(r"<footer.*?</footer>", html, re.S)[0]


# --- what is kept ---------------------------------------------------------------------------------


@given(arrays.arrays(np.float32, st.integers(1, 60), elements=st.floats(-1e6, 1e6, width=32)))
def test_levels_are_within_half_a_step_and_zero_stays_zero(values):
    levels, low, high = quantise(values)
    step = (high - low) / LEVELS
    shown = low + levels * step
    assert np.abs(shown - values).max() <= step * 0.501
    assert np.abs(shown[values == 0]).max(initial=0) <= 1e-9 * high


def test_nan_is_a_level_of_its_own_and_infinity_is_not_kept_in_levels():
    levels, _, _ = quantise(np.array([1.0, np.nan, -1.0], dtype=np.float32))
    assert levels.tolist() == [LEVELS, 255, 0]
    assert quantise(np.array([1.0, np.inf])) is None


def test_what_is_the_same_is_kept_once():
    archive = Archive()
    z = np.arange(12, dtype=np.float32).reshape(3, 4)
    assert archive.piece(z) == archive.piece(z.copy())
    assert archive.piece({"a": 1}) == archive.piece({"a": 1})
    assert len(archive.buffers) == 1
    assert np.array_equal(np.frombuffer(archive.blob(), np.float32).reshape(3, 4), z)


def test_recording_leaves_the_widget_as_it_was_and_records_every_combination():
    widget = fw.BinaryOutput(nn.Sequential(nn.Linear(6, 1), nn.Sigmoid()), fw.datasets.animals())
    widget.sample, widget.threshold = 2, 0.4
    before = Snapshots(widget).take()
    choices = {"threshold": [0.2, 0.4, 0.6], "seed": [0, 1]}
    recorder = Recorder(widget, choices, megabytes=9, seconds=3600)
    recorder.record()
    assert (widget.sample, widget.threshold, widget.seed) == (2, 0.4, None)
    after = Snapshots(widget).take()
    assert [p for p in before if p[1] != "revision" and repr(before[p]) != repr(after[p])] == []
    assert recorder.spent == ""
    seen = set(recorder.data()["keys"])
    assert len(seen) == 5 * 3 * 2 * 2  # rows, thresholds, seeds, weights as given or not


@pytest.mark.parametrize("kind", [np.array, torch.tensor])
def test_values_come_from_arrays_and_tensors_as_well(kind):
    widget = fw.StepThrough(fw.models.MyNetwork, DATA)
    choices = {"sample": kind([0, 2]), "seed": kind([0, 1]), "step": ["flatten"]}
    recorder = Recorder(widget, check_choices(widget, choices, {}), megabytes=9, seconds=3600)
    recorder.record()
    controls = {each["name"]: each["values"] for each in recorder.data()["controls"]}
    assert (controls["sample"], controls["seed"]) == ([0, 2], [0, 1])
    assert recorder.spent == ""


def test_a_slider_stops_at_no_value_that_is_only_there_with_other_settings():
    widget = fw.BatchForward(fw.models.MyNetwork, DATA, size=2)
    choices = {"start": [0, 4], "size": [1, 2], "seed": [0]}
    recorder = Recorder(widget, choices, megabytes=9, seconds=3600)
    recorder.record()
    data = recorder.data()
    (start,) = (each for each in data["controls"] if each["name"] == "start")
    assert {0, 1, 2, 4} <= set(start["values"])  # the buttons lead to 1 and 2
    place = data["places"].index([start["part"], "offers"])
    assert recorder.archive.pieces[data["base"][place]] == [0, 4]


def test_of_a_long_slider_the_first_values_are_recorded_where_they_say_more():
    widget = fw.BatchForward(fw.models.MyNetwork, DATA * 5, size=16)
    controls = Controls(widget, {})
    assert controls.values_of("row") == controls.values_of("seed") == list(range(12))
    start = controls.values_of("start")
    assert (len(start), start[0], start[-1]) == (12, 0, 29)


def test_what_the_page_script_does_by_itself_is_not_pressed():
    widget = fw.ComputationGraph(lambda a: a * a, a=2.0)
    recorder = Recorder(widget, {"a": [2.0]}, megabytes=9, seconds=3600)
    recorder.record()
    assert recorder.spent == ""
    assert recorder.data()["presses"] == {}
    forward = fw.ForwardPass(fw.models.MyNetwork, DATA)
    left = [*widget._left_to_page, *forward._left_to_page]
    assert len(left) == 5
    for button in left:
        assert f'classes.includes("{button._dom_classes[-1]}")' in script()


def test_a_budget_ends_recording_near_the_first_state():
    widget = fw.StepThrough(fw.models.Network, DATA)
    recorder = Recorder(widget, {}, megabytes=0.05, seconds=3600)
    recorder.record()
    assert "0.05 MB" in recorder.spent
    assert len(recorder.states) > 5
    assert widget.step == "conv1"


# --- a network that runs in the page --------------------------------------------------------------


def test_the_exported_graph_agrees_with_pytorch(tmp_path):
    widget = fw.ForwardPass(fw.models.Network, DATA, class_names=list("abcdefghij"))
    html = saved(widget, tmp_path, sample=range(6), seed=range(3))
    session = pytest.importorskip("onnxruntime").InferenceSession(part(html, "model"))
    plan = json.loads(part(html, "page"))["network"]
    taken = {each.name for each in session.get_inputs()}  # all ten classes are drawn: no label
    for seed in range(3):
        torch.manual_seed(seed)
        network = fw.models.Network().eval()
        feeds = {f"weights.{name}": value.numpy() for name, value in network.state_dict().items()}
        assert set(plan["weights"][seed]["feeds"]) == set(feeds)
        for image, label in DATA:
            with torch.no_grad():
                output = network(image[None])[0]
            names = ["answer.output", "answer.probabilities", "steps.conv1", "answer.prediction"]
            feeds |= {"batch": image[None].numpy(), "label": np.array(label)}
            got = session.run(names, {name: feeds[name] for name in taken})
            assert got[3] == output.argmax()
            torch.testing.assert_close(torch.tensor(got[0]), output, rtol=1e-5, atol=1e-6)
            torch.testing.assert_close(torch.tensor(got[1]), output.softmax(0))
            with torch.no_grad():
                torch.testing.assert_close(torch.tensor(got[2]), network.conv1(image[None]))
    said = footer(html)
    assert "18 forward passes" in said
    assert "6 samples, 3 sets of weights" in said
    assert 0 < float(re.search(r"is (\d\.\de-\d\d) of", said)[1]) < 1e-5


def test_the_exported_graph_tells_nothing_of_the_machine(tmp_path):
    html = saved(fw.ForwardPass(fw.models.Network, DATA), tmp_path)
    model = part(html, "model")
    for word in (b"site-packages", b".py", b"/usr", b"/home", b"/root", b"torch.export"):
        assert word not in model


class Wandering(nn.Module):
    """Takes another path for a bright image."""

    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(784, 10)

    def forward(self, x):
        x = x.flatten(1)
        if x.mean() > 0.5:
            x = x.relu()
        return self.layer(x)


class Noisy(nn.Module):
    """Adds noise: torch draws other numbers than any exported graph."""

    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(784, 10)

    def forward(self, x):
        return self.layer(x.flatten(1) + torch.randn(1, 784))


class Frozen(nn.Module):
    """Turns its BatchNorm back to train mode: each forward pass moves its statistics."""

    def __init__(self):
        super().__init__()
        self.layer, self.bn = nn.Linear(784, 10), nn.BatchNorm1d(28)

    def forward(self, x):
        self.bn.train()
        return self.layer(self.bn(x[:, 0]).flatten(1))


class Dropping(nn.Module):
    """Has a dropout that no mode turns off."""

    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(784, 10)

    def forward(self, x):
        return self.layer(nn.functional.dropout(x.flatten(1)))


@pytest.mark.parametrize(
    ("model", "sentence"),
    [
        (Wandering, "its forward() asks for a value of a tensor, as an if or a while does"),
        (Noisy, "step 'randn' gives other numbers in the exported graph, off by "),
        (Dropping, "step 'dropout' gives other numbers in the exported graph, off by "),
        (Frozen, "step 'bn' writes to its own "),
    ],
)
def test_a_model_that_cannot_be_exported_is_recorded_and_the_page_says_so(
    model, sentence, tmp_path
):
    widget = fw.ForwardPass(model, DATA)
    said = footer(saved(widget, tmp_path, sample=[0, 1], seed=[0], layer=["layer"], seconds=3600))
    assert re.search(r"\d recorded states", said)
    assert f"The network itself cannot run here: {sentence}" in unescape(said)
    assert "Recording ended" not in said
    assert 'data-part="model"' not in (tmp_path / "page.html").read_text(encoding="utf-8")


def test_a_graph_that_gives_other_numbers_is_refused_with_the_step(monkeypatch):
    widget = fw.ForwardPass(fw.models.MyNetwork, DATA)
    with widget._forward.mode() as network:
        exported = _onnx.export(network, widget._now)
    prover = Prover(exported)
    weights = _onnx.weights_of(widget._forward.network)
    prover.use(weights)
    prover.check(widget._now, 3)
    last = list(weights)[-1]
    prover.use({**weights, last: weights[last] + 0.01})
    with pytest.raises(_onnx.CannotExport, match=r"step '\w+' gives other numbers .* off by"):
        prover.check(widget._now, 3)


class Wide(nn.Module):
    """Large enough for convolutions in tiles, of 4 x 4 and of 2 x 2."""

    def __init__(self):
        super().__init__()
        self.first = nn.Conv2d(1, 32, 3, padding=1)
        self.second = nn.Conv2d(32, 32, 3, padding=1)
        self.third = nn.Conv2d(32, 128, 1)
        self.fourth = nn.Conv2d(128, 128, 3, padding=1, bias=False)
        self.out = nn.Linear(128, 10)

    def forward(self, x):
        x = nn.functional.max_pool2d(self.second(self.first(x)).nan_to_num(), 4)
        return self.out(self.fourth(self.third(x)).mean(dim=(2, 3)))


PICTURES = [(torch.rand(1, 36, 36), i) for i in range(3)]


def test_large_convolutions_run_in_tiles_and_are_proven(tmp_path):
    widget = fw.ForwardPass(Wide, PICTURES)
    with widget._forward.mode() as network:
        exported = _onnx.export(network, widget._now)
    assert set(exported.kernels) == {"second.weight", "fourth.weight"}
    assert {"kernels.second.weight", "kernels.fourth.weight"} < exported.inputs
    assert not {"weights.second.weight", "weights.fourth.weight"} & exported.inputs
    said = footer(saved(widget, tmp_path, seed=[0, 1]))
    assert "Every move runs the network" in said
    assert 0 < float(re.search(r"is (\S+) of a step's largest value", said)[1]) < 1e-5


def test_where_nan_would_spread_over_a_tile_convolutions_run_as_they_are(tmp_path):
    picture = PICTURES[0][0].clone()
    picture[0, 20, 20] = torch.nan
    html = saved(fw.ForwardPass(Wide, [(picture, 0)]), tmp_path, seed=[0])
    assert "Every move runs the network" in footer(html)
    assert b"kernels." not in part(html, "model")
    assert b"weights.second.weight" in part(html, "model")


def test_a_table_of_another_shape_is_refused(tmp_path):
    widget = fw.BinaryOutput(nn.Linear(6, 1), fw.datasets.animals())
    for table in ([[1, 2]], "12", [[float("nan")] * 6] * 5):
        with pytest.raises(ValueError, match="give 5 rows of 6 finite numbers each"):
            widget.save_page(tmp_path / "page.html", values=[table])


def test_walks_are_recorded_whatever_else_is():
    torch.manual_seed(0)
    widget = fw.TrainingStep(fw.models.Net(), (torch.randn(4, 10), torch.randn(4, 1)))
    thrice = ["output = model(inputs)", "loss = criterion(output, targets)", "loss.backward()"]
    walk = [*thrice, *thrice, "reset", {"lr": 1.0}, {"clip": 0.5}, "run n steps"]
    recorder = Recorder(widget, {}, walks=[walk], megabytes=0.001, seconds=60)
    recorder.record()
    assert recorder.spent == "the budget of 0.001 MB"
    (logs,) = (c["values"] for c in recorder.data()["controls"] if c["name"] == "log")
    start, once = "lr=0.01 clip=0.0", " forward loss backward"
    assert f"{start}{once}{once}" in logs
    assert "lr=1.0 clip=0.5 run=20" in logs


@pytest.mark.parametrize(
    ("walks", "error", "sentence"),
    [
        ("next", TypeError, "walks='next' is no list of walks: give a list of moves"),
        (["next"], TypeError, "is no list of walks"),
        ([["jump"]], ValueError, "'jump' is no button of StepThrough; name one of ◂ previous"),
        ([[{"pace": 1}]], TypeError, "'pace' is no control of StepThrough; name one of sample"),
        ([[{"sample": 99}]], ValueError, "sample=99 is not there; choose 0 to 5"),
        ([[3]], TypeError, "3 is no move: give the text of a button, or values by the name"),
    ],
)
def test_a_walk_that_cannot_be_gone_is_refused(walks, error, sentence, tmp_path):
    widget = fw.StepThrough(fw.models.MyNetwork, DATA)
    with pytest.raises(error, match=re.escape(sentence)):
        widget.save_page(tmp_path / "page.html", walks=walks)


def test_without_onnxruntime_states_are_recorded_and_the_page_says_why(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "onnxruntime", None)  # as where it is not installed
    html = saved(fw.ForwardPass(fw.models.MyNetwork, DATA), tmp_path, sample=[0], seed=[0])
    assert 'no onnxruntime here: pip install "fwdwidgets[pages]"' in unescape(footer(html))


def test_train_mode_is_recorded(tmp_path):
    html = saved(fw.ForwardPass(fw.models.ImageClassifier, DATA, training=True), tmp_path)
    assert "it runs in train mode" in footer(html)


def test_nan_in_a_sample_is_told_and_proven_as_nan(tmp_path):
    image = DATA[0][0].clone()
    image[0, 3, 3] = torch.nan
    html = saved(fw.ForwardPass(fw.models.Network, [(image, 1), DATA[1]]), tmp_path)
    told = json.loads(part(html, "page"))["network"]["told"]
    assert any("conv1" in text and "NaN" in text for text in told.values())


def test_the_weights_of_every_seed_and_those_as_given_are_in_the_page(tmp_path):
    torch.manual_seed(3)
    model = fw.models.MyNetwork()
    html = saved(fw.ForwardPass(model, DATA), tmp_path, seed=[4])
    page = json.loads(part(html, "page"))
    assert [each["words"] for each in page["network"]["weights"]] == [
        "seed 4", "weights as given",
    ]  # fmt: skip
    blob = part(html, "arrays")
    state = model.state_dict()
    for name, tree in page["network"]["weights"][-1]["feeds"].items():
        place = page["buffers"][tree["buffer"]]
        values = np.frombuffer(blob[place["offset"] :][: place["size"]], np.float32)
        assert np.array_equal(values, state[name.removeprefix("weights.")].flatten().numpy())


# --- files ----------------------------------------------------------------------------------------


def test_a_page_beside_a_shared_folder_is_small_and_names_it(tmp_path):
    widget = fw.ForwardPass(fw.models.MyNetwork, DATA)
    whole = widget.save_page(tmp_path / "whole.html", seed=[0])
    small = widget.save_page(tmp_path / "book" / "small.html", shared=tmp_path / "run", seed=[0])
    assert 'src="../run/plotly.js"' in small.read_text(encoding="utf-8")
    names = {path.name for path in (tmp_path / "run").iterdir()}
    assert names == {
        "LICENSES", "fwdwidgets.css", "fwdwidgets.js", "ort.js", "plotly.js", "wasm.js",
    }  # fmt: skip
    assert 'href="../run/LICENSES/plotly.js.txt"' in small.read_text(encoding="utf-8")
    assert b"Microsoft" in part(whole.read_text(encoding="utf-8"), "licenses")
    assert small.stat().st_size < whole.stat().st_size - 5_000_000


def test_the_first_picture_waits_for_nothing_but_its_own_arrays(tmp_path):
    widget = fw.ForwardPass(fw.models.MyNetwork, DATA)
    whole = saved(widget, tmp_path, seed=[0])
    names = re.findall(r'data-part="(\w+)">|<script>', whole)
    assert set(names[:2]) == {"page", "arrays"}
    assert names[2:5] == ["", "plotly", ""]  # the page script; that plotly has come
    assert set(names[5:]) == {"model", "ort", "wasm", "licenses"}
    beside = saved(widget, tmp_path, seed=[0], shared=tmp_path / "run")
    order = re.findall(r'data-part="(\w+)">|src="run/(\w+)', beside)
    assert [a or b for a, b in order][2:] == ["fwdwidgets", "plotly", "model", "ort", "wasm"]


def test_a_module_for_myst_renders_the_page(tmp_path):
    widget = fw.RegressionOutput(nn.Linear(6, 1), fw.datasets.animals("weight"))
    code = widget.save_page(tmp_path / "widget.mjs").read_text(encoding="utf-8")
    assert "export default { render };" in code
    (text,) = re.findall(r"^const page = (.*);$", code, re.M)
    assert json.loads(text).startswith("<!DOCTYPE html>")


def test_a_page_asks_no_other_host(tmp_path):
    html = saved(fw.RegressionOutput(nn.Linear(6, 1), fw.datasets.animals("weight")), tmp_path)
    html = re.sub(r'data-part="\w+">[^<]*<', "", html)
    assert not re.findall(r"(?:src|href)=|@import|url\(", html)
    assert set(re.findall(r"https?://[^\s\"'`<)]+", html)) <= {"http://www.w3.org/2000/svg"}


def test_hostile_names_stay_text(tmp_path):
    bad = '</script><script>alert(1)</script><img src=x onerror="alert(2)">'
    widget = fw.ForwardPass(fw.models.MyNetwork, DATA, class_names=[bad] * 10)
    html = saved(widget, tmp_path, title=bad, seed=[0])
    assert "<script>alert" not in html
    assert html.count("</script>") == len(re.findall(r"<script\b", html))
    frame = fw.embed(widget, title=bad, seed=[0]).data
    assert frame.count("<script") == 1  # our own, which fits the frame to its page
    assert "alert" not in frame.replace(escape(bad, quote=True), "").partition("srcdoc=")[0]
    assert "<script>alert" not in frame
    assert 'sandbox="allow-scripts"' in frame


def test_an_embedded_page_opens_where_it_is_told(tmp_path):
    widget = fw.ForwardPass(fw.models.MyNetwork, DATA)
    html = saved(widget, tmp_path, state={"sample": 5, "layer": "relu"}, sample=[0], seed=[0])
    page = json.loads(part(html, "page"))
    controls = {each["name"]: each for each in page["network"]["controls"]}
    assert controls["sample"]["values"] == [0, 5]
    shown = {name: each["values"][each["now"]] for name, each in controls.items()}
    assert shown == {"sample": 5, "seed": 0, "given": False, "layer": "relu", "page": 0}
    assert (widget.sample, widget.layer) == (0, "flatten")


@pytest.mark.parametrize(
    ("arguments", "error", "sentence"),
    [
        ({"smaple": [1]}, TypeError, "'smaple' is no control of ForwardPass; name one of sample"),
        ({"sample": 3}, TypeError, "sample=3 is no collection of values: pass a list or range"),
        ({"sample": [0.5]}, ValueError, "sample=0.5 is not there; choose 0 to 5"),
        ({"sample": [99]}, ValueError, "sample=99 is not there; choose 0 to 5"),
        ({"layer": ["conv9"]}, ValueError, "layer='conv9' is not there; choose one of"),
        ({"state": {"layer": "conv9"}}, ValueError, "layer='conv9' is not there"),
        ({"megabytes": 0}, ValueError, "megabytes=0 is no budget: choose a number above 0"),
        ({"seconds": float("nan")}, ValueError, "seconds=nan is no budget"),
    ],
)
def test_what_cannot_be_asked_for(arguments, error, sentence, tmp_path):
    widget = fw.ForwardPass(fw.models.MyNetwork, DATA)
    with pytest.raises(error, match=re.escape(sentence)):
        widget.save_page(tmp_path / "page.html", **arguments)
    assert not list(tmp_path.iterdir())


def test_a_path_that_names_no_page(tmp_path):
    widget = fw.RegressionOutput(nn.Linear(6, 1), fw.datasets.animals("weight"))
    with pytest.raises(ValueError, match=r"names no page: let it end in \.html"):
        widget.save_page(tmp_path / "page")
    with pytest.raises(ValueError, match="holds all that it needs: leave out shared="):
        widget.save_page(tmp_path / "page.mjs", shared=tmp_path)


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"path": None}, "path=None is no path: give a file name"),
        ({"title": 3}, "title=3 is no text"),
        ({"state": 3}, "state=3 is no dictionary"),
    ],
)
def test_arguments_of_another_type_are_refused(options, sentence, tmp_path):
    widget = fw.ForwardPass(nn.Linear(2, 3), [(torch.ones(2), 0)])
    with pytest.raises(TypeError, match=sentence):
        widget.save_page(**{"path": tmp_path / "page.html", **options})


def test_half_precision_is_recorded_and_the_footer_says_why(tmp_path):
    widget = fw.ForwardPass(nn.Linear(2, 3).half(), [(torch.ones(2).half(), 0)])
    html = saved(widget, tmp_path, sample=[0], seed=[])
    assert "the input is float16; a page can feed float32" in footer(html)
    assert json.loads(part(html, "page"))["network"] is None


def test_the_exporter_keeps_its_own_doings_to_itself(tmp_path, capfd):
    class Branch(nn.Module):
        def forward(self, x):
            return x + 1 if x.sum() > 2 else x * 2

    widget = fw.ForwardPass(Branch(), [(torch.ones(3), 0)])
    widget.save_page(tmp_path / "page.html", sample=[0])
    assert capfd.readouterr() == ("", "")


def test_samples_of_several_shapes_are_recorded_and_the_footer_says_why(tmp_path):
    class Length(nn.Module):
        def forward(self, x):
            return torch.stack([x.sum(1), x.mean(1)], 1)

    widget = fw.ForwardPass(Length(), [(torch.rand(3), 0), (torch.rand(5), 1)])
    said = footer(saved(widget, tmp_path, sample=[0, 1]))
    assert "its samples have several shapes, (3,) and (5,)" in said


class InPlace(nn.Module):
    def __init__(self):
        super().__init__()
        self.out = nn.Linear(784, 10)

    def forward(self, x):
        x -= 0.5
        return self.out(x.flatten(1))


def test_exporting_a_forward_that_works_in_place_leaves_the_dataset_as_found(tmp_path):
    data = [(torch.rand(1, 28, 28), 3)]
    before = data[0][0].clone()
    model = InPlace()
    html = saved(fw.ForwardPass(model, data), tmp_path, seed=[])
    assert "Every move runs the network" in footer(html)
    assert torch.equal(data[0][0], before)
    widget = fw.ForwardPass(model, data)
    with torch.no_grad():
        expected = model.out((before - 0.5).flatten()[None])[0].softmax(0)
    torch.testing.assert_close(torch.tensor(widget.probabilities), expected)


class Scaled(nn.Linear):
    """Has a parameter that no layer knows how to draw."""

    def __init__(self):
        super().__init__(784, 10)
        self.scale = nn.Parameter(torch.ones(1))

    def forward(self, x):
        return super().forward(x.flatten(1)) * self.scale


def test_a_model_that_cannot_be_drawn_anew_is_saved_with_its_own_weights(tmp_path):
    model = nn.Sequential(Scaled())
    said = footer(saved(fw.ForwardPass(model, DATA), tmp_path))
    assert "Every move runs the network" in said
    assert "1 set of weights" in said


def test_lazy_layers_that_a_factory_makes_are_saved(tmp_path):
    def make():
        return nn.Sequential(nn.Flatten(), nn.LazyLinear(4), nn.LazyLinear(10))

    said = footer(saved(fw.ForwardPass(make, DATA), tmp_path, seed=[0, 1]))
    assert "Every move runs the network" in said
    assert "2 sets of weights" in said


@pytest.mark.parametrize("label", [1.7, 99, -1])
def test_a_label_that_is_no_class_is_told_in_the_footer(label, tmp_path):
    data = [DATA[0], (DATA[1][0], label)]
    said = unescape(footer(saved(fw.ForwardPass(fw.models.MyNetwork, data), tmp_path, seed=[0])))
    assert f"label={label} of sample 1 is no class of this model" in said
    assert "recorded state" in said


class Padded(nn.Module):
    """Pads by a number of NumPy, as a computed padding is."""

    def __init__(self):
        super().__init__()
        self.conv, self.out = nn.Conv2d(1, 2, 3), nn.Linear(2, 10)

    def forward(self, x):
        x = nn.functional.conv2d(x, self.conv.weight, padding=np.int64(1))
        return self.out(x.mean(dim=(2, 3)))


def test_a_padding_of_numpy_ends_in_a_page(tmp_path):
    assert footer(saved(fw.ForwardPass(Padded, DATA), tmp_path, sample=[0, 1], seed=[0]))


def test_what_others_follow_can_be_set_back():
    torch.manual_seed(0)
    widget = fw.TrainingStep(fw.models.Net(), (torch.randn(4, 10), torch.randn(4, 1)))
    widget.run_steps(2)
    few = {"lr": [0.01, 0.1], "clip": [], "n": [], "parameter": []}
    recorder = Recorder(widget, few, megabytes=0.04, seconds=60)
    recorder.record()
    data = recorder.data()
    names = [control["name"] for control in data["controls"]]
    values = [control["values"] for control in data["controls"]]
    lr, log = names.index("lr"), names.index("log")
    reached = {key: data["keys"][state] for key, state in data["moves"]["lr"].items()}
    there = next(r for r in reached.values() if values[lr][int(r.split(",")[lr])] == 0.1)
    back = there.split(",")
    back[lr] = str(values[lr].index(0.01))
    end = reached[",".join(back)].split(",")
    assert values[log][int(end[log])] == "lr=0.01 clip=0.0 run=2"
