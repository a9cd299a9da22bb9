"""What an autoencoder says: what it shows, and why there is no code or no reconstruction."""

from __future__ import annotations

NOT_FINITE = "The encoder gave NaN or infinity: shown is what a code of zeros gives."
"""What is shown instead of a code that no slider can hold."""

_OTHER = "Shown is decoder(encoder(x)), and forward() of this model does something else"


def describe(pixels: int, code: int, encoded: bool, error: float | None) -> str:
    """What is shown: `784 numbers → 2 → 784; from the encoder's own code; ...`.

    Args:
        pixels: how many numbers the sample has.
        code: how many numbers the code has.
        encoded: whether it is the code that the encoder gives for the sample.
        error: mean squared difference of sample and reconstruction; None without one.
    """
    if error is None:
        return "no reconstruction"
    whose = "the encoder's own code" if encoded else "a code set by hand"
    return f"{pixels:,} numbers → {code} → {pixels:,}; from {whose}; mean squared error {error:.5f}"


def describe_run(weights: str, samples: int) -> str:
    """Mode, weights and dataset: `eval mode · seed 0 · 70,000 samples`."""
    return f"eval mode · {weights} · {samples:,} samples"


def label(sample: int) -> str:
    """The figure in words, for a screen reader."""
    return f"sample {sample}: input, code, reconstruction"


def say_no_code(gave: tuple[int, ...] | str) -> str:
    """The encoder gave something else than a code: a shape, or the name of a type."""
    return f"The encoder gave {gave}: expected a code of shape (1, numbers)."


def say_too_long(numbers: int, most: int) -> str:
    """The code has too many numbers for sliders."""
    return (
        f"The code has {numbers} numbers: a slider each is too much for a hand. Make it "
        f"at most {most}."
    )


def say_no_reconstruction(gave: tuple[int, ...] | str, shape: tuple[int, ...], numbers: int) -> str:
    """The decoder gave something else than the numbers of an input of this shape."""
    return f"The decoder gave {gave}: expected the {numbers:,} numbers of the input {shape}."


def say_other_shape(shape: tuple[int, ...]) -> str:
    """The model's own output has another shape than the reconstruction of its halves."""
    return f"{_OTHER}: its output has shape {shape}."


def say_differs(most: float) -> str:
    """The model's own output differs from the reconstruction of its halves, by up to `most`."""
    return f"{_OTHER}: its output differs by up to {most:.3g}."
