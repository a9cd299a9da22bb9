"""From key press to picture: one move of the sample slider, against peers in one run.

Real Chromium, real Voila. Every page shows the same panels of the same network: input, the six
channels of `conv1`, logits, softmax, with titles, colour scales, a number at each bar, and the
predicted and the true class each in its own colour. A move is one press of the right arrow key
on the sample slider; its time runs from the keydown event to the last change of the picture. The
pages take turns, ten presses each, so that a noisy machine is noisy for all of them.

    (a) matplotlib in `ipywidgets.interactive_output`
    (b) a `plotly.graph_objects.FigureWidget` with one subplot per channel
    (c) plotly alone, redrawing recorded arrays in the page, no kernel

Every other widget is then measured against (c) alone, with its own figure. `scripts/bench redraw
NAME ...` measures only those.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import nbformat
from playwright.sync_api import Page, sync_playwright

CHROMIUM_FLAGS = (
    "--no-sandbox --disable-gpu --disable-quic --no-first-run --disable-sync "
    "--disable-background-networking --disable-component-update"
).split()
PRESSES, ROUND = 50, 10

OURS = """
import fwdwidgets as fw
fw.ForwardPass(fw.models.Network, fw.datasets.course(), layer="conv1")
"""
FOUR = """
import fwdwidgets as fw
from IPython.display import display
for seed in range(4):
    display(fw.ForwardPass(fw.models.Network, fw.datasets.course(), seed=seed))
"""
PREPARE = """
import ipywidgets, numpy as np, torch, torch.nn.functional as F
import fwdwidgets as fw
data = fw.datasets.course()
torch.manual_seed(0)
net = fw.models.Network().eval()
def compute(sample):
    with torch.no_grad():
        x = data[sample][0][None]
        out = net(x)
        color = ["#6d87a8"] * 10
        color[out.argmax()], color[data[sample][1]] = "#d97a12", "#2a9467"
        layer, chances = net.conv1(x)[0].numpy(), out.softmax(1)[0].numpy()
        return x[0, 0].numpy(), layer, out[0].numpy(), chances, color
slider = ipywidgets.IntSlider(0, 0, len(data) - 1, description="Sample")
slider.add_class("fwd-sample")
"""
MATPLOTLIB = (
    PREPARE
    + """
