"""What an operation writes: shapes before it, the tensors after it, and the model put back."""

import copy

import pytest
import torch
import torch.nn.functional as F
from torch import nn
from torch.nn.modules.lazy import LazyModuleMixin

import fwdwidgets as fw
from fwdwidgets.trace import Recorder


class Model(nn.Module):
    """A model of one function of itself and its inputs."""

    def __init__(self, function, **modules):
        super().__init__()
        self.function = function
        for name, module in modules.items():
            self.add_module(name, module)

    def forward(self, *inputs):
        return self.function(self, *inputs)


def ops(trace):
    return [step.op for step in trace]


# --- steps ----------------------------------------------------------------------------------------


def test_operands_have_the_shape_that_they_had_before_an_operation_changed_it():
    def forward(_, x):
        y = x * 1
        y.unsqueeze_(0)
        y.squeeze_()
        y.t_()
        return y.resize_(2, 2)

    trace = fw.trace_forward(Model(forward), torch.randn(2, 3))
    assert [(s.op, s.input_shapes, s.shape) for s in trace][1:] == [
        ("unsqueeze", ((2, 3),), (1, 2, 3)),
        ("squeeze", ((1, 2, 3),), (2, 3)),
        ("t", ((2, 3),), (3, 2)),
        ("resize", ((3, 2),), (2, 2)),
    ]
    assert all(s.mutates for s in trace.steps[1:])


def test_new_data_is_a_step_that_writes():
    def forward(_, x):
        y = x * 1
        y.data = torch.ones(4)
        return y + 1

    trace = fw.trace_forward(Model(forward), torch.randn(2, 3))
    assert ops(trace) == ["mul", "ones", "data", "add"]
    assert trace["data"].mutates
    assert trace["data"].input_shapes == ((2, 3), (4,))
    assert torch.equal(trace["data"].value, torch.ones(4))
    assert trace["add"].parents == ("data",)


def test_the_real_part_is_a_step_where_it_is_a_new_tensor():
    x = torch.randn(2)
    assert ops(fw.trace_forward(Model(lambda _, x: x.real + 1), x)) == ["add"]
    complex_x = torch.complex(x, x)
    assert ops(fw.trace_forward(Model(lambda _, x: x.real + 1), complex_x)) == ["real", "add"]


def test_an_operator_that_returns_nothing_and_writes_is_a_step():
    @torch.library.custom_op("fwdwidgets_test::double", mutates_args=("x",))
    def double(x: torch.Tensor) -> None:
        x.mul_(2)

    def forward(_, x):
        y = x + 1
        torch.ops.fwdwidgets_test.double(y)
        return y

    x = torch.randn(3)
    trace = fw.trace_forward(Model(forward), x)
    assert ops(trace) == ["add", "double"]
    assert trace["double"].mutates
    assert torch.equal(trace["add"].value, x + 1)
    assert torch.equal(trace["double"].value, (x + 1) * 2)
    assert trace.output_step is trace["double"]


def test_the_standard_library_is_no_users_line():
    trace = fw.trace_forward(Model(lambda _, x: copy.deepcopy(x)), torch.ones(2))
    assert [(s.op, s.source) for s in trace] == [("deepcopy", "copy.deepcopy(x)")]


class LazyScale(LazyModuleMixin, nn.Module):
    """A lazy module of the learner's own: parameters are made in the learner's code."""

    cls_to_become = None

    def __init__(self):
        super().__init__()
        self.weight = nn.UninitializedParameter()

    def initialize_parameters(self, x):
        if self.has_uninitialized_params():
            with torch.no_grad():
                self.weight.materialize((x.shape[-1],))
                nn.init.ones_(self.weight)
                self.weight.mul_(2)

    def forward(self, x):
        return x * self.weight


def test_a_lazy_module_of_ones_own_is_materialised_without_a_step():
    model, x = Model(lambda self, x: self.scale(x), scale=LazyScale()), torch.randn(2, 3)
    trace = fw.trace_forward(model, x)
    assert trace.error is None
    assert [s.name for s in trace] == ["scale"]
    assert torch.equal(model.scale.weight, torch.full((3,), 2.0))
    assert torch.equal(trace.output, x * 2)


def test_an_uninitialised_parameter_raises_what_pytorch_raises():
    model, x = Model(lambda self, x: x * self.weight), torch.ones(1)
    model.weight = nn.UninitializedParameter()
    with pytest.raises(ValueError, match="uninitialized parameter") as plain:
        model(x)
    trace = fw.trace_forward(model, x)
    assert str(trace.error) == str(plain.value)
    assert trace.steps[-1].source == "x * self.weight"


# --- what is put back -----------------------------------------------------------------------------


def clamp(self, x):
    with torch.no_grad():
        self.fc.weight.clamp_(-0.01, 0.01)
    return self.fc(x)


def clamp_data(self, x):
    self.fc.weight.data.clamp_(-0.01, 0.01)
    return self.fc(x)


def write_rows(self, x):
    with torch.no_grad():
        self.fc.weight[0] = 7
        torch.mul(self.fc.bias, 3, out=self.fc.bias)
    return self.fc(x)


def new_data(self, x):
    self.fc.weight.data = torch.ones(4, 3)
    self.fc.bias.data = torch.ones(4)
    return self.fc(x)


def new_parameters(self, x):
    self.fc.weight = nn.Parameter(torch.ones(4, 3))
    del self.fc.bias
    self.fc.bias = nn.Parameter(torch.ones(4))
    return self.fc(x)


