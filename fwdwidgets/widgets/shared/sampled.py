"""What widgets share that show samples of a dataset: the chosen one, its label, class names."""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import Any

import ipywidgets
from traitlets import validate

from fwdwidgets.data import Sample, check_class_names, dataset_length, get_sample
from fwdwidgets.data import class_names as names_of
from fwdwidgets.widgets.shared.plotted import PlottedWidget
from fwdwidgets.widgets.shared.traits import BadValue, Index


class SampledWidget(PlottedWidget):
    """Abstract base of the widgets with a dataset.

    Attributes:
        sample: index into the dataset.
        dataset: the dataset as given.
    """

    sample = Index(0)

    def __init__(
        self,
        title: str,
        unknown: dict[str, Any],
        dataset: Any,
        class_names: Sequence[str] | None,
    ) -> None:
        """Take a dataset; the rest as for `ForwardWidget`."""
        super().__init__(title, unknown)
        self.dataset = dataset
        self._length = dataset_length(dataset)
        self._names = names_of(dataset, class_names)
        self._random = random.Random()
        self._classes: int | None = None  # how many the model has; None if unknown or no classes
        self._sample: Sample

    @validate("sample")
    def _valid_sample(self, proposal: dict[str, Any]) -> int:
        with self._told():
            index: int = proposal["value"]
            loaded = self._load(index)
            self._check_sample(loaded)
            self._sample = loaded
            return index

    def _load(self, index: int) -> Sample:
        try:
            return get_sample(self.dataset, index, target=True)
        except IndexError as error:
            raise BadValue(str(error)) from None

    def _check_sample(self, sample: Sample) -> None:
        """Refuse class names or a label that do not fit the model's outputs."""
        classes, label, index = self._classes, sample.label, sample.class_index
        if classes is None:
            return
        if self._names is not None:
            check_class_names(self._names, classes)
        if label is not None and (index is None or not 0 <= index < classes):
            raise BadValue(
                f"label={label!r} of sample {sample.index} is no class of this model, which has "
                f"{classes} outputs: a label must be an integer from 0 to {classes - 1}."
            )

    def _name(self, index: int | None) -> str:
        """The name of a class."""
        if index is None:
            return ""
        return self._names[index] if self._names else f"class {index}"

    def _sample_slider(self) -> ipywidgets.IntSlider:
        """A slider over the dataset that sets `sample`."""
        slider = self._slider(
            ipywidgets.IntSlider,
            "Sample",
            value=self.sample,
            min=0,
            max=self._length - 1,
            from_start=True,
        )
        slider.disabled = self._length == 1  # its handle is at the end and cannot move
        return self._link(slider, "sample", "fwd-sample")

    def _random_button(self) -> ipywidgets.Button:
        button = self._button("random", "a sample at random", self.random_sample)
        self._leave_to_page(button, "fwd-random")
        button.disabled = self._length == 1
        return button

    def random_sample(self) -> None:
        """Go to a random sample; the global random state is not changed."""
        self.sample = self._random.randrange(self._length)
