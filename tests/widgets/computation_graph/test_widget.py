"""The graph widget against plain PyTorch."""

import html
import math
import re

import pytest
import torch
from torch import nn

import fwdwidgets as fw


def g(a, b, c, d):
    e = a + b
    f = c * d
    return e * f


def widget(**leaves):
    return fw.ComputationGraph(g, **{"a": 2, "b": -4, "c": -2, "d": 2, **leaves})


def shown(graph):
    """The boxes of the picture: name, value and gradient."""
    found = {}
    for box in re.findall(r'<g class="fwd-graph-node.*?</g>', graph._picture.value, re.DOTALL):
        texts = dict(re.findall(r'class="fwd-graph-(\w+)" x[^>]*>([^<]*)<', box))
        found[texts["name"]] = (texts["value"], texts.get("below", ""))
    return found


def test_forward_one_node_at_a_time():
    graph = widget()
    assert {name: value for name, (value, _) in shown(graph).items()} == {
        **{"a": "2", "b": "-4", "c": "-2", "d": "2"},
        **{"e": "?", "f": "?", "g": "?"},
    }
    said = []
    for _ in range(3):
        graph.next_step()
        said.append(re.sub(r"<[^>]*>", "", graph._said.value))
    assert "e = a + b = 2 + (-4) = -2" in said[0]
    assert "f = c \u00d7 d = (-2) \u00d7 2 = -4" in said[1]
    assert "g = e \u00d7 f = (-2) \u00d7 (-4) = 8" in said[2]
    assert shown(graph)["g"] == ("8", "")
    assert graph.output == 8


def test_backward_one_way_at_a_time():
    graph = widget()
    graph.step = 4
    assert "dg/dg = 1" in graph._said.value
    assert shown(graph)["g"] == ("8", "grad 1")
    graph.next_step()
    assert "dg/de = dg/dg · dg/de = 1 · (-4) = -4" in graph._said.value
    graph.step = 10
    assert {name: grad for name, (_, grad) in shown(graph).items()} == {
        **{"a": "grad -4", "b": "grad -4", "c": "grad -4", "d": "grad 4"},
        **{"e": "grad -4", "f": "grad -2", "g": "grad 1"},
    }
    assert graph.gradients == {"a": -4, "b": -4, "c": -4, "d": 4}
    graph.next_step()
    assert graph.step == 10
    graph.step = 0
    graph.previous_step()
    assert graph.step == 0


def test_a_leaf_moves_everything_by_slider_and_by_code():
    graph = widget()
    graph.step = 10
    graph._sliders["a", ()].value = 5.0
    assert graph.leaves["a"] == 5
    assert graph.output == (5 - 4) * -4
    graph.leaves = {"a": 1, "b": 1, "c": 3, "d": 7}
    assert graph.output == 42
    assert graph.gradients == {"a": 21, "b": 21, "c": 14, "d": 6}
    assert graph._sliders["d", ()].value == 7


def test_a_number_outside_the_slider_stretches_it():
    graph = widget()
    graph.leaves = {**graph.leaves, "a": 100.0}
    assert graph._sliders["a", ()].value == 100


def test_the_code_beside_it_is_pytorch_s_and_runs():
    graph = widget()
    graph.step = 10
    code = re.sub(r"<[^>]*>", "", graph._code.value)
    names = {}
    exec(code, names)
    assert names["output"] == 8
    gradients = {name: names[name].grad.item() for name in "abcd"}
    assert gradients == graph.gradients
    assert f"d.grad  # {gradients['d']:g}" in code


def test_tensors_have_a_slider_a_number():
    graph = fw.ComputationGraph(lambda x, w: (x * w).sum(), x=torch.ones(2), w=torch.ones(4, 2))
    assert [name for name, _ in graph._sliders] == ["x", "x"]
    assert "w has too many numbers for a slider each" in graph._message.value
    assert graph.gradients["x"] == [4, 4]


def test_a_failing_function_shows_its_graph_and_the_reason():
    graph = fw.ComputationGraph(lambda x, w: (x * 2) @ w, x=torch.ones(2, 3), w=torch.ones(2, 3))
    assert "RuntimeError" in graph._message.value
    assert graph.output is None
    assert "mul" in graph._picture.value


