import re

import pytest
import torch
import torch.nn.functional as F
from hypothesis import assume, given
from hypothesis import strategies as st
from torch import nn

from fwdwidgets import trace_forward
from fwdwidgets.advice import check_output, explain_failure, explain_nonfinite, first_nonfinite
from fwdwidgets.networks import models

SIZE = st.integers(1, 12)


class Calls(nn.Module):
    """Runs a function of its input, or a layer, as a learner's forward does."""

    def __init__(self, layer):
        super().__init__()
        self.layer = layer

    def forward(self, x):
        return self.layer(x)


def explain(layer, *shape, x=None):
    x = torch.rand(shape) if x is None else x
    trace = trace_forward(Calls(layer), x)
    with pytest.raises(type(trace.error)):
        Calls(layer)(x)  # the oracle: PyTorch refuses this
    return explain_failure(trace)


def number(text, name):
    return int(re.search(rf"{name}=(\d+)", text)[1])


def test_nothing_failed():
    assert explain_failure(trace_forward(models.Net(), torch.rand(1, 10))) == ""


def test_the_deeplizard_network_on_a_larger_image():
    trace = trace_forward(models.Network(), torch.rand(1, 1, 32, 32))
    text = explain_failure(trace)
    assert text.startswith("t.reshape(-1, 12 * 4 * 4) (line ")
    assert "the input (1, 12, 5, 5) holds 300 values" in text
    assert "12*5*5 = 300 instead of 192 would fit" in text
    assert "in_features=300" in text
    assert str(trace.error) in text


def test_the_deeplizard_network_on_a_colour_image():
    text = explain_failure(trace_forward(models.Network(), torch.rand(1, 3, 28, 28)))
    assert text.startswith("self.conv1(t) (line ")
    assert "the input (1, 3, 28, 28) has 3 channels, the layer takes 1" in text
    assert "its weight is (6, 1, 5, 5)" in text
    assert "in_channels=3 would fit." in text


@given(SIZE, SIZE, SIZE)
def test_linear_in_features(features, wanted, rows):
    assume(features != wanted and rows * features != wanted)
    layer = nn.Linear(wanted, 2)
    text = explain(layer, rows, features)
    assert text.startswith("self.layer(x) (line ")
    assert f"the input ({rows}, {features})" in text
    assert f"the weight (2, {wanted}) takes {wanted}" in text
    assert nn.Linear(number(text, "in_features"), 2)(torch.rand(rows, features)).shape == (rows, 2)


@given(SIZE, SIZE, st.integers(2, 5))
def test_linear_after_an_image_wants_flatten(channels, height, width):
    assume(channels * height > 1)
    text = explain(nn.Linear(channels * height * width, 2), 1, channels, height, width)
    product = f"{channels}*{height}*{width} = {channels * height * width}"
    assert f"Flatten first: torch.flatten(x, 1) gives {product}." in text


def test_linear_after_an_image_of_another_size():
    text = explain(nn.Linear(192, 2), 1, 12, 5, 5)
    assert "in_features=5 would fit this input" in text
    assert "after torch.flatten(x, 1) it would be in_features=300" in text


def test_linear_after_flattening_without_a_batch():
    text = explain(nn.Linear(192, 2), x=torch.rand(12, 4, 4).flatten(1))
    assert "12*16 = 192" in text
    assert "the batch axis is missing" in text


@pytest.mark.parametrize("axes", [1, 2, 3])
@given(got=SIZE, wanted=SIZE, groups=st.integers(1, 3))
def test_conv_in_channels(axes, got, wanted, groups):
    kind = (nn.Conv1d, nn.Conv2d, nn.Conv3d)[axes - 1]
    wanted *= groups
    assume(got != wanted)
    x = torch.rand(1, got, *[3] * (axes - 1), wanted + 1)
    text = explain(kind(wanted, 6 * groups, 2, groups=groups), x=x)
    assert f"the input {tuple(x.shape)} has {got} channel" in text
    assert f"the layer takes {wanted}" in text
    if got % groups == 0:
        kind(number(text, "in_channels"), 6 * groups, 2, groups=groups)(x)
    else:
        assert "in_channels" not in text


