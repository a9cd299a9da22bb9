"""A model's weights after each epoch, stored as safetensors: no pickle is ever read."""

from __future__ import annotations

import math
import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torch import Tensor, nn

_PATTERN = "epoch_{:04}.safetensors"


@dataclass(frozen=True, eq=False)
class Checkpoint:
    """The weights after one epoch.

    Attributes:
        epoch: 0 is before training.
        state: copies of the tensors of `model.state_dict()`, by name.
        loss: mean loss over the training samples in eval mode; None if not measured.
        accuracy: fraction of the training samples classified correctly, 0 to 1; None if there are
            no classes.
    """

    epoch: int
    state: Mapping[str, Tensor]
    loss: float | None = None
    accuracy: float | None = None


class Checkpoints:
    """The checkpoints of all epochs, in order: `checkpoints[0]` is from before training.

    Example:
        >>> checkpoints = fw.train(fw.models.Network, fw.datasets.digits(), epochs=3)
        >>> checkpoints.save("digits_run")
        >>> fw.Checkpoints.load("digits_run")[3].accuracy
    """

    def __init__(self, points: Iterable[Checkpoint] = ()) -> None:
        self._points = list(points)

    def __len__(self) -> int:
        return len(self._points)

    def __getitem__(self, epoch: int) -> Checkpoint:
        return self._points[epoch]

    def __iter__(self) -> Iterator[Checkpoint]:
        return iter(self._points)

    def __repr__(self) -> str:
        lines = [f"Checkpoints of {len(self)} epochs"]
        for point in self._points:
            loss = "" if point.loss is None else f"  loss {point.loss:.4f}"
            right = "" if point.accuracy is None else f"  accuracy {point.accuracy:.1%}"
            lines.append(f"  epoch {point.epoch}{loss}{right}")
        return "\n".join(lines)

    def add(self, model: nn.Module, loss: float | None, accuracy: float | None) -> Checkpoint:
        """Add a copy of the model's weights as the checkpoint of the next epoch."""
        state = {name: value.detach().cpu().clone() for name, value in model.state_dict().items()}
        point = Checkpoint(len(self), state, loss, accuracy)
        self._points.append(point)
        return point

    def save(self, folder: str | os.PathLike[str]) -> Path:
        """Write one safetensors file per epoch into a folder, which is created if needed.

        Raises:
            FileExistsError: the folder already holds checkpoints.
        """
        from safetensors.torch import save_file

        path = Path(folder).expanduser()
        path.mkdir(parents=True, exist_ok=True)
        if _files(path):
            raise FileExistsError(
                f"{path} holds checkpoints already: choose another folder, or delete them first."
            )
        for point in self._points:
            known: dict[str, Any] = {"loss": point.loss, "accuracy": point.accuracy}
            notes = {name: repr(value) for name, value in known.items() if value is not None}
            state = {name: value.contiguous() for name, value in point.state.items()}
            save_file(state, path / _PATTERN.format(point.epoch), notes)
        return path

    @classmethod
    def load(cls, folder: str | os.PathLike[str]) -> Checkpoints:
        """Read the checkpoints that `save` wrote.

        Raises:
            FileNotFoundError: the folder holds no checkpoints.
            ValueError: an epoch is missing, or a file is damaged.
        """
        from safetensors import SafetensorError, safe_open

        path = Path(folder).expanduser()
        files = _files(path)
        if not files:
            raise FileNotFoundError(
                f"{path} holds no checkpoints: name the folder that save() wrote, with files "
                f"such as {_PATTERN.format(0)}."
            )
        points = []
        for epoch, file in enumerate(files):
            if file.name != _PATTERN.format(epoch):
                raise ValueError(f"{path / _PATTERN.format(epoch)} is missing: copy it there too.")
            try:
                with safe_open(file, framework="pt") as opened:
                    notes = opened.metadata() or {}
                    state = {name: opened.get_tensor(name) for name in opened.keys()}
            except (SafetensorError, OSError) as error:
                raise ValueError(f"{file} cannot be read ({error}): save it again.") from None
            loss, accuracy = (_number(notes.get(name)) for name in ("loss", "accuracy"))
            points.append(Checkpoint(epoch, state, loss, accuracy))
        return cls(points)


def _files(folder: Path) -> list[Path]:
    return sorted(folder.glob("epoch_[0-9][0-9][0-9][0-9].safetensors"))


def _number(text: str | None) -> float | None:
    try:
        return float(text) if text is not None else None
    except ValueError:
        return math.nan
