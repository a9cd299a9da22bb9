"""Run a model once, record every operation of its forward pass, and leave it as it was found."""

from fwdwidgets.trace.trace import (
    ForwardTrace,
    Shape,
    Step,
    Tracer,
    finish,
    trace_forward,
    wants_graph,
)

__all__ = ["ForwardTrace", "Shape", "Step", "Tracer", "finish", "trace_forward", "wants_graph"]
