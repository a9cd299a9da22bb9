"""The tracer where PyTorch has corners: against plain PyTorch, as everywhere."""

import gc
import inspect
import linecache
import warnings
import weakref

import pytest
import torch
import torch.nn.functional as F
from torch import nn
from torch.utils.checkpoint import checkpoint

import fwdwidgets as fw
from fwdwidgets.trace import recorder as _recorder


class Model(nn.Module):
    """A model of one function of itself and its inputs."""

    def __init__(self, function, **modules):
        super().__init__()
        self.function = function
        for name, module in modules.items():
            self.add_module(name, module)

    def forward(self, *inputs, **keywords):
        return self.function(self, *inputs, **keywords)


def ops(trace):
    return [step.op for step in trace]


def names(trace):
    return [step.name for step in trace]


def plain(model, *inputs, **kwargs):
    with torch.random.fork_rng(devices=[]), torch.no_grad():
        return model(*inputs, **kwargs)


# --- transformers ---------------------------------------------------------------------------------


@pytest.mark.parametrize("norm", [None, nn.LayerNorm(8)])
@pytest.mark.filterwarnings("ignore:The PyTorch API of nested tensors")
def test_an_encoder_with_padded_tokens_answers_as_its_nested_fast_path(norm):
    layer = nn.TransformerEncoderLayer(8, 2, 16, batch_first=True)
    encoder = nn.TransformerEncoder(layer, 2, norm=norm).eval()
    x = torch.randn(2, 5, 8)
    padded = torch.tensor([[False] * 3 + [True] * 2, [False] * 4 + [True]])
    expected = plain(encoder, x, src_key_padding_mask=padded)
    trace = fw.trace_forward(encoder, x, src_key_padding_mask=padded)
    torch.testing.assert_close(trace.output, expected, atol=1e-6, rtol=0)
    assert "layers.1.norm2" in trace
    graph = fw.Tracer(keep_graph=True)(encoder, x, src_key_padding_mask=padded)
    slow = encoder(x, src_key_padding_mask=padded)  # with gradients there is no fast path
    torch.testing.assert_close(graph.output, slow, atol=1e-6, rtol=0)


def test_a_whole_transformer_is_taken_apart():
    model = nn.Transformer(8, 2, 1, 1, 16, batch_first=True).eval()
    source, target = torch.randn(1, 4, 8), torch.randn(1, 3, 8)
    trace = fw.trace_forward(model, source, target)
    torch.testing.assert_close(trace.output, plain(model, source, target), atol=1e-6, rtol=0)
    assert "multi_head_attention_forward" not in ops(trace)
    assert "decoder.layers.0.multihead_attn.scaled_dot_product_attention" in trace


# --- what is a step -------------------------------------------------------------------------------


def test_unpacking_and_iterating_are_one_unbind():
    def forward(_, x):
        first, second = x
        return [row + 1 for row in x] + [first * second]

    x = torch.randn(2, 3)
    trace = fw.trace_forward(Model(forward), x)
    assert ops(trace) == ["unbind", "unbind", "add", "add", "mul"]
    assert torch.equal(trace["mul"].value, x[0] * x[1])
    assert trace["mul"].parents == ("unbind", "unbind")


def test_operators_carry_the_name_of_their_operation():
    def forward(_, x):
        y = x.int()
        1 - x, 2 / x, 2**x, x // 2, 3 % y, ~y, y & 1, y | 1, y ^ 1, y << 1, y >> 1
        abs(x), -x, x @ x.T, x > 1, x == x
        x = x.clone()
        x -= 1
        x *= 2
        x /= 2
        x **= 2
        return x

    expected = (
        "int sub div pow floor_divide remainder bitwise_not bitwise_and bitwise_or bitwise_xor "
        "bitwise_left_shift bitwise_right_shift abs neg T matmul gt eq clone sub mul div pow"
    )
    trace = fw.trace_forward(Model(forward), torch.rand(2, 2) + 1)
    assert ops(trace) == expected.split()
    assert [s.mutates for s in trace] == [False] * 19 + [True] * 4


