import numpy as np
import torch

from fwdwidgets import figures
from fwdwidgets.widgets.shared import Plot
from tests.figures.panels import board


def test_a_redraw_sends_what_is_not_already_so():
    panels, canvas = board()
    lines = panels[-1]
    plot = Plot(canvas, "loss")
    plot._opened = True
    sent = []
    plot.send = lambda content, buffers: sent.append((content["traces"], len(buffers)))
    values = np.arange(3.0)
    for x, y in [(values, values), (values.copy(), values * 2), (values.copy(), values * 2)]:
        drawing = figures.Drawing()
        lines.draw(drawing, [(x, y)])
        plot.draw(drawing)
    number = lines.traces[0]
    assert {"x", "y"} <= set(sent[0][0][number])
    assert set(sent[1][0][number]) == {"y"}
    assert sent[2] == ({}, 0)


def test_an_array_that_changed_where_it_is_is_sent_again():
    panels, canvas = board()
    plot = Plot(canvas, "loss")
    plot._opened = True
    sent = []
    plot.send = lambda content, buffers: sent.append(content["traces"])
    weights = torch.zeros(3)
    for _ in range(2):
        drawing = figures.Drawing()
        panels[-1].draw(drawing, [(np.arange(3.0), weights.numpy())])
        plot.draw(drawing)
        weights += 1
    assert "y" in sent[1][panels[-1].traces[0]]
