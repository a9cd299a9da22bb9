"""Pages without a kernel: how large, how soon a picture appears, how fast a move is.

Real Chromium with the network off, pages from `file://`. A move is one press of the right arrow
key on the sample slider of the page of a `ForwardPass`; its time runs from the keydown event to
the last change of the picture, side by side with plotly alone redrawing the same figure from
recorded arrays. The first picture is timed from the start of the navigation until it is painted:
the page's own, drawn before plotly has loaded, and plotly's.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from playwright.sync_api import Browser, sync_playwright

from benchmarks.redraw import CHROMIUM_FLAGS, OURS, RESNET, Tab, plotly_alone

PRESSES, ROUND, OPENINGS, RUNS = 50, 10, 7, 30

COURSE = (
    OURS.replace("\nfw.", "\nwidget = fw.")
    + """
import sys
widget.save_page(sys.argv[1] + "/whole.html", sample=range(100), seed=range(8))
widget.save_page(sys.argv[1] + "/book/small.html", sample=range(100), seed=range(8),
                 shared=sys.argv[1] + "/shared")
"""
)
LARGE = (
    RESNET.replace("\nfw.", "\nwidget = fw.")
    + """
import sys
widget.save_page(sys.argv[1] + "/resnet.html", sample=[0], seed=[])
"""
)
RECORDED = """
import fwdwidgets as fw, sys
widget = fw.StepThrough(fw.models.Network, fw.datasets.course())
widget.save_page(sys.argv[1] + "/recorded.html", sample=range(6), seed=range(3))
"""
TORCH = """
import time, torch
torch.set_num_threads(1)
{code}
batch = widget._now.batch
network = widget._forward.network.eval()
times = []
with torch.no_grad():
    for _ in range({runs}):
        start = time.perf_counter()
        network(batch)
        times.append(1e3 * (time.perf_counter() - start))
