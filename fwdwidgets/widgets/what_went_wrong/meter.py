"""The bytes that are alive while a model runs, from one operation to the next."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.multiprocessing.reductions import StorageWeakRef
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from fwdwidgets.trace import Inputs, left_as_found, named_modules, wants_graph


def bytes_alive(model: nn.Module, inputs: Inputs, learn: bool) -> list[int]:
    """The new bytes that are alive after each operation of a run.

    Args:
        model: is left as found.
        inputs: of the run.
        learn: go back by autograd as well.

    Returns:
        One number an operation, from 0 on; none where there is nothing to go back to.
    """
    try:
        return _meter(model, inputs, learn, graph=learn)
    except RuntimeError as error:
        if learn or not wants_graph(error):
            raise
        return _meter(model, inputs, learn, graph=True)


def _meter(model: nn.Module, inputs: Inputs, learn: bool, *, graph: bool) -> list[int]:
    own = inputs.copied()
    meter = _Meter([*model.parameters(), *model.buffers(), *own.tensors()])
    with left_as_found(named_modules(model)), torch.set_grad_enabled(graph):
        for parameter in model.parameters():
            parameter.grad = None  # gradients count; earlier ones are restored
        with meter:
            output = own.call(model)
            roots = [t for t in tree_leaves(output) if isinstance(t, Tensor) and t.requires_grad]
            if learn:
                if not roots:
                    return []
                try:
                    torch.autograd.backward([root.abs().sum() for root in roots])
                except RuntimeError:  # an operation in place took away what it needs
                    return []
    return meter.moments


class _Meter(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Counts the bytes of the tensors that operations make, as long as they are alive.

    Attributes:
        moments: how many there were, after each operation.
    """

    def __init__(self, known: list[Tensor]) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.moments = [0]
        self._known = distinct_bytes(known)
        self._alive: dict[int, tuple[Any, int]] = {}

    def __torch_dispatch__(
        self, function: Any, types: Any, args: Any = (), kwargs: Any = None
    ) -> Any:
        result = function(*args, **(kwargs or {}))
        for value in tree_leaves(result):
            if isinstance(value, Tensor) and value.layout is torch.strided:
                storage = value.untyped_storage()
                if storage._cdata not in self._known:
                    reference: Any = StorageWeakRef(storage)  # type: ignore[no-untyped-call]
                    self._alive[storage._cdata] = reference, storage.nbytes()
        self._alive = {k: v for k, v in self._alive.items() if not v[0].expired()}
        self.moments.append(sum(size for _, size in self._alive.values()))
        return result


def distinct_bytes(tensors: list[Tensor]) -> dict[int, int]:
    """Bytes by the address of each piece of memory; shared weights count once."""
    found = {}
    for tensor in tensors:
        if tensor.layout is torch.strided:
            storage = tensor.untyped_storage()
            found[storage._cdata] = storage.nbytes()
    return found
