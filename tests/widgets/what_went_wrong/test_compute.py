"""What went wrong: shapes, repairs, bytes and values, each against plain PyTorch."""

import copy

import pytest
import torch
import torch.nn.functional as F
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from torch import nn

import fwdwidgets as fw
from fwdwidgets.trace import as_inputs
from fwdwidgets.widgets.what_went_wrong.compute import build, describe_check, find_wrong
from fwdwidgets.widgets.what_went_wrong.memory import measure_memory
from fwdwidgets.widgets.what_went_wrong.mismatch import arithmetic, meet

SIZE = st.integers(1, 9)


class Calls(nn.Module):
    """Runs a function of its inputs, or a layer, as a learner's forward does."""

    def __init__(self, layer):
        super().__init__()
        self.layer = layer

    def forward(self, *inputs, **keywords):
        return self.layer(*inputs, **keywords)


class Classifier(nn.Module):
    """The guide's image classifier, with a number of features to get wrong."""

    def __init__(self, features=64 * 7 * 7, flat=True):
        super().__init__()
        self.conv1 = nn.Conv2d(1, 32, 3, padding=1)
        self.conv2 = nn.Conv2d(32, 64, 3, padding=1)
        self.fc1, self.fc2 = nn.Linear(features, 128), nn.Linear(128, 10)
        self.dropout, self.flat = nn.Dropout(0.25), flat

    def forward(self, x):
        x = F.max_pool2d(F.relu(self.conv1(x)), 2)
        x = F.max_pool2d(F.relu(self.conv2(x)), 2)
        x = torch.flatten(x, 1) if self.flat else x
        return self.fc2(self.dropout(F.relu(self.fc1(x))))


def find(model, *inputs, **keywords):
    return find_wrong(model, as_inputs(keywords or inputs))


def refuses(model, *inputs, **keywords):
    """Whether PyTorch itself refuses the model on these inputs."""
    try:
        with torch.no_grad():
            model(*inputs, **keywords)
    except Exception:
        return True
    return False


# --- shapes against each other --------------------------------------------------------------------


def last_meetings(model, *inputs):
    finding = find(model, *inputs)
    return finding.meetings(finding.trace.steps[-1])


@given(SIZE, SIZE, SIZE)
def test_linear_meets_in_features(rows, features, wanted):
    model, x = Calls(nn.Linear(wanted, 2)), torch.rand(rows, features)
    met = last_meetings(model, x)
    assert met.agree is not refuses(model, x)
    assert [axis.upper for axis in met.axes] == [
        ("batch", str(rows)),
        ("features", str(features)),
        ("", ""),
    ]
    assert [axis.lower for axis in met.axes] == [
        ("", ""),
        ("in_features", str(wanted)),
        ("out_features", "2"),
    ]


@given(st.integers(1, 4), st.integers(1, 4), SIZE, st.integers(1, 5), st.integers(0, 2))
@settings(max_examples=60)
def test_conv_meets_channels_and_kernel(got, wanted, side, kernel, padding):
    model = Calls(nn.Conv2d(wanted, 2, kernel, padding=padding))
    x = torch.rand(1, got, side, side + 1)
    assert last_meetings(model, x).agree is not refuses(model, x)


@given(st.lists(SIZE, min_size=1, max_size=3), st.lists(SIZE, min_size=1, max_size=3), st.data())
def test_broadcasting_meets_from_the_last_axis_on(first, second, data):
    if data.draw(st.booleans()):
        second = second[:-1] + first[-1:]
    model, x, y = Calls(lambda a, b: a + b), torch.rand(first), torch.rand(second)
    met = last_meetings(model, x, y)
    assert met.agree is not refuses(model, x, y)
    assert len(met.axes) == max(len(first), len(second))


@given(st.lists(SIZE, min_size=1, max_size=2), st.lists(SIZE, min_size=1, max_size=2))
def test_a_product_meets_columns_with_rows(first, second):
    model, x, y = Calls(torch.matmul), torch.rand(first), torch.rand(second)
    assert last_meetings(model, x, y).agree is not refuses(model, x, y)


@given(st.lists(SIZE, min_size=1, max_size=3), SIZE)
def test_layer_norm_meets_the_last_axes(shape, wanted):
    model, x = Calls(nn.LayerNorm(wanted)), torch.rand(shape)
    assert last_meetings(model, x).agree is not refuses(model, x)


