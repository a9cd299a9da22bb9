"""Convolutions of 3 x 3 with fewer multiplications.

A large network's forward pass in a browser takes as long as the multiplications of its
convolutions: WebAssembly's vectors are short. Winograd's minimal filtering computes a tile of the
output at once: the tile of the input and the kernel are transformed, multiplied number by number,
and the product is transformed back. A tile of 4 x 4 takes 36 multiplications where there were 144,
one of 2 x 2 takes 16 where there were 36. The transformed kernels depend on the weights alone: a
page makes them once for a set of weights.

Source: A. Lavin and S. Gray, "Fast Algorithms for Convolutional Neural Networks", CVPR 2016,
arXiv:1509.09308, whose letters are kept: Y = A^T [(G g G^T) * (B^T d B)] A.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.overrides import TorchFunctionMode

from fwdwidgets.trace import left_as_found

LEAST_CHANNELS = 32
"""With fewer channels the transforms cost more than they save."""
LEAST_MULTIPLICATIONS = 10_000_000
"""A convolution with fewer takes less time than starting more steps of a graph."""
LEAST_TILES = 16
"""The fewest tiles that must cover the output: onnxruntime multiplies by 16 columns at once."""


def _both(matrix: Sequence[Sequence[float]]) -> Tensor:
    """The transform of the rows and columns of a square, as one matrix for its flat numbers."""
    one = torch.tensor(matrix, dtype=torch.float64)
    return torch.kron(one, one).float()


_B = {
    2: _both([[1, 0, -1, 0], [0, 1, 1, 0], [0, -1, 1, 0], [0, 1, 0, -1]]),
    4: _both(
        [
            [4, 0, -5, 0, 1, 0],
            [0, -4, -4, 1, 1, 0],
            [0, 4, -4, -1, 1, 0],
            [0, -2, -1, 2, 1, 0],
            [0, 2, -1, -2, 1, 0],
            [0, 4, 0, -5, 0, 1],
        ]
    ),
}
_G = {
    2: _both([[1, 0, 0], [1 / 2, 1 / 2, 1 / 2], [1 / 2, -1 / 2, 1 / 2], [0, 0, 1]]),
    4: _both(
        [
            [1 / 4, 0, 0],
            [-1 / 6, -1 / 6, -1 / 6],
            [-1 / 6, 1 / 6, -1 / 6],
            [1 / 24, 1 / 12, 1 / 6],
            [1 / 24, -1 / 12, 1 / 6],
            [0, 0, 1],
        ]
    ),
}
_A = {
    2: _both([[1, 1, 1, 0], [0, 1, -1, -1]]),
    4: _both([[1, 1, 1, 1, 1, 0], [0, 1, -1, 2, -2, 0], [0, 1, 1, 4, 4, 0], [0, 1, -1, 8, -8, 1]]),
}


def transform(weight: Tensor, size: int) -> Tensor:
    """Kernels as `convolve` takes them.

    Args:
        weight: `(O, C, 3, 3)`.
        size: rows and columns of a tile of the output, 2 or 4.

    Returns:
        `((size + 2) ** 2, O, C)`.
    """
    out, channels = weight.shape[:2]
    return (weight.reshape(out * channels, 9) @ _G[size].T).T.reshape(-1, out, channels)


def convolve(
    input: Tensor, kernels: Tensor, bias: Tensor | None, padding: tuple[int, int]
) -> Tensor:
    """`torch.nn.functional.conv2d` with a stride of 1, of one sample with transformed kernels.

    Args:
        input: `(1, C, H, W)`.
        kernels: `((size + 2) ** 2, O, C)`, as `transform` makes them.
        bias: `(O,)`, or None.
        padding: how many rows and columns of zeros there are on each side.

    Returns:
        `(1, O, H + 2 * padding[0] - 2, W + 2 * padding[1] - 2)`.
    """
    squares, out, channels = kernels.shape
    side = round(squares**0.5)
    size = side - 2
    rows, columns = _output(input, padding)
    down, right = -(-rows // size), -(-columns // size)
    (top, left), (below, beside) = padding, (size * down - rows, size * right - columns)
    planes = input.reshape(channels, 1, *input.shape[2:])
    if top != left or below or beside:
        planes = F.pad(planes, (left, left + beside, top, top + below))
        padding = (0, 0)
    # Convolutions, because they cut the tiles out of the planes themselves.
    into, back = _B[size].reshape(-1, 1, side, side), _A[size].T.reshape(-1, 1, size, size)
    tiles = F.conv2d(planes, into, stride=size, padding=padding)
    products = kernels @ tiles.reshape(channels, squares, down * right).transpose(0, 1)
    products = products.transpose(0, 1).reshape(out, squares, down, right)
    made = F.conv_transpose2d(products, back, stride=size).reshape(1, out, size * down, -1)
    made = made[..., :rows, :columns]
    return made if bias is None else made + bias.reshape(-1, 1, 1)


def _output(input: Tensor, padding: tuple[int, int]) -> tuple[int, int]:
    """Rows and columns of the output."""
    rows, columns = (n + 2 * p - 2 for n, p in zip(input.shape[-2:], padding, strict=True))
    return rows, columns


@dataclass(frozen=True)
class _Call:
    """What `torch.conv2d` was called with, pairs as pairs."""

    input: Tensor
    weight: Tensor
    bias: Tensor | None = None
    stride: Any = 1
    padding: Any = 0
    dilation: Any = 1
    groups: int = 1

    @property
    def pads(self) -> tuple[int, int]:
        """Rows and columns of zeros on each side of a kernel of 3 x 3."""
        return _pair(
            {"valid": 0, "same": 1}[self.padding] if isinstance(self.padding, str) else self.padding
        )

    def tile(self) -> int | None:
        """The tile size that makes it faster; None if there is none."""
        weight, input = self.weight, self.input
        plain = _pair(self.stride) == _pair(self.dilation) == (1, 1) and self.groups == 1
        one = input.dim() == 4 and len(input) == 1 and input.dtype == torch.float32
        if not plain or not one or weight.shape[2:] != (3, 3):
            return None
        rows, columns = _output(input, self.pads)
        if min(weight.shape[:2]) < LEAST_CHANNELS:
            return None
        if rows * columns * weight.numel() < LEAST_MULTIPLICATIONS:
            return None
        sizes = (n for n in (4, 2) if -(-rows // n) * -(-columns // n) >= LEAST_TILES)
        return next(sizes, None)


def _pair(value: Any) -> tuple[int, int]:
    if hasattr(value, "__index__"):
        return operator.index(value), operator.index(value)
    rows, columns = (*value, *value)[:2]
    return operator.index(rows), operator.index(columns)


class Convolutions(TorchFunctionMode):
    """While entered, `convolve` replaces the convolutions with some weights.

    Args:
        kernels: weights, each with its kernels from `transform`.

    Attributes:
        found: the weights whose convolutions are faster in tiles, and the size of those tiles.
    """

    def __init__(self, kernels: Iterable[tuple[Tensor, Tensor]] = ()) -> None:
        super().__init__()
        self._kernels = {id(weight): transformed for weight, transformed in kernels}
        self.found: list[tuple[Tensor, int]] = []

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Iterable[type],
        args: tuple[Any, ...] = (),
        kwargs: dict[str, Any] | None = None,
    ) -> Any:
        """Call the function, or `convolve` instead of it."""
        if func is torch.conv2d:
            call = _Call(*args, **kwargs or {})
            if size := call.tile():
                self.found.append((call.weight, size))
                transformed = self._kernels.get(id(call.weight))
                if transformed is not None:
                    return convolve(call.input, transformed, call.bias, call.pads)
        return func(*args, **kwargs or {})


def find(model: nn.Module, batch: Tensor) -> dict[str, int]:
    """The weights of a model whose convolutions are faster in tiles.

    Args:
        model: in the mode that it runs in.
        batch: of one sample.

    Returns:
        The size of the tiles, by the name of the weight.
    """
    with torch.no_grad(), left_as_found(model.modules()), Convolutions() as convolutions:
        model(batch.clone())
    sizes = {id(weight): size for weight, size in reversed(convolutions.found)}
    return {name: sizes[id(w)] for name, w in model.named_parameters() if id(w) in sizes}
