"""What widgets share that run a model: its weights as given, under a seed, or of an epoch."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import ipywidgets
from torch import nn
from traitlets import observe, validate

from fwdwidgets.networks import Forward, Run
from fwdwidgets.widgets.shared.network_view import NetworkView
from fwdwidgets.widgets.shared.panels import SamplePanels
from fwdwidgets.widgets.shared.sampled import SampledWidget
from fwdwidgets.widgets.shared.traits import BadValue, Index


class WeightedWidget(SampledWidget):
    """Abstract base of the widgets that run one model on samples of a dataset.

    A change of `sample`, `seed` or `epoch` calls `_rerun`.

    Attributes:
        seed: the seed of the random weights; None means the weights as given, or seed 0 for a
            class or factory.
        epoch: index into the checkpoints; None if there are none.
    """

    seed = Index(None, allow_none=True)
    epoch = Index(None, allow_none=True)

    def __init__(
        self,
        title: str,
        unknown: dict[str, Any],
        model: nn.Module | Callable[[], nn.Module],
        dataset: Any,
        class_names: Sequence[str] | None,
        *,
        training: bool,
        checkpoints: Any = None,
    ) -> None:
        """Take a model; `checkpoints` as in `networks.Forward`, the rest as for the bases."""
        super().__init__(title, unknown, dataset, class_names)
        self._forward = Forward(model, training=training, checkpoints=checkpoints)
        self._given: ipywidgets.Checkbox | None = None

    @property
    def model(self) -> nn.Module | Callable[[], nn.Module]:
        """The model as it was given."""
        return self._forward.model

    @abstractmethod
    def _rerun(self) -> None:
        """Run the network on the sample under the chosen weights, and show it."""

    def _begin(self, sample: int, seed: int | None, epoch: int | None) -> None:
        """Take the first state without running anything."""
        self._sample = self._load(sample)
        self.sample, self.seed, self.epoch = sample, seed, epoch
        self._settle_weights()

    @validate("seed")
    def _valid_seed(self, proposal: dict[str, Any]) -> int:
        with self._told():
            if self._forward.epochs:
                raise BadValue(
                    f"seed={proposal['value']} cannot be chosen here: this widget shows the "
                    "weights of checkpoints. Choose an epoch, or leave out checkpoints=."
                )
            self._forward.use_seed(proposal["value"])
            return int(proposal["value"])

    @validate("epoch")
    def _valid_epoch(self, proposal: dict[str, Any]) -> int:
        with self._told():
            self._forward.use_epoch(proposal["value"])
            return int(proposal["value"])

    @observe("sample", "seed", "epoch")
    def _choice_changed(self, _: Any) -> None:
        if not self._quiet:
            self._settle_weights()
            self._rerun()

    def _settle_weights(self) -> None:
        """No choice means the weights as given; if there are none, the first available ones."""
        with self._quietly():
            if self._forward.epochs:
                self.epoch = self.epoch or 0
            elif self.seed is None and self._forward.has_own_weights:
                self._forward.use_seed(None)
            elif self.seed is None:
                self.seed = 0

    def _describe_weights(self) -> str:
        """The chosen weights in words."""
        return describe_weights(self._forward, self.seed, self.epoch)

    def _view_run(
        self,
        run: Run,
        panels: SamplePanels,
        status: Callable[[str, bool], str],
        parts: Mapping[str, ipywidgets.Widget],
        shown: Mapping[str, Any],
    ) -> NetworkView:
        """What a page needs to run the network; `shown` names a layer and its page."""
        return NetworkView(
            forward=self._forward,
            run=run,
            panels=panels,
            length=self._length,
            load=self._load,
            check=self._check_sample,
            name=self._name,
            notice=getattr(self.dataset, "notice", ""),
            state={"sample": self.sample, "seed": self.seed, "epoch": self.epoch, **shown},
            status=status,
            controls=self._frame.controls,
            parts=parts,
        )

    def _weights_controls(self) -> list[ipywidgets.Widget]:
        """A slider over epochs, or one over seeds with a checkbox for the weights as given."""
        if self._forward.epochs:
            epochs = self._slider(
                ipywidgets.IntSlider,
                "Epoch",
                value=self.epoch,
                min=0,
                max=self._forward.epochs - 1,
            )
            return [self._link(epochs, "epoch", "fwd-epoch")]
        seeds = self._slider(
            ipywidgets.IntSlider, "Seed", value=self.seed or 0, min=0, max=99, from_start=True
        )
        given = ipywidgets.Checkbox(description="weights as given", indent=False)
        given.add_class("fwd-given")
        given.disabled = not self._forward.has_own_weights
        given.observe(self._given_changed, names="value")
        self._given = self._kept["given"] = given
        return [self._link(seeds, "seed", "fwd-seed"), given]

    def _follow_weights(self) -> None:
        """Show on the checkbox whether the weights are the given ones."""
        if self._given is not None:
            with self._quietly():
                self._given.value = self.seed is None

    def _given_changed(self, change: dict[str, Any]) -> None:
        if not self._quiet:
            with self._from_page():
                self.seed = None if change["new"] else self._links["seed"].value
            self._follow_weights()


def describe_weights(forward: Forward, seed: int | None = None, epoch: int | None = None) -> str:
    """The weights in words: those of an epoch, of a seed, or with neither, as given."""
    if epoch is not None:
        return forward.describe_epoch(epoch)
    return "weights as given" if seed is None else f"seed {seed}"