@given(st.lists(SIZE, min_size=1, max_size=3), SIZE, st.booleans())
def test_a_reshape_keeps_the_number_of_values(shape, size, open_):
    model, x = Calls(lambda x: x.reshape(-1 if open_ else 2, size)), torch.rand(shape)
    met = last_meetings(model, x)
    assert met.agree is not refuses(model, x)
    assert met.axes[0].upper[1].endswith(str(x.numel()))


@given(st.lists(st.integers(0, 4), min_size=1, max_size=3), st.data())
def test_joined_tensors_meet_axis_by_axis(shape, data):
    """Two or three tensors, each like the first or with one axis changed, or with one more."""
    near = [[*shape[:n], size, *shape[n + 1 :]] for n in range(len(shape)) for size in range(5)]
    shapes = data.draw(
        st.lists(st.sampled_from([shape, [*shape, 2], *near]), max_size=2, min_size=1)
    )
    axis = data.draw(st.integers(-len(shape), len(shape) - 1))
    join = data.draw(st.sampled_from([torch.cat, torch.concat, torch.stack]))
    model = Calls(lambda *tensors: join(tensors, axis))
    tensors = [torch.rand(one) for one in [shape, *shapes]]
    met = last_meetings(model, *tensors)
    if met is None:  # cat passes over tensors of shape (0,), so that no two meet
        assert sum(tuple(tensor.shape) != (0,) for tensor in tensors) < 2
    else:
        assert met.agree is not refuses(model, *tensors)
        above, below = (tensors[int(name.split()[1])].shape for name in met.names)
        assert [upper[1] for upper in (a.upper for a in met.axes) if upper[1]] == [*map(str, above)]
        assert [lower[1] for lower in (a.lower for a in met.axes) if lower[1]] == [*map(str, below)]


def test_the_tensor_that_does_not_fit_is_held_against_the_first():
    x = torch.rand(2, 4, 8, 8), torch.rand(2, 3, 8, 8), torch.rand(2, 4, 7, 8)
    met = last_meetings(Calls(lambda *x: torch.cat(x, 1)), *x)
    assert met.names == ("tensor 0", "tensor 2")
    assert [axis.agree for axis in met.axes] == [True, None, False, True]
    assert "all axes but axis 1" in met.rule


def test_an_axis_that_is_not_there_is_no_quarrel_of_two_shapes():
    assert last_meetings(Calls(lambda a, b: torch.cat([a, b], 3)), *torch.rand(2, 4, 8)) is None


def test_batch_norm_meets_num_features():
    assert not last_meetings(Calls(nn.BatchNorm2d(3)), torch.rand(2, 4, 5, 5)).agree
    assert last_meetings(Calls(nn.BatchNorm2d(4)), torch.rand(2, 4, 5, 5)).agree


def test_a_convolution_without_a_batch_axis():
    met = last_meetings(Calls(nn.Conv2d(1, 2, 3)), torch.rand(28, 28))
    assert not met.agree
    assert met.rule == "the input must have the axes (batch, channels, height, width)"


def test_an_operation_where_nothing_meets():
    assert meet(fw.trace_forward(nn.ReLU(), torch.ones(2)).steps[0]) is None


@given(st.integers(1, 3), st.integers(1, 3), st.integers(1, 3), st.integers(1, 2))
def test_the_arithmetic_of_the_features(channels, height, width, rows):
    def forward(x):
        return F.linear(F.dropout(x.flatten(1)).relu(), torch.ones(2, 99))

    trace = fw.trace_forward(Calls(forward), torch.rand(rows, channels, height, width))
    product = channels * height * width
    assert arithmetic(trace, trace.steps[-1]) == f"{channels}*{height}*{width} = {product}"


# --- repairs --------------------------------------------------------------------------------------