def test_transposed_conv_in_channels():
    assert "in_channels=4 would fit" in explain(nn.ConvTranspose2d(3, 6, 5), 1, 4, 8, 8)


def test_conv_with_channels_last():
    text = explain(nn.Conv2d(3, 6, 5), 1, 28, 28, 3)
    assert "x.permute(0, 3, 1, 2)" in text
    assert "in_channels" not in text


def test_conv_of_one_image_without_batch():
    text = explain(nn.Conv2d(3, 6, 5), 1, 28, 28)
    assert "read as one sample" in text
    assert "unsqueeze adds it" in text


@given(st.integers(2, 7), st.integers(1, 6), st.integers(0, 1))
def test_conv_kernel(kernel, size, padding):
    assume(kernel > size + 2 * padding)
    text = explain(nn.Conv2d(1, 2, kernel, padding=padding), 1, 1, size, size)
    assert f"smaller than the kernel, {kernel} x {kernel}" in text
    assert str((1, 1, size, size)) in text
    fits = number(text, "kernel_size")
    nn.Conv2d(1, 2, fits, padding=padding)(torch.rand(1, 1, size, size))
    with pytest.raises(RuntimeError):
        nn.Conv2d(1, 2, fits + 1, padding=padding)(torch.rand(1, 1, size, size))


def test_conv_kernel_with_dilation_promises_no_size():
    text = explain(nn.Conv2d(1, 2, 5, dilation=2), 1, 1, 6, 6)
    assert "smaller than the kernel, 9 x 9" in text
    assert "would fit" not in text


@pytest.mark.parametrize(
    ("layer", "shape", "words"),
    [
        (nn.Conv2d(1, 6, 5), (28, 28), "2 axes, the weight (6, 1, 5, 5) needs 4"),
        (nn.Conv2d(1, 6, 5), (28, 28), "x.reshape(1, 1, 28, 28) adds both axes"),
        (nn.Conv2d(1, 6, 5), (1, 784), "x.reshape(1, 1, 28, 28) would fit"),
        (nn.Conv2d(3, 6, 5), (1, 3072), "x.reshape(1, 3, 32, 32) would fit"),
        (nn.Conv2d(3, 6, 5), (1, 1, 3, 9, 9), "5 axes, the weight (6, 3, 5, 5) needs 4"),
        (nn.Conv1d(3, 6, 5), (1, 3, 9, 9), "needs 3: (batch, channels, length)"),
        (
            nn.MaxPool2d(2),
            (1, 1, 1, 1),
            "the input (1, 1, 1, 1) is smaller than the pooling window",
        ),
        (
            nn.BatchNorm2d(6),
            (1, 3, 4, 4),
            "the input (1, 3, 4, 4) has 3 channels, the layer takes 6",
        ),
        (nn.BatchNorm2d(6), (1, 3, 4, 4), "num_features=3 would fit"),
        (nn.BatchNorm1d(6), (1, 6), "Call model.eval()"),
        (nn.BatchNorm2d(6), (1, 6), "has 2 axes, the layer takes a 4-D input"),
        (nn.BatchNorm1d(6), (1, 6, 2, 2), "has 4 axes, the layer takes a 2-D or 3-D input"),
        (nn.LayerNorm(6), (1, 3), "normalized_shape=[3] would fit"),
        (nn.LayerNorm([6, 6]), (1, 6, 5), "normalized_shape=[6, 5] would fit"),
        (nn.GroupNorm(2, 6), (1, 4, 3, 3), "num_channels=4 would fit"),
        (nn.Unflatten(1, (12, 4, 4)), (1, 300), "12*4*4 = 192, which must be 300"),
        (nn.LSTM(5, 3), (1, 2, 4), "input_size=4 would fit"),
        (nn.GRU(5, 3), (1, 2, 4), "input_size=4 would fit"),
        (nn.RNNCell(5, 3), (1, 4), "the input (1, 4) has 4 features, the layer takes 5"),
        (nn.LSTM(5, 3), (1, 2, 3, 5), "has 4 axes, the layer takes a 2-D or 3-D input"),
        (nn.PReLU(5), (1, 3), "num_parameters=3 would fit"),
        (nn.Softmax(dim=2), (1, 3), "(1, 3) has 2 axes: dim must be from -2 to 1, but is 2"),
        (
            lambda x: x @ torch.rand(4, 5),
            (1, 3),
            "(1, 3) has 3 columns, the second (4, 5) has 4 rows",
        ),
        (lambda x: x @ torch.rand(4, 3), (1, 3), "second.transpose(-2, -1)"),
        (lambda x: x @ torch.rand(4), (2, 3), "A second operand with 3 rows would fit"),
        (lambda x: torch.bmm(x, torch.rand(2, 4, 5)), (2, 1, 3), "second (2, 4, 5) has 4 rows"),
        (lambda x: x @ torch.rand(2, 4, 5), (3, 1, 4), "batch axes of (3, 1, 4) and (2, 4, 5)"),
        (lambda x: torch.addmm(torch.rand(5), x, torch.rand(4, 5)), (1, 3), "(4, 5) has 4 rows"),
        (lambda x: x + torch.rand(1, 6, 24, 24), (1, 6, 28, 28), "28 against 24 in axis 3"),
        (lambda x: x * torch.rand(4), (2, 3), "(2, 3) and (4,) do not go together: 3 against 4"),
        (lambda x: torch.cat([x, torch.rand(1, 6, 8)], 1), (1, 6, 9), "may differ in axis 1 alone"),
        (lambda x: torch.cat([x, torch.rand(6)]), (1, 6), "need the same number of axes"),
        (lambda x: x.view(1, 192), (1, 12, 5, 5), "12*5*5 = 300 instead of 192 would fit"),
        (lambda x: x.view(-1, 12, 4, 4), (1, 300), "multiply to 192, which must divide 300"),
        (lambda x: x.reshape(-1, 192), (12, 5, 5), "multiply to 192, which must divide 300"),
    ],
)
def test_sizes(layer, shape, words):
    assert words in explain(layer, *shape)