def test_operations_of_the_dispatcher_carry_their_plain_name():
    def forward(_, x):
        return torch.ops.aten.relu(torch.ops.aten.add.Tensor(x, x))

    assert ops(fw.trace_forward(Model(forward), torch.ones(2))) == ["add", "relu"]


def test_every_function_of_torch_nn_functional_is_one_step():
    image, row = torch.rand(1, 4, 8, 8), torch.rand(2, 6)
    calls = [
        ("interpolate", lambda: F.interpolate(image, scale_factor=2, mode="bilinear")),
        ("group_norm", lambda: F.group_norm(image, 2)),
        ("normalize", lambda: F.normalize(row)),
        ("cross_entropy", lambda: F.cross_entropy(row, torch.tensor([1, 2]))),
        ("gumbel_softmax", lambda: F.gumbel_softmax(row)),
        ("adaptive_avg_pool2d", lambda: F.adaptive_avg_pool2d(image, 1)),
        ("max_pool2d_with_indices", lambda: F.max_pool2d(image, 2, return_indices=True)),
        ("scaled_dot_product_attention", lambda: F.scaled_dot_product_attention(row, row, row)),
        ("layer_norm", lambda: F.layer_norm(row, (6,))),
        ("gelu", lambda: F.gelu(row)),
        ("pad", lambda: F.pad(row, (1, 1))),
    ]
    for name, call in calls:
        trace = fw.trace_forward(Model(lambda _, call=call: call()))
        steps = [op for op in ops(trace) if op != "tensor"]
        assert steps == [name]


def test_every_function_with_inplace_says_when_it_writes():
    found = []
    for name, function in sorted(vars(F).items()):
        if not inspect.isfunction(function) or name.startswith("_"):
            continue
        if "inplace" not in inspect.signature(function).parameters:
            continue
        found.append(name)
        extra = (0.5, 0.1) if name == "threshold" else ()
        for inplace in (False, True):
            model = Model(lambda _, x, f=function, e=extra, i=inplace: f(x, *e, inplace=i))
            x = torch.randn(1, 2, 4, 4, 4) if name == "dropout3d" else torch.randn(1, 2, 4)
            x = torch.randn(1, 2, 4, 4) if name == "dropout2d" else x
            (step,) = fw.trace_forward(model, x.clone())
            version = x._version
            plain(model, x)
            assert (step.op, step.mutates, step.error) == (name, x._version != version, None)
    assert {"relu", "dropout", "threshold", "silu"} <= set(found)


def test_an_embedding_that_renormalizes_its_rows_mutates():
    model = nn.Embedding(4, 3, max_norm=0.1)
    weight = model.weight.detach().clone()
    (step,) = fw.trace_forward(model, torch.tensor([1]))
    assert step.mutates
    assert step.value.norm() < 0.11
    assert torch.equal(model.weight, weight)


def test_printing_and_python_numbers_are_no_steps():
    def forward(_, x):
        str(x), f"{x}", x.tolist(), x.numpy(), x.shape, x.ndim, x.stride(), len(x), x.size()
        x.is_contiguous(), x.numel(), x.dim(), x.requires_grad_(), torch.is_tensor(x)
        return x + 1

    assert ops(fw.trace_forward(Model(forward), torch.ones(1, 2))) == ["add"]


def test_layers_that_are_made_in_forward_are_no_steps_and_have_names_once_registered():
    def forward(self, x):
        if not hasattr(self, "late"):
            self.late = nn.Linear(3, 2)
        return nn.Linear(2, 1)(self.late(x))

    model, x = Model(forward), torch.ones(1, 3)
    for _ in range(2):
        trace = fw.trace_forward(model, x)
        assert names(trace) == ["late", "linear"]
        assert trace["late"].module == "late"
        assert trace["linear"].module == ""


def test_an_identity_has_no_steps():
    x = torch.ones(1)
    trace = fw.trace_forward(nn.Identity(), x)
    assert (len(trace), trace.output_step, trace.error) == (0, None, None)
    assert trace.output is x


def test_dropout_in_eval_is_a_step():
    trace = fw.trace_forward(nn.Sequential(nn.Dropout(0.5)).eval(), torch.ones(3))
    assert names(trace) == ["0"]
    assert ops(trace) == ["dropout"]


