"""The tracer against plain PyTorch: every value recomputed without it."""

import threading

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

import fwdwidgets as fw


def names(trace):
    return [step.name for step in trace]


def run(model, *inputs, **kwargs):
    """The output of a plain forward pass from the present random state, which is put back."""
    with torch.random.fork_rng(devices=[]), torch.no_grad():
        return model(*inputs, **kwargs)


class Block(nn.Module):
    """The convolution block of a residual network, with an in-place ReLU used twice."""

    def __init__(self, channels):
        super().__init__()
        self.conv = nn.Conv2d(channels, channels, 3, padding=1)
        self.bn = nn.BatchNorm2d(channels)
        self.relu = nn.ReLU(inplace=True)

    def forward(self, x):
        skip = x
        x = self.relu(self.bn(self.conv(x)))
        x += skip
        return self.relu(x)


def test_the_deeplizard_network_step_by_step():
    model, x = fw.models.Network().eval(), torch.rand(2, 1, 28, 28)
    trace = fw.trace_forward(model, x)
    with torch.no_grad():
        t = [model.conv1(x)]
        t.append(F.relu(t[-1]))
        t.append(F.max_pool2d(t[-1], 2, 2))
        t.append(model.conv2(t[-1]))
        t.append(F.relu(t[-1]))
        t.append(F.max_pool2d(t[-1], 2, 2))
        t.append(t[-1].reshape(-1, 192))
        t.append(model.fc1(t[-1]))
        t.append(F.relu(t[-1]))
        t.append(model.fc2(t[-1]))
        t.append(F.relu(t[-1]))
        t.append(model.out(t[-1]))
    assert [s.op for s in trace] == (
        "conv2d relu max_pool2d conv2d relu max_pool2d reshape linear relu linear relu linear"
    ).split()
    assert (
        names(trace)
        == (
            "conv1 relu max_pool2d conv2 relu_2 max_pool2d_2 reshape fc1 relu_3 fc2 relu_4 out"
        ).split()
    )
    for step, expected in zip(trace, t, strict=True):
        assert torch.equal(step.value, expected)
        assert step.shape == tuple(expected.shape)
        assert not step.value.requires_grad
    assert torch.equal(trace.output, run(model, x))
    assert trace["conv1"].source == "self.conv1(t)"
    assert trace["relu"].source == "F.relu(self.conv1(t))"
    assert trace["relu"].module == ""
    assert trace["conv1"].module == "conv1"
    assert trace["conv1"].input_shapes == ((2, 1, 28, 28), (6, 1, 5, 5), (6,))
    assert trace["relu"].parents == ("conv1",)
    assert trace["conv1"].parents == (None, None, None)
    assert trace.output_step is trace["out"]
    assert trace.error is None
    assert isinstance(trace["conv1"].line, int)
    assert trace["conv1"].filename.endswith("models.py")


def test_in_place_operations_leave_earlier_values_alone():
    model, x = Block(2).eval(), torch.randn(1, 2, 5, 5)
    trace = fw.trace_forward(model, x)
    with torch.no_grad():
        conv = model.conv(x)
        bn = model.bn(conv)
    assert names(trace) == ["conv", "bn", "relu", "add", "relu_2"]
    assert torch.equal(trace["conv"].value, conv)
    assert torch.equal(trace["bn"].value, bn)
    assert torch.equal(trace["relu"].value, bn.relu())
    assert torch.equal(trace["add"].value, bn.relu() + x)
    assert torch.equal(trace["relu_2"].value, (bn.relu() + x).relu())
    assert [s.mutates for s in trace] == [False, False, True, True, True]
    assert trace["add"].parents == ("relu", None)


class Written(nn.Module):
    def forward(self, x):
        y = x * 2
        view = y[0]
        view.zero_()
        y[1, 0] = 5.0
        torch.add(y, 1, out=y)
        return y.T


