"""Leave a model and the random state as they were found, whatever a forward pass did to them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn
from torch.nn.parameter import is_lazy


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
def left_as_found(modules: Iterable[nn.Module]) -> Iterator[None]:
    """Put back training flags, buffers, gradients and the global random state on leaving.

    Embeddings with `max_norm` rewrite their weight in a forward pass; that is put back too. What
    was not materialised before stays materialised.
    """
    # A scripted module keeps its own state, and shares its tensors with the one it was made of.
    flags, buffers, norms, fresh = [], [], [], []
    parameters: list[nn.Parameter] = []
    kept: list[Tensor] = []
    for module in modules:
        flags.append((module, module.training))
        parameters += [p for _, p in module._parameters.items() if p is not None]
        if module._buffers:
            own = dict(module._buffers.items())
            buffers.append((module, own))
            tensors = [b for b in own.values() if b is not None]
            kept += tensors
            if isinstance(module, nn.modules.batchnorm._NormBase):
                norms += tensors
                if any(is_lazy(b) for b in tensors):
                    fresh.append(module)
        elif isinstance(module, (nn.Embedding, nn.EmbeddingBag)) and module.max_norm is not None:
            kept.append(module.weight)
    grads = [(p, p.grad, p.requires_grad) for p in parameters]
    kept += [grad for _, grad, _ in grads if grad is not None]
    values = [(t, t.detach().clone()) for t in kept if not is_lazy(t)]
    cuda = {p.device for p in parameters if p.is_cuda}
    random = torch.get_rng_state(), [(d, torch.cuda.get_rng_state(d)) for d in cuda]
    try:
        yield
    finally:
        torch.set_rng_state(random[0])
        for device, state in random[1]:
            torch.cuda.set_rng_state(state, device)
        if values:
            _put_back(values, norms)
        for module, own in buffers:
            if isinstance(module, torch.jit.ScriptModule):
                continue
            if any(module._buffers.get(name) is not b for name, b in own.items()):
                module._buffers.update(own)
            for name in set(module._buffers) - set(own):
                del module._buffers[name]
        for parameter, grad, learns in grads:
            if parameter.grad is not grad:
                parameter.grad = grad
            if parameter.requires_grad is not learns:
                parameter.requires_grad = learns
        for norm in fresh:
            norm.reset_running_stats()
        for module, training in flags:
            if module.training is not training:
                module.training = training


@torch.no_grad()
def _put_back(values: list[tuple[Tensor, Tensor]], norms: list[Tensor]) -> None:
    """Give each tensor the value that it had; `norms` are running statistics."""
    statistics = {id(t) for t in norms}
    for tensor, value in values:
        if tensor.shape != value.shape:
            tensor.resize_(value.shape)
        if not torch.equal(tensor, value):
            # Not by a counted write: a kept graph refers to statistics that it never uses.
            (tensor.data if id(tensor) in statistics else tensor).copy_(value)