# --- kinds of tensors -----------------------------------------------------------------------------


def test_sparse_complex_empty_and_nested_tensors():
    x = torch.tensor([[0.0, 1.0, 2.0], [3.0, 0.0, 0.0]])
    trace = fw.trace_forward(Model(lambda _, x: torch.sparse.mm(x.to_sparse(), x.T)), x)
    assert torch.equal(trace.output, x @ x.T)
    assert trace["to_sparse"].value.is_sparse
    trace = fw.trace_forward(Model(lambda _, x: torch.fft.fft(x).abs()), x)
    assert torch.equal(trace["fft_fft"].value, torch.fft.fft(x))
    assert fw.trace_forward(nn.Linear(3, 2), torch.ones(0, 3))["linear"].shape == (0, 2)


@pytest.mark.filterwarnings("ignore:The PyTorch API of nested tensors")
def test_nested_tensors_have_no_shape_of_their_own():
    def forward(_, x):
        ragged = torch.nested.as_nested_tensor([x[0], x[1, :2]]) * 1
        return ragged.to_padded_tensor(0.0)

    x = torch.tensor([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]])
    trace = fw.trace_forward(Model(forward), x)
    assert trace.error is None
    assert torch.equal(trace.output, torch.tensor([[1.0, 2.0, 3.0], [4.0, 5.0, 0.0]]))
    assert "to_padded_tensor" in repr(trace)
    assert trace["mul"].shape == (2,)


def test_a_subclass_of_tensor():
    class Marked(torch.Tensor):
        pass

    x, layer = torch.ones(1, 3).as_subclass(Marked), nn.Linear(3, 2)
    trace = fw.trace_forward(layer, x)
    assert ops(trace) == ["linear"]
    assert type(trace.output) is Marked
    assert torch.equal(trace["linear"].value, plain(layer, x))


# --- Python around the operations -----------------------------------------------------------------


def test_checkpoints_generators_and_autocast():
    def forward(self, x):
        rows = (F.relu(row) for row in x.split(1))
        with torch.autocast("cpu", torch.bfloat16):
            return checkpoint(self.fc, torch.cat(list(rows)), use_reentrant=False)

    model, x = Model(forward, fc=nn.Linear(3, 2)), torch.randn(2, 3)
    trace = fw.trace_forward(model, x)
    assert names(trace) == ["split", "relu", "relu_2", "cat", "fc"]
    assert trace["relu"].source == "F.relu(row)"
    assert trace.output.dtype == torch.bfloat16
    assert torch.equal(trace.output, plain(model, x))


def test_a_forward_that_turns_gradients_on():
    def forward(self, x):
        with torch.enable_grad():
            x = x.detach().requires_grad_()
            energy = self.fc(x).square().sum()
        return torch.autograd.grad(energy, x)[0]

    model, x = Model(forward, fc=nn.Linear(3, 2)), torch.randn(1, 3)
    trace = fw.trace_forward(model, x)
    assert ops(trace) == ["detach", "linear", "square", "sum", "grad"]
    assert torch.equal(trace.output, plain(model, x))
    assert not any(value.requires_grad for step in trace for value in step.values)
    assert model.fc.weight.grad is None


def test_a_trace_within_a_trace_adds_no_steps_of_its_own():
    def forward(self, x):
        inner = fw.trace_forward(self.bn, x)
        assert names(inner) == ["batch_norm"]
        return inner.output * 2

    model, x = Model(forward, bn=nn.BatchNorm1d(3)), torch.randn(4, 3)
    trace = fw.trace_forward(model, x)
    assert trace.error is None
    assert names(trace) == ["bn", "mul"]
    assert torch.equal(trace.output, plain(nn.BatchNorm1d(3), x) * 2)


def test_the_source_of_a_function_that_has_no_file():
    space = {"torch": torch, "nn": nn}
    exec("class Made(nn.Module):\n    def forward(self, x):\n        return torch.relu(x)", space)
    (step,) = fw.trace_forward(space["Made"](), torch.ones(1))
    assert (step.source, step.line) == ("", 3)
    linecache.cache["<lesson>"] = (0, None, ["", "y = torch.tanh(x)  # ü\n"], "<lesson>")
    exec(compile("\ndef f(_, x): return torch.tanh(x)", "<lesson>", "exec"), space)
    assert fw.trace_forward(Model(space["f"]), torch.ones(1)).steps[0].line == 2