def test_views_writes_and_out():
    x = torch.randn(3, 2)
    trace = fw.trace_forward(Written(), x)
    assert [s.op for s in trace] == ["mul", "getitem", "zero", "setitem", "add", "T"]
    y = x * 2
    assert torch.equal(trace["mul"].value, y)
    assert torch.equal(trace["getitem"].value, y[0])
    y[0] = 0
    assert torch.equal(trace["zero"].value, y[0])
    y[1, 0] = 5
    assert torch.equal(trace["setitem"].value, y)
    assert torch.equal(trace["add"].value, y + 1)
    assert torch.equal(trace["T"].value, (y + 1).T)
    assert [s.mutates for s in trace] == [False, False, True, True, True, False]


def test_values_never_change_once_returned():
    class Model(nn.Module):
        def __init__(self):
            super().__init__()
            self.weight = nn.Parameter(torch.ones(2, 3))

        def forward(self, x):
            return x.view(-1) @ self.weight.t()

    model, x = Model(), torch.ones(1, 3)
    trace = fw.trace_forward(model, x)
    before = {step.name: step.value.clone() for step in trace}
    with torch.no_grad():
        model.weight.fill_(7)
        x.fill_(9)
        trace.output.fill_(4)
    assert names(trace) == ["view", "t", "matmul"]
    for step in trace:
        assert torch.equal(step.value, before[step.name])


def test_names_of_modules_called_twice_nested_and_clashing():
    class Inner(nn.Module):
        def __init__(self):
            super().__init__()
            self.act = nn.Tanh()

        def forward(self, x):
            return self.act(x) + x

    class Model(nn.Module):
        def __init__(self):
            super().__init__()
            self.fc, self.inner = nn.Linear(3, 3), Inner()
            self.relu_2 = nn.ReLU()
            self.layers = nn.Sequential(nn.Linear(3, 3), nn.Sequential(nn.ReLU()))

        def forward(self, x):
            x = F.relu(F.relu(self.fc(self.fc(x))))
            return self.layers(self.inner(self.relu_2(x)))

    trace = fw.trace_forward(Model(), torch.randn(1, 3))
    assert names(trace) == [
        *("fc", "fc_2", "relu", "relu_3", "relu_2", "inner.act", "inner.add"),
        *("layers.0", "layers.1.0"),
    ]
    assert trace["inner.add"].module == "inner"
    assert trace["layers.1.0"].module == "layers.1.0"
    assert trace["layers.1.0"].source == "self.layers(self.inner(self.relu_2(x)))"


def test_a_bare_sequential_has_no_source():
    trace = fw.trace_forward(nn.Sequential(nn.Linear(2, 3), nn.ReLU()), torch.ones(1, 2))
    assert names(trace) == ["0", "1"]
    assert [s.source for s in trace] == ["", ""]
    assert trace["0"].line is None
    assert "0" in repr(trace)
    assert "(1, 2), (3, 2), (3) → (1, 3)" in repr(trace)


def test_what_is_a_step_and_what_is_none():
    class Model(nn.Module):
        def __init__(self):
            super().__init__()
            self.drop, self.fc = nn.Dropout(0.5), nn.Linear(2, 2)

        def forward(self, x):
            rows, _ = x.shape[0], x.size(1)
            nn.Parameter(x.new_zeros(1))
            if x.sum() > rows and bool(x.any()) and x.max().item() and x.requires_grad:
                x = x + 1
            self.fc.weight.grad, len(x), x.dtype, x.device, x.is_cuda
            x = self.drop(x).transpose(0, 1).T
            high, _ = torch.max(x, dim=1)
            first, second = x.chunk(2, dim=1)
            return 1 - high / 2, -first, second.contiguous().data

    trace = fw.trace_forward(Model().eval(), torch.ones(2, 2))
    assert [s.op for s in trace] == [
        *("new_zeros", "sum", "gt", "any", "max", "dropout", "transpose", "T", "max", "chunk"),
        *("div", "sub", "neg", "contiguous", "data"),
    ]
    assert [v.shape for v in trace["chunk"].values] == [(2, 1), (2, 1)]
    assert trace["max_2"].value.dtype == torch.float32
    assert len(trace["max_2"].values) == 2
    assert trace.output_step is None


