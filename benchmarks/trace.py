"""What a recorded forward pass costs, as a multiple of a bare one, against peers in one run.

One thread, batch 1, eval mode, no gradients. All take turns in the same loop, two dozen calls each,
so that a noisy machine is noisy for all of them. Peers record less or more than the tracer.
"""

from __future__ import annotations

import contextlib
import gc
import io
import statistics
import sys
import time
import warnings
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

import fwdwidgets as fw

PATIENCE_SECONDS = 4.0
"""A peer that has taken longer than this in total is not run again."""


class Encoder(nn.Module):
    """Two transformer encoder layers written by hand, d = 64, four heads."""

    def __init__(self, width: int = 64, heads: int = 4) -> None:
        """Make the layers."""
        super().__init__()
        self.heads = heads
        for n in (1, 2):
            for name in ("q", "k", "v", "o"):
                setattr(self, f"{name}{n}", nn.Linear(width, width))
            setattr(self, f"up{n}", nn.Linear(width, 4 * width))
            setattr(self, f"down{n}", nn.Linear(4 * width, width))
            setattr(self, f"norm{n}a", nn.LayerNorm(width))
            setattr(self, f"norm{n}b", nn.LayerNorm(width))

    def forward(self, x: Tensor) -> Tensor:
        """Encode `(1, 32, 64)`."""
        for n in (1, 2):
            layer = {k: getattr(self, f"{k}{n}") for k in ("q", "k", "v", "o", "up", "down")}
            batch, length, width = x.shape
            split = (batch, length, self.heads, width // self.heads)
            q = layer["q"](x).view(split).transpose(1, 2)
            k = layer["k"](x).view(split).transpose(1, 2)
            v = layer["v"](x).view(split).transpose(1, 2)
            scores = q @ k.transpose(-2, -1) / split[-1] ** 0.5
            mixed = scores.softmax(dim=-1) @ v
            mixed = mixed.transpose(1, 2).reshape(batch, length, width)
            x = getattr(self, f"norm{n}a")(x + layer["o"](mixed))
            x = getattr(self, f"norm{n}b")(x + layer["down"](torch.relu(layer["up"](x))))
        return x


def reason(error: Exception) -> str:
    """Why a peer has no figure, in one line."""
    return " ".join(f"{type(error).__name__}: {error}".split())[:90]


def peers(model: nn.Module, x: Tensor) -> dict[str, Callable[[], Any] | str]:
    """Each peer as one call; one that cannot be imported or fails gives its reason instead."""
    found: dict[str, Callable[[], Any] | str] = {}

    def add(name: str, make: Callable[[], Callable[[], Any]]) -> None:
        try:
            with contextlib.redirect_stdout(io.StringIO()):
                found[name] = make()
        except Exception as error:
            found[name] = reason(error)

    def torchinfo() -> Callable[[], Any]:
        from torchinfo import summary

        return lambda: summary(model, input_data=x, verbose=0)

    def torchview() -> Callable[[], Any]:
        from torchview import draw_graph

        return lambda: draw_graph(model, x, device="cpu")

    def torchvista() -> Callable[[], Any]:
        from torchvista.tracer import trace_model

        return lambda: trace_model(model, x)

    def torchlens() -> Callable[[], Any]:
        import torchlens as library

        return lambda: library.trace(model, x)

    def captum() -> Callable[[], Any]:
        from captum.attr import LayerActivation

        leaves = [m for m in model.modules() if not list(m.children())]
        return lambda: [LayerActivation(model, leaf).attribute(x) for leaf in leaves]

    add("torchinfo summary (no values)", torchinfo)
    add("torchview draw_graph", torchview)
    add("torchvista trace_model", torchvista)
    add("torchlens trace", torchlens)
    add("captum LayerActivation, a run a module", captum)
    return found


def turn(run: Callable[[], Any], spent: float, calls: int = 24) -> list[float]:
    """Seconds of each call of one turn; none if the peer has used up its time.

    The first calls are left out: they warm the caches, which the previous peer has filled.
    """
    times: list[float] = []
    if spent > PATIENCE_SECONDS:
        return times
    with contextlib.redirect_stdout(io.StringIO()):  # some peers print or display
        for _ in range(calls):
            start = time.perf_counter()
            run()
            times.append(time.perf_counter() - start)
            if sum(times) > PATIENCE_SECONDS / 2:
                break
    return times[4:] or times[1:] or times


def leave_torch_plain() -> None:
    """Remove the wrappers of torch's functions that torchlens leaves behind."""
    wrappers = sys.modules.get("torchlens.backends.torch.wrappers")
    if wrappers is not None:
        wrappers.unwrap_torch()


def measure(title: str, model: nn.Module, x: Tensor, bar: float, rounds: int) -> None:
    """Print one table; slow peers take fewer turns."""
    model = model.eval()
    gc.collect()
    steps = len(fw.trace_forward(model, x))
    print(f"\n{title}: {steps} operations")
    tracer, kept = fw.Tracer(), []

    def trace() -> None:
        kept[:] = [tracer(model, x)]  # as in a widget, where the next trace replaces the last

    def trace_and_name() -> None:
        trace()
        assert kept[0].steps, "they are named when they are first looked at"

    runs: dict[str, Callable[[], Any] | str] = {
        "bare": lambda: model(x),
        "fwdwidgets": trace_and_name,
        "fwdwidgets, before a step is looked at": trace,
    }
    runs |= peers(model, x)
    times: dict[str, list[float]] = {name: [] for name in runs}
    for _ in range(rounds):
        for name, run in runs.items():
            if not isinstance(run, str):
                try:
                    times[name] += turn(run, spent=sum(times[name]))
                except Exception as error:
                    runs[name] = reason(error)
                leave_torch_plain()
    bare = statistics.median(times["bare"])
    for name, values in times.items():
        if isinstance(runs[name], str):
            print(f"  {name:<40} no figure, {runs[name]}")
            continue
        multiple = statistics.median(values) / bare
        note = f"   at most {bar}" if name == "fwdwidgets" else ""
        print(f"  {name:<40} {1e3 * statistics.median(values):9.3f} ms {multiple:8.2f} x{note}")


def main() -> None:
    """Print the tables."""
    torch.set_num_threads(1)
    torch.manual_seed(0)
    warnings.simplefilter("ignore")
    models = fw.datasets.import_torchvision().models
    with torch.no_grad():
        measure("deeplizard network", fw.models.Network(), torch.rand(1, 1, 28, 28), 2.5, 20)
        measure("ResNet-18 at 224", models.resnet18(), torch.rand(1, 3, 224, 224), 1.6, 6)
        measure("encoder by hand, d=64, 32 tokens", Encoder(), torch.rand(1, 32, 64), 3.5, 20)


if __name__ == "__main__":
    with contextlib.redirect_stderr(io.StringIO()):
        main()