def test_an_unbatched_reshape_promises_no_number():
    assert "would fit" not in explain(lambda x: x.reshape(-1, 192), 12, 5, 5)


@given(st.lists(SIZE, min_size=3, max_size=3), SIZE)
def test_the_number_for_reshape_fits(sizes, wanted):
    x = torch.rand(1, *sizes)
    assume(x.numel() % wanted)
    fits = int(re.search(r"(\d+) instead of", explain(lambda x: x.reshape(-1, wanted), x=x))[1])
    assert x.reshape(-1, fits).shape == (1, fits)


class Attends(nn.Module):
    def __init__(self):
        super().__init__()
        self.attention = nn.MultiheadAttention(4, 2)

    def forward(self, x):
        return self.attention(x, x, x)[0]


def test_attention():
    text = explain_failure(trace_forward(Attends(), torch.rand(2, 1, 5)))
    assert text.startswith("self.attention(x, x, x)")
    assert "5 features, the attention takes 4. embed_dim=5 would fit" in text


@pytest.mark.parametrize("index", [5, -1])
def test_embedding_index(index):
    text = explain(nn.Embedding(5, 3), x=torch.tensor([[index]]))
    assert "it has 5 rows, so an index must be 0 to 4" in text


def test_embedding_of_floats():
    assert "x.long()" in explain(nn.Embedding(5, 3), 1, 2)


@pytest.mark.parametrize(
    "layer", [nn.Linear(4, 2), nn.Conv1d(1, 2, 1), nn.Conv1d(1, 2, 1, bias=False)]
)
@pytest.mark.parametrize(
    ("dtype", "words"),
    [
        (torch.uint8, "uint8, the layer's weights are float32. Pixels from 0 to 255"),
        (torch.uint8, "x.float() / 255"),
        (torch.float64, "float64, the layer's weights are float32. x.float() converts it."),
        (torch.int64, "int64, the layer's weights are float32. x.float() converts it."),
    ],
)
def test_types_of_values(layer, dtype, words):
    assert words in explain(layer, x=torch.ones(1, 4).to(dtype))