REPAIRS = {
    "linear": (
        lambda: (Classifier(64 * 14 * 14), torch.rand(4, 1, 28, 28)),
        ["in_features=3136 in place of 12544 in fc1"],
        (4, 10),
    ),
    "flatten": (
        lambda: (Classifier(flat=False), torch.rand(4, 1, 28, 28)),
        ["torch.flatten(x, 1) before self.fc1(x): 64*7*7 = 3136"],
        (4, 10),
    ),
    "channels": (
        lambda: (Classifier(), torch.rand(4, 3, 28, 28)),
        ["in_channels=3 in place of 1 in conv1"],
        (4, 10),
    ),
    "channels last": (
        lambda: (Classifier(), torch.rand(4, 28, 28, 1)),
        ["x.permute(0, 3, 1, 2) before self.conv1(x)"],
        (4, 10),
    ),
    "no channel axis": (
        lambda: (Classifier(), torch.rand(4, 28, 28)),
        ["x.unsqueeze(1) before self.conv1(x)"],
        (4, 10),
    ),
    "neither axis": (
        lambda: (Classifier(), torch.rand(28, 28)),
        ["x.reshape(1, 1, 28, 28) before self.conv1(x)"],
        (1, 10),
    ),
    "pixels": (
        lambda: (Classifier(), torch.zeros(4, 1, 28, 28, dtype=torch.uint8)),
        ["x.float() before self.conv1(x)"],
        (4, 10),
    ),
    "reshape, then linear": (
        lambda: (fw.models.Network(), torch.rand(4, 1, 32, 32)),
        [
            "12*5*5 = 300 in place of 192 in t.reshape(-1, 12 * 4 * 4)",
            "in_features=300 in place of 192 in fc1",
        ],
        (4, 10),
    ),
    "normalisations": (
        lambda: (
            nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(5), nn.LayerNorm(7)),
            torch.rand(1, 3),
        ),
        [
            "eval mode for 1, as model.eval() sets it",
            "num_features=4 in place of 5 in 1",
            "normalized_shape=[4] in place of [7] in 2",
        ],
        (1, 4),
    ),
    "groups and slopes": (
        lambda: (nn.Sequential(nn.GroupNorm(2, 6), nn.PReLU(6)), torch.rand(2, 4, 3)),
        ["num_channels=4 in place of 6 in 0", "num_parameters=4 in place of 6 in 1"],
        (2, 4, 3),
    ),
    "kernel": (
        lambda: (nn.Sequential(nn.Conv2d(1, 2, 5, bias=False)), torch.rand(1, 1, 3, 3)),
        ["kernel_size=3 in place of 5 in 0"],
        (1, 2, 1, 1),
    ),
    "words": (
        lambda: (
            nn.Sequential(nn.Embedding(5, 4), nn.Linear(6, 2)),
            torch.tensor([[1, 2, 9]]),
        ),
        ["num_embeddings=10 in place of 5 in 0", "in_features=4 in place of 6 in 1"],
        (1, 3, 2),
    ),
}


@pytest.mark.parametrize("case", REPAIRS)
def test_a_repair_is_tried_on_a_copy(case):
    make, texts, shape = REPAIRS[case]
    model, x = make()
    before, modes = copy.deepcopy(model.state_dict()), [m.training for m in model.modules()]
    modules, given, state = list(model.modules()), x.clone(), torch.get_rng_state()
    finding = find(model, x)
    assert refuses(copy.deepcopy(model), x)
    assert finding.kind == "error"
    assert finding.step == finding.trace.steps[-1].name
    assert [repair.text for repair in finding.check.repairs] == texts
    assert finding.check.ran
    assert tuple(finding.check.trace.output.shape) == shape
    said = finding.sentences[-1]
    assert "Checked on a copy of the model" in said
    assert f"a tensor of shape {shape}" in said
    # the model is as it was
    assert list(model.modules()) == modules
    assert [m.training for m in modules] == modes
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
    assert torch.equal(x, given)
    assert torch.equal(torch.get_rng_state(), state)


@given(SIZE, SIZE, st.integers(1, 3))
@settings(max_examples=20)
def test_the_number_that_fits_is_that_of_pytorch(features, wanted, rows):
    assume(features != wanted)
    finding = find(nn.Sequential(nn.Linear(wanted, 2)), torch.rand(rows, features))
    (fixed,) = finding.check.model
    assert fixed.in_features == features
    assert fixed(torch.rand(rows, features)).shape == (rows, 2)


@pytest.mark.parametrize("kind", [nn.RNN, nn.LSTM, nn.GRU])
def test_recurrent_layers_are_built_anew(kind):
    class Model(nn.Module):
        def __init__(self):
            super().__init__()
            self.rnn = kind(6, 3, num_layers=2, batch_first=True, bidirectional=True, bias=False)

        def forward(self, x):
            return self.rnn(x)[0]

    model, x = Model(), torch.rand(2, 5, 4)
    finding = find(model, x)
    assert [r.text for r in finding.check.repairs] == ["input_size=4 in place of 6 in rnn"]
    assert finding.check.trace.output.shape == (2, 5, 6)
    fixed = finding.check.model.rnn
    assert (fixed.num_layers, fixed.bidirectional, fixed.bias) == (2, True, False)


