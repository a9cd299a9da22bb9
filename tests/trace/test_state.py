"""What the tracer leaves behind: nothing; and what others do meanwhile: nothing to it."""

import threading

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given
from hypothesis import strategies as st
from torch import nn
from torch.nn.modules import module as torch_modules

import fwdwidgets as fw


def snapshot(model):
    """All that a trace must leave as found, by value and by identity."""
    tensors = [*model.named_parameters(), *model.named_buffers()]
    return {
        "training": [m.training for m in model.modules()],
        "identity": {name: id(t) for name, t in tensors},
        "requires_grad": {name: t.requires_grad for name, t in tensors},
        "grads": {name: id(p.grad) for name, p in model.named_parameters()},
        "keys": list(model.state_dict()),
        "hooks": [
            (list(m._forward_hooks), list(m._forward_pre_hooks), list(m._backward_hooks))
            for m in model.modules()
        ],
        "grad mode": torch.is_grad_enabled(),
        "global hooks": [
            dict(torch_modules._global_forward_hooks),
            dict(torch_modules._global_forward_pre_hooks),
            dict(torch_modules._global_forward_hooks_always_called),
        ],
        "modes": torch.overrides._get_current_function_mode_stack(),
    }


def values(model):
    tensors = [*model.named_parameters(), *model.named_buffers()]
    return {name: t.detach().clone() for name, t in tensors}


def networks():
    """Models in train mode that all write to something."""
    frozen = nn.Sequential(nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2), nn.BatchNorm2d(2), nn.Dropout())
    frozen[1].eval()
    frozen[0].weight.requires_grad_(False)
    yield frozen, torch.randn(2, 1, 6, 6)
    yield nn.Sequential(nn.InstanceNorm1d(3, track_running_stats=True)), torch.randn(2, 3, 4)
    yield nn.Sequential(nn.Embedding(5, 3, max_norm=0.1), nn.Dropout()), torch.tensor([[1, 4]])
    yield nn.TransformerEncoderLayer(8, 2, 8, dropout=0.5), torch.randn(4, 2, 8)
    yield nn.GRU(3, 4, num_layers=2, dropout=0.5), torch.randn(5, 2, 3)
    yield nn.Sequential(nn.RReLU(), nn.BatchNorm1d(3, momentum=None)), torch.randn(4, 3)


@pytest.mark.parametrize("grad_mode", [True, False])
@pytest.mark.parametrize("index", range(6))
def test_everything_is_left_as_found_and_the_output_is_the_plain_one(index, grad_mode):
    model, x = list(networks())[index]
    twin, _ = list(networks())[index]
    twin.load_state_dict(model.state_dict())
    with torch.set_grad_enabled(grad_mode):
        before, written, given = snapshot(model), values(model), x.clone()
        state = torch.get_rng_state()
        trace = fw.trace_forward(model, x)
        assert torch.equal(torch.get_rng_state(), state)
        assert snapshot(model) == before
    for name, value in values(model).items():
        assert torch.equal(value, written[name]), name
    assert torch.equal(x, given)
    with torch.no_grad():
        expected = twin(x)
    output, expected = (o[0] if isinstance(o, tuple) else o for o in (trace.output, expected))
    assert torch.equal(output, expected)
    assert not output.requires_grad


def test_a_forward_that_fails_leaves_everything_as_found_too():
    class Fails(nn.Module):
        def __init__(self):
            super().__init__()
            self.bn = nn.BatchNorm1d(3)
            self.register_buffer("seen", torch.zeros(2), persistent=False)

        def forward(self, x):
            self.train(False)
            self.seen.add_(1)
            self.register_buffer("extra", torch.ones(1))
            self.bn.running_mean = torch.full((3,), 9.0)
            torch.set_grad_enabled(True)
            torch.rand(3)
            return F.dropout(x) @ x

    model, x = Fails(), torch.randn(2, 3)
    before, written = snapshot(model), values(model)
    state = torch.get_rng_state()
    trace = fw.trace_forward(model, x)
    assert isinstance(trace.error, RuntimeError)
    assert trace.output is None
    assert snapshot(model) == before
    assert torch.equal(torch.get_rng_state(), state)
    assert all(torch.equal(value, written[name]) for name, value in values(model).items())


