"""The five lines of a training step, one at a time, on a copy of the model."""

from __future__ import annotations

import copy
import math
import warnings
from collections.abc import Callable, Iterable
from typing import Any, NoReturn

import torch
from torch import Tensor, nn
from torch.nn.parameter import is_lazy

from fwdwidgets.advice import explain_failure
from fwdwidgets.trace import refuse_script, trace_forward
from fwdwidgets.training import (
    Loss,
    check_differentiable,
    check_loss,
    check_optimizer,
    check_reached,
    first_batch,
    made,
    measure,
    trainable,
)

LINES = ("forward", "loss", "zero_grad", "backward", "step")
"""The lines in the order in which a loop runs them."""
CODE = {
    "forward": "output = model(inputs)",
    "loss": "loss = criterion(output, targets)",
    "zero_grad": "optimizer.zero_grad()",
    "backward": "loss.backward()",
    "step": "optimizer.step()",
}
INPUT = "inputs"
"""The name under which the gradient of the input is shown."""


class TrainingLoop:
    """A model, one batch, a loss and an optimizer; each line can be run by itself.

    Args:
        model: an `nn.Module`; the loop works on a deep copy.
        data: `(inputs, targets)`, or a dataset or `DataLoader`, whose first batch is taken. Inputs
            that ask for a gradient get one.
        loss: of output and targets.
        optimizer: a class or function that makes one of the parameters, or an optimizer of the
            model, which is copied with it: its groups of parameters, their options, its state.

    Attributes:
        model: the copy.
        inputs: the batch's inputs.
        targets: the batch's targets.
        output: of the last forward, or None.
        loss: the last loss, or None.
        before: the weights before the last step, by name.
        fresh: the gradients of the last `backward` alone, by name; what `.grad` would hold if it
            had been empty before.
        warnings: what PyTorch warned of when the last loss was computed.
        losses: the loss of each line `loss` so far.
        norms: the norm of all gradients of each line `step` so far, before clipping.
        steps: how many steps were taken.
        clip: gradients are scaled down to this norm before a step; None does not.
        backwards: how many times `backward` ran since the gradients were last cleared.
    """

    def __init__(
        self,
        model: nn.Module,
        data: Any,
        loss: Loss,
        optimizer: Any,
    ) -> None:
        if isinstance(model, type):
            name = model.__name__
            raise TypeError(f"model is the class {name}: pass an instance, such as {name}().")
        if not isinstance(model, nn.Module):
            raise TypeError(f"model={model!r} is no network: pass an nn.Module.")
        refuse_script(model)
        if any(is_lazy(parameter) for parameter in model.parameters()):
            raise ValueError(
                "this model has a lazy layer without weights: run it once, as in model(inputs), "
                "and make the optimizer after that."
            )
        trainable(model)
        check_loss(loss)
        self._model, self._given = model, _checked(optimizer, model)
        self._criterion = loss
        self._inputs, self.targets = first_batch(data)
        self.clip: float | None = None
        self.reset()

    def reset(self) -> None:
        """Start again from the model's own weights."""
        lr = self.lr if hasattr(self, "optimizer") else None
        # Copied together, so that the copied optimizer moves the copied parameters.
        try:
            self.model, given = copy.deepcopy((self._model, self._given))
        except Exception as error:
            raise ValueError(
                f"{type(self._model).__name__} could not be copied ({type(error).__name__}: "
                f"{error}): it may keep a tensor of an earlier forward pass. Make the model anew."
            ) from error
        for own, parameter in zip(self._model.parameters(), self.model.parameters(), strict=True):
            parameter.grad = None
            hooks = (own._backward_hooks or {}) if own.requires_grad else {}
            for hook in hooks.values():  # a copy has none
                parameter.register_hook(hook)  # type: ignore[no-untyped-call]
        # A forward may change its input in place.
        self.inputs = self._inputs.detach().clone().requires_grad_(self._inputs.requires_grad)
        if not isinstance(given, torch.optim.Optimizer):
            given = made(given, list(self.model.parameters()))
        self.optimizer = given
        self._groups = [g for g in self.optimizer.param_groups if float(g["lr"]) == self.lr]
        if lr is not None:
            self.lr = lr
        self.output: Tensor | None = None
        self.loss: Tensor | None = None
        self.warnings: list[str] = []
        self._random = torch.Generator().manual_seed(0).get_state()
        self._used = False  # the graph of this loss has been gone back through
        self.before = self.weights()
        self.fresh: dict[str, Tensor] = {}
        self.losses: list[float] = []
        self.norms: list[float] = []
        self.steps = self.backwards = 0

    @property
    def lr(self) -> float:
        """The learning rate: of several groups, that of the first and of those that share it."""
        return float(self.optimizer.param_groups[0]["lr"])

    @lr.setter
    def lr(self, value: float) -> None:
        for group in self._groups:
            group["lr"] = value

    @property
    def names(self) -> list[str]:
        """The parameters by name, and the input where it asks for a gradient."""
        return [*([INPUT] if self.inputs.requires_grad else []), *dict(self._named())]

    def weights(self) -> dict[str, Tensor]:
        """A copy of every parameter, by name, and of the input."""
        return {name: tensor.detach().clone() for name, tensor in self._all()}

    def gradients(self) -> dict[str, Tensor]:
        """A copy of every gradient there is, by name.

        Raises:
            ValueError: one is sparse.
        """
        found = {n: t.grad.detach().clone() for n, t in self._all() if t.grad is not None}
        for name, gradient in found.items():
            if gradient.is_sparse:
                raise ValueError(
                    f"the gradient of {name} is sparse and cannot be shown: make its layer "
                    "without sparse=True."
                )
        return found

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
        """Say why a loss is no number: before the first step no learning rate is to blame."""
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
                "this loss has been gone back through already, and its graph is freed: run "
                f"{CODE['forward']} and {CODE['loss']} again."
            )
        check_differentiable(self.loss)
        every = [(name, tensor, tensor.grad) for name, tensor in self._all()]
        for _, tensor, _ in every:
            tensor.grad = None  # what comes is then of this backward alone
        try:
            self._used = True
            self.loss.backward()  # type: ignore[no-untyped-call]
            check_reached(self.model)
            fresh = self.gradients()
        except BaseException:
            for _, tensor, before in every:
                tensor.grad = before
            raise
        for _, tensor, before in every:
            if before is not None:
                tensor.grad = before if tensor.grad is None else before + tensor.grad
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


def gradient_norm(gradients: Iterable[Tensor]) -> float:
    """The length of all gradients together: the root of the sum of all squares."""
    return float(sum(float(g.double().square().sum()) for g in gradients) ** 0.5)


def _checked(optimizer: Any, model: nn.Module) -> Any:
    """An optimizer of this model, or what makes one; anything else is refused."""
    if isinstance(optimizer, torch.optim.Optimizer):
        check_optimizer(optimizer, list(model.parameters()))
    elif not callable(optimizer):
        raise TypeError(
            f"optimizer={optimizer!r} is none: pass one, or a function that makes it, as in "
            "lambda parameters: torch.optim.SGD(parameters, lr=0.01)."
        )
    return optimizer
