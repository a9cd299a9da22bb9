"""A dataset's raw input and label as a tensor and a number, or an error that says why not."""

import sys
from typing import Any

import torch


def read_input(value: Any, index: int) -> torch.Tensor:
    """Turn an input into a tensor: images by torchvision, arrays and numbers by torch."""
    if isinstance(value, torch.Tensor):
        return value.detach().as_subclass(torch.Tensor)
    if _is_a(value, "PIL.Image", "Image"):
        from fwdwidgets.data.torchvision import import_torchvision

        tensor: torch.Tensor = import_torchvision().transforms.functional.to_tensor(value)
        return tensor
    try:
        if _is_a(value, "numpy", "ndarray"):
            return _tensor_of_array(value)
        return torch.as_tensor(value)
    except (TypeError, ValueError, RuntimeError) as error:
        raise ValueError(
            f"the input of sample {index} is {short(value)} ({type(value).__name__}), which is no "
            "tensor and cannot become one: return a tensor, an image, an array or a list of numbers"
        ) from error


def _tensor_of_array(array: Any) -> torch.Tensor:
    """Share the array's memory if torch can; copy it if it is read-only or not contiguous."""
    native = array.astype(array.dtype.newbyteorder("="), copy=False)
    backwards = any(stride < 0 for stride in native.strides)
    return torch.from_numpy(native.copy() if backwards or not native.flags.writeable else native)


def read_label(value: Any, index: int, target: bool) -> int | float | None:
    """Turn a label into a class index; with target, a float label stays a float."""
    if value is None:
        return None
    number = _plain_number(value)
    if isinstance(number, int):
        return int(number)
    if isinstance(number, float) and target:
        return number
    what = f"the label of sample {index} is {short(value)} ({type(value).__name__})"
    if isinstance(number, float):
        raise ValueError(f"{what}, no integer: a label is a class index, use int(label)")
    shape = getattr(value, "shape", None)
    if shape is not None and tuple(shape):
        raise ValueError(
            f"{what} of shape {tuple(shape)}: a label is one class index; "
            "of a one-hot vector take int(label.argmax())"
        )
    raise ValueError(
        f"{what}, no integer: a label is a class index, 0 for the first class; "
        "give the names with class_names="
    )


def _plain_number(value: Any) -> Any:
    """Take the one number out of a tensor, an array or a NumPy scalar; leave the rest alone."""
    if isinstance(value, torch.Tensor):
        return value.item() if value.numel() == 1 else value
    if _is_a(value, "numpy", "ndarray"):
        return value.item() if value.size == 1 else value
    return value.item() if _is_a(value, "numpy", "generic") else value


def _is_a(value: Any, module: str, name: str) -> bool:
    """Whether value is a ``module.name``, without importing a module that nobody has used."""
    loaded = sys.modules.get(module)
    return loaded is not None and isinstance(value, getattr(loaded, name))


def short(value: Any) -> str:
    """Show a value in one line of at most 60 characters."""
    text = " ".join(repr(value).split())
    return text if len(text) <= 60 else f"{text[:57]}..."


def counted(number: int, noun: str) -> str:
    """`1 name`, `2 names`."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