def test_a_second_operand_is_transposed():
    class Product(nn.Module):
        def forward(self, x, y):
            return x @ y

    x, y = torch.rand(2, 3), torch.rand(4, 3)
    finding = find(Product(), x, y)
    assert torch.equal(finding.check.trace.output, x @ y.transpose(-2, -1))


def test_several_inputs_by_name_without_a_certain_repair():
    class Sum(nn.Module):
        def forward(self, x, *, y):
            return x + y

    finding = find(Sum(), x=torch.rand(2, 3), y=torch.rand(2, 4))
    assert finding.check is None
    assert finding.sentences[-1] == describe_check(None)
    assert "3 against 4 in axis 1" in finding.sentences[0]


def test_what_fails_next_is_told():
    class Model(nn.Module):
        def __init__(self):
            super().__init__()
            self.fc = nn.Linear(5, 4)

        def forward(self, x):
            return self.fc(x) + torch.ones(3)

    finding = find(Model(), torch.rand(2, 6))
    said = finding.sentences[-1]
    assert not finding.check.ran
    assert said.startswith("Tried on a copy of the model: in_features=6 in place of 5 in fc.")
    assert "self.fc(x) + torch.ones(3)" in said
    assert "4 against 3" in said


def test_a_model_that_cannot_be_copied_is_told_apart():
    class Model(nn.Module):
        def __init__(self):
            super().__init__()
            self.fc = nn.Linear(2, 2)

        def forward(self, x):
            return self.fc(x)

        def __deepcopy__(self, memo):
            raise RuntimeError("no copies")

    finding = find(Model(), torch.rand(1, 3))
    assert finding.check is None
    assert "in_features=3 would fit" in finding.sentences[0]


def test_errors_of_python_have_no_repair():
    finding = find(Calls(lambda x: {}["missing"]), torch.ones(2))
    assert finding.check is None
    assert "KeyError" in finding.sentences[0]


# --- nothing wrong, or a batch mixed up -----------------------------------------------------------


def test_nothing_went_wrong():
    finding = find(Classifier(), torch.rand(4, 1, 28, 28))
    assert (finding.kind, finding.step, finding.check) == ("fine", None, None)
    assert finding.sentences == (
        "Nothing went wrong: 11 steps, every value is finite, and the output is a tensor of "
        "shape (4, 10).",
    )


def test_a_reshape_that_mixes_the_samples():
    class Model(nn.Module):
        def __init__(self):
            super().__init__()
            self.fc = nn.Linear(3 * 2 * 2, 2)

        def forward(self, x):
            return self.fc(x.view(-1, 3 * 2 * 2))

    x = torch.rand(2, 3, 4, 4)
    finding = find(Model(), x)
    assert (finding.kind, finding.step) == ("batch", "view")
    assert Model()(x).shape == (8, 2)
    assert "made 8 rows of 2 samples: (2, 3, 4, 4) became (8, 12)" in finding.sentences[0]
    assert find(Model(), torch.rand(2, 3, 2, 2)).kind == "fine"


# --- NaN and infinity -----------------------------------------------------------------------------


def test_division_by_zero_shows_the_values():
    class Model(nn.Module):
        def forward(self, x):
            return (x - x.mean(0)) / x.std(0)

    x = torch.tensor([[1.0, 5.0], [3.0, 5.0]])
    finding = find(Model(), x)
    assert (finding.kind, finding.step) == ("nonfinite", "div")
    values = finding.operands(finding.trace["div"])
    assert torch.equal(values[0], x - x.mean(0))
    assert torch.equal(values[1], x.std(0))
    assert finding.sentences[1] == (
        "The values that made it: at (0, 1): div(0, 0) = NaN; at (1, 1): div(0, 0) = NaN."
    )


def test_log_of_zero_shows_the_values_and_counts_the_rest():
    finding = find(Calls(lambda x: x.log()), torch.tensor([0.5, 0.0, -1.0, 0.0, 0.0]))
    assert finding.sentences[1] == (
        "The values that made it: at (1): log(0) = -inf; at (2): log(-1) = NaN; "
        "at (3): log(0) = -inf, and 1 more."
    )


def test_operands_before_an_operation_wrote_to_them():
    finding = find(Calls(lambda x: (x + 0).log_()), torch.tensor([0.0, 1.0]))
    (operand,) = finding.operands(finding.trace["log"])
    assert operand.tolist() == [0.0, 1.0]


