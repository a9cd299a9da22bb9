"""Views are torch alone with static shapes: they export, and the graph says the same."""

import pytest
import torch
from torch import nn

import fwdwidgets as fw
from fwdwidgets import display
from fwdwidgets.networks import ForwardView, PictureView


def exported(module, *arguments):
    """The graph of a module, as one that runs."""
    with torch.no_grad():
        return torch.export.export(module, arguments).module()


def test_the_deeplizard_network_exports_with_all_its_numbers():
    torch.manual_seed(0)
    model = fw.models.Network().eval()
    graph = exported(ForwardView(model), torch.rand(1, 1, 28, 28), torch.tensor(3))
    batch = torch.rand(1, 1, 28, 28)
    with torch.no_grad():
        view = graph(batch, torch.tensor(3))
        trace = fw.trace_forward(model, batch)
        output = model(batch)[0]
    assert {name for name in view if name.startswith("steps.")} == {
        f"steps.{step.name}" for step in trace
    }
    for step in trace:
        torch.testing.assert_close(view[f"steps.{step.name}"], step.value)
    torch.testing.assert_close(view["answer.output"], output)
    torch.testing.assert_close(view["answer.logits"], output)
    chances = output.softmax(0)
    torch.testing.assert_close(view["answer.probabilities"], chances)
    assert view["answer.prediction"] == output.argmax()
    torch.testing.assert_close(view["answer.probability"], chances.max())
    assert view["answer.classes"].tolist() == list(range(10))
    assert view["answer.logits.digits"] == 3
    low, high = view["answer.logits.range"].tolist()
    assert low < float(output.min().clamp(max=0)) or low == 0
    assert high > float(output.max())


@pytest.mark.parametrize("shape", [(1, 6, 12, 12), (1, 192), (1, 10), (1, 3, 300, 400), (5,)])
def test_a_picture_exports_with_its_marks_and_ranges(shape):
    value = torch.randn(shape)
    value.view(-1)[:3] = torch.tensor([torch.nan, torch.inf, -torch.inf])
    for page in range(display.grid(shape).pages):
        where = display.grid(shape, page)
        drawn = exported(PictureView(where), torch.zeros(shape))(value)
        expected = display.arrange(value, where)
        torch.testing.assert_close(drawn["picture"], expected, equal_nan=True)
        assert drawn["odd"] == 3
        assert int(drawn["marks"].sum()) == (3 if page == 0 else 0)
        if page == 0:  # the three stand side by side in the first row
            assert drawn["marks"].nonzero().tolist() == [[0, 0], [0, 1], [0, 2]]
        finite = value[value.isfinite()]
        low, high = drawn["range"].tolist()
        if where.kind == "bars":
            room = 0.06 * (max(finite.max().item(), 0) - min(finite.min().item(), 0))
            assert low == pytest.approx(min(finite.min().item(), 0) - room)
            assert high == pytest.approx(max(finite.max().item(), 0) + room)
        else:
            assert (-low, high) == (finite.abs().max(), finite.abs().max())
            assert drawn["ticks"].tolist() == [low, 0, high]


class Thousand(nn.Module):
    """A thousand classes, whose logits are the input."""

    def forward(self, x):
        return x * 1.0


@pytest.mark.parametrize("label", [-1, 3, 999])
def test_of_a_thousand_classes_the_graph_ranks_sixteen_and_the_label(label):
    logits = torch.linspace(8, -8, 1000)[None]
    graph = exported(ForwardView(Thousand()), torch.zeros(1, 1000), torch.tensor(0))
    view = graph(logits, torch.tensor(label))
    assert view["answer.classes"].tolist() == [*range(16), 999 if label == 999 else -1]
    chances = logits[0].softmax(0)
    torch.testing.assert_close(view["answer.probabilities"][:16], chances[:16])
    assert bool(view["answer.probabilities"][16].isnan()) == (label != 999)
    low, high = view["answer.logits.range"].tolist()
    if label == 999:
        assert (low, high) == pytest.approx((-8 - 0.04 * 16, 8 + 0.04 * 16))
    else:
        assert (low, high) == pytest.approx((0, 8 * 1.04))


def test_a_sigmoid_decides_at_one_half_and_nan_decides_nothing():
    model = nn.Sequential(nn.Linear(1, 1), nn.Sigmoid())
    model[0].weight.data.fill_(1.0), model[0].bias.data.zero_()
    graph = exported(ForwardView(model), torch.zeros(1, 1))
    for number, prediction in ((0.0, 1), (-0.001, 0), (2.0, 1), (torch.nan, -1)):
        assert graph(torch.tensor([[number]]))["answer.prediction"] == prediction


def test_a_regression_has_an_output_and_no_classes():
    view = ForwardView(nn.Linear(3, 1))(torch.rand(1, 3))
    assert {name for name in view if name.startswith("answer")} == {"answer.output"}


@pytest.mark.parametrize(
    ("module", "argument"),
    [
        (ForwardView(fw.models.Network().eval()), torch.rand(1, 1, 28, 28)),
        (PictureView(display.grid((1, 6, 12, 12))), torch.rand(1, 6, 12, 12)),
        (PictureView(display.grid((1, 10))), torch.rand(1, 10)),
        (PictureView(display.input_grid((1, 1, 28, 28)), of_input=True), torch.rand(1, 1, 28, 28)),
    ],
)
def test_a_graph_holds_torch_operations_only(module, argument):
    program = torch.export.export(module, (argument,))
    kinds = {node.op for node in program.graph.nodes}
    assert kinds == {"placeholder", "call_function", "output"}
    names = {str(node.target) for node in program.graph.nodes if node.op == "call_function"}
    assert all(name.startswith("aten.") for name in names)
