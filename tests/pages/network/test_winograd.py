"""Convolutions in tiles: equal to PyTorch's, and taken where they are worth it."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn
from torch.nn import functional as F

from fwdwidgets.pages.network import winograd as _winograd

few = st.integers(0, 3)


@given(
    size=st.sampled_from([2, 4]),
    shape=st.tuples(*[st.integers(1, 4)] * 2, *[st.integers(3, 14)] * 2),
    padding=st.tuples(few, few),
    has_bias=st.booleans(),
    seed=st.integers(0, 99),
)
def test_tiles_give_what_conv2d_gives(size, shape, padding, has_bias, seed):
    torch.manual_seed(seed)
    out, channels, rows, columns = shape
    input, weight = torch.randn(1, channels, rows, columns), torch.randn(out, channels, 3, 3)
    bias = torch.randn(out) if has_bias else None
    expected = F.conv2d(input, weight, bias, padding=padding)
    found = _winograd.convolve(input, _winograd.transform(weight, size), bias, padding)
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=2e-4)


class Convolution(nn.Module):
    def __init__(self, *arguments, **options):
        super().__init__()
        self.conv = nn.Conv2d(*arguments, **options)

    def forward(self, x):
        return self.conv(x)


@pytest.mark.parametrize(
    ("layer", "shape", "tiles"),
    [
        (Convolution(64, 64, 3, padding=1), (1, 64, 56, 56), {"conv.weight": 4}),
        (Convolution(64, 64, 3, padding="same"), (1, 64, 56, 56), {"conv.weight": 4}),
        (Convolution(64, 64, 3, padding="valid"), (1, 64, 56, 56), {"conv.weight": 4}),
        (Convolution(512, 512, 3, padding=(1, 1)), (1, 512, 7, 7), {"conv.weight": 2}),
        (Convolution(512, 512, 3, padding=1), (1, 512, 6, 6), {}),  # few tiles
        (Convolution(64, 64, 3, 2, 1), (1, 64, 56, 56), {}),
        (Convolution(64, 64, 3, dilation=2), (1, 64, 56, 56), {}),
        (Convolution(64, 64, 3, groups=2), (1, 64, 56, 56), {}),
        (Convolution(64, 64, 5), (1, 64, 56, 56), {}),
        (Convolution(3, 64, 3), (1, 3, 224, 224), {}),  # few channels
        (Convolution(64, 64, 3), (1, 64, 8, 8), {}),  # few multiplications
        (Convolution(64, 64, 3), (2, 64, 56, 56), {}),  # no single sample
        (Convolution(64, 64, 3), (64, 56, 56), {}),  # no batch axis
        (Convolution(64, 64, 3, dtype=torch.float64), (1, 64, 56, 56), {}),
    ],
)
def test_tiles_are_taken_where_they_are_worth_it(layer, shape, tiles):
    batch = torch.randn(shape, dtype=layer.conv.weight.dtype)
    assert _winograd.find(layer, batch) == tiles


def test_one_call_is_taken_and_another_by_the_same_weight_is_not():
    class Twice(Convolution):
        def forward(self, x):
            return self.conv(x) + F.conv2d(x, self.conv.weight, stride=2, padding=28)[..., :54, :54]

    torch.manual_seed(0)
    layer, batch = Twice(32, 32, 3), torch.randn(1, 32, 56, 56)
    weight = layer.conv.weight
    with torch.no_grad():
        expected = layer(batch)
        with _winograd.Convolutions([(weight, _winograd.transform(weight, 4))]) as taken:
            found = layer(batch)
    assert [size for _, size in taken.found] == [4]
    assert not torch.equal(found, expected)
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-4)
