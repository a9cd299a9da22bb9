"""What is drawn is the tensor itself: every value at its place, on one page or another."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from fwdwidgets import display

SHAPES = st.lists(st.integers(1, 9), min_size=0, max_size=5).map(tuple)


def numbered(shape):
    """A tensor whose every value is its own flat index."""
    return torch.arange(math.prod(shape), dtype=torch.float32).reshape(shape)


def pages(shape, cells):
    first = display.grid(shape, 0, cells)
    return [display.grid(shape, page, cells) for page in range(first.pages)]


@given(SHAPES, st.integers(20, 400))
def test_each_value_is_on_exactly_one_page(shape, cells):
    value = numbered(shape)
    seen = [display.arrange(value, where) for where in pages(shape, cells)]
    drawn = torch.cat([picture.flatten() for picture in seen])
    drawn = drawn[~drawn.isnan()].sort().values
    assert torch.equal(drawn, value.flatten())


@given(SHAPES, st.integers(20, 400))
def test_a_page_has_the_size_it_says_and_no_more_cells_than_allowed(shape, cells):
    for where in pages(shape, cells):
        picture = display.arrange(numbered(shape), where)
        if where.kind == "bars":
            assert picture.shape == (where.width,)
        else:
            assert tuple(picture.shape) == where.size
            slack = where.size[1] if where.kind == "strip" else 0
            assert picture.numel() <= cells + slack


@given(st.integers(1, 40), st.integers(1, 9), st.integers(1, 9), st.data())
def test_a_tile_is_its_channel(channels, height, width, data):
    value = torch.randn(1, channels, height, width)
    where = display.grid(tuple(value.shape))
    if where.kind != "mosaic":
        return
    picture = display.arrange(value, where)
    channel = data.draw(st.integers(0, channels - 1))
    top = channel // where.tiles[1] * (height + 1)
    left = channel % where.tiles[1] * (width + 1)
    assert torch.equal(picture[top : top + height, left : left + width], value[0, channel])
    assert picture[:, width :: width + 1].isnan().all()
    assert picture[height :: height + 1].isnan().all()


@pytest.mark.parametrize(
    ("shape", "kind"),
    [
        ((1, 6, 24, 24), "mosaic"),
        ((1, 10), "bars"),
        ((1, 128), "bars"),
        ((1, 192), "strip"),
        ((1, 512, 1, 1), "strip"),
        ((), "bars"),
        ((28, 28), "mosaic"),
        ((1, 32, 64), "mosaic"),
        ((1, 0), "empty"),
        ((0, 3), "empty"),
    ],
)
def test_kind_follows_from_the_shape(shape, kind):
    assert display.grid(shape).kind == kind


def test_a_page_says_what_it_shows():
    assert display.grid((1, 6, 24, 24)).shown == ""
    where = display.grid((1, 64, 112, 112))
    assert where.shown == f"channels 0 to {where.stop[0] - 1} of 64"
    last = display.grid((1, 64, 112, 112), 10**6)
    assert last.page == last.pages - 1
    assert last.shown.endswith("to 63 of 64")
    assert display.grid((1, 2000, 2000)).shown == "rows 0 to 47 of 2,000"
    assert display.grid((1, 200_000)).shown == "units 0 to 95,999 of 200,000"


def test_resnets_largest_layer_fits_400_kilobytes_a_page():
    where = display.grid((1, 64, 112, 112))
    rows, columns = where.size
    assert rows * columns * 4 <= 384_000


@given(st.lists(st.floats(width=32), min_size=1, max_size=30))
def test_ranges_are_those_of_the_finite_values(values):
    value = torch.tensor(values, dtype=torch.float32)
    finite = value[value.isfinite()]
    low, high = display.symmetric_range(value).tolist()
    largest = finite.abs().max().item() if len(finite) else 0.0
    assert (low, high) == ((-largest, largest) if largest else (-1.0, 1.0))
    low, high = display.full_range(value).tolist()
    if len(finite):
        least = finite.min().item()
        assert low == least or (low == 0 and abs(least) <= (high - least) / 999)
        assert high == finite.max().item() or finite.min() == finite.max()
    assert math.isfinite(low)
    assert low < high or abs(low) > 1e7


def test_the_range_of_a_picture_that_a_sigmoid_made_begins_at_zero():
    picture = torch.tensor([-20.0, 0.0, 3.0]).sigmoid()
    assert 0 < picture.min() < 1e-8
    assert display.full_range(picture).tolist() == [0, picture.max().item()]
    assert (
        display.full_range(torch.tensor([0.01, 1.0])).tolist() == torch.tensor([0.01, 1.0]).tolist()
    )


@pytest.mark.parametrize(
    "dtype",
    [torch.bfloat16, torch.float16, torch.float64, torch.int64, torch.uint8, torch.bool],
)
def test_as_float_keeps_every_number(dtype):
    value = torch.tensor([0, 1, 1, 0]).to(dtype)
    assert torch.equal(display.as_float(value).to(torch.float64), value.to(torch.float64))
    exact = torch.tensor(1 / 3, dtype=torch.float64)
    assert display.as_float(exact) == exact
    assert display.as_float(torch.tensor(2**40 + 1)).item() == 2**40 + 1


def test_complex_values_are_shown_by_their_magnitude():
    assert display.as_float(torch.tensor([3 + 4j])).tolist() == [5.0]


@settings(max_examples=10, deadline=None)
@given(st.sampled_from([(1, 6, 24, 24), (1, 192), (1, 10), (1, 3, 40, 40)]))
def test_display_exports_with_the_same_numbers(shape):
    where = display.grid(shape, 0, 1000)

    class Picture(torch.nn.Module):
        def forward(self, value):
            return display.arrange(value, where), display.symmetric_range(value)

    value = torch.randn(shape)
    exported = torch.export.export(Picture(), (value,)).module()
    for made, expected in zip(exported(value), Picture()(value), strict=True):
        assert torch.equal(made.nan_to_num(-9), expected.nan_to_num(-9))
