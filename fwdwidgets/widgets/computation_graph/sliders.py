"""A slider for each number of the leaves, as long as there are few."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Mapping

import ipywidgets
from torch import Tensor

from fwdwidgets.widgets.shared import shows

MAX_SLIDERS = 8
"""So many numbers of leaves have a slider; a larger tensor stays as it was given."""

Place = tuple[str, tuple[int, ...]]
"""Which number of the leaves: the name of the leaf, and an index into it."""


def make_sliders(
    leaves: Mapping[str, Tensor], make: Callable[..., ipywidgets.FloatSlider]
) -> dict[Place, ipywidgets.FloatSlider]:
    """The sliders, by what they move; none for a leaf of integers or of too many numbers.

    Args:
        leaves: by name.
        make: a slider from its kind, its description and its options.
    """
    sliders: dict[Place, ipywidgets.FloatSlider] = {}
    for name, leaf in leaves.items():
        if leaf.is_floating_point() and len(sliders) + leaf.numel() <= MAX_SLIDERS:
            for index in itertools.product(*map(range, leaf.shape)):
                number = float(leaf[index]) if leaf[index].isfinite() else 0.0
                reach = max(5.0, 2 * abs(number))
                slider = make(
                    ipywidgets.FloatSlider,
                    name + (f"[{', '.join(map(str, index))}]" if index else ""),
                    value=number,
                    min=-reach,
                    max=reach,
                    step=0.1,
                )
                slider.add_class("fwd-leaf")
                sliders[name, index] = slider
    return sliders


def without_sliders(
    leaves: Mapping[str, Tensor], sliders: Mapping[Place, ipywidgets.FloatSlider]
) -> list[str]:
    """The leaves of floats that have none: they hold too many numbers."""
    moved = {name for name, _ in sliders}
    return [name for name, leaf in leaves.items() if leaf.is_floating_point() and name not in moved]


def show_leaves(
    leaves: Mapping[str, Tensor], sliders: Mapping[Place, ipywidgets.FloatSlider]
) -> None:
    """Set the sliders to the leaves' values, and extend their ranges to them."""
    for (name, index), slider in sliders.items():
        number = float(leaves[name][index])
        if not math.isfinite(number):
            continue  # no place on a slider: the note tells it, a move takes it away
        slider.min, slider.max = min(slider.min, number), max(slider.max, number)
        if not shows(slider, number, slider.value):
            slider.value = number
