import math

from fwdwidgets.widgets.binary_output import words


def test_a_row_is_right_wrong_or_without_an_answer():
    yes, no = (1, "mammal"), (0, "not a mammal")
    assert words.describe_row("cow", 0.5, 0.5, *yes, yes) == (
        "correct",
        "cow correct: mammal",
        "0.5000 ≥ 0.5",
    )
    kind, text, detail = words.describe_row("cow", 0.25, 0.5, *no, yes)
    assert (kind, text) == ("incorrect", "cow incorrect: not a mammal, really mammal")
    assert detail == "0.2500 < 0.5"
    assert words.describe_row("cow", 0.25, 0.5, *no, None)[:2] == ("neutral", "cow: not a mammal")
    assert "the output is NaN" in words.describe_row("cow", math.nan, 0.5, *no, yes)[1]
