"""The picture of a batch: each tile against plain means of the input."""

import torch
from hypothesis import given
from hypothesis import strategies as st

from fwdwidgets.widgets.batch_forward.tiles import tile_inputs


@given(
    count=st.integers(1, 20),
    height=st.integers(1, 9),
    width=st.integers(1, 9),
    channels=st.integers(1, 3),
)
def test_each_sample_has_its_tile(count, height, width, channels):
    inputs = torch.rand(count, channels, height, width)
    tiles = tile_inputs(inputs, 1.0)
    rows, columns = tiles.tiles
    assert tiles.tile == (height, width)
    assert rows * columns >= count > (rows - 1) * columns
    for index in range(count):
        y, x = index // columns * (height + 1), index % columns * (width + 1)
        torch.testing.assert_close(
            tiles.z[y : y + height, x : x + width], inputs[index].mean(dim=0)
        )
    assert int(tiles.z.isfinite().sum()) == count * height * width
    assert ("mean" in tiles.note) is (channels > 1)


def test_vectors_are_strips_and_large_images_are_shrunk():
    assert tile_inputs(torch.rand(4, 6), 1.0).tile == (1, 6)
    assert tile_inputs(torch.rand(4), 1.0).tile == (1, 1)
    large = tile_inputs(torch.ones(4, 3, 64, 64), 1.0, cells=1024)
    assert large.tile == (16, 16)
    assert large.note == "mean of 3 channels, shrunk to 16 x 16"
    assert large.z.nan_to_num(1).eq(1).all()
