"""A figure with panels of all kinds, and what plotly makes of a drawing."""

from fwdwidgets import figures


def board():
    board = figures.Board()
    panels = (
        figures.Heatmap(board, "picture", "input"),
        figures.Layer(board, "layer"),
        figures.Matrix(board, "matrix"),
        figures.NamedBars(board, "bars"),
        figures.NamedBars(board, "many", series=3),
        figures.Lines(board, ["loss"], x="step", y="loss"),
    )
    place = (0, 1, 0, 1)
    return panels, board.canvas({0: figures.View(300, [place] * 6)})


def drawn(canvas, drawing):
    """Plotly's own validators take what a drawing holds."""
    for number, properties in drawing.traces.items():
        canvas.figure.data[number].update(properties)
    for path, value in drawing.layout.items():
        canvas.figure.layout[path] = value
    return canvas.figure
