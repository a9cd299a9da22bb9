"""What holds of every explanation, told by PyTorch."""

import random

import torch
import torch.nn.functional as F
from torch import nn

import fwdwidgets as fw
from fwdwidgets.explain import explain


class Op(nn.Module):
    """One function as a model."""

    def __init__(self, function):
        super().__init__()
        self.function = function

    def forward(self, *inputs):
        return self.function(*inputs)


def some_cell(shape):
    return tuple(random.randrange(size) for size in shape)


def close(a, b, scale=0.0):
    if a != a or b != b:
        return a != a and b != b
    return a == b or abs(a - b) <= 2e-5 * max(abs(a), abs(b), scale, 1e-2)


def pasted(explanation):
    """The number that the line of code gives."""
    names = {"torch": torch, "F": F, "inf": float("inf"), "nan": float("nan")}
    return float(eval(explanation.code, {**names, **explanation.names}))


def holds(trace, step, cell, output=0):
    """An exact explanation of a cell, all that it says compared with the recorded numbers."""
    found = explain(trace, step, cell, output=output)
    value = trace[step].values[output][tuple(cell)].item()
    assert found.value == value or value != value
    assert found.status == "exact", (trace[step], found.note)
    found.check()
    size = sum(abs(p) for p in found.terms.products.tolist() if p == p and abs(p) < 1e30)
    assert close(pasted(found), value, size), (found.code, pasted(found), value)
    assert found.formula.isprintable()
    assert "<" not in found.formula.replace(" < ", "") or "?" in found.formula
    if found.how in ("sum", "largest", "normalised", "copied", "attention") and len(found.terms):
        if trace[step].op not in ("argmax", "argmin", "normalize") and output == 0:
            total = found.terms.products.sum().item()
            assert close(total, value, size), (total, value)
    for term in found.terms[:3]:
        if term.operand in found.inputs:
            region = found.inputs[term.operand]
            assert all(i in p for i, p in zip(term.index, region.positions, strict=True))
            assert all(0 <= i < n for i, n in zip(term.index, region.shape, strict=True))
    return found


def every_step(model, *inputs, cells=2):
    """Explain random cells of every step; gives the trace."""
    trace = fw.trace_forward(model, *inputs)
    assert trace.error is None
    for step in trace:
        for output, value in enumerate(step.values):
            if value.numel():
                for _ in range(cells):
                    holds(trace, step.name, some_cell(value.shape), output)
    return trace
