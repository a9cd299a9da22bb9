"""What an explanation and a receptive field cost, not counting the trace and its operands.

One thread, eval mode. Random cells of every step are explained; the slowest median counts.
"""

from __future__ import annotations

import random
import statistics
import time
from collections.abc import Callable

import torch
from torch import Tensor, nn

import fwdwidgets as fw
from fwdwidgets.data.torchvision import import_torchvision
from fwdwidgets.explain import mattered, reach, receptive_field


def milliseconds(run: Callable[[], object], calls: int) -> float:
    times = []
    for _ in range(calls):
        start = time.perf_counter()
        run()
        times.append(1e3 * (time.perf_counter() - start))
    return statistics.median(times)


def row(what: str, value: float, bar: float | None = None, note: str = "") -> None:
    limit = f"   at most {bar:g}" if bar is not None else ""
    print(f"  {what:<48} {value:9.2f} ms{limit}{note}")


def measure(title: str, model: nn.Module, x: Tensor, bar: float, field_bar: float | None) -> None:
    """Print one table."""
    model = model.eval()
    print(f"\n{title}")
    tracer, keeper = fw.Tracer(), fw.Tracer(keep_operands=True)
    row("a bare forward pass", milliseconds(lambda: model(x), 9))
    row("a trace", milliseconds(lambda: tracer(model, x), 9))
    row("a trace that keeps its operands", milliseconds(lambda: keeper(model, x), 9))
    trace = tracer(model, x)
    row("the operands of a trace, once", milliseconds(lambda: trace.operation(0), 1))

    def cell(step: fw.Step) -> tuple[int, ...]:
        return tuple(random.randrange(size) for size in step.shape or ())

    times = {}
    for step in trace:
        assert fw.explain(trace, step.name, cell(step)).status == "exact"
        run = lambda step=step: fw.explain(trace, step.name, cell(step))  # noqa: E731
        times[step.name] = milliseconds(run, 9)
    slowest = max(times, key=lambda name: times[name])
    row("an explanation, middle step", statistics.median(times.values()))
    row("an explanation, slowest step", times[slowest], bar, f", {trace[slowest].op} {slowest}")
    fields = {
        step.name: milliseconds(lambda step=step: receptive_field(trace, step.name, cell(step)), 3)
        for step in trace
    }
    slowest = max(fields, key=lambda name: fields[name])
    row("a receptive field, slowest step", fields[slowest], field_bar, f", {slowest}")
    last = trace.steps[-1]
    row(
        "what did matter, by the gradient", milliseconds(lambda: mattered(trace, -1, cell(last)), 3)
    )
    patch = torch.zeros(x.shape, dtype=torch.bool)
    patch[..., :4, :4] = True
    row("the cone of a patch", milliseconds(lambda: reach(trace, patch), 3))


def main() -> None:
    """Print the tables."""
    torch.set_num_threads(1)
    torch.manual_seed(0)
    random.seed(0)
    models = import_torchvision().models
    with torch.no_grad():
        measure("The lesson's network", fw.models.Network(), torch.rand(1, 1, 28, 28), 5, None)
        measure("ResNet-18 at 224", models.resnet18(), torch.rand(1, 3, 224, 224), 30, 150)


if __name__ == "__main__":
    main()
