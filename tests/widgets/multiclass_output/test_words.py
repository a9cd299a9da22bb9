from fwdwidgets.widgets.multiclass_output import words


def test_a_row_says_its_sum_and_whether_its_class_is_the_target():
    assert words.cells(1.0, "bird", True) == ["1.0000", "bird ✓"]
    assert words.cells(1.0, "bird", False) == ["1.0000", "bird ✗"]
    assert words.cells(1.0, "bird", None) == ["1.0000", "bird"]
    assert words.cells(float("nan"), None, False) == ["nan", "none: NaN"]


def test_a_softmax_of_each_row_needs_no_sentence():
    assert words.say_head("softmax", None) == words.say_columns(3, 3) == ""
    assert "the first to 1.25" in words.say_head("softmax", 1.25)
    assert "Of 1,000 classes, 4 are drawn" in words.say_columns(4, 1000)
