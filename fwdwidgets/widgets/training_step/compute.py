"""The five lines of a training step, one at a time, on a copy of the model."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Iterable
from typing import Any, NoReturn

import torch
from torch import Tensor, nn

from fwdwidgets.advice import explain_failure
from fwdwidgets.trace import trace_forward
from fwdwidgets.training import (
    Loss,
    check_differentiable,
    check_loss,
    check_reached,
    first_batch,
    measure,
)
from fwdwidgets.widgets.training_step.copies import check_given_optimizer, check_model, copies_of
from fwdwidgets.widgets.training_step.gradients import (
    added_to_gradients,
    copied_gradients,
    gradient_norm,
)
from fwdwidgets.widgets.training_step.lines import CODE, INPUT, LINES


class TrainingLoop:
    """A model, one batch, a loss and an optimizer; each line can be run by itself.

    Args:
        model: an `nn.Module`; the loop works on a deep copy.
        data: `(inputs, targets)`, or a dataset or `DataLoader`, whose first batch is taken. Inputs
            that ask for a gradient get one.
        loss: of output and targets.
        optimizer: a class or function that makes one from the parameters, or an optimizer of the
            model, which is copied with it: its parameter groups, their options, its state.

    Attributes:
        model: the copy.
        inputs: the batch's inputs.
        targets: the batch's targets.
        output: of the last forward, or None.
        loss: the last loss, or None.
        before: the weights before the last step, by name.
        fresh: the gradients of the last `backward` alone, by name; what `.grad` would hold if it
            been empty before.
        warnings: what PyTorch warned of when the last loss was computed.
        losses: the loss of each line `loss` so far.
        norms: the norm of all gradients of each line `step` so far, before clipping.
        steps: how many steps were taken.
        clip: gradients are scaled down to this norm before a step; None turns this off.
        backwards: how many times `backward` ran since the gradients were last cleared.
    """

    def __init__(
        self,
        model: nn.Module,
        data: Any,
        loss: Loss,
        optimizer: Any,
    ) -> None:
        check_model(model)
        check_loss(loss)
        check_given_optimizer(optimizer, model)
        self._model, self._given = model, optimizer
        self._criterion = loss
        self._inputs, self.targets = first_batch(data)
        self.clip: float | None = None
        self.reset()

    def reset(self) -> None:
        """Start again from the model's own weights."""
        lr = self.lr if hasattr(self, "optimizer") else None
        self.model, self.optimizer = copies_of(self._model, self._given)
        # A forward may change its input in place.
        self.inputs = self._inputs.detach().clone().requires_grad_(self._inputs.requires_grad)
        self._groups = [g for g in self.optimizer.param_groups if float(g["lr"]) == self.lr]
        if lr is not None:
            self.lr = lr
        self.output: Tensor | None = None
        self.loss: Tensor | None = None
        self.warnings: list[str] = []
        self._random = torch.Generator().manual_seed(0).get_state()
        self._used = False  # backward has already run through the graph of this loss
        self.before = self.weights()
        self.fresh: dict[str, Tensor] = {}
        self.losses: list[float] = []
        self.norms: list[float] = []
        self.steps = self.backwards = 0

    @property
    def lr(self) -> float:
        """The learning rate; with several groups, that of the first and of those that share it."""
        return float(self.optimizer.param_groups[0]["lr"])

    @lr.setter
    def lr(self, value: float) -> None:
        for group in self._groups:
            group["lr"] = value

    @property
    def names(self) -> list[str]:
        """The parameters by name, and the input if it requires a gradient."""
        return [*([INPUT] if self.inputs.requires_grad else []), *dict(self._named())]

    def weights(self) -> dict[str, Tensor]:
        """A copy of every parameter, by name, and of the input."""
        return {name: tensor.detach().clone() for name, tensor in self._all()}

    def gradients(self) -> dict[str, Tensor]:
        """A copy of every gradient there is, by name.

        Raises:
            ValueError: one is sparse.
        """
        return copied_gradients(self._all())

    def norm(self) -> float:
        """The norm of all gradients there are."""
        return gradient_norm(self.gradients().values())

    def fresh_norm(self) -> float:
        """The norm of all gradients of the last `backward` alone."""
        return gradient_norm(self.fresh.values())

    def moved(self) -> dict[str, float]:
        """The largest change of a number in each tensor in the last step, by name."""
        now, before = self.weights(), self.before
        return {n: float((now[n] - before[n]).abs().max()) for n in now if now[n].numel()}

    def run(self, line: str) -> None:
        """Run one of `LINES`.

        Raises:
            ValueError: it needs another line first; the message says which.
        """
        # Random numbers of its own: dropout draws as before after a reset, and the global random
        # state is left as found.
        with torch.enable_grad(), torch.random.fork_rng(range(torch.cuda.device_count())):
            torch.set_rng_state(self._random)
            try:
                getattr(self, f"_{line}")()
            finally:
                self._random = torch.get_rng_state()

    def run_steps(self, count: int, report: Callable[[int], Any] | None = None) -> None:
        """Run all five lines `count` times; `report` is told how many are done."""
        for number in range(1, count + 1):
            for line in LINES:
                self.run(line)
            if report:
                report(number)
            if not bool(self.loss is not None and self.loss.isfinite()):
                self._refuse_loss()

    def _refuse_loss(self) -> NoReturn:
        """Say why a loss is not finite: before the first step it is not the learning rate."""
        if not math.isfinite(self.losses[0]):
            raise ValueError(
                f"the loss is {self.losses[0]} before any step: look for NaN or infinity in the "
                "inputs, the targets and the output."
            )
        count = "1 step" if self.steps == 1 else f"{self.steps} steps"
        raise ValueError(
            f"the loss became {self.losses[-1]} after {count}: choose a smaller learning rate, "
            "and reset."
        )

    def explain(self, error: Exception) -> str:
        """The message of an exception; where the forward pass raised it, also what would fit."""
        if self.output is None:
            trace = trace_forward(self.model, self.inputs)
            if type(trace.error) is type(error):
                return explain_failure(trace)
        return str(error)

    def _forward(self) -> None:
        self.output = None
        self.output = self.model(self.inputs)
        self.loss, self._used = None, False
        if not isinstance(self.output, Tensor):
            kind = type(self.output).__name__
            self.output = None
            raise ValueError(f"the model returned {kind}: a training step needs one tensor.")

    def _loss(self) -> None:
        if self.output is None:
            raise ValueError(f"there is no output yet: run {CODE['forward']} first.")
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always", UserWarning)
            self.loss = measure(self._criterion, self.output, self.targets)
        self.warnings = [" ".join(str(each.message).split()) for each in caught]
        self.losses.append(float(self.loss.detach()))

    def _zero_grad(self) -> None:
        self.optimizer.zero_grad()
        self.inputs.grad = None
        self.fresh, self.backwards = {}, 0

    def _backward(self) -> None:
        if self.loss is None:
            raise ValueError(f"there is no loss yet: run {CODE['loss']} first.")
        if self._used:
            raise ValueError(
                "backward has already run for this loss, and its graph is freed: run "
                f"{CODE['forward']} and {CODE['loss']} again."
            )
        check_differentiable(self.loss)
        with added_to_gradients([tensor for _, tensor in self._all()]):
            self._used = True
            self.loss.backward()  # type: ignore[no-untyped-call]
            check_reached(self.model)
            fresh = self.gradients()
        self.fresh = fresh
        self.backwards += 1

    def _step(self) -> None:
        trained = [p for p in self.model.parameters() if p.grad is not None]
        if not trained:
            raise ValueError(f"there are no gradients yet: run {CODE['backward']} first.")
        self.before = self.weights()
        limit = self.clip if self.clip is not None else float("inf")
        # It returns the norm of before; with no limit nothing is scaled.
        self.norms.append(float(nn.utils.clip_grad_norm_(trained, limit)))
        self.optimizer.step()
        self.steps += 1

    def _named(self) -> Iterable[tuple[str, nn.Parameter]]:
        return self.model.named_parameters()

    def _all(self) -> Iterable[tuple[str, Tensor]]:
        yield INPUT, self.inputs
        yield from self._named()