def test_an_output_of_many_numbers_is_told():
    graph = fw.ComputationGraph(lambda x: x * 2, x=torch.ones(3))
    assert "has 3 numbers: the backward pass starts from their sum" in graph._message.value
    assert graph.output is None
    assert graph.gradients == {"x": [2, 2, 2]}


def test_a_leaf_that_is_not_used_is_told():
    graph = fw.ComputationGraph(lambda x, y: x * 2, x=1, y=1)
    assert "No way leads back to y" in graph._message.value
    assert graph.gradients == {"x": 2}


def test_floats_are_written_as_they_were_given():
    graph = fw.ComputationGraph(lambda x, b: (x * b).sum(), x=[[0.1, -2.0]], b=0.3)
    assert graph.leaves == {"x": [[0.1, -2.0]], "b": 0.3}
    assert "b = torch.tensor(0.3, requires_grad=True)" in graph._code.value
    assert "x = torch.tensor([[0.1, -2.0]], requires_grad=True)" in graph._code.value


def test_few_gradients_are_written_out_beside_the_code():
    large = {"w": torch.ones(3, 3, 2), "u": torch.ones(3, 3)}
    graph = fw.ComputationGraph(lambda x, w, u: (x * w).sum(), x=[[0.1, -2.0]], **large)
    graph.step = graph._step_slider.max
    assert "u.grad  # None" in graph._code.value
    assert "x.grad  # [[9, 9]]" in graph._code.value
    assert "w.grad  # (3, 3, 2)" in graph._code.value


def test_no_number_in_the_picture_is_cut():
    graph = fw.ComputationGraph(lambda x: (x * -1.2345e-5).sum(), x=[1.0])
    graph.step = graph._step_slider.max
    (gradient,) = graph.gradients["x"]
    assert gradient == pytest.approx(-1.2345e-5)
    assert shown(graph)["x"][1] == f"grad {gradient:.4g}"


def test_the_picture_in_words_has_every_number():
    graph = widget()
    graph.step = 10
    label = re.search(r'aria-label="([^"]*)"', graph._picture.value)[1]
    assert label.startswith("dg/db = dg/de · de/db = (-4) · 1 = -4. The graph: ")
    for node in ("a 2 grad -4", "d 2 grad 4", "e -2 grad -4", "f -4 grad -2", "g 8 grad 1"):
        assert node in label


def test_parameters_and_constants_say_what_they_are():
    graph = fw.ComputationGraph(nn.BatchNorm1d(2).eval(), input=torch.eye(2))
    above = re.findall(r'fwd-graph-above"[^>]*>([^<]*)<', graph._picture.value)
    assert sorted(above) == ["batch_norm", "constant", "constant", "parameter", "parameter"]


def test_a_sum_without_a_name_has_its_plus_sign():
    graph = fw.ComputationGraph(lambda x: torch.relu(x + 1), x=2)
    above = re.findall(r'fwd-graph-above"[^>]*>([^<]*)<', graph._picture.value)
    assert above == ["+", "relu"]


def test_a_long_name_keeps_its_end():
    model = nn.Sequential()
    model.add_module("transformer_layer", nn.Linear(1, 1))
    graph = fw.ComputationGraph(model, input=[[1.0]])
    assert any(name.startswith("…") and name.endswith(".weight") for name in shown(graph))


def test_a_leaf_that_is_returned_has_slope_one():
    graph = fw.ComputationGraph(lambda x: x, x=2)
    assert graph.gradients == {"x": 1}
    assert graph._message.value == ""


def test_token_ids_stay_integers():
    torch.manual_seed(0)
    model = nn.Sequential(nn.Embedding(5, 3), nn.Linear(3, 1))
    graph = fw.ComputationGraph(model, input=torch.tensor([4]))
    assert "input holds no floats: no gradient, no sliders" in graph._message.value
    assert graph.output == pytest.approx(model(torch.tensor([4])).item())
    graph.leaves = {"input": [2]}
    assert graph.output == pytest.approx(model(torch.tensor([2])).item())
    assert graph._sliders == {}
    assert "input = torch.tensor([2])\n" in graph._code.value


def test_a_result_that_pytorch_does_not_go_back_from_ends_with_forward():
    graph = fw.ComputationGraph(lambda x: (x * 2).detach() * 3, x=2)
    assert "Nothing goes back" in graph._message.value
    assert graph.gradients == {}
    graph.step = graph._step_slider.max
    assert [shown(graph)[name] for name in ("mul", "output")] == [("4", ""), ("12", "")]


