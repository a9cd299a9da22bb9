"""An autoencoder: an input, its code as sliders, and what the decoder makes of them."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import ipywidgets
import torch
import traitlets
from torch import Tensor, nn
from traitlets import observe, validate

from fwdwidgets import display, figures
from fwdwidgets.figures import badge
from fwdwidgets.widgets.autoencoder import words
from fwdwidgets.widgets.autoencoder.compute import (
    code_ranges,
    decode,
    encode,
    explain_difference,
    halves,
    mean_squared_error,
)
from fwdwidgets.widgets.autoencoder.figure import AutoencoderFigure
from fwdwidgets.widgets.shared import (
    BadValue,
    Plot,
    Several,
    WeightedWidget,
    html,
    panels,
    row,
    shows,
)


class Autoencoder(WeightedWidget):
    """Input, code and reconstruction side by side; sliders set the code that is decoded.

    Example:
        >>> fw.Autoencoder(model, fw.datasets.course())  # model.encoder, model.decoder

    Args:
        model: an `nn.Module` with submodules `encoder` and `decoder`, or a class or factory that
            makes one. The code may have up to 16 numbers.
        dataset: any indexable dataset of `(input, label)`.
        class_names: one name per class; by default `dataset.classes`.
        sample: index into the dataset.
        seed: the seed of the random weights; None means the weights as given.
        checkpoints: weights by epoch, from `fw.train`, or a list of state dicts.
        epoch: index into the checkpoints.

    Attributes:
        code: the numbers that are decoded; the encoder's own until one is changed.
        encoded: whether `code` is what the encoder gives for the sample.
        error: mean squared error between input and reconstruction; None if there is none.
        reconstruction: a tensor of the sample's shape, or None.

    Raises:
        TypeError: the model has no encoder and decoder, or an argument is of the wrong kind.
        ValueError: the dataset is empty, or a state is out of range.
    """

    code = Several()
    encoded = traitlets.Bool(True, read_only=True)
    error = traitlets.Float(None, allow_none=True, read_only=True)

    def __init__(
        self,
        model: nn.Module | Callable[[], nn.Module],
        dataset: Any,
        *,
        class_names: Sequence[str] | None = None,
        sample: int = 0,
        seed: int | None = None,
        checkpoints: Sequence[Any] | None = None,
        epoch: int | None = None,
        **unknown: Any,
    ) -> None:
        """See the class."""
        given = model, dataset, class_names
        super().__init__("autoencoder", unknown, *given, training=False, checkpoints=checkpoints)
        self._figure = AutoencoderFigure()
        self._plot = Plot(self._figure.canvas, "autoencoder")
        self._said = html("fwd-badge")
        self._status = html("fwd-status")
        self._codes: list[ipywidgets.FloatSlider] = []
        self._own: tuple[float, ...] | None = None  # the code that the encoder gave
        self._code_row = row()
        self.reconstruction: Tensor | None = None
        self._begin(sample, seed, epoch)
        network = self._forward.network
        assert network is not None, "the weights are settled"
        halves(network)
        self._build()
        self._encode()
        self._quiet = False
        self._show()

    # --- state ----------------------------------------------------------------------------------

    @validate("code")
    def _valid_code(self, proposal: dict[str, Any]) -> tuple[float, ...]:
        value, wanted = proposal["value"], len(self._codes)
        try:
            code = tuple(float(number) for number in value)
        except (TypeError, ValueError):
            code = ()
        if len(code) != wanted or not all(map(math.isfinite, code)):
            with self._told():
                raise BadValue(f"code={value!r} cannot be used: expected {wanted} finite numbers.")
        return code

    @observe("code")
    def _code_changed(self, _: Any) -> None:
        if not self._quiet:
            self.set_trait("encoded", self.code == self._own)
            self._error = ""
            self._show()

    def _rerun(self) -> None:
        self._encode()
        self._show()

    def encode_sample(self) -> None:
        """Go back to the code that the encoder gives for the sample."""
        self._rerun()

    def _encode(self) -> None:
        """Take the sample's code, and make a slider for each of its numbers."""
        half = encode(self._forward, self._sample.input)
        self._error = half.failure
        self._code_shape = half.shape
        numbers = [] if half.value is None else half.value.tolist()
        with self._quietly():
            if len(numbers) != len(self._codes):
                self._make_sliders(len(numbers))
            finite = all(map(math.isfinite, numbers))
            self.code = tuple(numbers) if finite else tuple(0.0 for _ in numbers)
        self._own = self.code if finite else None
        if not finite:
            self._error = words.NOT_FINITE
        self.set_trait("encoded", bool(numbers) and finite)

    def _make_sliders(self, count: int) -> None:
        low, high = code_ranges(self._forward, self.dataset)
        self._codes = []
        for index in range(count):
            room = max(0.1, 0.25 * float(high[index] - low[index]))
            slider = self._slider(
                ipywidgets.FloatSlider,
                f"code {index}",
                value=0,
                min=round(float(low[index]) - room, 2),
                max=round(float(high[index]) + room, 2),
                step=0.01,
            )
            slider.add_class("fwd-leaf")
            slider.add_class("fwd-code-unit")
            slider.observe(self._mover(index), names="value")
            self._codes.append(slider)
            self._kept[f"code {index}"] = slider
        self._code_row.children = tuple(self._codes)
        self._keep()

    def _mover(self, index: int) -> Callable[[dict[str, Any]], None]:
        def moved(change: dict[str, Any]) -> None:
            if not self._quiet and not shows(change["owner"], self.code[index], change["new"]):
                with self._from_page():
                    code = list(self.code)
                    code[index] = change["new"]
                    self.code = tuple(code)

        return moved

    # --- show -----------------------------------------------------------------------------------

    def _show(self) -> None:
        image = self._sample.input
        half = decode(self._forward, torch.tensor(self.code), tuple(image.shape), self._code_shape)
        self._error = self._error or half.failure
        self.reconstruction = half.value
        self.set_trait("error", mean_squared_error(image, half.value))
        self._plot.old = half.value is None
        self._draw(image, half.value)  # the picture first: the rest may take longer
        if half.value is not None and self.code == self._own:
            self._notes["forward"] = explain_difference(self._forward, image, half.value)
        self._status.value = words.describe_run(self._describe_weights(), self._length)
        said = words.describe(image.numel(), len(self.code), self.encoded, self.error)
        self._said.value = badge.badge_html("neutral", said)
        self._follow_weights()
        self._follow()
        self._follow_code()
        self._show_message()

    def _draw(self, image: Tensor, reconstruction: Tensor | None) -> None:
        drawing = figures.Drawing()
        panels.draw_input(drawing, self._figure.input, image[None].float())
        ends = display.value_range(torch.tensor(self.code)).tolist()
        self._figure.draw_code(drawing, self.code, ends)
        if reconstruction is None:
            self._figure.hide_reconstruction(drawing)
        else:
            panels.draw_input(drawing, self._figure.reconstruction, reconstruction[None])
            self._figure.name_reconstruction(drawing, tuple(reconstruction.shape))
        self._plot.draw(drawing, words.label(self.sample))

    def _follow_code(self) -> None:
        """Show the code on its sliders, and extend their range to it."""
        with self._quietly():
            for slider, number in zip(self._codes, self.code, strict=True):
                slider.min, slider.max = min(slider.min, number), max(slider.max, number)
                # The encoder's exact code: the former values of the sliders do not affect it.
                if self.code == self._own or not shows(slider, number, slider.value):
                    slider.value = number

    # --- controls -------------------------------------------------------------------------------

    def _build(self) -> None:
        back = self._button("encode", "back to the code of the sample", self.encode_sample)
        self.children = [
            row(self._sample_slider(), self._random_button()),
            row(*self._weights_controls()),
            self._code_row,
            row(back),
            self._status,
            self._said,
            self._plot,
            self._message,
            self._frame,
        ]
        self._keep()
