"""New random weights for a model, by seed, with the global random numbers left as found."""

import copy
import math
import operator
from collections import OrderedDict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any

import torch
from torch import nn
from torch.nn.parameter import is_lazy

_DICTS = (dict, OrderedDict)

# The range of torch.manual_seed: negative seeds count back from the largest.
_SMALLEST_SEED = -(2**63)
_LARGEST_SEED = 2**64 - 1


def reseed(model: nn.Module | Callable[[], nn.Module], seed: int) -> nn.Module:
    """Give a model new random weights, determined by a seed.

    A class, or a function without arguments that builds a model, is called under
    ``torch.manual_seed(seed)``: the constructor's own draw, exactly.

    Of an instance, a deep copy gets new weights under ``torch.manual_seed(seed)``: every
    module's ``reset_parameters``, or ``_reset_parameters`` where it has only that, is called in the
    order of ``model.modules()``. **This equals the constructor's draw only for models that do no
    more than build layers, in that order.** It differs if the constructor changes weights
    afterwards (torchvision's ResNet does), shares them between layers or
    builds a later layer first, or if a parent initializes what its children initialize too:
    ``nn.MultiheadAttention`` sets the bias of its ``out_proj`` to zero, and the later reset of
    ``out_proj`` draws that bias at random. Pass the class to get the constructor's own draw.

    Everything that a reset covers is reset, including the running statistics of a BatchNorm. The
    copy keeps training flags, devices, dtypes and ``requires_grad``, and has no gradients; the
    original is not touched.
    The global random number generators are left as found, on the CPU and the accelerator.

    Args:
        model: An instance, a class, or a function without arguments that returns a model.
        seed: What ``torch.manual_seed`` takes: an int from -2**63 to 2**64 - 1.

    Returns:
        A new model. A lazy layer that a class builds draws only when it first runs.

    Raises:
        TypeError: The seed is not an int, or the model neither is nor builds an ``nn.Module``.
        ValueError: The seed is out of range, the model cannot be built or copied, or no layer
            knows how to draw one of its parameters; the message names that parameter.

    Example:
        >>> first, again = reseed(nn.Linear(2, 1), 7), reseed(nn.Linear(2, 1), 7)
        >>> bool((first.weight == again.weight).all())
        True
    """
    seed = _check_seed(seed)
    with _rng_left_as_found():
        _seed_generators(seed)
        if isinstance(model, nn.Module):
            return _redraw(copy_of(model))
        return _build(model)


def _check_seed(seed: Any) -> int:
    if isinstance(seed, bool) or not hasattr(seed, "__index__"):
        raise TypeError(f"seed={seed!r} is a {type(seed).__name__}: give an int, such as 0")
    number = operator.index(seed)
    if not _SMALLEST_SEED <= number <= _LARGEST_SEED:
        raise ValueError(f"seed={number} is out of range: choose from -2**63 to 2**64 - 1")
    return number


@cache
def _has_accelerator() -> bool:
    return torch.accelerator.is_available()


def _seed_generators(seed: int) -> None:
    """Do what ``torch.manual_seed`` does.

    Without an accelerator, ``torch.manual_seed`` records a stack trace for each kind of device,
    which takes longer than drawing the weights of a small network.
    """
    if _has_accelerator():
        torch.manual_seed(seed)
    else:
        torch.default_generator.manual_seed(seed)


@contextmanager
def _rng_left_as_found() -> Iterator[None]:
    """Restore what ``torch.manual_seed`` and a draw change: CPU, CUDA if in use, MPS if present."""
    in_use = torch.cuda.is_initialized()  # type: ignore[no-untyped-call]
    cuda = range(torch.cuda.device_count()) if in_use else ()
    mps_state = torch.mps.get_rng_state() if torch.backends.mps.is_available() else None
    with torch.random.fork_rng(devices=list(cuda)):
        try:
            yield
        finally:
            if mps_state is not None:
                torch.mps.set_rng_state(mps_state)


def _build(factory: Callable[[], nn.Module]) -> nn.Module:
    if not callable(factory):
        raise TypeError(
            f"model={factory!r} is a {type(factory).__name__}: pass a model, its class, or a "
            "function without arguments that builds it"
        )
    name = getattr(factory, "__name__", repr(factory))
    try:
        model: Any = factory()
    except Exception as error:
        kind = TypeError if isinstance(error, TypeError) else ValueError
        raise kind(
            f"the model could not be built: {name}() raised {type(error).__name__}: {error}; "
            "if it needs arguments, pass a function without any, such as lambda: Net(3, 10)"
        ) from error
    if not isinstance(model, nn.Module):
        raise TypeError(
            f"{name}() returned {model!r} ({type(model).__name__}), no torch.nn.Module: "
            "return the model from the function that builds it"
        )
    return model


def copy_of(model: nn.Module) -> nn.Module:
    """A deep copy of a model.

    Raises:
        ValueError: it cannot be copied; the message says what to pass instead.
    """
    try:
        # Each module has a dozen dictionaries of hooks: deepcopy spends more time on the empty ones
        # than on the weights of a small network.
        kept = (value for module in model.modules() for value in vars(module).values())
        plain = (value for value in kept if type(value) in _DICTS and not value)
        empty = {
            id(value): type(value)() for value in plain if not getattr(value, "__dict__", None)
        }
        return copy.deepcopy(model, empty)
    except Exception as error:
        raise ValueError(
            f"{type(model).__name__} could not be copied ({type(error).__name__}: {error}): "
            "pass its class, or a function that builds it, instead of the instance"
        ) from error


def _redraw(model: nn.Module) -> nn.Module:
    parameters = dict(model.named_parameters())
    for name, parameter in parameters.items():
        if is_lazy(parameter):
            raise ValueError(
                f"{_described(model, name)} is lazy and has no values yet: run the model once on a "
                "sample, then draw its weights again"
            )
    with torch.no_grad():
        # A parameter that still holds the mark after all resets was not drawn by any of them.
        for parameter in parameters.values():
            parameter.fill_(_mark(parameter.dtype))
            parameter.grad = None
        for name, module in model.named_modules():
            _reset(module, name)
        for name, parameter in model.named_parameters():
            if _shows_mark(parameter):
                raise ValueError(
                    f"{_described(model, name)} cannot be drawn again, for no layer's "
                    "reset_parameters() draws it: pass the class, or a function that builds the "
                    "model, instead of the instance"
                )
    return model


def _reset(module: nn.Module, name: str) -> None:
    for method in ("reset_parameters", "_reset_parameters"):
        reset = getattr(module, method, None)
        if callable(reset):
            try:
                reset()
            except Exception as error:
                raise ValueError(
                    f"{name or 'the model'} ({type(module).__name__}) could not be drawn again: "
                    f"its {method}() raised {type(error).__name__}: {error}"
                ) from error
            return


def _mark(dtype: torch.dtype) -> float:
    """Choose a value that no reset draws: NaN, or the largest value if the dtype has no NaN."""
    if dtype.is_floating_point or dtype.is_complex:
        return math.nan
    return 1 if dtype == torch.bool else torch.iinfo(dtype).max


def _shows_mark(parameter: torch.Tensor) -> bool:
    if parameter.is_floating_point() or parameter.is_complex():
        return bool(parameter.isnan().any())
    return parameter.numel() > 0 and bool((parameter == _mark(parameter.dtype)).all())


def _described(model: nn.Module, name: str) -> str:
    owner = name.rpartition(".")[0]
    kind = type(dict(model.named_modules())[owner]).__name__
    place = f"in {owner!r} ({kind})" if owner else f"of the model ({kind})"
    return f"parameter {name!r} {place}"
