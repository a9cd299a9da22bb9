"""Random configurations of every listed operation: what is said holds, PyTorch is the judge."""

import random

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

import fwdwidgets as fw
from tests.explain.explaining import Op, every_step, some_cell

FEW = settings(max_examples=12)
SIZE = st.integers(1, 4)
LONG = st.integers(3, 7)
seeds = st.integers(0, 2**16)


def seeded(seed):
    random.seed(seed)
    torch.manual_seed(seed)


@FEW
@given(st.data(), seeds, st.integers(1, 3), st.booleans())
def test_convolutions(data, seed, axes, transposed):
    seeded(seed)
    pick = data.draw
    groups = pick(st.sampled_from([1, 1, 2, 3]))
    ins, outs = groups * pick(st.integers(1, 2)), groups * pick(st.integers(1, 2))
    kernel = [pick(st.integers(1, 3)) for _ in range(axes)]
    stride = [pick(st.integers(1, 3)) for _ in range(axes)]
    dilation = [pick(st.integers(1, 2)) for _ in range(axes)]
    padding = [pick(st.integers(0, 2)) for _ in range(axes)]
    options = {"stride": stride, "dilation": dilation, "groups": groups, "padding": padding}
    options["bias"] = pick(st.booleans())
    if transposed:
        reaches = [d * (k - 1) for d, k in zip(dilation, kernel, strict=True)]
        options["padding"] = [min(p, r) for p, r in zip(padding, reaches, strict=True)]
        kinds = [nn.ConvTranspose1d, nn.ConvTranspose2d, nn.ConvTranspose3d]
    else:
        kinds = [nn.Conv1d, nn.Conv2d, nn.Conv3d]
        options["padding_mode"] = pick(st.sampled_from(["zeros", "reflect", "circular"]))
        if pick(st.booleans()):
            options["padding"], options["stride"] = "same", 1
    model = kinds[axes - 1](ins, outs, kernel, **options)
    every_step(model, torch.randn(2, ins, *[7 - axes + i for i in range(axes)]))


@FEW
@given(st.data(), seeds)
def test_matrix_products(data, seed):
    seeded(seed)
    n, k, m, b = (data.draw(SIZE) for _ in range(4))
    other = torch.randn(data.draw(st.sampled_from([(k,), (k, m), (b, k, m), (2, 1, k, m)])))
    x = torch.randn(data.draw(st.sampled_from([(k,), (n, k), (b, n, k), (2, b, n, k)])))
    every_step(Op(lambda a: a @ other), x)
    every_step(nn.Linear(k, m, bias=data.draw(st.booleans())), x)
    left, right = torch.randn(b, n, k), torch.randn(b, k, m)
    every_step(Op(torch.bmm), left, right)
    every_step(Op(lambda a, w: torch.baddbmm(torch.ones(1, 1, m), a, w, alpha=0.5)), left, right)
    equation = data.draw(st.sampled_from(["bnk,bkm->bnm", "bnk,bkm->mn", "bnk,bkm->b", "bik,bkj"]))
    every_step(Op(lambda a, w: torch.einsum(equation, a, w)), left, right)


