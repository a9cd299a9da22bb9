"""Samples for the widgets' tests, and a look at the parts of a widget."""

import torch


def images(count=6, shape=(1, 28, 28), classes=10):
    generator = torch.Generator().manual_seed(7)
    return [(torch.rand(shape, generator=generator), i % classes) for i in range(count)]


def find(widget, css_class):
    """The one child, however deep, that carries a CSS class."""
    found = []
    todo = [widget]
    while todo:
        child = todo.pop()
        todo.extend(getattr(child, "children", ()))
        if css_class in child._dom_classes:
            found.append(child)
    (one,) = found
    return one


def message(widget):
    return find(widget, "fwd-message").value
