"""The figure of an autoencoder, from arrays alone."""

from fwdwidgets.figures import Drawing
from fwdwidgets.widgets.autoencoder.figure import AutoencoderFigure


def test_a_code_is_a_bar_a_number():
    figure, drawing = AutoencoderFigure(), Drawing()
    figure.draw_code(drawing, (0.5, -2.0), (-2.1, 0.6))
    (bars,) = [drawing.traces[number] for number in figure.code.traces]
    assert bars["x"].tolist() == [0.5, -2.0]
    assert bars["visible"]
    assert drawing.layout[f"xaxis{figure.code.axis}.range"] == [-2.1, 0.6]
    assert "<b>code</b> (2,)" in drawing.layout.values()


def test_an_empty_code_is_taken_off_the_screen():
    figure, drawing = AutoencoderFigure(), Drawing()
    figure.draw_code(drawing, (0.5,), (0.0, 1.0))
    figure.draw_code(drawing, (), (0.0, 1.0))
    (bars,) = [drawing.traces[number] for number in figure.code.traces]
    assert bars["x"] is None
    assert not bars["visible"]
