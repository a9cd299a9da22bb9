"""The three output widgets against plain PyTorch."""

import numpy as np
import pytest
import torch
from torch import nn

import fwdwidgets as fw


def binary():
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(6, 4), nn.Linear(4, 1), nn.Sigmoid())


def multiclass():
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(6, 4), nn.Linear(4, 3), nn.Softmax(dim=-1))


def regression():
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(6, 4), nn.Linear(4, 1))


MODELS = {"mammal": binary, "class": multiclass, "weight": regression}
WIDGETS = {"mammal": fw.BinaryOutput, "class": fw.MulticlassOutput, "weight": fw.RegressionOutput}


@pytest.fixture(params=WIDGETS)
def kind(request):
    return request.param


def expected(model, values):
    with torch.no_grad():
        return model.eval()(values)


def test_the_outputs_are_the_model_s(kind):
    model, table = MODELS[kind](), fw.datasets.animals(kind)
    before = {name: value.clone() for name, value in model.state_dict().items()}
    widget = WIDGETS[kind](model, table)
    assert torch.equal(torch.tensor(widget.outputs), expected(model, table.values))
    assert all(torch.equal(before[name], value) for name, value in model.state_dict().items())
    assert widget._message.value == ""


def test_an_edited_number_runs_the_network_again(kind):
    model, table = MODELS[kind](), fw.datasets.animals(kind)
    widget = WIDGETS[kind](model, table)
    widget._table._received(None, {"kind": "edit", "row": 2, "column": 5, "text": "-1,5"}, [])
    changed = table.values.clone()
    changed[2, 5] = -1.5
    assert torch.equal(torch.tensor(widget.values), changed)
    assert torch.equal(torch.tensor(widget.outputs), expected(model, changed))
    assert widget._table.value[2][5] == "-1.5"
    assert torch.equal(table.values, fw.datasets.animals(kind).values)  # the learner's own


@pytest.mark.parametrize("text", ["", "four", "nan", "inf", "1e400"])
def test_what_is_no_number_is_told_and_the_old_one_kept(kind, text):
    widget = WIDGETS[kind](MODELS[kind](), fw.datasets.animals(kind))
    values, revision = widget.values, widget._table.revision
    widget._table._received(None, {"kind": "edit", "row": 0, "column": 5, "text": text}, [])
    assert widget.values == values
    assert widget._table.revision > revision  # the page takes the typed text back
    assert "for cow, legs is no number" in widget._message.value
    widget._table._received(None, {"kind": "edit", "row": 0, "column": 5, "text": "3"}, [])
    assert widget._message.value == ""


def test_a_number_too_large_for_the_model_is_told(kind):
    widget = WIDGETS[kind](MODELS[kind](), fw.datasets.animals(kind))
    values, revision = widget.values, widget._table.revision
    widget._table._received(None, {"kind": "edit", "row": 0, "column": 5, "text": "1e40"}, [])
    assert widget.values == values
    assert widget._table.revision > revision  # the page takes the typed text back
    assert "for cow, legs is too large for a float32" in widget._message.value


def test_an_edit_outside_the_table_is_ignored(kind):
    widget = WIDGETS[kind](MODELS[kind](), fw.datasets.animals(kind))
    values = widget.values
    for row, column in ((9, 0), (0, 9), ("0", 0), (None, None)):
        widget._table._received(
            None, {"kind": "edit", "row": row, "column": column, "text": "1"}, []
        )
    assert widget.values == values


@pytest.mark.parametrize("values", [((1.0,),), "x", ((float("nan"),) * 6,) * 5, 3])
def test_values_of_another_shape_are_refused(kind, values):
    widget = WIDGETS[kind](MODELS[kind](), fw.datasets.animals(kind))
    before = widget.values
    with pytest.raises(ValueError, match="expected 5 rows of 6 finite numbers each"):
        widget.values = values
    assert widget.values == before


def test_values_may_be_a_tensor_or_an_array(kind):
    model = MODELS[kind]()
    widget = WIDGETS[kind](model, fw.datasets.animals(kind))
    for values in (torch.ones(5, 6), np.full((5, 6), 2.0), [[3] * 6] * 5):
        widget.values = values
        given = torch.as_tensor(values).float()
        assert torch.equal(torch.tensor(widget.outputs), expected(model, given))


def test_a_seed_draws_the_weights_anew(kind):
    model, table = MODELS[kind](), fw.datasets.animals(kind)
    widget = WIDGETS[kind](model, table, seed=5)
    again = fw.reseed(model, 5)
    assert torch.equal(torch.tensor(widget.outputs), expected(again, table.values))
    widget.seed = None
    assert torch.equal(torch.tensor(widget.outputs), expected(model, table.values))


def test_a_model_that_does_not_fit_is_told_in_a_sentence(kind):
    widget = WIDGETS[kind](nn.Linear(5, 1), fw.datasets.animals(kind))
    assert widget.outputs == ()
    assert "5 features" in widget._message.value or "(5, 6)" in widget._message.value


