"""Lessons 8 and 16: graphs."""

import re

import pytest
import torch
from torch import nn

import fwdwidgets as fw
from fwdwidgets.widgets.computation_graph.compute import trace_graph
from tests.lessons.reading import lesson, prose, read, run, solutions

pytestmark = pytest.mark.filterwarnings("ignore:.*:DeprecationWarning", "ignore:.*:RuntimeWarning")


def test_lesson_8_the_graph(monkeypatch):
    printed, widgets = run(lesson(8), monkeypatch)
    text = prose(lesson(8))
    assert len(widgets) == 1
    assert "tensor(8., grad_fn=<MulBackward0>)" in printed
    assert "$e = 2 + (-4) = -2$, then $f = -2 \\cdot 2 = -4$, and $g = e \\cdot f = 8$" in text
    gradients = [float(n) for n in re.findall(r"tensor\((-?\d\.)\)", printed)]
    # by the chain rule: dg/da = dg/db = f, dg/dc = e * d, dg/dd = e * c
    assert gradients == [-4, -4, -2 * 2, -2 * -2]
    assert "the slope is -4. The same for $b$ and for $c$; for\n$d$ it is +4" in text


def test_the_exercises_of_lesson_8():
    a = torch.tensor(4.0, requires_grad=True)  # e = a + b = 0
    c = torch.tensor(-2.0, requires_grad=True)
    d = torch.tensor(2.0, requires_grad=True)
    ((a - 4) * (c * d)).backward()
    assert c.grad == d.grad == 0
    graph = fw.ComputationGraph(lambda a, b, c, d: (a + b) * (c * d) + a, a=2, b=-4, c=-2, d=2)
    graph.step = len(graph.graph.operations) + 3  # forward, the turn, and both ways from the sum
    while "added to the ways before" not in graph._said.value:
        graph.step += 1
    assert "added to the ways before: -3" in graph._said.value  # 1 by the sum, f = -4 by e
    assert graph.gradients["a"] == -2 * 2 + 1


def test_lesson_16_two_paths(monkeypatch):
    _, widgets = run(lesson(16), monkeypatch)
    assert len(widgets) == 2
    (solution,) = solutions(lesson(16))
    (start,) = [c.source for c in read(lesson(16)).cells if "start" in c.metadata.get("tags", [])]
    names = {}
    exec(f"{start}\n{solution}", names)
    x = torch.tensor([[1.0, -2.0, 0.5]])

    def uses(model):
        nodes = trace_graph(model, {"x": x}).nodes.values()
        return [node.op for node in nodes if "x" in node.parents]

    torch.manual_seed(0)
    assert uses(names["Block"]()) == ["linear"]  # the start has one path
    torch.manual_seed(0)
    block = names["ResidualBlock"]()
    assert uses(block) == ["linear", "add"]
    with torch.no_grad():
        inner = nn.functional.linear(x, block.fc1.weight, block.fc1.bias).relu()
        inner = nn.functional.linear(inner, block.fc2.weight, block.fc2.bias)
        assert torch.equal(block(x), (inner + x).relu())
        # "A block whose layers give zeros now passes on its positive part"
        for parameter in block.parameters():
            parameter.zero_()
        assert torch.equal(block(x), x.relu())
