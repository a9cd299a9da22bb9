"""What the three output widgets share, against plain PyTorch."""

import numpy as np
import pytest
import torch
from torch import nn

import fwdwidgets as fw
from tests.widgets.shared.rows import MODELS, WIDGETS, expected


@pytest.fixture(params=WIDGETS)
def kind(request):
    return request.param


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
