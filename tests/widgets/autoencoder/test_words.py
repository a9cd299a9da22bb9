"""What an autoencoder says of plain values."""

from fwdwidgets.widgets.autoencoder import words


def test_what_is_shown():
    assert words.describe(784, 2, True, 0.0123456) == (
        "784 numbers → 2 → 784; from the encoder's own code; mean squared error 0.01235"
    )
    assert "from a code set by hand" in words.describe(784, 2, False, 0.5)
    assert words.describe(784, 0, False, None) == "no reconstruction"


def test_why_there_is_no_reconstruction():
    assert words.say_no_reconstruction("tuple", (1, 40, 40), 1600) == (
        "The decoder gave tuple: expected the 1,600 numbers of the input (1, 40, 40)."
    )
