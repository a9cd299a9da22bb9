"""One forward pass over all rows of a table, with one output per row."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from fwdwidgets.advice import explain_failure
from fwdwidgets.display import as_float
from fwdwidgets.networks.forward import Forward
from fwdwidgets.networks.outputs import find_last
from fwdwidgets.trace import ForwardTrace


@dataclass(frozen=True, eq=False)
class TableRun:
    """One forward pass over all rows.

    Attributes:
        trace: all its steps.
        last: the operation that made the output if it is a sigmoid or a softmax, else empty.
        raw: `(N, K)` floats: what went into that operation, or the output itself.
        output: `(N, K)` floats, what the model returned; None if there is no usable output.
        failure: a sentence that says why there is no output, or an empty string.
    """

    trace: ForwardTrace
    last: str
    raw: Tensor | None
    output: Tensor | None
    failure: str

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of the output, `(N, K)`; empty if there is none."""
        return () if self.output is None else tuple(self.output.shape)


def run_table(forward: Forward, values: Tensor) -> TableRun:
    """Run the network once over all rows `(N, F)`."""
    network = forward.network
    assert network is not None, "use_seed comes first"
    first = next(network.parameters(), values)
    trace = forward.trace(values.to(first.device, first.dtype))
    if trace.error is not None:
        return TableRun(trace, "", None, None, explain_failure(trace))
    output = trace.output
    if not isinstance(output, Tensor):
        failure = f"The model returned {type(output).__name__}: return one tensor, (N, outputs)."
        return TableRun(trace, "", None, None, failure)
    if output.dim() == 1 and len(output) == len(values):
        output = output[:, None]  # a model that squeezes its one output
    if output.dim() != 2 or len(output) != len(values):
        failure = (
            f"The output has shape {tuple(output.shape)} for {len(values)} rows: expected one row "
            f"of outputs for each, ({len(values)}, outputs)."
        )
        return TableRun(trace, "", None, None, failure)
    if output.is_complex():
        failure = (
            f"The output is complex ({str(output.dtype).removeprefix('torch.')}): a probability, a "
            "class or a value is a real number. Return output.abs() or output.real."
        )
        return TableRun(trace, "", None, None, failure)
    last, step = find_last(trace)
    parent = step.parents[0] if step is not None and step.parents else None
    before = trace[parent].value if parent is not None else None
    raw = before if before is not None and before.numel() == output.numel() else output
    return TableRun(
        trace, last, as_float(raw.detach()).reshape(output.shape), as_float(output.detach()), ""
    )