def test_types_of_values_elsewhere():
    assert "x.to(torch.bfloat16)" in explain(nn.Linear(4, 2).bfloat16(), 1, 4)
    assert "float64, the layer's" in explain(nn.LSTM(4, 2), x=torch.rand(1, 4).double())
    without_bias = nn.Conv1d(1, 2, 1, bias=False)
    assert "bfloat16, the layer's weights are float32" in explain(
        without_bias, x=torch.rand(1, 4).bfloat16()
    )
    double = torch.rand(3, 4).double()
    assert "of type float32 and float64: convert one" in explain(lambda x: x @ double, 2, 3)
    text = explain(nn.Softmax(dim=1), x=torch.zeros(1, 3).long())
    assert "softmax does not work on values of type int64: x.float()" in text
    assert "mean does not work on values of type int64" in explain(
        lambda x: x.mean(), x=torch.zeros(3).long()
    )


class Wrong(nn.Module):
    def forward(self, x):
        y = F.relu(x)
        return y / self.missing


def test_a_plain_python_error():
    text = explain_failure(trace_forward(Wrong(), torch.rand(1, 3)))
    assert re.match(
        r"self\.missing \(line \d+\) raised AttributeError: 'Wrong' object has no", text
    )


def test_an_unknown_failure_keeps_the_facts():
    text = explain(lambda x: torch.einsum("ij,jk->ik", x, torch.rand(4, 5)), 1, 3)
    assert "failed on (1, 3) and (4, 5): einsum()" in text
    assert "would fit" not in text


def test_a_layer_without_a_user_s_line_is_named():
    text = explain_failure(trace_forward(nn.Sequential(nn.Linear(2, 3)), torch.rand(1, 5)))
    assert text.startswith("linear in layer '0' failed: the input (1, 5) has 5 features")


def test_a_layer_inside_another_is_named():
    text = explain(nn.Sequential(nn.ReLU(), nn.Linear(2, 3)), 1, 5)
    assert re.match(r"self\.layer\(x\) \(line \d+, in layer\.1\) failed: ", text)


def test_a_long_message_is_cut():
    def fail(x):
        raise ValueError("word " * 1000)

    assert len(explain(fail, 1)) < 600


@pytest.mark.parametrize("shape", [(1, 1), (1, 10)])
def test_logits_are_fine(shape):
    assert check_output(torch.rand(shape)) == ""
    assert check_output(torch.rand(shape).bfloat16()) == ""


@pytest.mark.parametrize(
    ("output", "words"),
    [
        (None, "returned None: end forward() with a return"),
        ({"logits": 1, "hidden": 2}, "a dict with the keys 'logits', 'hidden'"),
        ((torch.rand(1, 10), None), "a tuple of 2 (a tensor of shape (1, 10), None)"),
        ([3], "a list of 1 (a value of type int)"),
        (3.0, "a value of type float, no tensor"),
        (torch.rand(10), "shape (10,), without a batch axis"),
        (torch.rand(4, 10), "shape (4, 10), 4 rows for one sample"),
        (torch.rand(1, 2, 3), "shape (1, 2, 3), which is not 2-D"),
        (torch.rand(()), "shape (), which is not 2-D"),
        (torch.rand(1, 0), "shape (1, 0), which is not 2-D with at least one class"),
        (torch.ones(1, 2).long(), "type int64, no floats"),
    ],
)
def test_other_outputs(output, words):
    assert words in check_output(output)
    assert "return the logits alone, a tensor of shape (1, classes)" in check_output(output)


class Compute(nn.Module):
    def __init__(self, function):
        super().__init__()
        self.function = function

    def forward(self, x):
        y = x.abs()
        y = self.function(y)
        return y + 1