def test_pruned_and_normalised_weights_are_right():
    layer = nn.utils.parametrizations.spectral_norm(nn.Linear(3, 2))
    found = {name: value.clone() for name, value in layer.named_buffers()}
    x = torch.randn(4, 3)
    trace = fw.trace_forward(nn.Sequential(layer), x)
    for name, value in layer.named_buffers():
        assert torch.equal(value, found[name])
    assert torch.equal(trace.output, plain(layer, x))


# --- errors ---------------------------------------------------------------------------------------


def test_an_error_of_a_layer_names_the_layer_and_the_users_expression():
    model = Model(lambda self, x: self.rnn(x)[0], rnn=nn.LSTM(4, 2))
    last = fw.trace_forward(model, torch.randn(5, 2, 3)).steps[-1]
    assert isinstance(last.error, (RuntimeError, ValueError))
    assert (last.op, last.module, last.source) == ("error", "rnn", "self.rnn(x)")


@pytest.mark.parametrize("register", ["register_forward_hook", "register_forward_pre_hook"])
def test_an_error_in_a_users_hook(register):
    model = Model(lambda self, x: self.fc(x), fc=nn.Linear(3, 2))
    getattr(model.fc, register)(lambda *_: [][0])
    last = fw.trace_forward(model, torch.ones(1, 3)).steps[-1]
    assert (last.op, last.module, last.source) == ("error", "fc", "[][0]")


def test_an_error_that_is_raised_again_as_another_is_the_users():
    def forward(_, x):
        try:
            return x @ x
        except RuntimeError as error:
            raise ValueError("no square matrix") from error

    trace = fw.trace_forward(Model(forward), torch.ones(2, 3))
    assert isinstance(trace.error, ValueError)
    assert ops(trace) == ["error"]
    assert trace.steps[0].source == 'raise ValueError("no square matrix") from error'


def test_too_few_inputs_are_an_error_without_a_line():
    trace = fw.trace_forward(nn.Linear(3, 2))
    assert isinstance(trace.error, TypeError)
    assert [(s.op, s.source, s.value) for s in trace] == [("error", "", None)]


def test_a_dropped_trace_of_an_error_leaves_nothing_in_memory():
    def fails(_, x):
        return x @ x

    def raises(_, x):
        raise ValueError(x.shape)

    for function in (fails, raises):
        x = torch.ones(2, 3)
        alive = weakref.ref(x)
        gc.collect()
        gc.disable()
        try:
            trace = fw.trace_forward(Model(function), x)
            assert trace.error is not None
            del x, trace
            assert alive() is None
        finally:
            gc.enable()


# --- state ----------------------------------------------------------------------------------------


def test_a_kept_graph_can_be_differentiated_through_batch_normalization():
    model, x = nn.Sequential(nn.Linear(3, 3), nn.BatchNorm1d(3), nn.ReLU()), torch.randn(4, 3)
    trace = fw.Tracer(keep_graph=True)(model, x)
    trace.output.square().sum().backward()
    assert torch.equal(model[1].running_mean, torch.zeros(3))
    assert model[1].num_batches_tracked == 0
    recorded = model[0].weight.grad.clone()
    model.zero_grad()
    model(x).square().sum().backward()
    assert torch.equal(recorded, model[0].weight.grad)


def test_gradients_and_their_flags_are_put_back():
    def forward(self, x):
        with torch.enable_grad():
            self.fc(x).sum().backward()
        self.fc.bias.requires_grad_(False)
        return self.fc(x)

    model = Model(forward, fc=nn.Linear(3, 2))
    model.fc.bias.grad = grad = torch.ones(2)
    assert fw.trace_forward(model, torch.ones(1, 3)).error is None
    assert model.fc.weight.grad is None
    assert model.fc.bias.grad is grad
    assert torch.equal(grad, torch.ones(2))
    assert model.fc.bias.requires_grad