def test_the_threshold_decides_again_and_runs_nothing(monkeypatch):
    model, table = binary(), fw.datasets.animals()
    widget = fw.BinaryOutput(model, table)
    chances = expected(model, table.values)[:, 0]
    trace = widget.trace
    for threshold in (0.0, 0.3, float(chances[2]), 0.42, 1.0):
        widget.threshold = threshold
        assert widget.decisions == tuple((chances >= threshold).int().tolist())
        texts = [row[2] for row in widget._table.texts]
        assert [text.startswith("▸") for text in texts] == (chances >= threshold).tolist()
    assert widget.trace is trace
    assert widget.probabilities == tuple(chances.tolist())


@pytest.mark.parametrize("threshold", [-0.1, 1.1, float("nan")])
def test_a_threshold_is_from_0_to_1(threshold):
    widget = fw.BinaryOutput(binary(), fw.datasets.animals())
    with pytest.raises(ValueError, match="out of range"):
        widget.threshold = threshold
    assert widget.threshold == 0.5
    assert "out of range" in widget._message.value


def test_the_points_stand_on_the_sigmoid():
    model, table = binary(), fw.datasets.animals()
    widget = fw.BinaryOutput(model, table, sample=3)
    traces = {trace.name: trace for trace in widget.figure.data}
    with torch.no_grad():
        raw = model[:2](table.values)[:, 0]
    assert np.array_equal(traces["marked"].x, raw.numpy())
    assert np.array_equal(traces["marked"].y, raw.sigmoid().numpy())
    assert np.argmax(traces["marked"].marker.size) == 3
    assert widget._table.texts[0][0] == f"{raw[0]:.4f}"


def test_without_a_sigmoid_the_output_is_the_raw_number():
    model, table = regression(), fw.datasets.animals()
    widget = fw.BinaryOutput(model, table)
    raw = expected(model, table.values)[:, 0]
    assert widget.probabilities == tuple(raw.sigmoid().tolist())
    assert "BCEWithLogitsLoss" in widget._message.value


def test_the_badge_of_a_row():
    model, table = binary(), fw.datasets.animals()
    widget = fw.BinaryOutput(model, table)
    chance = float(expected(model, table.values)[0, 0])
    right = chance >= 0.5
    assert ("cow correct: mammal" if right else "no mammal, really mammal") in widget._badge.value
    widget.threshold = 0.0
    assert "cow correct: mammal" in widget._badge.value


def test_rows_sum_to_one_and_the_largest_is_the_class():
    model, table = multiclass(), fw.datasets.animals("class")
    widget = fw.MulticlassOutput(model, table)
    chances = expected(model, table.values)
    assert widget.predictions == tuple(chances.argmax(dim=1).tolist())
    assert [row[0] for row in widget._table.texts] == ["1.0000"] * 5
    traces = {trace.name: trace for trace in widget.figure.data}
    with torch.no_grad():
        assert np.array_equal(traces["logits"].z, model[:2](table.values).numpy())
    assert np.array_equal(traces["softmax"].z, chances.numpy())


def test_logits_get_their_softmax_and_it_is_told():
    model, table = multiclass()[:2], fw.datasets.animals("class")
    widget = fw.MulticlassOutput(model, table)
    chances = expected(model, table.values).softmax(dim=1)
    assert widget.probabilities == tuple(map(tuple, chances.tolist()))
    assert "nn.CrossEntropyLoss wants the logits" in widget._message.value


def test_a_softmax_along_the_wrong_axis_is_told():
    model = nn.Sequential(nn.Linear(6, 3), nn.Softmax(dim=0))
    widget = fw.MulticlassOutput(model, fw.datasets.animals("class"))
    assert "along another axis" in widget._message.value


def test_a_value_and_its_target():
    model, table = regression(), fw.datasets.animals("weight")
    widget = fw.RegressionOutput(model, table, sample=3)
    value = float(expected(model, table.values)[3, 0])
    assert f"ostrich: {value:.6g}" in widget._badge.value
    assert f"error {value - 0.11:+.4g}" in widget._badge.value
    traces = {trace.name: trace for trace in widget.figure.data}
    assert np.array_equal(traces["value"].x, expected(model, table.values)[:, 0].numpy())
    assert np.allclose(traces["target"].x, table.targets)


@pytest.mark.parametrize(
    ("widget", "model", "sentence"),
    [
        (fw.BinaryOutput, nn.Linear(6, 3), "use fw.MulticlassOutput"),
        (fw.MulticlassOutput, nn.Linear(6, 1), "use fw.BinaryOutput"),
        (fw.RegressionOutput, nn.Linear(6, 3), "End the model in nn.Linear(..., 1)"),
    ],
)
def test_an_output_of_another_kind_is_told(widget, model, sentence):
    shown = widget(model, fw.datasets.animals("class").values)
    assert sentence in shown._message.value
    assert shown.outputs == ()


