"""The answers to a batch against what is true: right, wrong, or neither of the two."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from fwdwidgets.networks import Answer


@dataclass(frozen=True, eq=False)
class Results:
    """The answers to a batch, each beside what is true of its sample.

    Attributes:
        answers: one a row; empty where there are none.
        targets: what is true of each row as the dataset has it, None where it tells nothing;
            empty where the batch could not be made.
    """

    answers: Sequence[Answer] = ()
    targets: Sequence[int | float | None] = ()

    @property
    def classes(self) -> int:
        """How many classes the network chooses from; 0 for values, and without an answer."""
        if not self.answers or self.answers[0].head == "value":
            return 0
        return len(self.answers[0].probabilities)

    @property
    def labels(self) -> tuple[int | None, ...]:
        """The true class of each row, None without one."""
        return tuple([None if t is None or not self.classes else int(t) for t in self.targets])

    @property
    def predictions(self) -> tuple[int | None, ...]:
        """The predicted class of each row, None where there is none."""
        return tuple([answer.prediction for answer in self.answers])

    @property
    def signs(self) -> list[str]:
        """Of each answer, `✓` right, `✗` wrong, `●` neither."""
        if not self.answers:
            return []
        pairs = zip(self.predictions, self.labels, strict=True)
        return ["●" if p is None or t is None else "✓" if p == t else "✗" for p, t in pairs]

    @property
    def accuracy(self) -> float | None:
        """The share of right answers among rows with a label, 0 to 1; None without any."""
        right = [sign == "✓" for sign in self.signs if sign != "●"]
        return sum(right) / len(right) if right else None

    def as_traits(self) -> dict[str, Any]:
        """What the widget tells of them, by the name of the trait."""
        return {
            "labels": self.labels,
            "predictions": self.predictions,
            "probabilities": tuple([tuple(a.probabilities.tolist()) for a in self.answers]),
            "accuracy": self.accuracy,
        }