@pytest.mark.parametrize("kind", [nn.LSTM, nn.GRU])
def test_recurrent_layers(kind):
    class Model(nn.Module):
        def __init__(self):
            super().__init__()
            self.rnn, self.out = kind(3, 4, batch_first=True), nn.Linear(4, 2)

        def forward(self, x):
            y, _ = self.rnn(x)
            return self.out(y[:, -1])

    model, x = Model(), torch.randn(2, 5, 3)
    trace = fw.trace_forward(model, x)
    op = kind.__name__.lower()
    (step,) = [s for s in trace if s.op == op]
    with torch.no_grad():
        y, state = model.rnn(x)
    expected = [y, *(state if kind is nn.LSTM else [state])]
    assert len(step.values) == len(expected)
    assert all(torch.equal(a, b) for a, b in zip(step.values, expected, strict=True))
    assert torch.equal(trace.output, run(model, x))


@pytest.mark.parametrize("weights", [True, False])
@pytest.mark.parametrize("batch_first", [True, False])
def test_attention_is_taken_apart(weights, batch_first):
    attention = nn.MultiheadAttention(8, 2, batch_first=batch_first).eval()
    x = torch.randn(3, 5, 8)
    trace = fw.trace_forward(attention, x, x, x, need_weights=weights)
    ops = [s.op for s in trace]
    assert "multi_head_attention_forward" not in ops
    assert ("softmax" in ops) is weights
    assert ("scaled_dot_product_attention" in ops) is not weights
    expected = run(attention, x, x, x, need_weights=weights)
    torch.testing.assert_close(trace.output[0], expected[0], atol=1e-6, rtol=0)


@pytest.mark.parametrize("training", [True, False])
def test_a_transformer_encoder_is_taken_apart(training):
    layer = nn.TransformerEncoderLayer(8, 2, 16, dropout=0.3, batch_first=True)
    encoder = nn.TransformerEncoder(layer, 2, enable_nested_tensor=False).train(training)
    x = torch.randn(2, 5, 8)
    expected = run(encoder, x)
    trace = fw.trace_forward(encoder, x)
    torch.testing.assert_close(trace.output, expected, atol=1e-6, rtol=0)
    assert "layers.1.norm2" in trace
    assert "layers.0.linear1" in trace
    assert trace["layers.0.self_attn.scaled_dot_product_attention"].op.startswith("scaled")


@pytest.mark.parametrize("x", [torch.full((1, 3), 2.0), torch.full((1, 3), -2.0)])
def test_branches_and_loops_on_data(x):
    class Model(nn.Module):
        def forward(self, x):
            if x.sum() > 0:
                x = x.exp()
            while x.max() > 1:
                x = x / 2
            return x

    trace = fw.trace_forward(Model(), x)
    assert torch.equal(trace.output, run(Model(), x))
    assert ("exp" in trace) == bool(x.sum() > 0)
    value = x.exp() if x.sum() > 0 else x
    halvings = [s for s in trace if s.op == "div"]
    for step in halvings:
        value = value / 2
        assert torch.equal(step.value, value)


def test_dropout_in_train_mode_is_that_of_the_random_state():
    model, x = nn.Sequential(nn.Dropout(0.5), nn.Linear(20, 2)), torch.ones(1, 20)
    torch.manual_seed(3)
    state = torch.get_rng_state()
    expected = run(model, x)
    trace = fw.trace_forward(model, x)
    assert torch.equal(trace.output, expected)
    assert torch.equal(torch.get_rng_state(), state)


