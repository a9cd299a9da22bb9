"""Tensors to display-ready tensors: mosaics, pages, colour ranges. Imports only PyTorch.

The layout of a layer depends only on its shape (plain integers). What is drawn is computed from its
values by torch operations with static shapes, so that the same code runs in a live widget and
inside a graph made by `torch.export`.
"""

from fwdwidgets.display.grid import (
    ASPECT,
    INPUT_ASPECT,
    MAX_BARS,
    MAX_CELLS,
    Grid,
    canonical_shape,
    grid,
    input_grid,
    tiling,
)
from fwdwidgets.display.pictures import arrange, input_picture, layer_picture
from fwdwidgets.display.ranges import (
    as_float,
    bar_range,
    full_range,
    symmetric_range,
    ticks,
    value_range,
)

__all__ = [
    "ASPECT",
    "INPUT_ASPECT",
    "MAX_BARS",
    "MAX_CELLS",
    "Grid",
    "arrange",
    "as_float",
    "bar_range",
    "canonical_shape",
    "full_range",
    "grid",
    "input_grid",
    "input_picture",
    "layer_picture",
    "symmetric_range",
    "ticks",
    "tiling",
    "value_range",
]
