"""Leave a model and the random state as they were found, whatever a forward pass did to them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from operator import is_not
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.parameter import is_lazy
from torch.utils.hooks import RemovableHandle


def named_modules(model: nn.Module) -> dict[nn.Module, str]:
    """What `model.named_modules()` gives, in its order, at a fraction of the time."""
    found: dict[nn.Module, str] = {}
    _walk(model, "", found)
    return found


def _walk(module: nn.Module, name: str, found: dict[nn.Module, str]) -> None:
    found[module] = name
    for key, child in module._modules.items():
        if child is not None and child not in found:
            _walk(child, f"{name}.{key}" if name else key, found)


@contextmanager
def left_as_found(modules: Iterable[nn.Module]) -> Iterator[Callable[[list[Tensor]], None]]:
    """Put back training flags, buffers, hooks, gradients and the global random state on leaving.

    Parameters and modules that were replaced are put back; those that are new stay, as what was
    not materialised before stays materialised. Parameters are too large to be copied each time:
    the function that this gives is to be told the operands of each operation that may write,
    before it runs, and it keeps the parameters among them, such as the weight of an embedding
    with `max_norm`; they are put back too.
    """
    # A scripted module keeps its own state, and shares its tensors with the one it was made of.
    owned, buffers, fresh, hooks = [], {}, [], []
    parameters: list[nn.Parameter] = []
    kept: list[Tensor] = []
    norms: list[Tensor] = []
    for module in modules:
        weights_of = dict(module._parameters.items())
        owned.append((module, module.training, weights_of, dict(module._modules.items())))
        parameters += [p for p in weights_of.values() if p is not None]
        if module._buffers:
            buffers[module] = own = dict(module._buffers.items())
            tensors = [b for b in own.values() if b is not None]
            kept += tensors
            if isinstance(module, nn.modules.batchnorm._NormBase):
                norms += tensors
                if any(is_lazy(b) for b in tensors):
                    fresh.append(module)
        if module._forward_hooks or module._forward_pre_hooks:
            if not hasattr(module, "_initialize_hook"):  # of a lazy module, which removes it
                hooks.append((module, [dict(getattr(module, name)) for name in _HOOKS]))
    grads = [(p, p.grad, p.requires_grad) for p in parameters]
    kept += [grad for _, grad, _ in grads if grad is not None]
    values = [_value(t) for t in kept if not is_lazy(t)]
    weights = _Weights(parameters)
    cuda = {p.device for p in parameters if p.is_cuda}
    random = torch.get_rng_state(), [(d, torch.cuda.get_rng_state(d)) for d in cuda]
    first_hook = RemovableHandle.next_id
    try:
        yield weights.keep
    finally:
        torch.set_rng_state(random[0])
        for device, state in random[1]:
            torch.cuda.set_rng_state(state, device)
        if values or weights.values:
            _put_back(values + weights.values, norms)
        for parameter, grad, learns in grads:
            if parameter.grad is not grad:
                parameter.grad = grad
            if parameter.requires_grad is not learns:
                parameter.requires_grad = learns
        for module, training, weights_of, children in owned:
            if module.training is not training:
                module.training = training
            if _replaced(module._parameters, weights_of):
                module._parameters.update(weights_of)
            if _replaced(module._modules, children):
                module._modules.update(children)
            if module._buffers or module in buffers:
                _put_back_buffers(module, buffers.get(module, {}))
        for norm in fresh:
            norm.reset_running_stats()
        if RemovableHandle.next_id > first_hook or hooks:
            _put_back_hooks([module for module, *_ in owned], first_hook, hooks)


Value = tuple[Tensor, Tensor, int | None]
"""A tensor, what it held, and its version where values cannot be compared."""


class _Weights:
    """Keeps the values of parameters that are about to be written to."""

    def __init__(self, parameters: list[nn.Parameter]) -> None:
        self._parameters = parameters
        self._by_storage: dict[int, list[nn.Parameter]] | None = None
        self.values: list[Value] = []

    def keep(self, operands: list[Tensor]) -> None:
        """Keep each parameter that shares its memory with an operand."""
        if self._by_storage is None:
            self._by_storage = {}
            for parameter in self._parameters:
                self._by_storage.setdefault(_storage(parameter), []).append(parameter)
        for tensor in operands:
            for parameter in self._by_storage.pop(_storage(tensor), ()):
                if not is_lazy(parameter):
                    self.values.append(_value(parameter))


def _storage(tensor: Tensor) -> int:
    try:
        return tensor.untyped_storage().data_ptr()
    except (RuntimeError, NotImplementedError, ValueError):  # sparse, or not yet materialised
        return -id(tensor)


def _value(tensor: Tensor) -> Value:
    dense = tensor.layout is torch.strided and not tensor.is_meta and not tensor.is_nested
    version = None if dense or tensor.is_inference() else tensor._version
    return tensor, tensor.detach().clone(), version


@torch.no_grad()
def _put_back(values: list[Value], norms: list[Tensor]) -> None:
    """Give each tensor the value that it had; `norms` are running statistics."""
    statistics = {id(t) for t in norms}
    for tensor, value, version in values:
        if version is not None:
            if tensor._version != version:
                tensor.data = value
        elif tensor.dtype is not value.dtype or tensor.shape != value.shape:
            tensor.data = value
        elif not torch.equal(tensor, value):
            # Not by a counted write: a kept graph refers to statistics that it never uses.
            (tensor.data if id(tensor) in statistics else tensor).copy_(value)


def _replaced(entries: Any, found: dict[str, Any]) -> bool:
    """Whether another parameter, or module, or none has taken the place of one that was found."""
    return len(entries) < len(found) or any(map(is_not, entries.values(), found.values()))


def _put_back_buffers(module: nn.Module, own: dict[str, Tensor | None]) -> None:
    if isinstance(module, torch.jit.ScriptModule):
        return
    if any(module._buffers.get(name) is not b for name, b in own.items()):
        module._buffers.update(own)
    for name in set(module._buffers) - set(own):
        del module._buffers[name]
        module._non_persistent_buffers_set.discard(name)


_HOOKS = (
    "_forward_hooks",
    "_forward_hooks_with_kwargs",
    "_forward_hooks_always_called",
    "_forward_pre_hooks",
    "_forward_pre_hooks_with_kwargs",
    "_backward_hooks",
    "_backward_pre_hooks",
)


def _put_back_hooks(modules: list[nn.Module], first: int, found: list[Any]) -> None:
    """Remove hooks from number `first` on, and put back those that were `found`."""
    for module in modules:
        for name in _HOOKS:
            registered = getattr(module, name)
            for key in [key for key in registered if key >= first]:
                del registered[key]
    for module, before in found:
        for name, hooks in zip(_HOOKS, before, strict=True):
            registered = getattr(module, name)
            if list(registered) != list(hooks):
                registered.clear()
                registered.update(hooks)