def test_the_model_is_left_as_found():
    class Model(nn.Module):
        def __init__(self):
            super().__init__()
            self.bn = nn.BatchNorm1d(3)
            self.frozen = nn.BatchNorm1d(3).eval()
            self.register_buffer("count", torch.zeros(1), persistent=False)
            self.register_buffer("kept", torch.zeros(1))
            self.words = nn.Embedding(4, 3, max_norm=0.1)

        def forward(self, x):
            self.count += 1
            self.kept = self.kept + 1
            self.bn.eval()
            return self.frozen(self.bn(x)) + self.words(torch.tensor([1]))

    model = Model()
    hook = model.register_forward_hook(lambda *_: None)
    model.words.weight.grad = torch.ones(4, 3)
    kept = model.kept
    found = {k: v.clone() for k, v in [*model.named_buffers(), *model.named_parameters()]}
    flags = [m.training for m in model.modules()]
    hooks = dict(model._forward_hooks)
    trace = fw.trace_forward(model, torch.randn(4, 3))
    assert trace.error is None
    assert [m.training for m in model.modules()] == flags
    assert dict(model._forward_hooks) == hooks
    assert model.kept is kept
    for name, value in [*model.named_buffers(), *model.named_parameters()]:
        assert torch.equal(value, found[name]), name
    assert torch.equal(model.words.weight.grad, torch.ones(4, 3))
    assert torch.is_grad_enabled()
    assert not torch.nn.modules.module._global_forward_hooks
    assert not torch.nn.modules.module._global_forward_pre_hooks
    assert trace["bn"].mutates is False
    hook.remove()


def test_no_graph_unless_asked_for():
    model, x = nn.Linear(2, 1), torch.ones(1, 2)
    assert not fw.trace_forward(model, x).output.requires_grad
    trace = fw.Tracer(keep_graph=True)(model, x)
    trace.output.sum().backward()
    assert torch.equal(model.weight.grad, x)
    assert not trace["linear"].value.requires_grad
    with torch.inference_mode():
        assert torch.equal(fw.trace_forward(model, x)["linear"].value, run(model, x))


@pytest.mark.parametrize("enabled", [True, False])
def test_a_forward_that_changes_the_grad_mode_changes_it_for_itself(enabled):
    class Model(nn.Module):
        def forward(self, x):
            torch.set_grad_enabled(not torch.is_grad_enabled())
            return x * 2

    with torch.set_grad_enabled(enabled):
        fw.trace_forward(Model(), torch.ones(1))
        assert torch.is_grad_enabled() is enabled


def test_an_operation_that_raises_gives_a_partial_trace():
    model = fw.models.Network()
    trace = fw.trace_forward(model, torch.zeros(1, 1, 32, 32))
    last = trace.steps[-1]
    assert isinstance(trace.error, RuntimeError)
    assert last.error is trace.error
    assert last.op == "reshape"
    assert last.source == "t.reshape(-1, 12 * 4 * 4)"
    assert last.input_shapes == ((1, 12, 5, 5),)
    assert last.value is None
    assert trace.output is None
    assert names(trace)[:-1] == ["conv1", "relu", "max_pool2d", "conv2", "relu_2", "max_pool2d_2"]
    assert "RuntimeError: shape" in repr(trace)
    wrong = fw.trace_forward(model, torch.zeros(1, 3, 28, 28)).steps[-1]
    assert (wrong.name, wrong.source) == ("conv1", "self.conv1(t)")
    assert wrong.input_shapes == ((1, 3, 28, 28), (6, 1, 5, 5), (6,))


