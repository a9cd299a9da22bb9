"""Shapes that meet, against what PyTorch refuses."""

import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

import fwdwidgets as fw
from fwdwidgets.widgets.what_went_wrong.mismatch import arithmetic, meet
from tests.widgets.what_went_wrong.failing import SIZE, Calls, find, refuses


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