def test_a_broken_weight_is_named():
    layer = nn.Linear(2, 1)
    with torch.no_grad():
        layer.weight[0, 1] = torch.nan
    finding = find(nn.Sequential(layer), torch.ones(3, 2))
    assert "NaN or infinity is in what went in already: operand 2 (1, 2)." in finding.sentences[1]
    assert "(3, 2) from 1 to 1" in finding.sentences[1]


def test_an_input_with_nan_is_named():
    x = torch.tensor([[1.0, torch.nan]])
    finding = find(nn.Sequential(nn.Linear(2, 1)), x)
    assert "The input holds such values already" in finding.sentences[0]


def test_operands_of_the_same_dropout_mask_later_on():
    model = Calls(lambda x: F.dropout(x, 0.5) + 1)
    finding = find(model, torch.rand(50))
    torch.rand(3)  # others draw in between
    (dropped,) = finding.operands(finding.trace["add"])
    assert torch.equal(dropped, finding.trace["dropout"].value)


def test_operands_within_attention_under_dropout():
    model = nn.TransformerEncoderLayer(8, 2, 16, batch_first=True)
    finding = find(model, torch.randn(2, 3, 8))
    step = finding.trace["norm1"]
    operands = finding.operands(step)
    expected = F.layer_norm(operands[0], (8,), model.norm1.weight, model.norm1.bias)
    assert torch.equal(step.value, expected)


# --- bytes ----------------------------------------------------------------------------------------


def measure(model, *inputs):
    taken = as_inputs(inputs)
    return measure_memory(model, taken, fw.trace_forward(model, *inputs))


@given(st.integers(1, 40), st.integers(1, 40), st.integers(1, 5))
@settings(max_examples=15)
def test_bytes_of_a_linear_layer(features, out, batch):
    model = nn.Sequential(nn.Linear(features, out))
    memory = measure(model, torch.rand(batch, features))
    assert memory.weights == 4 * (features * out + out)
    for n in (1, batch, 1000):
        assert memory.steps["0"].at(n) == 4 * n * out
        # weights, the inputs, the outputs
        assert memory.inference.at(n) == memory.weights + 4 * n * (features + out)
        assert memory.training.at(n) >= 2 * memory.weights + 4 * n * features


def test_bytes_of_a_chain_without_gradients_are_two_results_at_once():
    model = nn.Sequential(nn.Linear(100, 500), nn.ReLU(), nn.Linear(500, 10))
    memory = measure(model, torch.rand(4, 100))
    # the ReLU's operand and its result are alive together
    assert memory.inference.at(64) == memory.weights + 4 * 64 * (100 + 500 + 500)


@pytest.mark.parametrize("batch", [1, 5, 32])
def test_training_bytes_are_those_of_such_a_batch(batch):
    """The line through two small batches against what autograd really keeps of this one."""
    model = Classifier().eval()
    memory = measure(model, torch.rand(2, 1, 28, 28))
    kept = {}

    def pack(tensor):
        storage = tensor.untyped_storage()
        kept[storage.data_ptr()] = storage.nbytes()
        return tensor

    weights = {p.untyped_storage().data_ptr() for p in model.parameters()}
    x = torch.rand(batch, 1, 28, 28)
    with torch.autograd.graph.saved_tensors_hooks(pack, lambda t: t):
        output = model(x)
    saved = sum(size for pointer, size in kept.items() if pointer not in weights)
    assert output.requires_grad
    assert memory.training.at(batch) >= memory.weights + saved
    assert memory.training.at(batch) <= 3 * (memory.weights + saved)


@given(st.integers(0, 10**7))
def test_the_largest_batch_fits_and_one_more_does_not(budget):
    need = MEMORY.training
    largest = need.largest(budget)
    if largest:
        assert need.at(largest) <= budget
    assert need.at(largest + 1) > budget


MEMORY = measure(fw.models.Network(), torch.rand(2, 1, 28, 28))


def test_measuring_leaves_the_model_as_found():
    model = nn.Sequential(nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2), nn.Dropout())
    x = torch.rand(1, 1, 5, 5)
    model(x).sum().backward()
    grads = [p.grad.clone() for p in model.parameters()]
    state, random = copy.deepcopy(model.state_dict()), torch.get_rng_state()
    assert measure(model, x) is not None
    assert all(torch.equal(p.grad, g) for p, g in zip(model.parameters(), grads, strict=True))
    assert all(torch.equal(v, state[k]) for k, v in model.state_dict().items())
    assert torch.equal(torch.get_rng_state(), random)


