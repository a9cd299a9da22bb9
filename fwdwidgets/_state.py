"""Leave a model and the random state as they were found, whatever a forward pass did to them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import nn
from torch.nn.parameter import is_lazy


@contextmanager
def left_as_found(model: nn.Module) -> Iterator[None]:
    """Put back training flags, buffers, gradients and the global random state on leaving.

    Embeddings with `max_norm` rewrite their weight in a forward pass; that is put back too. What
    was not materialised before stays materialised.
    """
    # A scripted module keeps its own state, and shares its tensors with the one it was made of.
    modules = list(model.modules())
    flags = [module.training for module in modules]
    buffers = [(module, dict(module._buffers.items())) for module in modules if module._buffers]
    parameters = [p for m in modules for _, p in m._parameters.items() if p is not None]
    grads = [(p, p.grad, p.requires_grad) for p in parameters]
    kept = [b for _, own in buffers for b in own.values() if b is not None]
    kept += [grad for _, grad, _ in grads if grad is not None]
    embeddings = [m for m in modules if isinstance(m, (nn.Embedding, nn.EmbeddingBag))]
    kept += [m.weight for m in embeddings if m.max_norm is not None]
    norms = [m for m, _ in buffers if isinstance(m, nn.modules.batchnorm._NormBase)]
    statistics = {id(b) for m in norms for b in m._buffers.values()}
    values = [(t, t.detach().clone()) for t in kept if not is_lazy(t)]
    fresh = [m for m, own in buffers if any(b is not None and is_lazy(b) for b in own.values())]
    cuda = {p.device for p in parameters if p.is_cuda}
    random = torch.get_rng_state(), [(d, torch.cuda.get_rng_state(d)) for d in cuda]
    try:
        yield
    finally:
        torch.set_rng_state(random[0])
        for device, state in random[1]:
            torch.cuda.set_rng_state(state, device)
        with torch.no_grad():
            for tensor, value in values:
                if tensor.shape != value.shape:
                    tensor.resize_(value.shape)
                if not torch.equal(tensor, value):
                    # Not by a counted write: a kept graph refers to statistics that it never uses.
                    (tensor.data if id(tensor) in statistics else tensor).copy_(value)
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
        for module in fresh:
            if isinstance(module, nn.modules.batchnorm._NormBase):
                module.reset_running_stats()
        for module, training in zip(modules, flags, strict=True):
            if module.training is not training:
                module.training = training