def test_another_branch_changes_the_steps():
    def function(x):
        if x > 0:
            return x * 2
        y = x * 3
        return y + 1

    graph = fw.ComputationGraph(function, x=1.0)
    before = graph._step_slider.max
    graph.leaves = {"x": -1.0}
    assert graph.output == -2
    assert graph._step_slider.max > before
    assert graph.gradients == {"x": 3}


def test_a_module_is_left_as_found():
    model = nn.Sequential(nn.Linear(2, 2), nn.BatchNorm1d(2)).train()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    graph = fw.ComputationGraph(model, input=torch.randn(3, 2))
    assert all(torch.equal(before[n], v) for n, v in model.state_dict().items())
    assert all(p.grad is None for p in model.parameters())
    assert "0.weight" in graph._picture.value


@pytest.mark.parametrize(
    ("make", "error", "sentence"),
    [
        (lambda: fw.ComputationGraph(3, a=1), TypeError, "function=3 cannot be called"),
        (lambda: fw.ComputationGraph(g), TypeError, "there is no leaf"),
        (lambda: widget(a="two"), TypeError, "a='two' is no number"),
        (lambda: widget(a=True), TypeError, "a=True is no number"),
        (lambda: widget(a=torch.zeros(0)), ValueError, "a is an empty tensor"),
        (lambda: widget(x=1), TypeError, "x"),
    ],
)
def test_what_is_refused(make, error, sentence):
    with pytest.raises(error, match=sentence):
        make()


def test_bad_states_are_refused_and_told():
    graph = widget()
    with pytest.raises(ValueError, match="step=11 is out of range: this graph has 10 steps"):
        graph.step = 11
    assert "step=11" in graph._message.value
    with pytest.raises(ValueError, match="give a value to each of a, b, c, d"):
        graph.leaves = {"a": 1}
    with pytest.raises(ValueError, match=r"leaves=\[1, 2\] is of type list: give a dict"):
        graph.leaves = [1, 2]
    assert "is of type list" in graph._message.value
    with pytest.raises(ValueError, match="a has shape"):
        graph.leaves = {**graph.leaves, "a": [1.0, 2.0]}
    assert (graph.step, graph.output) == (0, 8)
    graph.step = 1
    assert graph._message.value == ""


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf")])
def test_a_leaf_that_is_not_finite_is_told_and_a_hand_takes_it_away(value):
    graph = widget(a=value)
    assert f"a = {value:g}: it is not finite" in graph._message.value
    assert "Move its slider" in graph._message.value
    sliders = graph._sliders.values()
    assert all(map(math.isfinite, (n for s in sliders for n in (s.value, s.min, s.max))))
    names = {}
    exec(html.unescape(re.sub(r"<[^>]*>", "", graph._code.value)), names)  # as it stands there
    assert names["a"].allclose(torch.tensor(value), equal_nan=True)
    graph._sliders["a", ()].value = 3.0
    assert graph.output == g(3, -4, -2, 2)
    assert graph._message.value == ""
    graph.leaves = {**graph.leaves, "a": value}
    assert "not finite" in graph._message.value
    assert graph._sliders["a", ()].value == 3.0


def test_where_infinity_comes_up_is_told():
    graph = fw.ComputationGraph(lambda x: (x.log() * 2).sum(), x=torch.tensor([1.0, 0.0]))
    assert "log holds -inf, the first that is not finite: log made it of x = [1, 0]." in (
        graph._message.value
    )
    graph.leaves = {"x": [1.0, math.e]}
    assert graph._message.value == ""
    two = fw.ComputationGraph(lambda x: x / 0, x=2.0)
    assert "= inf, the first that is not finite: div made it of x = 2." in two._message.value


def test_names_are_text():
    def function(x):
        return x * 1

    function.__name__ = "<b>"
    graph = fw.ComputationGraph(function, x=1)
    assert "<b>" not in graph._picture.value
    assert "<b>" not in graph._code.value.replace("<br>", "")


def test_a_function_that_wants_another_leaf_says_how_to_pass_it():
    with pytest.raises(TypeError, match=r"does not take a alone .*'b'.* by keyword, as in a=2"):
        fw.ComputationGraph(lambda a, b: a * b, a=1)


def test_complex_numbers_are_refused():
    with pytest.raises(TypeError, match="computes complex numbers"):
        fw.ComputationGraph(lambda a: a * 1j, a=1.0)
