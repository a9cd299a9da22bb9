import plotly.graph_objects as go
import pytest

from fwdwidgets.figures.colors import COLORSCALES


@pytest.mark.parametrize("kind", COLORSCALES)
@pytest.mark.parametrize("theme", ["light", "dark"])
def test_a_colour_scale_is_stops_and_colours(kind, theme):
    """The browser's plotly knows other names of scales than Python's: so none has a name."""
    stops = COLORSCALES[kind][theme]
    assert stops[0][0] == 0
    assert stops[-1][0] == 1
    go.Figure(layout={"coloraxis": {"colorscale": stops}})  # raises on an invalid one


def luminance(colour):
    """Relative luminance of "#rrggbb" as the WCAG defines it."""
    parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    red, green, blue = (p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


@pytest.mark.parametrize("kind", ["share", "signed"])
@pytest.mark.parametrize(("theme", "ink"), [("light", "#444444"), ("dark", "#ffffff")])
def test_numbers_can_be_read_on_every_colour_of_a_matrix(kind, theme, ink):
    """plotly writes in #444 on what is light, in white on what is dark: WCAG asks for 4.5 to 1."""
    for _, colour in COLORSCALES[kind][theme]:
        dark, light = sorted([luminance(ink), luminance(colour)])
        assert (light + 0.05) / (dark + 0.05) >= 4.5, colour
