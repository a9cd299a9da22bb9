"""What is said of bytes."""

import pytest

from fwdwidgets.widgets.what_went_wrong.words import in_bytes


@pytest.mark.parametrize(
    ("count", "text"),
    [(13_824, "13,824 B"), (401_408, "401.4 kB"), (3.2e6, "3.2 MB"), (5e12, "5,000.0 GB")],
)
def test_bytes_in_words(count, text):
    assert in_bytes(count) == text
