"""From state to tensors: which network, on which sample, in which mode. Imports only PyTorch.

`Forward` serves a live widget; `views` has the same computation for a page without a kernel.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.parameter import is_lazy

from fwdwidgets.advice import check_output, explain_failure
from fwdwidgets.data import batch_of_one
from fwdwidgets.networks.outputs import Answer, read_answer
from fwdwidgets.networks.seeds import copy_of, reseed
from fwdwidgets.trace import ForwardTrace, Tracer

DROPOUT_SEED = 0
"""The seed of random operations in a forward pass, so that a redraw is the same."""


@dataclass(frozen=True)
class Run:
    """One forward pass of one sample.

    Attributes:
        batch: `(1, ...)`, the input of the network.
        trace: all its steps.
        answer: what the output says; None if there is no output or it cannot be read.
        failure: a sentence that says why there is no answer, or an empty string.
    """

    batch: Tensor
    trace: ForwardTrace
    answer: Answer | None
    failure: str


class Forward:
    """Runs one model, under the weights of a seed, in one mode.

    Args:
        model: an `nn.Module`, or a class or factory that makes one.
        training: run in train mode, dropout under a fixed seed; else in eval mode.
        checkpoints: weights to choose with `use_epoch`: a sequence of state dicts, or of objects
            with a state dict as `state` and optionally `loss` and `accuracy`.

    Attributes:
        network: the model with the chosen weights.
        epochs: how many checkpoints there are.
        tracer: records the forward passes; may be replaced.
    """

    def __init__(
        self,
        model: nn.Module | Callable[[], nn.Module],
        *,
        training: bool,
        checkpoints: Sequence[Any] | None = None,
    ) -> None:
        if not isinstance(model, nn.Module) and not callable(model):
            raise TypeError(
                f"model={model!r} is no network: pass an nn.Module, or a class or function "
                "that makes one."
            )
        if not isinstance(training, bool):
            raise TypeError(
                f"training={training!r} is a {type(training).__name__}: "
                "give True for train mode or False for eval mode"
            )
        self.model, self.training = model, training
        self.network: nn.Module | None = None
        self.epochs = 0 if checkpoints is None else _count_checkpoints(checkpoints)
        self._checkpoints = checkpoints
        self._seed = 0
        self.tracer = Tracer()

    @property
    def has_own_weights(self) -> bool:
        """Whether the model was given with weights; a class or factory has none."""
        return isinstance(self.model, nn.Module)

    def use_seed(self, seed: int | None) -> None:
        """Use the weights of a seed, or with None the weights that the model was given with."""
        self._seed = seed or 0
        if seed is not None:
            self.network = reseed(self.model, seed)
        elif isinstance(self.model, nn.Module):
            self.network = self.model

    def use_epoch(self, epoch: int) -> None:
        """Use the weights of a checkpoint; the model itself keeps its own.

        Raises:
            ValueError: the checkpoint does not exist, or does not fit the model.
        """
        if not 0 <= epoch < self.epochs:
            many = f"choose 0 to {self.epochs - 1}" if self.epochs else "pass checkpoints="
            raise ValueError(f"epoch={epoch} is not there; {many}.")
        model = self.model
        copy = copy_of(model) if isinstance(model, nn.Module) else reseed(model, 0)
        state = self._state(epoch)
        try:
            copy.load_state_dict(state)
        except (RuntimeError, AttributeError, TypeError) as error:
            raise ValueError(
                f"checkpoints[{epoch}] does not fit {type(copy).__name__}: "
                f"{' '.join(str(error).split())} Pass the model that was trained."
            ) from None
        self.network = copy

    def describe_epoch(self, epoch: int) -> str:
        """An epoch in words, with its loss and accuracy if the checkpoint has them."""
        assert self._checkpoints is not None, "there is no epoch without checkpoints"
        point = self._checkpoints[epoch]
        loss, accuracy = getattr(point, "loss", None), getattr(point, "accuracy", None)
        known = f", loss {loss:.4g}" if loss is not None else ""
        known += f", {accuracy:.1%} right in training" if accuracy is not None else ""
        return f"epoch {epoch}{known}"

    def _state(self, epoch: int) -> Any:
        assert self._checkpoints is not None, "there is no epoch without checkpoints"
        point = self._checkpoints[epoch]
        return getattr(point, "state", point)

    def run(self, sample: Tensor) -> Run:
        """Run the network once on an input without batch axis, and read the answer."""
        assert self.network is not None, "use_seed comes first"
        batch = batch_of_one(sample, self.network)
        trace = self.trace(batch)
        failure = explain_failure(trace) if trace.error else check_output(trace.output)
        return Run(batch, trace, None if failure else read_answer(trace), failure)

    def trace(self, batch: Tensor) -> ForwardTrace:
        """Run the network once on a batch, `(N, ...)`; the batch itself is not changed."""
        with self.mode() as network:
            # A copy goes in: a forward that works in place must not change the dataset.
            return self.tracer(network, batch.clone())

    def predict(self, sample: Tensor) -> int | None:
        """The predicted class of a sample; None if the network predicts none."""
        answer = self.run(sample).answer
        return None if answer is None else answer.prediction

    @contextmanager
    def mode(self, training: bool | None = None, draw: int = DROPOUT_SEED) -> Iterator[nn.Module]:
        """Set every submodule's mode and a fixed random seed; restore both on exit.

        Args:
            training: True for train mode, False for eval mode, None for this object's own.
            draw: the seed of dropout's random numbers.
        """
        training = self.training if training is None else training
        network = self.network
        assert network is not None, "use_seed comes first"
        found = [(module, module.training) for module in network.modules()]
        devices = {p.device for p in network.parameters() if p.is_cuda}
        with torch.random.fork_rng(devices=list(devices)):
            # torch.manual_seed would also record a stack trace for GPUs that do not exist.
            # Lazy layers draw their weights in the first forward pass: under the model's seed.
            lazy = any(is_lazy(p) for p in network.parameters())
            seed = self._seed if lazy else draw
            torch.default_generator.manual_seed(seed)
            for device in devices:
                with torch.cuda.device(device):
                    torch.cuda.manual_seed(seed)
            for module, before in found:
                if before is not training:
                    module.training = training
            try:
                yield network
            finally:
                for module, before in found:
                    if module.training is not before:
                        module.training = before


def _count_checkpoints(checkpoints: Any) -> int:
    try:
        count = len(checkpoints)
        first = checkpoints[0] if count else None
    except (TypeError, KeyError):
        count, first = 0, None
    if not isinstance(getattr(first, "state", first), Mapping):
        raise TypeError(
            f"checkpoints={type(checkpoints).__name__} holds no state dicts: pass what fw.train "
            "returned, or a list of model.state_dict(), one an epoch."
        )
    return count