def test_a_plain_model_in_another_thread_is_neither_seen_nor_disturbed():
    other = fw.models.Network().eval()
    x = torch.rand(1, 1, 28, 28)
    with torch.no_grad():
        expected = other(x)
    stop, wrong, runs = threading.Event(), [], []

    def work():
        with torch.no_grad():
            while not stop.is_set():
                runs.append(1)
                if not torch.equal(other(x), expected):
                    wrong.append(1)

    thread = threading.Thread(target=work)
    thread.start()
    try:
        model, y = nn.Sequential(nn.Linear(3, 3), nn.ReLU(), nn.Linear(3, 2)), torch.ones(1, 3)
        for _ in range(200):
            assert [step.name for step in fw.trace_forward(model, y)] == ["0", "1", "2"]
    finally:
        stop.set()
        thread.join()
    assert runs
    assert not wrong


def test_work_that_forward_gives_to_another_thread_is_kept_out():
    class Model(nn.Module):
        def __init__(self):
            super().__init__()
            self.fc = nn.Linear(2, 2)

        def forward(self, x):
            thread = threading.Thread(target=lambda: self.fc(x))
            thread.start()
            thread.join()
            return self.fc(x) + 1

    trace = fw.trace_forward(Model(), torch.ones(1, 2))
    assert [step.name for step in trace] == ["fc", "add"]


def test_values_survive_every_later_write():
    model = nn.Sequential(nn.Linear(3, 3), nn.ReLU(inplace=True), nn.Flatten(0))
    x = torch.randn(2, 3)
    trace = fw.trace_forward(model, x)
    kept = [step.value.clone() for step in trace]
    with torch.no_grad():
        trace.output.fill_(1e3)
        x.fill_(1e3)
        for parameter in model.parameters():
            parameter.fill_(1e3)
    fw.trace_forward(model, x)
    assert all(torch.equal(s.value, value) for s, value in zip(trace, kept, strict=True))


LAYERS = {
    "linear": lambda: nn.Linear(4, 4),
    "relu": lambda: nn.ReLU(inplace=True),
    "tanh": lambda: nn.Tanh(),
    "batch_norm": lambda: nn.BatchNorm1d(4),
    "layer_norm": lambda: nn.LayerNorm(4),
    "dropout": lambda: nn.Dropout(0.3),
}


class Skip(nn.Module):
    def __init__(self, kinds):
        super().__init__()
        self.body = nn.Sequential(*[LAYERS[kind]() for kind in kinds])

    def forward(self, x):
        return x + self.body(x.clone())


@given(
    st.lists(st.lists(st.sampled_from(sorted(LAYERS)), min_size=1, max_size=3), max_size=4),
    st.booleans(),
    st.integers(0, 2**31),
)
def test_any_small_network_step_by_step(blocks, training, seed):
    torch.manual_seed(seed)
    model = nn.Sequential(*[Skip(kinds) for kinds in blocks]).train(training)
    x = torch.randn(3, 4)
    expected, names = [], []
    before = values(model)
    with torch.random.fork_rng(devices=[]), torch.no_grad():
        y = x
        for i, (block, kinds) in enumerate(zip(model, blocks, strict=True)):
            h = y.clone()
            expected.append(("clone", h.clone()))
            names.append(f"{i}.clone")
            for j, (layer, kind) in enumerate(zip(block.body, kinds, strict=True)):
                h = layer(h)
                expected.append((kind, h.clone()))
                names.append(f"{i}.body.{j}")
            y = y + h
            expected.append(("add", y.clone()))
            names.append(f"{i}.add")
    with torch.no_grad():
        for name, tensor in [*model.named_parameters(), *model.named_buffers()]:
            tensor.copy_(before[name])
    trace = fw.trace_forward(model, x)
    assert [(s.name, s.op) for s in trace] == list(
        zip(names, [op for op, _ in expected], strict=True)
    )
    for step, (_, value) in zip(trace, expected, strict=True):
        assert torch.equal(step.value, value), step
    assert torch.equal(trace.output, y)
    assert all(torch.equal(value, before[name]) for name, value in values(model).items())


def test_a_forward_that_registers_a_buffer_once_still_runs_after_a_trace():
    class Once(nn.Module):
        def __init__(self):
            super().__init__()
            self.made = False

        def forward(self, x):
            if not self.made:
                self.register_buffer("scale", torch.full((3,), 2.0))
                self.made = True
            return x * self.scale

    model, x = Once(), torch.randn(2, 3)
    for _ in range(2):
        trace = fw.trace_forward(model, x)
        assert trace.error is None
        assert torch.equal(trace.output, 2 * x)
        assert not model.made
        assert not hasattr(model, "scale")
    assert torch.equal(model(x), 2 * x)
    assert model.made
