"""Graphs against plain autograd."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from fwdwidgets.widgets.computation_graph.chain_rule import backward, gradients
from fwdwidgets.widgets.computation_graph.compute import source_of, trace_graph
from fwdwidgets.widgets.computation_graph.layers import layers

T = torch.tensor


def course(a, b, c, d):
    e = a + b
    f = c * d
    g = e * f
    return g


LEAVES = {"a": T(2.0), "b": T(-4.0), "c": T(-2.0), "d": T(2.0)}


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


def test_the_course_s_derivatives():
    ways = backward(trace_graph(course, LEAVES))
    found = {name: value.item() for name, value in gradients(ways).items()}
    # by the chain rule: dg/da = dg/db = f, dg/dc = e * d, dg/dd = e * c
    assert found == {"e": -4, "f": -2, "a": -4, "b": -4, "c": -4, "d": 4}
    first = ways[0]
    assert (first.node, first.parent, first.upstream, first.local) == ("g", "e", 1, -4)
    assert all(way.product == way.upstream * way.local for way in ways)


def test_what_is_returned_without_a_name_has_the_function_s():
    def loss(x):
        return x * 2

    assert trace_graph(loss, {"x": T(1.0)}).output == "loss"
    assert trace_graph(lambda x: x * 2, {"x": T(1.0)}).output == "output"
    assert trace_graph(lambda output: output * 2, {"output": T(1.0)}).output == "output_2"


def autograd(function, leaves):
    """What plain PyTorch says."""
    inputs = {name: leaf.clone().requires_grad_() for name, leaf in leaves.items()}
    output = function(**inputs)
    output.sum().backward()
    return output, {name: leaf.grad for name, leaf in inputs.items()}


def check(function, leaves):
    graph = trace_graph(function, leaves)
    output, expected = autograd(function, leaves)
    assert torch.equal(graph.nodes[graph.output].value, output.detach())
    found = gradients(backward(graph))
    for name, gradient in expected.items():
        if gradient is None:
            assert name not in found
        else:
            torch.testing.assert_close(found[name], gradient)
    return graph


UNARY = [torch.exp, torch.tanh, torch.relu, torch.sigmoid, torch.neg, lambda x: x**2, torch.sin]
BINARY = [torch.add, torch.sub, torch.mul, lambda x, y: x / (y * y + 1), torch.maximum]
numbers = st.floats(-2, 2, width=32).filter(lambda x: abs(x) > 1e-3)


@given(
    st.lists(numbers, min_size=2, max_size=4),
    st.lists(st.tuples(st.integers(0, 11), st.integers(0, 30), st.integers(0, 30)), max_size=9),
)
def test_any_expression_has_autograd_s_derivatives(values, program):
    leaves = {f"x{i}": T(v, dtype=torch.float64) for i, v in enumerate(values)}

    def function(**inputs):
        stack = list(inputs.values())
        for op, left, right in program:
            a, b = stack[left % len(stack)], stack[right % len(stack)]
            stack.append(torch.tanh(UNARY[op](a) if op < 7 else BINARY[op - 7](a, b)))
        return torch.stack([s for s in stack]).sum()

    check(function, leaves)


def test_a_node_that_is_used_twice_adds_up():
    def function(x):
        y = x * x
        return y + x

    graph = check(function, {"x": T(3.0)})
    ways = backward(graph)
    assert [way.product.item() for way in ways if way.parent == "x"] == [1, 3, 3]
    assert gradients(ways)["x"] == 7


def test_in_place_operations_views_and_loops():
    def function(x, y):
        z = x * y
        z += y
        z.mul_(x)
        for _ in range(2):
            z = torch.tanh(z) * z[0]
        return z.view(2, 1).squeeze().sum()

    graph = check(function, {"x": T([0.3, 0.4]), "y": T([0.2, -1.0])})
    assert [name for name in graph.nodes if name.startswith("z")][:2] == ["z", "z_2"]


def test_operations_with_several_results():
    def function(x):
        low, high = x.split(2)
        values, _ = torch.max(torch.stack([low, high]), dim=0)
        return values.sum()

    check(function, {"x": T([1.0, 5.0, 3.0, 2.0])})


def test_matrices():
    check(lambda x, w: torch.relu(x @ w).sum(), {"x": torch.randn(3, 2), "w": torch.randn(2, 4)})


MATRIX = [torch.exp, torch.tanh, torch.relu, torch.sigmoid, lambda x: torch.log(x * x + 1)]
PAIRS = [
    torch.add,
    torch.sub,
    torch.mul,
    torch.matmul,
    lambda x, y: x / (y**2 + 1),
    lambda x, y: x + y.sum(dim=0),
    lambda x, y: x * y.sum(),
]
STEPS = st.tuples(st.integers(0, 11), st.integers(0, 30), st.integers(0, 30))


@given(st.integers(1, 3), st.integers(1, 3), st.integers(0, 999), st.lists(STEPS, max_size=7))
def test_any_expression_of_matrices_has_autograd_s_derivatives(size, count, seed, program):
    drawn = torch.randn(count, size, size, generator=torch.Generator().manual_seed(seed)).double()
    leaves = {f"x{i}": each for i, each in enumerate(drawn)}

    def function(**inputs):
        stack = list(inputs.values())
        for op, left, right in program:
            a, b = stack[left % len(stack)], stack[right % len(stack)]
            stack.append(torch.sigmoid(MATRIX[op](a) if op < 5 else PAIRS[op - 5](a, b)))
        return stack[-1].sum()

    check(function, leaves)


def test_an_output_of_many_numbers_starts_from_its_sum():
    check(lambda x: x * 2, {"x": T([1.0, 2.0])})


class TwoPaths(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc1, self.fc2 = nn.Linear(3, 3), nn.Linear(3, 3)
        self.bn = nn.BatchNorm1d(3)

    def forward(self, x):
        path = self.fc2(torch.relu(self.fc1(x)))
        return self.bn(path + x).sum()


def test_a_module_s_parameters_are_nodes_and_it_is_left_as_found():
    torch.manual_seed(0)
    model, x = TwoPaths(), torch.randn(4, 3)
    before = {name: value.clone() for name, value in model.state_dict().items()}
    state = torch.get_rng_state()
    graph = trace_graph(model, {"x": x})
    found = gradients(backward(graph))
    assert torch.equal(state, torch.get_rng_state())
    assert all(torch.equal(before[n], v) for n, v in model.state_dict().items())
    assert all(p.grad is None for p in model.parameters())
    assert graph.nodes["fc1.weight"].kind == "parameter"
    assert [n.name for n in graph.nodes.values() if n.parents.count("x")] == ["linear", "add"]
    model(x.requires_grad_()).backward()
    torch.testing.assert_close(found["x"], x.grad)
    for name, parameter in model.named_parameters():
        torch.testing.assert_close(found[name], parameter.grad)


def test_constants_are_nodes_and_unused_leaves_have_no_gradient():
    shift = T(3.0)
    graph = trace_graph(lambda x, unused: x * shift, {"x": T(2.0), "unused": T(1.0)})
    assert graph.nodes["constant"].kind == "constant"
    assert set(gradients(backward(graph))) == {"x"}


def test_a_random_operation_goes_back_by_the_mask_it_drew():
    def function(x):
        return (nn.functional.dropout(x, 0.5) * x).sum()

    x = torch.linspace(1, 2, 16)
    torch.manual_seed(3)
    graph = trace_graph(function, {"x": x})
    torch.manual_seed(3)
    _, expected = autograd(function, {"x": x})
    torch.testing.assert_close(gradients(backward(graph))["x"], expected["x"])
    assert 0 in expected["x"]


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


def test_a_part_without_gradients_is_left_out():
    def function(x):
        with torch.no_grad():
            y = x * 2
        return y * x + x.detach()

    check(function, {"x": T(3.0)})


def test_large_ways_that_cancel_are_no_difference():
    check(lambda x: x * 1e8 - x * 1e8 + x, {"x": T(3.0)})


def test_integers_have_no_gradient():
    embedding = nn.Embedding(5, 3)
    graph = trace_graph(embedding, {"input": T([1, 2])})
    assert set(gradients(backward(graph))) == {"weight"}
    embedding(T([1, 2])).sum().backward()
    torch.testing.assert_close(gradients(backward(graph))["weight"], embedding.weight.grad)


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
