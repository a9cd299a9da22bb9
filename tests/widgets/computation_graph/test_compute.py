"""Which nodes the graph of a function has, and what is told where it has none."""

import pytest
import torch
from torch import nn

from fwdwidgets.widgets.computation_graph.chain_rule import backward
from fwdwidgets.widgets.computation_graph.compute import source_of, trace_graph
from fwdwidgets.widgets.computation_graph.layers import layers
from tests.widgets.computation_graph.functions import LEAVES, T, TwoPaths, course


def test_the_course_s_graph():
    graph = trace_graph(course, LEAVES)
    assert list(graph.nodes) == ["a", "b", "c", "d", "e", "f", "g"]
    values = {name: node.value.item() for name, node in graph.nodes.items()}
    assert values == {"a": 2, "b": -4, "c": -2, "d": 2, "e": -2, "f": -4, "g": 8}
    assert [(n.op, n.parents) for n in graph.operations] == [
        ("add", ("a", "b")),
        ("mul", ("c", "d")),
        ("mul", ("e", "f")),
    ]
    assert graph.output == "g"
    assert layers(graph) == [["a", "b", "c", "d"], ["e", "f"], ["g"]]


def test_what_is_returned_without_a_name_has_the_function_s():
    def loss(x):
        return x * 2

    assert trace_graph(loss, {"x": T(1.0)}).output == "loss"
    assert trace_graph(lambda x: x * 2, {"x": T(1.0)}).output == "output"
    assert trace_graph(lambda output: output * 2, {"output": T(1.0)}).output == "output_2"


def test_what_raises_gives_the_graph_up_to_it():
    def function(x, y):
        z = x * 2
        return z @ y

    graph = trace_graph(function, {"x": torch.ones(2, 3), "y": torch.ones(2, 3)})
    assert isinstance(graph.error, RuntimeError)
    assert list(graph.nodes) == ["x", "y", "z"]


@pytest.mark.parametrize(
    ("function", "error", "sentence"),
    [
        (lambda x: 3, TypeError, "returned int: return one tensor"),
        (lambda x: (x * 2).item() * torch.ones(1), ValueError, "did not compute from its leaves"),
        (lambda y: y, TypeError, "x"),
    ],
)
def test_a_function_that_makes_no_graph(function, error, sentence):
    with pytest.raises(error, match=sentence):
        trace_graph(function, {"x": T(2.0)})


def test_a_write_by_index_is_told():
    def function(x):
        y = x * 2
        y[0] = 1.0
        return y.sum()

    graph = trace_graph(function, {"x": torch.ones(3)})
    assert "Use torch.where, torch.cat or torch.stack" in str(graph.error)


def write_through_a_view(x):
    y = x * 2
    y[0].mul_(3)
    return y.sum()


def write_under_a_view(x):
    y = x * 2
    v = y.view(2, 1)
    y.mul_(3)
    return v.sum()


def write_and_return(x):
    y = x * 2
    y[0].mul_(3)
    return y


@pytest.mark.parametrize("function", [write_through_a_view, write_under_a_view, write_and_return])
def test_a_write_into_shared_memory_is_told(function):
    graph = trace_graph(function, {"x": T([1.0, 2.0])})
    assert "was written into by way of a tensor that shares its memory" in str(graph.error)


class Straight(torch.autograd.Function):
    """Rounds, and goes back as if it had not."""

    @staticmethod
    def forward(ctx, x):
        return x.round()

    @staticmethod
    def backward(ctx, gradient):
        return gradient


def without_gradients(x):
    with torch.no_grad():
        y = x * 2
    return y


def too_late(x):
    y = x.exp()
    y.add_(1)
    return y


@pytest.mark.parametrize(
    ("function", "sentence"),
    [
        (without_gradients, "PyTorch kept no graph of it"),
        (lambda x: x.detach() * 2, "PyTorch kept no graph of it"),
        (too_late, "PyTorch says one of the variables needed for gradient"),
        (lambda x: Straight.apply(x) + x, "by another way, with the gradient 2.0"),
    ],
)
def test_where_pytorch_goes_another_way_nothing_is_shown(function, sentence):
    graph = trace_graph(function, {"x": T(3.0)})
    assert sentence in graph.one_way
    assert backward(graph) == []


def test_a_returned_variable_keeps_its_name():
    def function(x):
        summed = x.sum()
        return summed

    assert trace_graph(function, {"x": T([1.0])}).output == "summed"


def test_a_module_of_torch_s_own_names_no_node_after_our_code():
    graph = trace_graph(nn.Sequential(nn.Linear(2, 2), nn.BatchNorm1d(2)), {"input": torch.eye(2)})
    assert [node.name for node in graph.operations] == ["linear", "output"]


def test_a_forward_that_changes_its_mode_is_put_back():
    class Eval(nn.Module):
        def __init__(self):
            super().__init__()
            self.dropout = nn.Dropout()

        def forward(self, x):
            self.eval()
            return self.dropout(x) * 2

    model = Eval()
    trace_graph(model, {"x": torch.ones(2)})
    assert model.training
    assert model.dropout.training


def test_too_many_nodes_are_told():
    def function(x):
        for _ in range(100):
            x = x + 1
        return x

    with pytest.raises(ValueError, match="more than 80 nodes"):
        trace_graph(function, {"x": T(1.0)})


def test_the_source():
    assert source_of(course).startswith("def course(a, b, c, d):\n    e = a + b")
    assert source_of(TwoPaths()).startswith("def forward(self, x):")
    assert source_of(torch.sin) == ""
