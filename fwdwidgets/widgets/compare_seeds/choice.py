"""Which networks are compared: seeds, or epochs, of which a slider moves the last."""

from __future__ import annotations

import operator
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from fwdwidgets.widgets.compare_seeds.compute import MOST
from fwdwidgets.widgets.shared import BadValue


@dataclass(frozen=True)
class Choice:
    """What may be chosen.

    Attributes:
        epochs: how many checkpoints there are; 0 where seeds are chosen.
    """

    epochs: int

    @property
    def name(self) -> str:
        """The trait that holds the choice."""
        return "epochs" if self.epochs else "seeds"

    @property
    def most(self) -> int:
        """So many may be chosen."""
        return min(MOST, self.epochs or MOST)

    def check_kind(self, name: str, value: Any) -> None:
        """Refuse seeds where epochs are chosen, and epochs where seeds are.

        Args:
            name: of the trait: `"seeds"`, `"epochs"` or `"epoch"`.
            value: what it is set to.

        Raises:
            BadValue: it is of the other kind.
        """
        if self.epochs and name == "seeds":
            raise BadValue(
                f"seeds={value} cannot be chosen here: this widget compares the "
                "weights of checkpoints. Choose epochs, or leave out checkpoints=."
            )
        if not self.epochs and name != "seeds":
            raise BadValue(
                f"{name}={value} cannot be chosen here: this widget has no checkpoints. "
                "Pass checkpoints=, or choose seeds."
            )

    def check(self, name: str, chosen: tuple[Any, ...]) -> tuple[int, ...]:
        """These seeds or epochs as ints.

        Args:
            name: of the trait: `"seeds"` or `"epochs"`.
            chosen: what it is set to.

        Raises:
            BadValue: they are of the other kind, too few, too many, or no whole numbers.
        """
        self.check_kind(name, chosen)
        try:
            numbers = tuple([operator.index(number) for number in chosen])
        except TypeError:
            numbers = ()
        if not 2 <= len(numbers) <= MOST:
            raise BadValue(f"{name}={chosen!r}: give 2 to {MOST} whole numbers, such as (0, 1, 2).")
        return numbers

    def write(self, chosen: tuple[int, ...]) -> str:
        """The numbers that are typed: all seeds, or all epochs except the slider's."""
        return ", ".join(map(str, chosen[:-1] if self.epochs else chosen))

    def read(self, text: str, moved: int | None) -> tuple[int, ...]:
        """The numbers of a text, and after them the epoch of the slider, None without one.

        Raises:
            BadValue: they are too few, too many, or no whole numbers.
        """
        last = () if moved is None else (moved,)
        try:
            numbers = tuple([int(word) for word in text.replace(",", " ").split()])
        except ValueError:
            numbers = ()
        if not 2 <= len(numbers) + len(last) <= MOST:
            raise BadValue(
                f"{self.name}={text!r}: write {2 - len(last)} to {MOST - len(last)} "
                "whole numbers with commas, such as 0, 1, 2."
            )
        return (*numbers, *last)

    def fewer(self, chosen: tuple[int, ...]) -> tuple[int, ...]:
        """All but the last one (with epochs, the last typed one); at least two are left."""
        if len(chosen) <= 2:
            return chosen
        return (*chosen[:-2], chosen[-1]) if self.epochs else chosen[:-1]

    def more(self, chosen: tuple[int, ...]) -> tuple[int, ...]:
        """These and the seed after the largest, or the first epoch that is not among them."""
        if len(chosen) >= self.most:
            return chosen
        if not self.epochs:
            return (*chosen, max(chosen) + 1)
        unseen = next(epoch for epoch in range(self.epochs) if epoch not in chosen)
        return (*chosen[:-1], unseen, chosen[-1])

    def others(self, seeds: tuple[int, ...]) -> tuple[int, ...]:
        """The same number of seeds, starting after the largest of these."""
        first = max(seeds) + 1
        return tuple(range(first, first + len(seeds)))


def as_tuple(numbers: Any) -> Any:
    """A range or another collection as a tuple; the trait refuses anything else."""
    return tuple(numbers) if isinstance(numbers, Iterable) else numbers