@pytest.mark.parametrize(
    ("function", "values", "words"),
    [
        (torch.log, [0.0, 1.0], "1 infinite of 2 values, the first step to do so."),
        (torch.log, [0.0, 1.0], "the logarithm of 0 is infinite"),
        (lambda y: torch.log(-y), [1.0, 2.0], "2 NaN of 2 values"),
        (lambda y: torch.log(-y), [1.0, 2.0], "log of less than 0 is NaN"),
        (lambda y: y / 0, [0.0, 1.0], "1 NaN and 1 infinite of 2 values"),
        (lambda y: y / 0, [0.0, 1.0], "division by zero gives infinity and 0 / 0 gives NaN"),
        (lambda y: torch.sqrt(-y), [4.0], "the square root of a negative number"),
        (torch.exp, [100.0], "exp of more than 88 is beyond float32"),
        (lambda y: y * torch.inf, [0.0], "1 NaN of 1 values"),
    ],
)
def test_the_first_step_that_is_not_finite(function, values, words):
    trace = trace_forward(Compute(function), torch.tensor(values))
    step = first_nonfinite(trace)
    position = trace.steps.index(step)
    assert not torch.isfinite(step.value).all()
    assert all(torch.isfinite(before.value).all() for before in trace.steps[:position])
    text = explain_nonfinite(trace)
    assert text.startswith(f"{step.name}, ")
    assert step.source in text
    assert words in text


def test_everything_finite():
    trace = trace_forward(models.Network(), torch.rand(1, 1, 28, 28))
    assert first_nonfinite(trace) is None
    assert explain_nonfinite(trace) == ""


def test_any_type_of_value_can_be_looked_at():
    def every_type(x):
        views = [
            x.to(dtype) for dtype in (torch.int64, torch.bool, torch.complex64, torch.bfloat16)
        ]
        views += [x.to(torch.float8_e4m3fn), x.to_sparse(), x[:, :0]]
        return views[3].float()

    assert first_nonfinite(trace_forward(Calls(every_type), torch.rand(1, 3))) is None
    spoiled = trace_forward(Calls(lambda x: x.to(torch.complex64) / 0), torch.rand(1, 3))
    assert first_nonfinite(spoiled).op == "div"


def test_a_second_output_counts():
    trace = trace_forward(Calls(lambda x: torch.frexp(x)[0]), torch.tensor([torch.inf]))
    assert first_nonfinite(trace).op == "frexp"


def test_spoiled_weights_and_spoiled_samples():
    model, image = models.Network(), torch.rand(1, 1, 28, 28)
    with torch.no_grad():
        model.fc2.weight[0, 0] = torch.nan
    text = explain_nonfinite(trace_forward(model, image))
    assert text.startswith("fc2, self.fc2(t) (line ")
    assert "1 NaN of 60 values" in text
    assert "check weights" in text
    image[0, 0, 3, 3] = torch.inf
    text = explain_nonfinite(trace_forward(models.Network(), image), image)
    assert text.startswith("conv1, ")
    assert "The input holds such values already: check the sample." in text


def test_nan_after_an_infinite_mask():
    def attend(x):
        scores = x.masked_fill(torch.tensor([[True, True]]), -torch.inf)
        return scores.softmax(dim=1)

    text = explain_nonfinite(trace_forward(Calls(attend), torch.rand(1, 2)))
    assert text.startswith("masked_fill, ")
    assert "The first NaN came later, in softmax." in text


def test_a_mask_of_minus_infinity_that_softmax_takes_up_is_no_finding():
    class Causal(nn.Module):
        def forward(self, x):
            scores = x @ x.transpose(1, 2)
            mask = torch.ones(scores.shape[1:], dtype=torch.bool).triu(1)
            return scores.masked_fill(mask, -torch.inf).softmax(-1)

    trace = trace_forward(Causal(), torch.randn(1, 4, 3))
    assert first_nonfinite(trace) is None
    assert explain_nonfinite(trace) == ""
