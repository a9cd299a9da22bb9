"""How a single probability a row is decided: PyTorch alone."""

from __future__ import annotations

from torch import Tensor


def decide_binary(probabilities: Tensor, threshold: float = 0.5) -> Tensor:
    """Decide each row: class 1 where its probability is at least the threshold.

    Args:
        probabilities: of class 1, any shape.
        threshold: 0 to 1.

    Returns:
        Booleans of the same shape.

    Example:
        >>> decide_binary(torch.tensor([0.5188, 0.3761, 0.5015])).tolist()
        [True, False, True]
    """
    return probabilities >= threshold