def test_a_buffer_of_another_size_is_put_back():
    def forward(self, x):
        self.cache.resize_(4).fill_(7)
        return x + 1

    model = Model(forward)
    model.register_buffer("cache", torch.arange(2.0))
    cache = model.cache
    fw.trace_forward(model, torch.ones(1))
    assert model.cache is cache
    assert torch.equal(cache, torch.tensor([0.0, 1.0]))


def test_vectorised_functions():
    model = Model(lambda _, x: torch.vmap(lambda row: row.sum() * 2)(x))
    x = torch.arange(6.0).reshape(2, 3)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        trace = fw.trace_forward(model, x)
    assert torch.equal(trace.output, x.sum(1) * 2)
    assert ops(trace) == ["sum", "mul"]
    assert torch.equal(trace["sum"].value, x.sum(1))


# --- what the user wrote --------------------------------------------------------------------------


def test_a_chain_over_lines_is_one_expression():
    def forward(self, x):
        y = (
            self.fc(x)
            .relu()
            .flatten(  # with a comment
                1
            )
            .T
        )
        return (x
            .square)().sum() + y.sum()  # fmt: skip

    trace = fw.trace_forward(Model(forward, fc=nn.Linear(3, 3)), torch.ones(2, 3))
    sources = {step.name: "".join(step.source.split()) for step in trace}
    assert sources == {
        "fc": "self.fc(x)",
        "relu": "self.fc(x).relu()",
        "flatten": "self.fc(x).relu().flatten(#withacomment1)",
        "T": "self.fc(x).relu().flatten(#withacomment1).T",
        "square": "(x.square)()",
        "sum": "(x.square)().sum()",
        "sum_2": "y.sum()",
        "add": "(x.square)().sum()+y.sum()",
    }
    assert trace["fc"].line == trace["T"].line == trace["add"].line - 7


def test_what_is_iterated_or_unpacked_is_the_expression():
    def forward(_, x):
        for row in x * 2:
            row + 1
        first, second = x.T[:2]
        rows = [row - 1 for row in x[1:]]
        return first, second, rows, [p for p in map(torch.relu, x)]

    trace = fw.trace_forward(Model(forward), torch.ones(2, 3))
    assert [(s.op, s.source) for s in trace] == [
        *[("mul", "x * 2"), ("unbind", "x * 2"), ("add", "row + 1"), ("add", "row + 1")],
        *[("T", "x.T"), ("getitem", "x.T[:2]"), ("unbind", "x.T[:2]")],
        *[("getitem", "x[1:]"), ("unbind", "x[1:]"), ("sub", "row - 1")],
        *[("unbind", "map(torch.relu, x)"), *[("relu", "map(torch.relu, x)")] * 2],
    ]


def test_a_model_may_have_any_keyword():
    def forward(_, x, *, model, keep_graph):
        return x * model + keep_graph

    x = torch.ones(2)
    assert torch.equal(fw.trace_forward(Model(forward), x, model=3, keep_graph=4).output, x * 7)
    trace = fw.Tracer(keep_graph=True)(Model(forward), x, model=3, keep_graph=4)
    assert torch.equal(trace.output, x * 7)


# --- errors that a model catches ------------------------------------------------------------------


def test_modules_are_named_right_behind_an_interrupt_that_the_model_catches():
    class Stop(BaseException):
        pass

    class Inner(nn.Module):
        def __init__(self):
            super().__init__()
            self.fc = nn.Linear(2, 2)

        def forward(self, x):
            y = self.fc(x) * 2
            raise Stop(y)

    def middle(self, x):
        try:
            x = self.inner(x)
        except Stop:
            x = x + 1
        return self.after(x) - 1

    def forward(self, x):
        x = self.middle(x)
        for module in (self.inner, nn.Sequential(self.inner)):
            try:
                module(x)
            except Stop:
                pass
            nn.Tanh()(x)
            x = x.abs()
        return self.middle.after(x).neg()

    inner = Inner()
    model = Model(forward, middle=Model(middle, inner=inner, after=nn.ReLU()), inner=inner)
    trace = fw.trace_forward(model, torch.ones(1, 2))
    within = [("linear", "middle.inner.fc"), ("mul", "middle.inner")]
    assert [(s.op, s.module) for s in trace] == [
        *within,
        *[("add", "middle"), ("relu", "middle.after"), ("sub", "middle")],
        *within,
        *[("tanh", ""), ("abs", "")],
        *within,
        *[("tanh", ""), ("abs", ""), ("relu", "middle.after"), ("neg", "")],
    ]
    assert not torch.nn.modules.module._global_forward_hooks


