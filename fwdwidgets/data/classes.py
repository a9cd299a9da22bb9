"""The names of a dataset's classes, and whether they fit a model's outputs."""

from collections.abc import Iterable, Mapping
from typing import Any

from torch.utils.data import ConcatDataset

from fwdwidgets.data.items import counted


def class_names(dataset: Any, given: Iterable[str] | None = None) -> tuple[str, ...] | None:
    """Find the names of the classes: the given ones, else the dataset's own ``classes``.

    The names are also found through a ``Subset`` and other wrappers with a ``dataset`` attribute,
    and through a ``ConcatDataset`` whose parts agree.

    Args:
        dataset: Any dataset.
        given: The names in the order of the class indices, or None.

    Returns:
        The names, or None if there are none.

    Raises:
        TypeError: ``given`` is a single string, or holds something that is not a string.
    """
    if given is None:
        return _dataset_class_names(dataset)
    wanted = "give a list of strings, one for each class, such as ['cat', 'dog']"
    if isinstance(given, str | bytes):
        raise TypeError(f"class_names={given!r} is one string: {wanted}")
    try:
        names = tuple(given)
    except TypeError as error:
        raise TypeError(f"class_names={given!r} is a {type(given).__name__}: {wanted}") from error
    for place, name in enumerate(names):
        if not isinstance(name, str):
            raise TypeError(
                f"class_names[{place}]={name!r} is a {type(name).__name__}, no string: {wanted}"
            )
    return names


def check_class_names(names: tuple[str, ...] | None, outputs: int) -> None:
    """Refuse fewer class names than the model has outputs.

    Args:
        names: The names, or None, which is always accepted.
        outputs: The size of the model's last axis.

    Raises:
        ValueError: There are too few; the message gives both numbers.
    """
    if names is not None and len(names) < outputs:
        raise ValueError(
            f"class_names has {counted(len(names), 'name')}, but the model has "
            f"{counted(outputs, 'output')}: give one name for each output"
        )


def _dataset_class_names(dataset: Any) -> tuple[str, ...] | None:
    seen: set[int] = set()
    while dataset is not None and id(dataset) not in seen:
        seen.add(id(dataset))
        classes = getattr(dataset, "classes", None)
        if isinstance(classes, Iterable) and not isinstance(classes, str | bytes | Mapping):
            return tuple(_name(entry) for entry in classes) or None
        if isinstance(dataset, ConcatDataset):
            found = {_dataset_class_names(part) for part in dataset.datasets}
            return found.pop() if len(found) == 1 else None
        dataset = getattr(dataset, "dataset", None)
    return None


def _name(entry: Any) -> str:
    """Name one entry of ``dataset.classes``; ImageNet's are tuples of synonyms."""
    return ", ".join(map(str, entry)) if isinstance(entry, tuple) else str(entry)