print(sorted(times)[len(times) // 2])
"""
# What torch's convolutions compute with; WebAssembly has vectors of 128 bits everywhere.
VECTORS = {
    "as it comes": {},
    "at most AVX2": {"ONEDNN_MAX_CPU_ISA": "AVX2"},
    "128 bits, as in a browser": {"ONEDNN_MAX_CPU_ISA": "SSE41"},
}
# Resolves when such an element has been painted, with the time since the start of the navigation.
PAINTED = """(what) => new Promise((resolve) => {
  const look = () => document.querySelector(what)
    ? requestAnimationFrame(() => setTimeout(() => resolve(performance.now())))
    : requestAnimationFrame(look);
  look();
})"""
DRAWN = ".main-svg .heatmaplayer image, .main-svg .bars path"
FIRST = f".fwd-still, {DRAWN}"
READY = "async () => { await fwdwidgetsPage.engine.ready; return performance.now(); }"
FORWARD = """async (runs) => {
  const engine = fwdwidgetsPage.engine;
  const times = [], feeds = await engine.feeds();
  for (let i = 0; i < runs; i++) {
    const start = performance.now();
    await engine.session.run(feeds, ["answer.output"]);
    times.push(performance.now() - start);
  }
  return times.sort((a, b) => a - b)[runs >> 1];
}"""


def python(code: str, *arguments: str, environment: dict[str, str] | None = None) -> str:
    """Run code in a new Python process; return what it prints."""
    command = [sys.executable, "-W", "ignore", "-c", code, *arguments]
    own = {**os.environ, **(environment or {})}
    return subprocess.run(command, check=True, capture_output=True, text=True, env=own).stdout


def opening(browser: Browser, path: Path, code: str, *arguments: str) -> float:
    """Seconds from the start of a navigation until `code` resolves; a fresh browser context."""
    context = browser.new_context(viewport={"width": 1280, "height": 900}, offline=True)
    page = context.new_page()
    page.goto(path.as_uri(), wait_until="commit")
    if code == READY:
        page.wait_for_function("globalThis.fwdwidgetsPage")
    seconds = page.evaluate(code, *arguments) / 1000
    context.close()
    return float(seconds)


def median(values: list[float]) -> float:
    """The middle value."""
    return statistics.median(values)


def row(name: str, value: str, bar: str) -> None:
    """Print a line of the table."""
    print(f"{name:<58}{value:>16}   {bar}", flush=True)


def moves(browser: Browser, page: Path, alone: Path) -> tuple[float, float]:
    """Milliseconds of a move in our page and in the one with plotly alone, measured in turns."""
    context = browser.new_context(viewport={"width": 1280, "height": 900}, offline=True)
    tabs = [
        Tab(context.new_page(), path.as_uri(), ".main-svg")
        for path in (page, alone)
    ]  # fmt: skip
    for tab in tabs:
        for _ in range(3):
            tab.press("ArrowRight", ".fwd-sample", "input[type=range]")
    for _ in range(PRESSES // ROUND):
        for tab in tabs:
            for _ in range(ROUND):
                milliseconds, _ = tab.press("ArrowRight", ".fwd-sample", "input[type=range]")
                tab.times.append(milliseconds)
    ours, theirs = (median(tab.times) for tab in tabs)
    context.close()
    return ours, theirs


def forward(browser: Browser, path: Path) -> float:
    """Milliseconds of one forward pass in a page."""
    context = browser.new_context(offline=True)
    page = context.new_page()
    page.set_default_timeout(120_000)
    page.goto(path.as_uri())
    page.wait_for_function("globalThis.fwdwidgetsPage")
    page.evaluate(READY)
    page.evaluate(FORWARD, 3)
    milliseconds = float(page.evaluate(FORWARD, RUNS))
    context.close()
    return milliseconds


def megabytes(path: Path) -> float:
    """The size of a file."""
    return path.stat().st_size / 1e6


def main() -> None:
    """Print the table."""
    with tempfile.TemporaryDirectory() as name, sync_playwright() as playwright:
        folder = Path(name)
        for code in (COURSE, RECORDED, LARGE):
            started = time.monotonic()
            python(code, name)
            print(f"pages written in {time.monotonic() - started:.0f} s", file=sys.stderr)
        whole, small = folder / "whole.html", folder / "book" / "small.html"
        resnet, recorded = folder / "resnet.html", folder / "recorded.html"
        alone = plotly_alone(OURS, PRESSES + 3, folder, "alone.html", "sample")
        browser = playwright.chromium.launch(
            executable_path="/usr/bin/chromium", args=CHROMIUM_FLAGS
        )
        row("deeplizard network, 100 samples, 8 seeds", "", "bar")
        row("  one file", f"{megabytes(whole):.2f} MB", "at most 8 MB")
        row("  beside shared parts", f"{megabytes(small):.2f} MB", "at most 1.7 MB")

        def first(path: Path, *what: str) -> str:
            return f"{median([opening(browser, path, *what) for _ in range(OPENINGS)]):.2f} s"

        row("  recorded state painted", first(whole, PAINTED, FIRST), "at most 1 s")
        row("  plotly has drawn it", first(whole, PAINTED, DRAWN), "at most 2.5 s")
        row("  network ready", first(whole, READY), "at most 2.5 s")
        row("  beside shared parts: painted", first(small, PAINTED, FIRST), "at most 1 s")
        row("    plotly has drawn it", first(small, PAINTED, DRAWN), "at most 2.5 s")
        row("    network ready", first(small, READY), "at most 2.5 s")
        row("a StepThrough, recorded: painted", first(recorded, PAINTED, FIRST), "at most 1 s")
        row("  plotly has drawn it", first(recorded, PAINTED, DRAWN), "at most 2.5 s")
        row("plotly alone, the same figure", first(alone, PAINTED, DRAWN), "")
        ours, theirs = moves(browser, whole, alone)
        row("a move", f"{ours:.1f} ms", "")
        row("  plotly alone", f"{theirs:.1f} ms", "")
        row("  ratio", f"{ours / theirs:.2f}", "at most 1.4, aim 1.2")
        row("  the forward pass of it", f"{forward(browser, whole):.2f} ms", "at most 1 ms")
        row("ResNet-18 at 224x224, one sample", f"{megabytes(resnet):.1f} MB", "at most 70 MB")
        code = TORCH.format(code=RESNET.replace("\nfw.", "\nwidget = fw."), runs=9)
        page_ms = forward(browser, resnet)
        row("  a forward pass", f"{page_ms:.0f} ms", "")
        for vectors, environment in VECTORS.items():
            torch_ms = float(python(code, environment=environment))
            row(f"  torch, one thread, {vectors}", f"{torch_ms:.0f} ms", "")
            row("    ratio", f"{page_ms / torch_ms:.2f}", "" if environment else "at most 3")
        browser.close()


if __name__ == "__main__":
    main()
