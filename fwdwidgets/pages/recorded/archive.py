"""What a page carries: JSON that holds each piece and each array once, and bytes."""

from __future__ import annotations

import base64
import gzip
import hashlib
import json
import math
import zlib
from typing import Any

import numpy as np

from fwdwidgets.widgets.shared import pack

LEVELS = 254
"""A quantised picture has this many steps from low to high; 255 stands for NaN."""
QUANTISED_CELLS = 1_024
"""A picture with more cells than this may be stored in levels."""


def quantise(values: np.ndarray) -> tuple[np.ndarray, float, float] | None:
    """A picture in 255 levels; zero is one of them, so that a zero stays a zero.

    Args:
        values: floats of any shape; NaN is kept.

    Returns:
        uint8 of the same shape, and the values of levels 0 and `LEVELS`; None if there is
        infinity, or nothing finite.
    """
    finite = values[~np.isnan(values)].astype(np.float64)
    if not finite.size or not np.isfinite(finite).all():
        return None
    largest = float(np.abs(finite).max()) or 1.0
    low = 0.0 if finite.min() >= 0 else -largest
    with np.errstate(invalid="ignore"):
        levels = np.rint((values.astype(np.float64) - low) / (largest - low) * LEVELS)
    return np.where(np.isnan(values), 255, levels).astype(np.uint8), low, largest


class Archive:
    """Collects pieces and arrays; equal ones are kept once.

    Attributes:
        pieces: JSON values; an array in one is `{"buffer": index, "dtype": name, "shape": [...]}`.
        buffers: `offset` and `size` of each array's bytes, and `low` and `high` of a
            quantised one.
        packed_bytes: about how much they add to the page, compressed and in base64.
    """

    def __init__(self) -> None:
        self.pieces: list[Any] = []
        self.buffers: list[dict[str, Any]] = []
        self.packed_bytes = 0.0
        self._blob = bytearray()
        self._known_pieces: dict[str, int] = {}
        self._known_buffers: dict[bytes, int] = {}

    def piece(self, value: Any, *, in_levels: bool = False) -> int:
        """The index of a piece; `in_levels` keeps a large array of it as 255 levels."""
        views: list[memoryview] = []
        levels = None
        if in_levels and isinstance(value, np.ndarray) and value.size > QUANTISED_CELLS:
            levels = quantise(value)
        tree = pack(value, views)
        if levels is None:
            numbers = [self._buffer(bytes(view)) for view in views]
        else:
            quantised, low, high = levels
            numbers = [self._buffer(quantised.tobytes(), low=low, high=high)]
            tree["dtype"] = "float32"
        text = json.dumps(plain(_renumber(tree, numbers)), separators=(",", ":"))
        if text not in self._known_pieces:
            self._known_pieces[text] = len(self.pieces)
            self.pieces.append(json.loads(text))
            self.packed_bytes += _packed(text.encode())
        return self._known_pieces[text]

    def array(self, value: np.ndarray) -> dict[str, Any]:
        """Keep an array in its own dtype; return where it is, as in a piece."""
        number = self._buffer(np.ascontiguousarray(value).tobytes())
        return {"buffer": number, "dtype": value.dtype.name, "shape": list(value.shape)}

    def blob(self) -> bytes:
        """The bytes of all arrays."""
        return bytes(self._blob)

    def _buffer(self, content: bytes, **levels: float) -> int:
        key = hashlib.sha256(content + repr(levels).encode()).digest()
        if key not in self._known_buffers:
            self._known_buffers[key] = len(self.buffers)
            self.buffers.append({"offset": len(self._blob), "size": len(content), **levels})
            self._blob += content
            self.packed_bytes += _packed(content)
        return self._known_buffers[key]


def _renumber(tree: Any, numbers: list[int]) -> Any:
    if isinstance(tree, dict):
        if "buffer" in tree and "dtype" in tree:
            return {**tree, "buffer": numbers[tree["buffer"]]}
        return {key: _renumber(value, numbers) for key, value in tree.items()}
    if isinstance(tree, list):
        return [_renumber(value, numbers) for value in tree]
    return tree


def plain(tree: Any) -> Any:
    """A tree as JSON can hold it: NumPy's numbers as Python's, NaN and infinity as None."""
    if isinstance(tree, dict):
        return {str(key): plain(value) for key, value in tree.items()}
    if isinstance(tree, (list, tuple)):
        return [plain(value) for value in tree]
    if isinstance(tree, np.generic):
        tree = tree.item()
    if isinstance(tree, float) and not math.isfinite(tree):
        return None
    return tree


def packed(content: bytes) -> str:
    """Bytes as a page carries them: gzip, then base64."""
    return base64.b64encode(gzip.compress(content, compresslevel=9, mtime=0)).decode()


def _packed(content: bytes) -> float:
    """About how many bytes of a page this takes."""
    return len(zlib.compress(content, 1)) * 4 / 3
