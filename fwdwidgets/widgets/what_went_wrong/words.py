"""What is said of a forward pass that went wrong, or did not: badge, finding, memory."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from fwdwidgets.widgets.what_went_wrong.memory import Fit

Shape = tuple[int, ...]

NOTHING_TRIED = "No number certainly fits here, so nothing was tried."
TOO_LARGE = "There is less memory than this batch asks for: a smaller batch asks for less."


# --- the badge ------------------------------------------------------------------------------------


def badge(
    kind: str, step: str | None, error: str, repairs: Sequence[str], repaired: bool | None
) -> tuple[str, str, str]:
    """What the badge says: its sign, its sentence and its detail, as `badge_html` takes them.

    Args:
        kind: `"error"`, `"nonfinite"`, `"batch"` or `"fine"`.
        step: where it went wrong.
        error: the name of the exception's class.
        repairs: what was tried on a copy.
        repaired: whether the copy ran to its end.
    """
    if kind == "fine":
        return "correct", "nothing went wrong", ""
    if kind == "nonfinite":
        return "incorrect", f"NaN or infinity first in {step}", ""
    if kind == "batch":
        return "incorrect", f"the samples are mixed in {step}", ""
    detail = ""
    if repaired:
        also = f" and {len(repairs) - 1} more" if len(repairs) > 1 else ""
        detail = f"a copy ran with {repairs[0]}{also}"
    return "incorrect", f"{error} in {step}", detail


# --- the finding ----------------------------------------------------------------------------------


def name_output(shape: Shape | None, kind: str) -> str:
    """What a forward pass gave: a tensor of a shape; without a shape, a value of some type."""
    return f"a {kind}" if shape is None else f"a tensor of shape {shape}"


def say_fine(steps: int, output: str) -> str:
    """Nothing went wrong."""
    counted = f"{steps} step{'' if steps == 1 else 's'}"
    return f"Nothing went wrong: {counted}, every value is finite, and the output is {output}."


def say_features(product: str) -> str:
    """How many features arrive, as `64*7*7 = 3136`; empty where that is not known."""
    return f"{product}: that is how many features arrive here." if product else ""


def say_ran(tried: Sequence[str], output: str) -> str:
    """A copy with these repairs ran to its end."""
    return (
        f"Checked on a copy of the model: with {', and then '.join(tried)}, the forward pass runs "
        f"to its end, and the output is {output}. The model itself is as it was."
    )


def say_stopped(tried: Sequence[str], failure: str) -> str:
    """A copy with these repairs stopped as well; `failure` is a sentence."""
    return (
        f"Tried on a copy of the model: {', and then '.join(tried)}. It did not reach its end: "
        f"{failure} The model itself is as it was."
    )


def say_mixed(source: str, batch: int, given: Shape, came: Shape) -> str:
    """A reshape made another number of rows than there are samples."""
    return (
        f"It ran, but {source} made {came[0]} rows of {batch} "
        f"sample{'' if batch == 1 else 's'}: {given} became {came}. "
        "A reshape(-1, ...) with another size than the true one mixes the samples; "
        "torch.flatten(x, 1) keeps the batch axis."
    )


# --- NaN and infinity -----------------------------------------------------------------------------


def say_value(op: str, place: Shape, given: Sequence[complex], made: complex) -> str:
    """One value, and what it was made of: `at (0, 2): log(0) = -inf`."""
    numbers = ", ".join(f"{number:.6g}" for number in given)
    where = f"at {place if len(place) != 1 else f'({place[0]})'}: " if place else ""
    return f"{where}{op}({numbers}) = {made:g}".replace("nan", "NaN")


def say_values(spoilt: Mapping[int, Shape], shown: Sequence[str], count: int) -> str:
    """The values that became NaN or infinite.

    Args:
        spoilt: the shape of each operand that holds NaN or infinity itself, by its number.
        shown: some of the values, as `say_value` says them.
        count: how many there are.
    """
    rest = f", and {count - len(shown)} more" if count > len(shown) else ""
    return f"{_say_spoilt(spoilt)} The values that made it: {'; '.join(shown)}{rest}.".strip()


def say_ranges(spoilt: Mapping[int, Shape], ranges: Sequence[tuple[Shape, float, float]]) -> str:
    """The operands, if not single values: shape, smallest and largest of each finite one."""
    said = [f"{shape} from {low:.4g} to {high:.4g}" for shape, low, high in ranges]
    before = _say_spoilt(spoilt)
    return f"{before} What went in: {', '.join(said)}.".strip() if said else before


def _say_spoilt(spoilt: Mapping[int, Shape]) -> str:
    if not spoilt:
        return ""
    places = ", ".join(f"{number} {shape}" for number, shape in spoilt.items())
    return f"NaN or infinity is in what went in already: operand {places}."


# --- the figure, shapes and memory ----------------------------------------------------------------


def label(view: str, step: str, batch: int) -> str:
    """The figure in words, for a screen reader."""
    if view == "values":
        return f"values that went into {step}, and its result"
    return f"bytes of each step's result, batch of {batch}; chosen: {step}"


def name_step(name: str, source: str) -> str:
    """A step, and its expression where that is known, in one line."""
    written = " ".join(source.split())
    return f"{name}, {written}" if written else name


def say_unmeasured(kind: str) -> str:
    """Why the bytes for another batch are not known."""
    if kind == "error":
        return "no forward pass to measure: the bars are the results up to here, for this batch"
    return "bytes are known for this batch alone: on two or three samples the model fails"


def describe_memory(
    batch: int, megabytes: float, predict: Fit, train: Fit | None, weights: int, repaired: bool
) -> str:
    """What a batch needs, whether that fits, and how large a batch would.

    Args:
        batch: how many samples.
        megabytes: what must hold it all.
        predict: what a forward pass without gradients needs.
        train: what forward and backward need; None where nothing can be trained.
        weights: bytes of them.
        repaired: whether they are those of the repaired copy.
    """
    needs = [_say_fit("to predict", predict)]
    if train is not None:
        needs.append(_say_fit("to train", train))
    return (
        f"batch of {batch:,} in {megabytes:,.0f} MB · {' · '.join(needs)} · "
        f"weights{' of the repaired copy' if repaired else ''} {in_bytes(weights)}"
    )


def _say_fit(purpose: str, fit: Fit) -> str:
    """What a batch needs: `to predict: 3.2 MB ✓ fits (a batch of at most 127)`."""
    much = "any batch" if fit.largest is None else f"a batch of at most {fit.largest:,}"
    return f"{purpose}: {in_bytes(fit.needed)} {'✓ fits' if fit.fits else '✗ too large'} ({much})"


def in_bytes(count: float) -> str:
    """A number of bytes as a person reads it: `13,824 B`, `3.2 MB`."""
    if count < 100_000:
        return f"{count:,.0f} B"
    for unit, size in (("kB", 1e3), ("MB", 1e6)):
        if count < 1000 * size:
            return f"{count / size:,.1f} {unit}"
    return f"{count / 1e9:,.1f} GB"