@pytest.mark.parametrize("when", ["pre", "post"])
@pytest.mark.parametrize("modules", ["layers", "itself"])
def test_modules_are_named_right_behind_a_global_hook_that_raises(when, modules):
    def outer(self, x):
        if x.numel() == 1:
            return x * 3
        try:
            (self.fc if modules == "layers" else self)(x[:1])
        except ValueError:
            x = x + 1
        return x - 1

    def hook(module, inputs, output=None):
        if (module is fc or modules == "itself") and inputs[0].numel() == 1:
            raise ValueError("no")

    fc = nn.Linear(1, 1)
    model = Model(lambda self, x: self.out(self.outer(x)).neg(), outer=Model(outer, fc=fc))
    model.out = nn.ReLU()
    register = torch.nn.modules.module
    handle = (
        register.register_module_forward_pre_hook(hook)
        if when == "pre"
        else register.register_module_forward_hook(hook)
    )
    try:
        trace = fw.trace_forward(model, torch.ones(2))
    finally:
        handle.remove()
    ran = {"layers": ("linear", "outer.fc"), "itself": ("mul", "outer")}[modules]
    if modules == "layers" and when == "post":
        x = torch.ones(1)
        assert torch.equal(trace["outer.fc"].value, plain(fc, x))
    assert [(s.op, s.module) for s in trace] == [
        ("getitem", "outer"),
        *([ran] if when == "post" else []),
        *[("add", "outer"), ("sub", "outer"), ("relu", "out"), ("neg", "")],
    ]


@pytest.mark.parametrize("how", ["torch.compile", "model.compile"])
def test_a_compiled_model_is_run_as_it_is_written_and_stays_compiled(how):
    compiled = []

    def backend(graph, _):
        compiled.append(graph)
        return graph.forward

    model, x = Model(lambda self, x: F.relu(self.fc(x)), fc=nn.Linear(3, 2)), torch.randn(2, 3)
    with torch.no_grad():
        expected = model(x)
    if how == "torch.compile":
        fast, names = torch.compile(model, backend=backend), ["_orig_mod.fc", "_orig_mod.relu"]
    else:
        model.compile(backend=backend)
        fast, names = model, ["fc", "relu"]
    trace = fw.trace_forward(fast, x)
    assert [(s.name, s.op) for s in trace] == list(zip(names, ["linear", "relu"], strict=True))
    assert torch.equal(trace.output, expected)
    assert not compiled
    with torch.no_grad():
        assert torch.equal(fast(x), expected)
    assert compiled


def test_a_condition_that_compiles_is_one_step():
    class Model(nn.Module):
        def forward(self, x):
            return torch.cond(x.sum() > 0, lambda x: x.sin(), lambda x: x.cos(), (x,)) + 1

    for x in (torch.ones(2), -torch.ones(2)):
        trace = fw.trace_forward(Model(), x)
        assert [s.op for s in trace] == ["sum", "gt", "cond", "add"]
        assert torch.equal(trace.output, (x.sin() if x.sum() > 0 else x.cos()) + 1)


def test_module_calls_are_seen_behind_a_wrapper_and_after_it(monkeypatch):
    net, x = fw.models.Network(), torch.rand(1, 1, 28, 28)
    plain, call = [step.name for step in fw.trace_forward(net, x)], nn.Module.__call__
    monkeypatch.setattr(_recorder, "_KINDS", {})  # as in a new process
    with monkeypatch.context() as patch:  # as torch.export does while it runs
        patch.setattr(nn.Module, "__call__", lambda *args, **kwargs: call(*args, **kwargs))
        assert [step.name for step in fw.trace_forward(net, x)] == plain
    assert [step.name for step in fw.trace_forward(net, x)] == plain
    assert "conv1" in plain
