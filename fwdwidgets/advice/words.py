"""Numbers and shapes as words, for advice."""

import re
from collections.abc import Callable

Shape = tuple[int, ...]
Rule = Callable[[str, tuple[Shape, ...], re.Match[str]], str]


def the_input(shapes: tuple[Shape, ...]) -> str:
    """Name the first operand, with its shape if it is known."""
    return f"the input {shapes[0]}" if shapes else "the input"


def count(number: int | str, one: str, many: str = "") -> str:
    """Say how many: ``1 axis``, ``2 axes``."""
    return f"{number} {one}" if int(number) == 1 else f"{number} {many or one + 's'}"


def listed(shapes: tuple[Shape, ...]) -> str:
    """Join shapes: ``(1, 3) and (4, 5)``."""
    return " and ".join(map(str, shapes))


def sizes(text: str) -> Shape:
    """Read the numbers out of ``-1, 12`` or ``4 x 4``."""
    return tuple(int(number) for number in re.findall(r"-?\d+", text))


def times(factors: Shape) -> str:
    """Write a product: ``12*4*4``."""
    return "*".join(map(str, factors))


def by(lengths: Shape) -> str:
    """Write an extent: ``4 x 4``."""
    return " x ".join(map(str, lengths))
