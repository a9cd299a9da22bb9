"""Images that a library has read once, stored as safetensors so it need not be imported again.

torchvision takes two seconds to import and scikit-learn nearly as long, for a file of small
pictures; reading the copy takes milliseconds. The copies are in the user's cache folder. The
metadata of each name its source; it is not used for any other source.
"""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.utils.data import Dataset


class GreyImages(Dataset[tuple[Tensor, int]]):
    """Small grey images with a class each, as `torchvision.transforms.ToTensor` gives them.

    Attributes:
        data: all images, ``(N, H, W)``, uint8.
        targets: all labels, ``(N,)``, int64.
        classes: one name for each class.
        notice: a sentence for the learner, or an empty string.
    """

    def __init__(self, data: Tensor, targets: Tensor, classes: list[str], notice: str = "") -> None:
        self.data, self.targets = data, targets
        self.classes, self.notice = classes, notice

    def __len__(self) -> int:
        return len(self.targets)

    def __getitem__(self, index: int) -> tuple[Tensor, int]:
        return self.data[index].unsqueeze(0).float() / 255, int(self.targets[index])

    def __repr__(self) -> str:
        shape = (1, *self.data.shape[1:])
        return f"GreyImages({len(self)} images of {shape}, {len(self.classes)} classes)"


def cache_folder() -> Path:
    """This package's folder in the user's cache folder; it may not exist yet."""
    from platformdirs import user_cache_path

    return user_cache_path("fwdwidgets", appauthor=False)


def recall(name: str, source: str) -> dict[str, Tensor] | None:
    """The tensors stored under a name; None if there are none from that source."""
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(_file(name), framework="pt") as opened:
            if (opened.metadata() or {}).get("source") != source:
                return None
            return {key: opened.get_tensor(key) for key in opened.keys()}
    except (SafetensorError, OSError):
        return None  # it is read from its source, and stored again


def keep(name: str, source: str, **tensors: Tensor) -> None:
    """Store tensors for `recall`; if the disk is full, the next read is as slow as this one."""
    from safetensors.torch import save

    file = _file(name)
    unfinished = None
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        # Two kernels may do this at once: each writes its own file, and the last one stays.
        handle, unfinished = tempfile.mkstemp(prefix=f".{name}-", dir=file.parent)
        with os.fdopen(handle, "wb") as opened:
            opened.write(save(tensors, {"source": source}))
        os.replace(unfinished, file)
    except OSError:
        if unfinished is not None:
            Path(unfinished).unlink(missing_ok=True)


def describe_files(*files: Path) -> str | None:
    """The identity and state of these files, as a source; None if one is missing."""
    try:
        states = [(str(file.resolve()), file.stat()) for file in files]
    except OSError:
        return None
    return "; ".join(f"{path} {state.st_size} {state.st_mtime_ns}" for path, state in states)


def as_grey_images(dataset: Any) -> GreyImages:
    """The attributes of a torchvision dataset of grey images."""
    data, targets = torch.as_tensor(dataset.data), torch.as_tensor(dataset.targets)
    return GreyImages(data, targets.long(), list(dataset.classes), dataset.notice)


def _file(name: str) -> Path:
    return cache_folder() / f"{name}.safetensors"
