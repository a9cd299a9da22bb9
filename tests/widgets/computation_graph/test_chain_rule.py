"""The way back through a graph, against plain autograd."""

import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from fwdwidgets.widgets.computation_graph.chain_rule import backward, gradients
from fwdwidgets.widgets.computation_graph.compute import trace_graph
from tests.widgets.computation_graph.functions import LEAVES, T, TwoPaths, course


def test_the_course_s_derivatives():
    ways = backward(trace_graph(course, LEAVES))
    found = {name: value.item() for name, value in gradients(ways).items()}
    # by the chain rule: dg/da = dg/db = f, dg/dc = e * d, dg/dd = e * c
    assert found == {"e": -4, "f": -2, "a": -4, "b": -4, "c": -4, "d": 4}
    first = ways[0]
    assert (first.node, first.parent, first.upstream, first.local) == ("g", "e", 1, -4)
    assert all(way.product == way.upstream * way.local for way in ways)


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