import matplotlib.pyplot as plt
def show(sample):
    image, layer, logits, chances, color = compute(sample)
    figure, axes = plt.subplots(1, 4, figsize=(11, 3.8), width_ratios=[2.2, 3.8, 1.4, 1.3])
    figure.colorbar(axes[0].imshow(image, cmap="gray"), orientation="horizontal")
    mosaic = np.full((49, 74), np.nan)
    for i, channel in enumerate(layer):
        y, x = 25 * (i // 3), 25 * (i % 3)
        mosaic[y:y + 24, x:x + 24] = channel
    limit = np.abs(layer).max()
    drawn = axes[1].imshow(mosaic, cmap="RdBu_r", vmin=-limit, vmax=limit)
    figure.colorbar(drawn, orientation="horizontal")
    axes[2].bar_label(axes[2].barh(data.classes, logits, color=color), fmt="%.3f")
    axes[3].bar_label(axes[3].barh(data.classes, chances, color=color), fmt="{:.1%}")
    for panel, title in zip(axes, ["input", "conv1", "logits", "softmax"]):
        panel.set_title(title)
    plt.show()
output = ipywidgets.interactive_output(show, {"sample": slider})
output.add_class("fwd-figure")
ipywidgets.VBox([slider, output])
"""
)
SUBPLOTS = (
    PREPARE
    + """
import plotly.graph_objects as go
from plotly.subplots import make_subplots
titles = ["input", "channel 0", "channel 1", "channel 2", "logits", "softmax"]
titles += ["channel 3", "channel 4", "channel 5"]
tall = {"rowspan": 2}
specs = [[tall, {}, {}, {}, tall, tall], [None, {}, {}, {}, None, None]]
grid = make_subplots(rows=2, cols=6, subplot_titles=titles, specs=specs)
figure = grid
places = [(1, 2), (1, 3), (1, 4), (2, 2), (2, 3), (2, 4)]
image, layer, logits, chances, color = compute(0)
bar = {"orientation": "h", "y": data.classes, "marker": {"color": color}}
figure.add_trace(go.Heatmap(z=image, coloraxis="coloraxis2"), row=1, col=1)
for channel, (row, col) in zip(layer, places):
    figure.add_trace(go.Heatmap(z=channel, coloraxis="coloraxis"), row=row, col=col)
figure.add_trace(go.Bar(x=logits, texttemplate="%{x:.3f}", **bar), row=1, col=5)
figure.add_trace(go.Bar(x=chances, texttemplate="%{x:.1%}", **bar), row=1, col=6)
figure.update_layout(height=380, width=1080, showlegend=False,
    coloraxis={"colorscale": "RdBu_r", "colorbar": {"orientation": "h", "x": 0.42, "len": 0.4}},
    coloraxis2={"colorscale": "gray", "colorbar": {"orientation": "h", "x": 0.07, "len": 0.15}})
figure = go.FigureWidget(figure)  # only the constructor's traces reach a page inside a VBox
figure._config = {"displayModeBar": False, "showSendToCloud": False}
figure.add_class("fwd-figure")
def show(change):
    image, layer, logits, chances, color = compute(change["new"])
    limit = float(np.abs(layer).max())
    with figure.batch_update():
        figure.layout.coloraxis.cmin, figure.layout.coloraxis.cmax = -limit, limit
        figure.data[0].z = image
        for trace, channel in zip(figure.data[1:7], layer):
            trace.z = channel
        for trace, values in zip(figure.data[7:], (logits, chances)):
            trace.x, trace.marker.color = values, color
slider.observe(show, names="value")
ipywidgets.VBox([slider, figure])
"""
)
RESNET = """
import fwdwidgets as fw, torch, torch.nn.functional as F
models = fw.datasets.import_torchvision().models
class Large(torch.utils.data.Dataset):
    source = fw.datasets.course()
    def __len__(self): return len(self.source)
    def __getitem__(self, index):
        image, label = self.source[index]
        return F.interpolate(image[None], 224)[0].expand(3, 224, 224) * 2 - 1, label
torch.manual_seed(0)
fw.ForwardPass(models.resnet18(num_classes=10), Large(), layer="conv1")
"""

# Each widget: its code, and the slider that is moved.
WIDGETS: dict[str, tuple[str, str]] = {
    "ForwardPass": (
        """
import fwdwidgets as fw
fw.ForwardPass(fw.models.Network, fw.datasets.course(), layer="conv1")
""",
        "sample",
    ),
    "CompareSeeds": (
        """
import fwdwidgets as fw
fw.CompareSeeds(fw.models.Network, fw.datasets.course(), seeds=(0, 1, 2, 3))
""",
        "sample",
    ),
    "BatchForward": (
        """
import fwdwidgets as fw
fw.BatchForward(fw.models.Network, fw.datasets.course(), size=8)
""",
        "start",
    ),
    "WhatWentWrong": (
        """
import fwdwidgets as fw, torch
fw.WhatWentWrong(fw.models.Network, torch.rand(4, 1, 28, 28))
""",
        "batch_size",
    ),
    "BinaryOutput": (
        """
import fwdwidgets as fw, torch
from torch import nn
model = nn.Sequential(nn.Linear(6, 4), nn.Linear(4, 1), nn.Sigmoid())
fw.BinaryOutput(model, fw.datasets.animals(), threshold=0.2)
""",
        "threshold",
    ),
    "MulticlassOutput": (
        """
import fwdwidgets as fw, torch
from torch import nn
model = nn.Sequential(nn.Linear(6, 4), nn.Linear(4, 3), nn.Softmax(dim=-1))
fw.MulticlassOutput(model, fw.datasets.animals("class"), seed=0)
""",
        "seed",
    ),
    "RegressionOutput": (
        """
import fwdwidgets as fw, torch
from torch import nn
model = nn.Sequential(nn.Linear(6, 4), nn.Linear(4, 1))
fw.RegressionOutput(model, fw.datasets.animals("weight"), seed=0)
""",
        "seed",
    ),
    "TrainingStep": (
        """
import fwdwidgets as fw, torch
from torch import nn
model = nn.Sequential(*[nn.Linear(10, 10) for _ in range(15)])
widget = fw.TrainingStep(model, (torch.randn(8, 10), torch.randn(8, 10)))
widget.run_steps(5)
widget
""",
        "parameter",
    ),
    "Modes": (
        """
import fwdwidgets as fw
fw.Modes(fw.models.ImageClassifier, fw.datasets.course())
""",
        "draw",
    ),
    "Autoencoder": (
        """
import fwdwidgets as fw, torch
from torch import nn
class Model(nn.Module):
    def __init__(self):
        super().__init__()
        self.encoder = nn.Sequential(nn.Flatten(), nn.Linear(784, 8))
        self.decoder = nn.Sequential(nn.Linear(8, 784), nn.Sigmoid())
fw.Autoencoder(Model, fw.datasets.course())
""",
        "sample",
    ),
    "ComputationGraph": (
        """
import fwdwidgets as fw
def g(a, b, c, d):
    e = a + b
    f = c * d
    return e * f
fw.ComputationGraph(g, a=2, b=-4, c=-2, d=2)
""",
        "leaf",
    ),
    "StepThrough": (
        """
import fwdwidgets as fw
fw.StepThrough(fw.models.Network, fw.datasets.course(), step="relu")
""",
        "sample",
    ),
}

# Notes the time of each keydown and of the last change below the figure since.
WATCH = """() => {
  const w = globalThis.__watch = { down: 0, last: 0, frames: 0 };
  addEventListener("keydown", () => { w.down = performance.now(); w.last = 0; }, true);
  const figure = document.querySelector(".fwd-figure, .fwd-picture");
  new MutationObserver(() => { w.last = performance.now(); }).observe(
    figure, { childList: true, subtree: true, attributes: true, characterData: true });
}"""


def css(trait: str) -> str:
    """The class of the control of a trait."""
    return f"fwd-{trait.replace('_', '-')}"


def plotly_alone(code: str, moves: int, folder: Path, name: str, control: str) -> Path:
    """Write page (c): the same figure as a widget's, its recorded arrays, and plotly.

    Args:
        code: its last line makes the widget.
        moves: how many moves of the control are recorded.
        folder: where the page goes.
        name: the name of the page's file.
        control: the trait whose control is moved.
    """
    *lines, last = code.strip().split("\n")
    script = (
        "\n".join([*lines, f"widget = {last}"])
        + f"""
import json
import plotly.io
def spec():
    return json.loads(plotly.io.to_json(widget.figure, validate=False))
control = widget._links[{control!r}]
states = [spec()]
for _ in range({moves}):
    if hasattr(control, "index"):
        control.index += 1
    else:
        control.value += control.step
    states.append(spec())
print(json.dumps(states))
"""
    )
    states = subprocess.run(
        [sys.executable, "-c", script], check=True, capture_output=True, text=True
    ).stdout
    from plotly.offline import get_plotlyjs

    page = folder / name
    page.write_text(
        f"""<!doctype html><meta charset="utf-8"><script>{get_plotlyjs()}</script>
<div class="{css(control)}"><input type="range" role="slider" min="0" max="{moves}" value="0"></div>
<div class="fwd-figure" style="width:1080px"></div>
<script>
const states = {states};
const figure = document.querySelector(".fwd-figure");
const config = {{ displayModeBar: false }};
const draw = ({{ data, layout }}) =>
  Plotly.react(figure, data, {{ ...layout, width: 1080 }}, config);
draw(states[0]);
document.querySelector("input").addEventListener(
  "input", (event) => draw(states[event.target.value]));
</script>"""
    )
    return page


def notebook(folder: Path, name: str, code: str) -> None:
    """Write a notebook of one cell."""
    book = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(code.strip())])
    book.metadata["kernelspec"] = {
        "name": "python3",
        "display_name": "Python 3",
        "language": "python",
    }
    nbformat.write(book, folder / f"{name}.ipynb")


class Tab:
    """One page with a sample slider and a picture."""

    def __init__(self, page: Page, url: str, selector: str, picture: str = ".fwd-figure") -> None:
        self.page, self.times = page, []
        self.received: list[int] = []
        page.on("websocket", lambda socket: socket.on("framereceived", self._frame))
        page.goto(url)
        page.wait_for_selector(f"{picture} {selector}", timeout=120_000)
        page.wait_for_timeout(1500)
        self.opening = sum(self.received)
        page.evaluate(WATCH)

    def _frame(self, payload: str | bytes) -> None:
        self.received.append(len(payload))

    def press(
        self, key: str, slider: str = ".fwd-sample", handle: str = "[role=slider]"
    ) -> tuple[float, int]:
        """Press a key on a slider; return milliseconds to the last change, and bytes received."""
        self.page.bring_to_front()
        self.page.locator(f"{slider} {handle}").first.focus()
        before = sum(self.received)
        self.page.keyboard.press(key)
        deadline = time.monotonic() + 20
        while time.monotonic() < deadline:
            self.page.wait_for_timeout(40)
            watch, now = self.page.evaluate("[__watch, performance.now()]")
            if watch["last"] and now - watch["last"] > 300:
                return watch["last"] - watch["down"], sum(self.received) - before
        raise TimeoutError(f"no picture 20 s after {key} on {slider}")


def serve(folder: Path) -> tuple[subprocess.Popen[str], str]:
    """Start `fwdwidgets serve` on a free port; return the process and its address."""
    process = subprocess.Popen(
        [sys.executable, "-m", "fwdwidgets.cli", "serve", str(folder), "--port", "0"],
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    for line in process.stdout:
        if "http://" in line:
            address = line[line.index("http://") :].split()[0]
            return process, address.split("/voila")[0].rstrip("/")
    raise RuntimeError("fwdwidgets serve printed no address")


def forward_ms() -> float:
    """One ResNet-18 forward with its recording, as the widget runs it; median of 9."""
    code = (
        RESNET.replace("\nfw.ForwardPass(", "\nwidget = fw.ForwardPass(")
        + """
import time
times = []
for sample in range(1, 10):
    image = widget.dataset[sample][0]
    start = time.perf_counter()
    widget._forward.run(image)
    times.append(1e3 * (time.perf_counter() - start))
print(sorted(times)[4])
"""
    )
    run = subprocess.run(
        [sys.executable, "-c", code],
        check=True,
        capture_output=True,
        text=True,
        env={**os.environ, "OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"},  # as served
    )
    return float(run.stdout)


def main(chosen: list[str]) -> None:
    """Print the tables."""
    unknown = set(chosen) - set(WIDGETS)
    if unknown:
        sys.exit(f"no widget {', '.join(sorted(unknown))} here; choose from {', '.join(WIDGETS)}")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for title, code in {
            "ours": OURS,
            "four": FOUR,
            "matplotlib": MATPLOTLIB,
            "subplots": SUBPLOTS,
            "resnet": RESNET,
        }.items():
            notebook(folder, title, code)
        for title in chosen or WIDGETS:
            notebook(folder, title, WIDGETS[title][0])
        process, address = serve(folder)
        try:
            with sync_playwright() as playwright:
                if not chosen:
                    alone = plotly_alone(OURS, PRESSES + 3, folder, "alone.html", "sample")
                    large = plotly_alone(RESNET, 16, folder, "large.html", "sample")
                    run(playwright, address, alone, large)
                for title in chosen or WIDGETS:
                    run_widget(playwright, address, title, folder)
        finally:
            process.terminate()
            process.wait(20)


def run(playwright, address: str, alone: Path, large: Path) -> None:
    browser = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=CHROMIUM_FLAGS)

    def tab(url: str, selector: str) -> Tab:
        return Tab(browser.new_page(viewport={"width": 1120, "height": 900}), url, selector)

    voila = f"{address}/voila/render"
    tabs = {
        "fwdwidgets": tab(f"{voila}/ours.ipynb", ".barlayer .point"),
        "(a) matplotlib": tab(f"{voila}/matplotlib.ipynb", "img"),
        "(b) subplots": tab(f"{voila}/subplots.ipynb", ".barlayer .point"),
        "(c) plotly alone": tab(alone.as_uri(), ".barlayer .point"),
    }
    for each in tabs.values():  # two moves to warm up
        each.press("ArrowRight")
        each.press("ArrowRight")
    size = []
    for _ in range(PRESSES // ROUND):
        for title, each in tabs.items():
            for _ in range(ROUND):
                milliseconds, received = each.press("ArrowRight")
                each.times.append(milliseconds)
                if title == "fwdwidgets":
                    size.append(received)
    medians = {title: statistics.median(each.times) for title, each in tabs.items()}
    ours = medians["fwdwidgets"]
    print(f"\nkey press to last change of the picture, ms, {PRESSES} presses")
    bars = {"(a) matplotlib": 1 / 5, "(b) subplots": 0.55, "(c) plotly alone": 1.8}
    for title, each in tabs.items():
        low, high = statistics.quantiles(each.times, n=10)[::8]
        line = f"{title:<18} median {medians[title]:6.1f}   10..90 % {low:6.1f}..{high:.1f}"
        if title in bars:
            line += f"   ours / this {ours / medians[title]:.2f}, at most {bars[title]:.2f}"
        print(line)
    print(f"a sample move receives {max(size) / 1000:.1f} kB at most, bar 24")
    layer = [tabs["fwdwidgets"].press("ArrowRight", ".fwd-layer")[1] for _ in range(8)]
    print(f"a layer move receives {max(layer) / 1000:.1f} kB at most, bar 24")
    for each in tabs.values():
        each.page.close()

    four = tab(f"{voila}/four.ipynb", ".barlayer .point")
    print(f"four widgets receive {four.opening / 1e6:.2f} MB before the first move, bar 5.5")
    four.page.close()

    resnet = tab(f"{voila}/resnet.ipynb", ".barlayer .point")
    alone_large = tab(large.as_uri(), ".barlayer .point")
    for each in (resnet, alone_large):
        each.press("ArrowRight")
    moves = []
    for _ in range(10):
        moves.append(resnet.press("ArrowRight"))
        alone_large.times.append(alone_large.press("ArrowRight")[0])
    layers = [resnet.press("ArrowRight", ".fwd-layer") for _ in range(10)]
    forward = forward_ms()
    redraw = statistics.median(m for m, _ in moves)
    base = statistics.median(alone_large.times)
    print("\nResNet-18 at 224 x 224, layer conv1 at the start")
    print(f"a sample move {redraw:.0f} ms, of it the recorded forward {forward:.0f} ms;")
    print(f"  without it / (c) at {base:.0f} ms: {(redraw - forward) / base:.2f}, at most 2.00")
    print(f"a sample move receives {max(b for _, b in moves) / 1000:.0f} kB at most, bar 1,100")
    print(f"a layer move receives {max(b for _, b in layers) / 1000:.0f} kB at most, bar 400")
    print(json.dumps({"medians_ms": medians, "layer_ms": [round(m) for m, _ in layers]}))
    browser.close()


def run_widget(playwright, address: str, title: str, folder: Path) -> None:
    """Measure one widget against plotly alone with the same figure."""
    code, control = WIDGETS[title]
    moves = 20
    if title == "ComputationGraph":  # drawn without plotly: there is no page to compare with
        browser = playwright.chromium.launch(
            executable_path="/usr/bin/chromium", args=CHROMIUM_FLAGS
        )
        page = browser.new_page(viewport={"width": 1120, "height": 900})
        tab = Tab(page, f"{address}/voila/render/{title}.ipynb", "svg", ".fwd-picture")
        moved = [tab.press("ArrowRight", f".{css(control)}") for _ in range(moves)]
        most = max(received for _, received in moved) / 1000
        median = statistics.median(milliseconds for milliseconds, _ in moved)
        print(f"{title:<18} a leaf     {median:6.1f} ms, no plotly; a move receives {most:.1f} kB")
        browser.close()
        return
    alone = plotly_alone(code, moves + 3, folder, f"{title}.html", control)
    browser = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=CHROMIUM_FLAGS)
    url = f"{address}/voila/render/{title}.ipynb"
    tabs = [
        Tab(browser.new_page(viewport={"width": 1120, "height": 900}), each, ".main-svg")
        for each in (url, alone.as_uri())
    ]
    size = []
    for _ in range(moves // 5):
        for tab in tabs:
            for _ in range(5):
                milliseconds, received = tab.press("ArrowRight", f".{css(control)}")
                tab.times.append(milliseconds)
                size.append(received)
    ours, theirs = (statistics.median(tab.times) for tab in tabs)
    print(
        f"{title:<18} {control:<10} {ours:6.1f} ms, (c) {theirs:6.1f} ms: {ours / theirs:.2f}, "
        f"at most 1.80; a move receives {max(size) / 1000:.1f} kB at most"
    )
    browser.close()


if __name__ == "__main__":
    main(sys.argv[1:])