@FEW
@given(st.data(), seeds, st.integers(1, 3))
def test_pooling(data, seed, axes):
    seeded(seed)
    pick = data.draw
    kernel = [pick(st.integers(1, 3)) for _ in range(axes)]
    stride = [pick(st.integers(1, 3)) for _ in range(axes)]
    padding = [pick(st.integers(0, k // 2)) for k in kernel]
    ceil = pick(st.booleans())
    x = torch.randn(2, 2, *[pick(st.integers(4, 7)) for _ in range(axes)])
    dilation = pick(st.integers(1, 2))
    largest = [nn.MaxPool1d, nn.MaxPool2d, nn.MaxPool3d][axes - 1]
    every_step(largest(kernel, stride, padding, dilation, ceil_mode=ceil), x)
    mean = [nn.AvgPool1d, nn.AvgPool2d, nn.AvgPool3d][axes - 1]
    counts = pick(st.booleans())
    every_step(mean(kernel, stride, padding, ceil_mode=ceil, count_include_pad=counts), x)
    sizes = [pick(st.integers(1, 5)) for _ in range(axes)]
    adaptive = [nn.AdaptiveAvgPool1d, nn.AdaptiveAvgPool2d, nn.AdaptiveAvgPool3d][axes - 1]
    every_step(adaptive(sizes if axes > 1 else sizes[0]), x)
    adaptive = [nn.AdaptiveMaxPool1d, nn.AdaptiveMaxPool2d, nn.AdaptiveMaxPool3d][axes - 1]
    every_step(adaptive(sizes if axes > 1 else sizes[0]), x)


@FEW
@given(st.data(), seeds, st.booleans(), st.booleans())
def test_norms_in_both_modes(data, seed, training, affine):
    seeded(seed)
    x = torch.randn(3, 4, 5, 3) * 2 + 1
    models = [
        nn.BatchNorm2d(4, affine=affine, track_running_stats=data.draw(st.booleans())),
        nn.GroupNorm(data.draw(st.sampled_from([1, 2, 4])), 4, affine=affine),
        nn.InstanceNorm2d(4, affine=affine, track_running_stats=data.draw(st.booleans())),
        nn.LayerNorm(data.draw(st.sampled_from([(3,), (5, 3), (4, 5, 3)])), 1e-3, affine),
        nn.RMSNorm((5, 3), elementwise_affine=affine),
    ]
    for model in models:
        for parameter in model.parameters():
            nn.init.normal_(parameter)
        every_step(model.train(training), x)


ACTIVATIONS = [
    nn.ReLU(), nn.ReLU(inplace=True), nn.ReLU6(), nn.LeakyReLU(0.2), nn.PReLU(3), nn.ELU(0.7),
    nn.CELU(0.7), nn.SELU(), nn.GELU(), nn.GELU("tanh"), nn.SiLU(), nn.Mish(), nn.Hardswish(),
    nn.Hardsigmoid(), nn.Hardtanh(-0.5, 0.7), nn.Sigmoid(), nn.Tanh(), nn.LogSigmoid(),
    nn.Softplus(2), nn.Softsign(), nn.Tanhshrink(), nn.Hardshrink(), nn.Softshrink(),
    nn.Threshold(0.1, 3), nn.Softmax(1), nn.LogSoftmax(-1), nn.Softmin(1), nn.Dropout(0.3),
    nn.Dropout2d(0.5), nn.Identity(), nn.Flatten(),
]  # fmt: skip


@pytest.mark.parametrize("layer", ACTIVATIONS, ids=str)
def test_activations(layer):
    x = torch.randn(2, 3, 4, 3) * 2
    every_step(nn.Sequential(layer, nn.Flatten(0)), x, cells=6)
    every_step(nn.Sequential(layer, nn.Flatten(0)).eval(), x)


NUMBERS = {
    "numbers": lambda a, b: 2 - a * 3 + 1 / (a.abs() + 1) - (-a) / 4,
    "tensors": lambda a, b: (a + b) * (a - b) / (b.abs() + 1),
    "alpha": lambda a, b: torch.add(a, b, alpha=2) - torch.sub(a, b, alpha=0.5),
    "powers": lambda a, b: a**2 + 2**a + (a.abs() + 0.1) ** b,
    "in place": lambda a, b: (a * 1).add_(b).mul_(2).sub_(1).div_(3).relu_(),
    "rounding": lambda a, b: (torch.div(a, b, rounding_mode="floor"), a // 0.3, a % 0.7),
    "comparisons": lambda a, b: ((a > b) & (a <= 1), a == b, a != 0, (a < b) | (a >= 0)),
    "where": lambda a, b: torch.where(a > b, a, 0.5) + torch.where(a > 0, b, a),
    "masked": lambda a, b: a.masked_fill(b > 0, -1.0) + torch.maximum(a, b) - torch.minimum(a, b),
    "functions": lambda a, b: a.exp().log1p().sqrt().sin().abs().clamp(0.1, 0.8).rsqrt().floor(),
    "casts": lambda a, b: (a.double() + b, (a * 5).int(), (a > 0).float(), a.to(torch.float64)),
    "made here": lambda a, b: a + torch.ones(5) * torch.arange(5) + torch.zeros_like(a),
}


@pytest.mark.parametrize("function", NUMBERS.values(), ids=NUMBERS)
@pytest.mark.parametrize("shape", [(2, 3, 5), (3, 1), (5,), ()])
def test_arithmetic_with_broadcasting(function, shape):
    every_step(Op(function), torch.randn(2, 3, 5), torch.randn(shape), cells=4)


MOVES = {
    "views": lambda a: a.reshape(4, -1).view(4, 5, 3).flatten(1).unflatten(1, (3, 5)).unsqueeze(1),
    "permutations": lambda a: a.permute(2, 0, 1).transpose(0, 2).movedim(0, -1).mT.contiguous(),
    "squeezes": lambda a: a[:, :1].squeeze(1).unsqueeze(0).expand(3, -1, -1).clone(),
    "joins": lambda a: (torch.cat([a, a * 2, a[:, :1]], 1), torch.stack([a, -a], -1)),
    "splits": lambda a: [*a.chunk(2, 1), *a.split([1, 4], 2), *a.unbind(0)],
    "slices": lambda a: (a[1], a[..., -1], a[:, 1:3, ::2], a[None, :, 0], a[0, 1, 2]),
    "index lists": lambda a: (a[:, [0, 2]], a[[1, 0], :, [4, 3]]),
    "mask": lambda a: a[a > 0],
    "turns": lambda a: a.roll((1, -2), (1, 2)).flip(0, 2).roll(3),
    "repeats": lambda a: a.repeat(2, 1, 1).repeat_interleave(2, 1).tile(1, 1, 2),
    "padding": lambda a: (F.pad(a, (1, 2, 0, 1)), F.pad(a, (1, 1), value=2.5)),
    "padding modes": lambda a: [F.pad(a, (2, 1), m) for m in ("reflect", "replicate", "circular")],
    "triangles": lambda a: a.tril() + a.triu(1),
    "windows": lambda a: a.unfold(2, 3, 1).diagonal(0, 1, 2),
    "patches": lambda a: F.unfold(a.unsqueeze(0), (2, 3), padding=1, stride=2),
    "shuffle": lambda a: F.pixel_shuffle(a.view(1, 4, 3, 5), 2),
}  # fmt: skip


@pytest.mark.parametrize("function", MOVES.values(), ids=MOVES)
def test_moving_cells(function):
    every_step(Op(function), torch.randn(2, 6, 5))


class Writes(nn.Module):
    def forward(self, x):
        y = x * 1
        y[0, 1] = 2.5
        y[1] = x[0]
        y[:, 2].zero_()
        return y + x


def test_writing_into_a_part():
    every_step(Writes(), torch.randn(2, 4, 3), cells=8)


def test_looking_up():
    ids, index = torch.randint(9, (2, 5)), torch.tensor([3, 0, 1])
    every_step(nn.Embedding(9, 4, padding_idx=0), ids, cells=5)
    rows = torch.randint(4, (2, 3, 5))
    every_step(Op(lambda a: a.index_select(1, index)), torch.randn(2, 4, 5))
    every_step(Op(lambda a: a.gather(1, rows)), torch.randn(2, 4, 5))


REDUCTIONS = {
    "sum": lambda a, d, k: a.sum(d, keepdim=k), "mean": lambda a, d, k: a.mean(d, keepdim=k),
    "amax": lambda a, d, k: a.amax(d, keepdim=k), "amin": lambda a, d, k: a.amin(d, keepdim=k),
    "var": lambda a, d, k: a.var(d, keepdim=k), "std": lambda a, d, k: a.std(d, keepdim=k),
    "norm": lambda a, d, k: a.norm(2, d, k),
    "l1 norm": lambda a, d, k: torch.linalg.vector_norm(a, 1, d, k),
    "logsumexp": lambda a, d, k: a.logsumexp(d, keepdim=k),
    "max": lambda a, d, k: a.max(d[0], keepdim=k), "min": lambda a, d, k: a.min(d[0], k),
    "argmax": lambda a, d, k: a.argmax(d[0], k), "argmin": lambda a, d, k: a.argmin(d[0], k),
    "prod": lambda a, d, k: a.prod(d[0], k), "all": lambda a, d, k: (a > 0).any(d[0], k),
    "cumsum": lambda a, d, k: a.cumsum(d[0]), "normalize": lambda a, d, k: F.normalize(a, dim=d[0]),
    "whole": lambda a, d, k: (a.sum(), a.mean(), a.max(), a.std(), a.norm(), a.argmax()),
}  # fmt: skip


@pytest.mark.parametrize("function", REDUCTIONS.values(), ids=REDUCTIONS)
@pytest.mark.parametrize("dims", [(0,), (-1,), (1, 3), (0, 1, 2, 3)])
@pytest.mark.parametrize("keepdim", [True, False])
def test_reductions(function, dims, keepdim):
    every_step(Op(lambda a: function(a, dims, keepdim)), torch.randn(2, 3, 4, 2), cells=3)


@FEW
@given(
    seeds, st.sampled_from(["nearest", "nearest-exact", "bilinear", "bicubic", "area"]), LONG, LONG,
    st.booleans(), st.booleans(),
)  # fmt: skip
def test_interpolation(seed, mode, height, width, corners, antialias):
    seeded(seed)
    smooth = mode in ("bilinear", "bicubic")
    options = {"align_corners": corners, "antialias": antialias} if smooth else {}
    x = torch.randn(1, 2, 5, 4)
    every_step(Op(lambda a: F.interpolate(a, (height, width), mode=mode, **options)), x, cells=4)
    if mode != "area" and not antialias:
        every_step(Op(lambda a: F.interpolate(a, scale_factor=1.7, mode=mode, **options)), x)


@FEW
@given(st.data(), seeds, st.sampled_from(["none", "mean", "sum"]))
def test_losses(data, seed, reduction):
    seeded(seed)
    x, target, share = torch.randn(4, 5), torch.randint(5, (4,)), torch.rand(4, 5)
    weight = data.draw(st.sampled_from([None, torch.rand(5)]))
    smoothing = data.draw(st.sampled_from([0.0, 0.1]))
    logs = Op(lambda a, t: F.nll_loss(a.log_softmax(1), t, weight, reduction=reduction))
    every_step(logs, x, target)
    cross = nn.CrossEntropyLoss(weight, reduction=reduction, label_smoothing=smoothing)
    every_step(cross, x, target)
    for loss in (nn.MSELoss, nn.L1Loss, nn.SmoothL1Loss, nn.BCEWithLogitsLoss):
        every_step(loss(reduction=reduction), x, share)
    every_step(nn.BCELoss(reduction=reduction), torch.rand(4, 5), share)


@FEW
@given(seeds, st.booleans(), st.sampled_from([None, "bool", "float"]))
def test_attention(seed, causal, masked):
    seeded(seed)
    query, key, value = torch.randn(2, 3, 4, 5), torch.randn(2, 3, 6, 5), torch.randn(2, 3, 6, 2)
    mask = {None: None, "bool": torch.rand(4, 6) > 0.3, "float": torch.randn(4, 6)}[masked]
    if masked == "bool":
        mask[:, 0] = True
    if causal:
        mask = None

    def attend(*qkv):
        return F.scaled_dot_product_attention(*qkv, mask, is_causal=causal)

    every_step(Op(attend), query, key, value, cells=4)


@pytest.mark.parametrize("heads", [1, 2])
@pytest.mark.parametrize("needs_weights", [True, False])
def test_multihead_attention_is_taken_apart(heads, needs_weights):
    model = nn.MultiheadAttention(4, heads, batch_first=True)
    x = torch.randn(2, 3, 4)
    attend = Op(lambda a: model(a, a, a, need_weights=needs_weights)[0])
    attend.model = model
    trace = every_step(attend, x)
    assert torch.equal(trace.output, model(x, x, x, need_weights=needs_weights)[0].detach())


RECURRENT = {
    "lstm": nn.LSTM(3, 4), "gru": nn.GRU(3, 4), "rnn": nn.RNN(3, 4),
    "relu": nn.RNN(3, 4, nonlinearity="relu"),
    "deep both ways": nn.LSTM(3, 4, 2, bidirectional=True, batch_first=True),
    "no bias": nn.GRU(3, 4, 2, bias=False, batch_first=True),
}  # fmt: skip


@pytest.mark.parametrize("model", RECURRENT.values(), ids=RECURRENT)
def test_recurrent_layers(model):
    every_step(model, torch.randn(2, 5, 3), cells=5)


@pytest.mark.parametrize("name", RECURRENT)
def test_the_gates_of_recurrent_layers_are_sums(name):
    model = RECURRENT[name]
    trace = fw.trace_forward(model, torch.randn(2, 5, 3))
    step = next(s for s in trace if s.op in ("lstm", "gru", "rnn_tanh", "rnn_relu"))
    found = fw.explain(trace, step.name, some_cell(step.shape))
    gates = {term.operand: term.value for term in found.terms if "before" not in term.operand}
    assert set(found.parts) == set(gates)
    for gate, value in gates.items():
        parts = found.parts[gate]
        total = parts.products.sum()
        function = {"g": torch.tanh, "n": torch.tanh, "a": lambda a: a}.get(gate, torch.sigmoid)
        assert function(total).item() == pytest.approx(value, rel=1e-9)
        for term in parts:
            if term.operand in found.names:
                assert found.names[term.operand][term.index].item() == term.value
            if term.weight_operand is not None and gate != "n":
                number = int(term.weight_operand[7:-1])
                assert found.names["params"][number][term.weight_index].item() == term.weight
