"""Run a model once, record every operation of its forward pass, and leave the model as found."""

from fwdwidgets.trace import source
from fwdwidgets.trace.compiled import refuse_script
from fwdwidgets.trace.inputs import Inputs, as_inputs
from fwdwidgets.trace.operands import Operation, Owner
from fwdwidgets.trace.recorder import Recorder, operation_name
from fwdwidgets.trace.rerun import Edit, rerun
from fwdwidgets.trace.source_path import LineWatch, Listing, read_source
from fwdwidgets.trace.state import left_as_found, named_modules
from fwdwidgets.trace.step import Shape, Step
from fwdwidgets.trace.trace import ForwardTrace, finish, wants_graph
from fwdwidgets.trace.tracer import Tracer, trace_forward

__all__ = [
    "Edit",
    "ForwardTrace",
    "Inputs",
    "LineWatch",
    "Listing",
    "Operation",
    "Owner",
    "Recorder",
    "Shape",
    "Step",
    "Tracer",
    "as_inputs",
    "finish",
    "left_as_found",
    "named_modules",
    "operation_name",
    "read_source",
    "refuse_script",
    "rerun",
    "source",
    "trace_forward",
    "wants_graph",
]