def test_a_frozen_model_has_no_training():
    model = nn.Linear(2, 2).requires_grad_(False)
    assert measure(nn.Sequential(model), torch.rand(1, 2)).training is None


def test_a_model_without_a_backward_pass_has_no_training():
    model = nn.Sequential(nn.Linear(2, 2), nn.Sigmoid(), Calls(lambda x: x.mul_(2)))
    memory = measure(model, torch.rand(1, 2))
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        model(torch.rand(1, 2)).sum().backward()
    assert memory.training is None
    assert memory.inference.at(1) > 0


def test_a_model_for_one_batch_size_only_cannot_be_measured():
    assert measure(Calls(lambda x: x.reshape(4, 2)), torch.rand(4, 2)) is None
    assert measure(Calls(lambda x: x + 1), torch.tensor(3.0)) is None


# --- inputs ---------------------------------------------------------------------------------------


def test_inputs_without_a_tensor_are_refused():
    with pytest.raises(TypeError, match=r"inputs holds no tensor, it is a ndarray.*as_tensor"):
        as_inputs(torch.rand(2).numpy())
    with pytest.raises(TypeError, match="keys of a dict name keywords"):
        as_inputs({1: torch.ones(2)})


def test_nested_inputs_are_taken_to_another_batch():
    x = torch.arange(6.0).reshape(2, 3)
    rows = as_inputs((x, [x, "text", {"a": x}], torch.tensor(1.0))).rows(5)
    assert torch.equal(rows.args[0], x[[0, 1, 0, 1, 0]])
    assert torch.equal(rows.args[1][2]["a"], x[[0, 1, 0, 1, 0]])
    assert rows.args[1][1] == "text"
    assert rows.args[2] == 1


def test_a_model_or_what_makes_one():
    layer = nn.Linear(2, 1)
    assert build(layer) is layer
    assert isinstance(build(fw.models.Network), fw.models.Network)
    with pytest.raises(TypeError, match="model=3 is no network"):
        build(3)


@pytest.mark.parametrize(
    ("model", "x", "text"),
    [
        (nn.Linear(4, 3), torch.rand(2, 5), "in_features=5 in place of 4 in the model"),
        (nn.Conv2d(3, 2, 3), torch.rand(1, 1, 8, 8), "in_channels=1 in place of 3 in the model"),
        (nn.Embedding(3, 4), torch.tensor([[7]]), "num_embeddings=8 in place of 3 in the model"),
    ],
)
def test_a_model_that_is_one_layer_is_repaired_too(model, x, text):
    finding = find(model, x)
    assert [repair.text for repair in finding.check.repairs] == [text]
    assert finding.check.ran
    assert refuses(model, x)


def test_a_forgotten_batch_axis_is_added_and_no_layer_is_changed():
    model = nn.Sequential(nn.Conv2d(1, 4, 3), nn.Flatten(), nn.Linear(144, 2))
    widget = fw.WhatWentWrong(model, torch.rand(1, 8, 8))
    assert widget.repairs == ("x.unsqueeze(0) before conv2d, for the batch axis",)
    assert widget.repaired
    assert "the output is a tensor of shape (1, 2)" in widget._message.value
    assert model(torch.rand(1, 1, 8, 8)).shape == (1, 2)


@pytest.mark.filterwarnings("ignore:.torch.jit:DeprecationWarning")
def test_a_compiled_model_is_looked_at_as_it_is_written():
    model = torch.compile(nn.Linear(5, 3))
    widget = fw.WhatWentWrong(model, torch.rand(3, 4))
    assert widget.repairs == ("in_features=4 in place of 5 in the model",)
    assert widget.repaired


@pytest.mark.filterwarnings("ignore:.torch.jit:DeprecationWarning")
@pytest.mark.parametrize(
    "make",
    [
        lambda model: fw.WhatWentWrong(model, torch.rand(1, 3)),
        lambda model: fw.TrainingStep(model, (torch.rand(4, 3), torch.rand(4, 2))),
    ],
)
def test_torchscript_is_refused_with_a_sentence(make):
    script = torch.jit.trace(nn.Linear(3, 2), torch.rand(1, 3))
    with pytest.raises(TypeError, match=r"is TorchScript: .* Pass the nn\.Module"):
        make(script)