@pytest.mark.parametrize("widget", [fw.BinaryOutput, fw.MulticlassOutput, fw.RegressionOutput])
def test_a_complex_output_is_told(widget):
    class Waves(nn.Module):
        def forward(self, x):
            return torch.fft.fft(x)[:, : 1 if widget is not fw.MulticlassOutput else 3]

    shown = widget(Waves(), fw.datasets.animals().values)
    assert "The output is complex (complex64)" in shown._message.value
    assert "output.abs() or output.real" in shown._message.value
    assert shown.outputs == ()


def test_of_a_thousand_classes_those_are_drawn_that_a_row_has():
    torch.manual_seed(0)
    values, targets = torch.randn(5, 6), [7, 7, 500, 999, 0]
    model = nn.Linear(6, 1000)
    widget = fw.MulticlassOutput(model, values, targets)
    chances = expected(model, values).softmax(dim=1)
    shown = sorted({*targets, *chances.argmax(dim=1).tolist()})
    assert f"Of 1,000 classes, {len(shown)} are drawn" in widget._message.value
    softmax = next(trace for trace in widget.figure.data if trace.name == "softmax")
    assert np.allclose(softmax.z, chances[:, shown].numpy())
    assert [len(row) for row in widget.probabilities] == [1000] * 5
    assert [sums[0] for sums in widget._table.texts] == ["1.0000"] * 5


def test_a_regression_that_ends_in_a_sigmoid_is_told():
    widget = fw.RegressionOutput(binary(), fw.datasets.animals("weight"))
    assert "values stay between 0 and 1" in widget._message.value


def test_html_in_names_is_text():
    widget = fw.BinaryOutput(binary(), torch.zeros(1, 6), row_names=["<img src=x>"])
    assert "<img" not in widget._badge.value
    assert all("<img" not in str(text) for text in widget.figure.layout.yaxis2.ticktext)
    assert widget._table.rows == ["<img src=x>"]  # written as text by the page


def test_a_mistyped_keyword_is_refused(kind):
    with pytest.raises(TypeError, match="did you mean 'row_names'"):
        WIDGETS[kind](MODELS[kind](), fw.datasets.animals(kind), row_name=["a"])


def test_nan_is_told(kind):
    class Nan(nn.Module):
        def forward(self, x):
            return x[:, : 3 if kind == "class" else 1] * float("nan")

    widget = WIDGETS[kind](Nan(), fw.datasets.animals(kind))
    assert "NaN" in widget._message.value


def test_choosing_a_row_runs_nothing_and_keeps_a_sentence(kind):
    widget = WIDGETS[kind](MODELS[kind](), fw.datasets.animals(kind))
    trace = widget.trace
    widget._table._received(None, {"kind": "edit", "row": 0, "column": 5, "text": "many"}, [])
    widget._table.chosen = 3  # as the page does when another row gets the focus
    assert widget.sample == 3
    assert widget.trace is trace
    assert "for cow, legs is no number" in widget._message.value
    assert "ostrich" in widget._plot._label


def test_a_reload_gives_the_table_back(kind):
    model = MODELS[kind]()
    widget = WIDGETS[kind](model, fw.datasets.animals(kind))
    kept = [[str(float(n)) for n in line] for line in (widget.dataset.values + 0.1).tolist()]
    widget._restore({"values": kept, "sample": 2})
    given = torch.tensor([[float(n) for n in line] for line in kept])
    assert torch.equal(torch.tensor(widget.outputs), expected(model, given))
    assert widget.sample == 2


@pytest.mark.parametrize(
    ("kind", "outputs", "targets", "told"),
    [
        ("MulticlassOutput", 3, [0, 1, 7], r"target=7 of row 2 .* integer from 0 to 2"),
        ("MulticlassOutput", 3, [0, -1, 2], r"target=-1 of row 1 is no class"),
        ("MulticlassOutput", 3, [0.5, 1, 2], r"target=0.5 of row 0 is no class"),
        ("BinaryOutput", 1, [0, 1, 2], r"target=2 of row 2 .* integer from 0 to 1"),
    ],
)
def test_a_target_that_is_no_class_is_refused(kind, outputs, targets, told):
    with pytest.raises(ValueError, match=told):
        getattr(fw, kind)(nn.Linear(4, outputs), torch.ones(3, 4), targets)


def test_class_names_that_are_too_few_and_targets_that_are_no_numbers_are_refused():
    with pytest.raises(ValueError, match=r"class_names=\('no',\) has 1 of 2 names"):
        fw.BinaryOutput(nn.Linear(4, 1), torch.ones(3, 4), class_names=["no"])
    with pytest.raises(TypeError, match=r"targets=\['a', 'b', 'c'\] are no numbers"):
        fw.MulticlassOutput(nn.Linear(4, 3), torch.ones(3, 4), ["a", "b", "c"])


@pytest.mark.parametrize("bad", [float("nan"), float("inf"), -float("inf")])
def test_targets_that_are_no_finite_numbers_are_refused(bad):
    with pytest.raises(ValueError, match=r"targets\[1\]=-?(nan|inf) does not do: pass finite"):
        fw.RegressionOutput(nn.Linear(2, 1), [[1.0, 2.0], [3.0, 4.0]], [1.0, bad])
