from fwdwidgets.widgets.regression_output import words


def test_an_error_has_its_sign_and_no_target_no_error():
    assert words.cells(0.5, (0.25, 0.25)) == ["0.5000", "0.25", "+0.25"]
    assert words.cells(0.5, None) == ["0.5000"]
    assert words.describe_row("cow", 0.5, (0.75, -0.25))[1:] == (
        "cow: 0.5",
        "target 0.75, error -0.25",
    )
    assert words.describe_row("cow", 0.5, None)[2] == ""
