"""Which networks stand side by side, without a widget."""

import pytest

from fwdwidgets.widgets.compare_seeds.choice import Choice


def test_networks_are_added_until_there_are_six_or_every_epoch():
    assert Choice(0).more((4, 9)) == (4, 9, 10)
    assert Choice(0).more((0, 1, 2, 3, 4, 5)) == (0, 1, 2, 3, 4, 5)
    assert Choice(4).more((0, 3)) == (0, 1, 3)  # the last is the slider's
    assert Choice(4).more((0, 1, 2, 3)) == (0, 1, 2, 3)


def test_two_networks_are_left():
    assert Choice(0).fewer((4, 9, 1)) == (4, 9)
    assert Choice(4).fewer((0, 1, 3)) == (0, 3)
    for choice in (Choice(0), Choice(4)):
        assert choice.fewer((0, 3)) == (0, 3)


def test_what_is_written_is_read_again():
    assert Choice(0).write((4, 9)) == "4, 9"
    assert Choice(0).read("4, 9", None) == (4, 9)
    assert Choice(4).write((0, 1, 3)) == "0, 1"
    assert Choice(4).read("0, 1", 3) == (0, 1, 3)
    with pytest.raises(ValueError, match="epochs='': write 1 to 5 whole numbers"):
        Choice(4).read("", 3)
    with pytest.raises(ValueError, match="seeds='4': write 2 to 6 whole numbers"):
        Choice(0).read("4", None)


@pytest.mark.parametrize(
    ("epochs", "name", "sentence"),
    [
        (4, "seeds", "Choose epochs, or leave out checkpoints="),
        (0, "epochs", "this widget has no checkpoints"),
        (0, "epoch", r"epoch=\(0, 1\) cannot be chosen here"),
    ],
)
def test_the_other_kind_is_refused(epochs, name, sentence):
    with pytest.raises(ValueError, match=sentence):
        Choice(epochs).check(name, (0, 1))