@pytest.mark.parametrize("forward", [clamp, clamp_data, write_rows, new_data, new_parameters])
def test_parameters_that_forward_writes_to_are_put_back(forward):
    model, x = Model(forward, fc=nn.Linear(3, 2)), torch.randn(1, 3)
    weight, bias = model.fc.weight, model.fc.bias
    found = weight.detach().clone(), bias.detach().clone()
    with torch.no_grad():
        expected = copy.deepcopy(model)(x)
    trace = fw.trace_forward(model, x)
    assert trace.error is None
    assert torch.equal(trace.output, expected)
    assert model.fc.weight is weight
    assert model.fc.bias is bias
    assert torch.equal(weight, found[0])
    assert torch.equal(bias, found[1])


def test_a_layer_that_forward_replaces_is_put_back_and_one_that_it_makes_stays():
    def forward(self, x):
        self.fc = nn.Linear(3, 2)
        if not hasattr(self, "out"):
            self.out = nn.Linear(2, 2)
        return self.out(self.fc(x))

    model, x = Model(forward, fc=nn.Linear(3, 2)), torch.randn(1, 3)
    fc = model.fc
    trace = fw.trace_forward(model, x)
    assert model.fc is fc
    assert torch.equal(model.out(trace["fc"].value), trace.output)


def test_a_functional_embedding_that_renormalizes_is_put_back():
    model = Model(lambda self, i: F.embedding(i, self.weight, max_norm=1.0))
    model.weight = nn.Parameter(torch.randn(5, 3) * 10)
    found = model.weight.detach().clone()
    (step,) = fw.trace_forward(model, torch.tensor([1]))
    assert step.mutates
    assert step.value.norm() < 1.001
    assert torch.equal(model.weight, found)


BUFFERS = {  # those that torch.equal cannot compare, or not by value
    "meta": lambda: torch.empty(3, device="meta"),
    "sparse": lambda: torch.eye(3).to_sparse(),
    "compressed": lambda: torch.eye(3).to_sparse_csr(),
    "expanded": lambda: torch.ones(1).expand(3),
    "not a number": lambda: torch.tensor([float("nan")]),
}


@pytest.mark.parametrize("kind", BUFFERS)
@pytest.mark.filterwarnings("ignore:Sparse CSR tensor support")
def test_buffers_of_every_kind_do_not_disturb(kind):
    buffer = BUFFERS[kind]()
    model, x = Model(lambda _, x: x + 1), torch.randn(2)
    model.register_buffer("held", buffer)
    trace = fw.trace_forward(model, x)
    assert torch.equal(trace.output, x + 1)
    assert model.held is buffer


def test_a_sparse_buffer_that_forward_writes_to_is_put_back():
    def forward(self, x):
        self.graph.mul_(2)
        return torch.sparse.mm(self.graph, x)

    model, x = Model(forward), torch.randn(3, 2)
    model.register_buffer("graph", torch.eye(3).to_sparse())
    graph = model.graph
    trace = fw.trace_forward(model, x)
    assert torch.equal(trace.output, x * 2)
    assert model.graph is graph
    assert torch.equal(graph.to_dense(), torch.eye(3))


def test_new_buffers_of_a_module_without_any_are_gone():
    def forward(self, x):
        self.register_buffer("late", torch.ones(1), persistent=False)
        return x + self.late

    model = Model(forward)
    fw.trace_forward(model, torch.ones(1))
    assert not model._buffers
    assert not model._non_persistent_buffers_set


def test_hooks_that_forward_registers_or_removes_are_put_back():
    def forward(self, x):
        self.fc.register_forward_hook(lambda *_: None, with_kwargs=True, always_call=True)
        self.fc.register_full_backward_hook(lambda *_: None)
        for handle in self.handles:
            handle.remove()
        return self.fc(x)

    model = Model(forward, fc=nn.Linear(3, 2))
    model.handles = [
        model.fc.register_forward_pre_hook(lambda *_: None),
        model.fc.register_forward_hook(lambda *_: None, with_kwargs=True),
    ]
    names = [name for name in vars(model.fc) if name.endswith(("hooks", "_kwargs", "_called"))]
    assert len(names) >= 7
    found = {name: list(getattr(model.fc, name)) for name in names}
    trace = fw.trace_forward(model, torch.ones(1, 3))
    assert trace.error is None
    assert {name: list(getattr(model.fc, name)) for name in names} == found


# --- the recorder alone ---------------------------------------------------------------------------


def test_the_recorder_alone_can_be_exported():
    class Recorded(nn.Module):
        def __init__(self, model):
            super().__init__()
            self.model = model

        def forward(self, x):
            with Recorder(self.model) as recorder:
                self.model(x)
            return [record.values[0] for record in recorder.records]

    model, x = fw.models.Network().eval(), torch.rand(1, 1, 28, 28)
    program = torch.export.export(Recorded(model), (x,), strict=False)
    other = torch.rand(1, 1, 28, 28)
    with torch.no_grad():
        t = [model.conv1(other)]
        for layer in (F.relu, lambda t: F.max_pool2d(t, 2, 2), model.conv2, F.relu):
            t.append(layer(t[-1]))
        t.append(F.max_pool2d(t[-1], 2, 2))
        t.append(t[-1].reshape(-1, 192))
        for layer in (model.fc1, F.relu, model.fc2, F.relu, model.out):
            t.append(layer(t[-1]))
        values = program.module()(other)
    assert len(values) == len(t) == 12
    for value, expected in zip(values, t, strict=True):
        assert torch.equal(value, expected)