class Broken(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc = nn.Linear(2, 2)

    def forward(self, x):
        x = self.fc(x)
        return x + {}["missing"]


class Careful(nn.Module):
    def forward(self, x):
        try:
            x = x @ x
        except RuntimeError:
            x = x @ x.T
        return x


def test_a_plain_python_error_is_a_last_step():
    trace = fw.trace_forward(nn.Sequential(Broken()), torch.ones(1, 2))
    last = trace.steps[-1]
    assert names(trace)[0] == "0.fc"
    assert (last.op, last.module, last.source) == ("error", "0", '{}["missing"]')
    assert isinstance(last.error, KeyError)
    assert last.value is None


def test_an_error_that_the_model_catches_is_no_step():
    x = torch.ones(2, 3)
    trace = fw.trace_forward(Careful(), x)
    assert [s.op for s in trace] == ["T", "matmul"]
    assert torch.equal(trace.output, x @ x.T)


def test_an_interrupt_passes_and_leaves_nothing_behind():
    class Model(nn.Module):
        def __init__(self):
            super().__init__()
            self.bn = nn.BatchNorm1d(2)

        def forward(self, x):
            self.bn(x)
            raise KeyboardInterrupt

    model = Model()
    with pytest.raises(KeyboardInterrupt):
        fw.trace_forward(model, torch.randn(3, 2))
    assert model.bn.num_batches_tracked == 0
    assert not torch.nn.modules.module._global_forward_hooks
    assert not torch.overrides._get_current_function_mode_stack()


def test_expressions_over_lines_and_beyond_ascii():
    class Model(nn.Module):
        def forward(self, x):
            größe = x * 2; y = größe + größe  # noqa: E702  # fmt: skip
            return torch.cat(
                [y, x],
                dim=1,
            )

    trace = fw.trace_forward(Model(), torch.ones(1, 2))
    assert trace["add"].source == "größe + größe"
    assert trace["cat"].source.split() == ["torch.cat(", "[y,", "x],", "dim=1,", ")"]
    assert trace["cat"].input_shapes == ((1, 2), (1, 2))


def test_models_of_a_notebook_cell():
    from IPython.core.interactiveshell import InteractiveShell

    shell = InteractiveShell()
    result = shell.run_cell(
        "import torch\nimport fwdwidgets as fw\n"
        "class Cell(torch.nn.Module):\n    def forward(self, x):\n        return torch.relu(-x)\n"
        "trace = fw.trace_forward(Cell(), torch.ones(2))"
    )
    result.raise_error()
    trace = shell.user_ns["trace"]
    assert [(s.source, s.line) for s in trace] == [("-x", 5), ("torch.relu(-x)", 5)]


def test_lazy_modules_stay_materialised_and_nothing_else_changes():
    model = nn.Sequential(nn.LazyLinear(3), nn.LazyBatchNorm1d())
    trace = fw.trace_forward(model, torch.randn(4, 5))
    assert names(trace) == ["0", "1"]
    assert model[0].weight.shape == (3, 5)
    assert torch.equal(model[1].running_mean, torch.zeros(3))
    assert model[1].num_batches_tracked == 0


def test_bfloat16_and_keywords_for_the_model():
    class Model(nn.Module):
        def forward(self, x, *, scale):
            return x * scale

    x = torch.ones(2, dtype=torch.bfloat16)
    trace = fw.trace_forward(Model(), x, scale=torch.tensor(3.0))
    assert trace["mul"].value.dtype == torch.bfloat16
    assert torch.equal(trace["mul"].value, x * 3)
    assert trace["mul"].input_shapes == ((2,), ())


def test_tuple_and_dict_outputs_come_as_returned():
    class Model(nn.Module):
        def forward(self, x):
            return {"a": x + 1, "b": (x, [x * 2])}

    x = torch.ones(1)
    trace = fw.trace_forward(Model(), x)
    assert trace.output["b"][0] is x
    assert torch.equal(trace.output["a"], x + 1)
    assert names(trace) == ["add", "mul"]


def test_another_thread_is_kept_out():
    stop, other = threading.Event(), fw.models.Network().eval()
    seen = []

    def work():
        while not stop.is_set():
            with torch.no_grad():
                other(torch.rand(1, 1, 28, 28))
            seen.append(len(fw.trace_forward(other, torch.rand(1, 1, 28, 28))))

    thread = threading.Thread(target=work)
    thread.start()
    try:
        model, x = Block(2).eval(), torch.randn(1, 2, 5, 5)
        for _ in range(50):
            assert names(fw.trace_forward(model, x)) == ["conv", "bn", "relu", "add", "relu_2"]
    finally:
        stop.set()
        thread.join()
    assert set(seen) == {12}


def test_resnet18_has_69_operations():
    models = fw.datasets.import_torchvision().models
    model, x = models.resnet18().eval(), torch.randn(1, 3, 64, 64)
    trace = fw.trace_forward(model, x)
    assert len(trace) == 69
    assert torch.equal(trace.output, run(model, x))
    with torch.no_grad():
        expected = model.bn1(model.conv1(x))
    assert torch.equal(trace["bn1"].value, expected)
    assert "layer1.0.add" in trace
    assert trace["layer1.0.add"].parents == ("layer1.0.bn2", "maxpool")


def test_the_trace_by_name_and_by_its_table():
    trace = fw.trace_forward(fw.models.SimpleNN(), torch.tensor([[0.5, 0.3, 0.2]]))
    assert len(list(trace)) == len(trace)
    assert trace[0] is trace.steps[0]
    assert trace.steps[0].name in trace
    with pytest.raises(KeyError, match="'nope' is not a step of this forward pass"):
        trace["nope"]
    head = repr(trace).splitlines()[0].split()
    assert head == ["name", "operation", "shapes", "source"]
    with pytest.raises(TypeError, match=r"no nn\.Module"):
        fw.trace_forward(nn.ReLU, torch.ones(1))


def test_a_scripted_model_records_nothing_and_answers():
    module, x = nn.Sequential(nn.Linear(2, 1), nn.BatchNorm1d(1)), torch.ones(3, 2)
    import warnings

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        scripted = torch.jit.script(module)
    trace = fw.trace_forward(scripted, x)
    assert len(trace) == 0
    assert torch.equal(trace.output, run(module.train(), x))
    assert torch.equal(module[1].running_mean, scripted[1].running_mean)


OPERATIONS = {
    "relu": torch.relu,
    "neg": lambda t: -t,
    "add": lambda t: t + t,
    "transpose": lambda t: t.transpose(-1, -2),
    "softmax": lambda t: F.softmax(t, dim=-1),
    "mul": lambda t: t * 0.5,
}


@given(st.lists(st.sampled_from(sorted(OPERATIONS)), min_size=1, max_size=8), st.integers(1, 4))
def test_any_chain_of_operations_is_recorded_in_order(chain, size):
    class Model(nn.Module):
        def forward(self, x):
            for name in chain:
                x = OPERATIONS[name](x)
            return x

    value = torch.randn(size, size + 1)
    trace = fw.trace_forward(Model(), value)
    assert [step.op for step in trace] == chain
    assert len(set(names(trace))) == len(chain)
    for step in trace:
        value = OPERATIONS[step.op](value)
        assert torch.equal(step.value, value)


class Slope(nn.Module):
    """The derivative of a network by its input, as in a physics-informed one."""

    def __init__(self):
        super().__init__()
        self.net = nn.Linear(1, 1)

    def forward(self, t):
        t = t.requires_grad_()
        return torch.autograd.grad(self.net(t).sum(), t)[0]


def test_a_forward_that_differentiates_has_the_graph_that_it_needs():
    model, t = Slope(), torch.rand(3, 1)
    trace = fw.trace_forward(model, t)
    assert trace.error is None
    assert torch.equal(trace.output, model.net.weight.detach().expand(3, 1))
    assert trace["net"].value.requires_grad is False
    with torch.no_grad():
        assert fw.trace_forward(model, t).error is None
        assert not torch.is_grad_enabled()
    assert fw.WhatWentWrong(model, t).kind == "fine"
    wanted = ((model.net.weight.item(),),) * 2
    assert fw.RegressionOutput(model, [[1.0], [2.0]]).outputs == wanted


def test_an_error_about_gradients_that_is_the_model_s_own_is_told():
    class Fails(nn.Module):
        def forward(self, x):
            return torch.autograd.grad(torch.ones(1), x)[0]

    error = fw.trace_forward(Fails(), torch.ones(1)).error
    assert isinstance(error, RuntimeError)
    assert "does not require grad" in str(error)
