"""Saved pages and live widgets in lockstep: every number, from `file://` with the network off."""

import json
import random
import re
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from io import BytesIO
from threading import Event, Thread

import numpy as np
import pytest
import torch
from PIL import Image
from playwright.sync_api import expect
from torch import nn

import fwdwidgets as fw
from fwdwidgets.pages.recorded import kind_of, parts_of
from fwdwidgets.pages.recorded.snapshot import flat

DATA = fw.datasets.digits()
MOVES = 20

# What a page shows: of a figure what plotly has drawn, of the rest what stands in the document.
# As JSON: Playwright's own way with a hundred thousand numbers takes seconds.
READ = """async () => {
  const page = globalThis.fwdwidgetsPage;
  const plain = (value) => {
    if (ArrayBuffer.isView(value)) return Array.from(value, plain);
    if (Array.isArray(value)) return value.map(plain);
    if (typeof value === "number") return Number.isFinite(value) ? value : null;
    if (value && typeof value === "object" && value.constructor === Object)
      return Object.fromEntries(Object.entries(value).map(([k, v]) => [k, plain(v)]));
    return value === undefined || typeof value === "object" ? null : value;
  };
  await page.settled();
  const read = async (part) => {
    const made = page.views.get(part.number);
    if (!made?.isConnected) return null;
    if (part.kind === "html") return made.querySelector(".widget-html-content").innerHTML;
    if (part.kind !== "plot") return made.textContent;
    const stage = made.querySelector("[role=img]");
    const drawn = () => Number(stage.dataset.revision) === part.revision;
    const end = performance.now() + 60_000;
    while (!drawn()) {
      await new Promise(requestAnimationFrame);
      if (performance.now() > end) throw new Error(`revision ${part.revision} was never drawn`);
    }
    const layout = plain(stage.layout);
    // What is drawn: of an axis that keeps cells square plotly may have made another range.
    for (const [name, axis] of Object.entries(layout)) {
      if (axis?.range) axis.range = plain(stage._fullLayout[name].range);
    }
    return { data: plain(stage.data), layout, label: stage.ariaLabel };
  };
  const parts = await Promise.all(page.parts.map(read));
  const state = Object.fromEntries(page.engine.controls.map(
    ({ name, values }, number) => [name, values[page.engine.vector[number]]]));
  return JSON.stringify({ parts, state, said: page.line.textContent });
}"""
AS_HTML = """(html) => {
  const made = document.createElement("div");
  made.innerHTML = html;
  return made.innerHTML;
}"""
READY = "async () => { await fwdwidgetsPage.engine.ready; await fwdwidgetsPage.settled(); }"
LOGITS = """() => Array.from(
  document.querySelector("[role=img]").data.find((trace) => trace.name === "logits").x)"""
SET = """([name, value]) => {
  const page = globalThis.fwdwidgetsPage;
  const control = page.engine.controls.find((each) => each.name === name);
  const id = control.values.findIndex((known) => String(known) === String(value));
  page.chosen(page.parts[control.part], id);
}"""

# Where a slider stops and nothing was recorded.
DEAD_STOPS = """() => {
  const { engine, parts } = globalThis.fwdwidgetsPage;
  return engine.controls.flatMap(({ name, part, values }, number) =>
    parts[part]?.kind !== "slider" ? [] : engine.stops(number)
      .filter((id) => id !== engine.vector[number] && !engine.leads(number, id))
      .map((id) => `${name}=${values[id]}`));
}"""


class Halves(nn.Module):
    """An autoencoder of digits with a code of two numbers."""

    def __init__(self):
        super().__init__()
        self.encoder = nn.Sequential(nn.Flatten(), nn.Linear(784, 2))
        nn.init.normal_(self.encoder[1].weight)  # codes far apart beside a slider's step
        self.decoder = nn.Linear(2, 784)

    def forward(self, x):
        return self.decoder(self.encoder(x)).reshape(x.shape)


def make(kind):
    """A small widget of each kind."""
    torch.manual_seed(0)
    animals = fw.datasets.animals
    data = torch.randn(8, 10), torch.randn(8, 1)
    return {
        "ForwardPass": lambda: fw.ForwardPass(fw.models.Network, DATA),
        "StepThrough": lambda: fw.StepThrough(fw.models.Network, DATA),
        "CompareSeeds": lambda: fw.CompareSeeds(
            fw.models.MyNetwork,
            DATA,
            checkpoints=[fw.reseed(fw.models.MyNetwork, seed).state_dict() for seed in range(4)],
            epochs=(0, 3),
        ),
        "BatchForward": lambda: fw.BatchForward(fw.models.MyNetwork, DATA, size=4),
        "BinaryOutput": lambda: fw.BinaryOutput(
            nn.Sequential(nn.Linear(6, 4), nn.Linear(4, 1), nn.Sigmoid()), animals("mammal")
        ),
        "MulticlassOutput": lambda: fw.MulticlassOutput(nn.Linear(6, 3), animals("class")),
        "RegressionOutput": lambda: fw.RegressionOutput(nn.Linear(6, 1), animals("weight")),
        "ComputationGraph": lambda: fw.ComputationGraph(
            lambda a, b, c, d: (a + b) * (c * d), a=2.0, b=-4.0, c=-2.0, d=2.0
        ),
        "TrainingStep": lambda: fw.TrainingStep(fw.models.Net(), data),
        "Modes": lambda: fw.Modes(fw.models.ImageClassifier, DATA),
        "WhatWentWrong": lambda: fw.WhatWentWrong(
            nn.Sequential(nn.Flatten(), nn.Linear(10, 3)), torch.randn(2, 1, 4, 4)
        ),
        "Autoencoder": lambda: fw.Autoencoder(Halves(), DATA),
    }[kind]()


KINDS = [
    name for name in fw.__all__ if name[0].isupper() and hasattr(getattr(fw, name), "save_page")
]


# What is recorded of each. No page depends on how busy the machine is: where buttons lead on
# without end, the budget in megabytes ends it, which is the same everywhere.
RECORDED = {
    "ForwardPass": {"sample": range(4), "seed": range(3)},
    "StepThrough": {
        "sample": [0, 1], "seed": [0, 1], "step": ["conv1", "relu"], "megabytes": 0.09,
    },
    "CompareSeeds": {"sample": [0, 1], "megabytes": 0.03},
    "BatchForward": {"start": [0, 2], "size": [3, 4], "seed": [0, 1], "megabytes": 0.1},
    "BinaryOutput": {"threshold": [0.2, 0.5], "seed": [0, 1]},
    "MulticlassOutput": {"seed": [0, 1]},
    "RegressionOutput": {"seed": [0, 1]},
    "ComputationGraph": {
        "a": [2.0, 3.0], "b": [-4.0, 1.0], "c": [-2.0], "d": [2.0], "step": [0, 1, 10],
    },
    "TrainingStep": {"lr": [0.01, 1.0], "clip": [0.0, 1.0], "n": [2], "megabytes": 0.02},
    "Modes": {
        "sample": [0, 1], "seed": [0, 1], "draw": [0, 1], "mates": [3], "mates_from": [1],
        "layer": ["conv1", "dropout"], "megabytes": 0.05,
    },
    "WhatWentWrong": {"batch_size": [1, 2, 9], "memory_mb": [1.0, 16.0]},
    "Autoencoder": {"sample": [0, 1], "seed": [0, 1], "code 0": [3.0], "code 1": [-9.0]},
}  # fmt: skip


def read(page):
    """What a page shows."""
    return json.loads(page.evaluate(READ))


def assert_shown(page, widget, numbers):
    """The page shows what the live widget shows."""
    shown = read(page)
    for part in parts_of(widget):
        got = shown["parts"][numbers[part]]
        kind = kind_of(part)
        if kind == "plot":
            assert got["label"] == part._label
            assert_figure(got, part)
        elif kind == "html":
            assert got == page.evaluate(AS_HTML, part.value)
        elif kind in ("slider", "options", "button", "checkbox"):
            assert part.description in got
    return shown["state"]


def assert_figure(got, plot):
    moved = {
        p for views in (plot._canvas.views, plot._canvas.themes) for v in views.values() for p in v
    }
    for trace, drawn in zip(plot.figure.data, got["data"], strict=True):
        wanted = trace._props
        assert_same(drawn.get("visible"), wanted.get("visible"), "visible")
        if not wanted.get("visible"):
            continue
        for name in ("x", "y", "text", "hovertext", "marker", "name"):
            assert_same(drawn.get(name), wanted.get(name), name)
        if wanted.get("z") is not None:
            z = np.array(wanted["z"], dtype=float)
            about = "about" in drawn["hovertemplate"]
            assert_same(drawn["z"], z, "z", np.nanmax(np.abs(z)) / 200 if about else 0.0)
            assert about or drawn["hovertemplate"] == wanted["hovertemplate"]
    for path, value in flat(plot.figure.layout._props):
        seen = is_seen(path, plot.figure.layout._props) or path.endswith((".visible", ".showscale"))
        if path.endswith(".nticks"):
            seen = seen and plot.figure.layout[path.partition(".")[0]].showticklabels is not False
        if path not in moved and not path.startswith("template") and seen:
            node = got["layout"]
            for key in path.replace("[", ".").replace("]", "").split("."):
                node = node[int(key)] if isinstance(node, list) else (node or {}).get(key)
            assert_same(node, value, path)


def assert_same(got, wanted, where, room=0.0):
    if isinstance(wanted, dict):
        for key, value in wanted.items():
            assert_same((got or {}).get(key), value, f"{where}.{key}", room)
        return
    if isinstance(wanted, (list, tuple)) and any(isinstance(v, str) for v in wanted):
        assert got == list(wanted), where
    elif isinstance(wanted, (list, tuple, np.ndarray, float)):
        one, other = (np.array(v, dtype=float) for v in (got, wanted))
        np.testing.assert_allclose(one, other, 1e-5, room + 1e-6, err_msg=where)
    else:
        assert got == wanted or (got in (None, []) and wanted in (None, [])), where


def is_seen(path, layout):
    """Whether what stands at this path of a layout is on the screen."""
    part = re.match(r"[xyc]\w*axis\d*|shapes\[\d+\]", path)
    if part is None:
        return True
    node = layout[part[0]] if part[0] in layout else layout["shapes"][int(part[0][7:-1])]
    return node.get("visible", True) is not False and node.get("showscale") is not False


@pytest.mark.parametrize("kind", KINDS)
def test_a_page_goes_where_the_live_widget_goes(kind, visits, tmp_path):
    """A random walk over the controls and buttons of both, the same moves in each."""
    widget = make(kind)
    path = widget.save_page(tmp_path / "page.html", seconds=3600, **RECORDED[kind])
    page = visits.open(path.as_uri())
    page.context.set_offline(True)
    page.wait_for_function(
        "globalThis.fwdwidgetsPage?.engine && document.querySelector('.fwd-footer')"
    )
    page.wait_for_selector(".js-plotly-plot .main-svg, .fwd-graph")
    numbers = {part: number for number, part in enumerate(parts_of(widget))}
    state = assert_shown(page, widget, numbers)
    assert page.evaluate(DEAD_STOPS) == []
    first = page.locator(".fwd-widget :is(input[type=range], button):enabled").first
    for key in ("Enter", "ArrowRight", "ArrowLeft"):
        first.press(key)
        moved = read(page)
        assert moved["said"] == ""
        if moved["state"] != state:
            break
    assert moved["state"] != state
    widget._restore({name: value for name, value in moved["state"].items() if name != "values"})
    assert_shown(page, widget, numbers)
    draw = random.Random(1)
    controls = widget._frame.controls
    known = page.evaluate(
        "() => Object.fromEntries("
        "fwdwidgetsPage.engine.controls.map(({ name, values }) => [name, values]))"
    )
    followed = 0
    for _ in range(MOVES):
        inputs = [
            n for n in known if n in controls and controls[n] in numbers and len(known[n]) > 1
        ]
        buttons = [
            part
            for part in parts_of(widget)
            if kind_of(part) == "button"
            and not part.disabled
            and part in numbers
            and not any("random" in c or "wrong" in c for c in part._dom_classes)
        ]
        chosen = draw.choice([*inputs, *buttons])
        if isinstance(chosen, str):
            value = draw.choice(known[chosen])
            page.evaluate(SET, [chosen, value])
            part = controls[chosen]
            if part.value != value:
                with widget._from_page():
                    part.value = value
        else:
            page.evaluate(
                "(number) => fwdwidgetsPage.pressed(fwdwidgetsPage.parts[number])", numbers[chosen]
            )
            chosen.click()
        if "ecorded" in page.evaluate("() => fwdwidgetsPage.line.textContent"):
            page.evaluate("() => fwdwidgetsPage.engine.go(0)")
            widget._restore(state)
        else:
            followed += 1
        assert_shown(page, widget, numbers)
    assert followed > MOVES / 3


def open_page(visits, path, **options):
    """A saved page with the network off, as soon as its network can run."""
    page = visits.open(path.as_uri(), **options)
    page.context.set_offline(True)
    page.wait_for_selector(".js-plotly-plot .main-svg")
    page.evaluate(
        "async () => { await fwdwidgetsPage.engine.ready; await fwdwidgetsPage.settled(); }"
    )
    return page


@pytest.fixture(scope="module")
def forward_page(tmp_path_factory):
    """A page of the lesson's network, and the network."""
    widget = fw.ForwardPass(fw.models.Network, DATA)
    path = tmp_path_factory.mktemp("page") / "forward.html"
    return widget.save_page(path, sample=range(5), seed=range(2), own_sample=True)


@contextmanager
def slowly(text, until):
    """The address of a server that sends a page up to a place, and the rest as `rest` is set."""
    rest = Event()

    class Slow(BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(200)
            self.send_header("Content-Type", "text/html; charset=utf-8")
            self.end_headers()
            self.wfile.write(text[:until].encode())
            self.wfile.flush()
            rest.wait(60)
            self.wfile.write(text[until:].encode())

        def log_message(self, *_):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Slow)
    Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/", rest
    finally:
        rest.set()
        server.shutdown()
        server.server_close()


@pytest.mark.parametrize("part", ["model", "ort", "wasm"])
def test_a_page_waits_for_the_end_of_a_part_that_comes_slowly(part, forward_page, visits):
    text = forward_page.read_text()
    start = text.index(f'data-part="{part}">')
    middle = (start + text.index("</script>", start)) // 2
    with slowly(text, middle) as (address, rest):
        page = visits.open(address)
        page.wait_for_selector("[data-revision]")  # drawn, so the network begins to open
        half = f"""() => document.querySelector('[data-part="{part}"]')?.textContent.length > 9"""
        page.wait_for_function(half)
        page.wait_for_timeout(300)
        rest.set()
        page.wait_for_function("globalThis.fwdwidgetsPage")
        page.evaluate(READY)
        assert page.evaluate("() => fwdwidgetsPage.line.textContent") == ""
        page.keyboard.press("Tab")
        page.keyboard.press("ArrowRight")
        page.evaluate("() => fwdwidgetsPage.settled()")
        shown = page.evaluate(LOGITS)
    with torch.no_grad():
        torch.manual_seed(0)
        output = fw.models.Network().eval()(DATA[1][0][None])[0]
    np.testing.assert_allclose(shown, output, 1e-4, 1e-6)


class Words(nn.Module):
    """Classifies a few tokens."""

    def __init__(self):
        super().__init__()
        self.embedding = nn.Embedding(10, 4)
        self.out = nn.Linear(4, 3)

    def forward(self, x):
        return self.out(self.embedding(x).mean(dim=1))


class Wide(nn.Sequential):
    """Large enough for convolutions in tiles, of 4 x 4 and of 2 x 2."""

    def __init__(self):
        super().__init__(
            nn.Conv2d(1, 32, 3),
            nn.Conv2d(32, 32, 3),
            nn.MaxPool2d(4),
            nn.Conv2d(32, 128, 1),
            nn.Conv2d(128, 128, 3, padding=1),
            nn.AdaptiveAvgPool2d(1),
            nn.Flatten(),
            nn.Linear(128, 5),
        )


PICTURES = [(torch.rand(1, 40, 40), i) for i in range(2)]
TOKENS = [(torch.tensor([1, 2, 3]), 0), (torch.tensor([9, 9, 0]), 2)]
NUMBERS = [([0.1, 0.2, 0.3], 2.5), ([0.3, 0.2, 0.1], 1.5)]


@pytest.mark.parametrize(
    ("model", "data"),
    [(Words, TOKENS), (lambda: nn.Linear(3, 1), NUMBERS), (Wide, PICTURES)],
    ids=["tokens", "value", "convolutions in tiles"],
)
def test_a_page_feeds_what_its_network_takes(model, data, visits, tmp_path):
    path = fw.ForwardPass(model, data).save_page(tmp_path / "page.html", seed=[0, 3])
    page = open_page(visits, path)
    page.evaluate(SET, ["seed", 3])
    page.evaluate(SET, ["sample", 1])
    page.evaluate("() => fwdwidgetsPage.settled()")
    torch.manual_seed(3)
    network = model()
    with torch.no_grad():
        output = network(torch.as_tensor(data[1][0])[None])[0]
    badge = page.locator(".fwd-badge").inner_text()
    if len(output) == 1:
        value = float(re.search(r"value: (\S+)", badge)[1])
        np.testing.assert_allclose(value, output.item(), 1e-4)
        assert "target: 1.5" in badge
    else:
        np.testing.assert_allclose(page.evaluate(LOGITS), output, 1e-4, 1e-6)
        assert f"class {int(output.argmax())}" in badge
        assert f"{output.softmax(0).max():.1%}" in badge
    assert visits.console_errors == []


def test_a_page_is_driven_by_keyboard(forward_page, visits):
    page = open_page(visits, forward_page)
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.labels[0].textContent") == "Sample"
    page.keyboard.press("ArrowRight")
    page.evaluate("() => fwdwidgetsPage.settled()")
    assert "sample=1" in page.url
    with torch.no_grad():
        torch.manual_seed(0)
        output = fw.models.Network().eval()(DATA[1][0][None])[0]
    badge = page.locator(".fwd-badge").inner_text()
    assert DATA.classes[int(output.argmax())] in badge
    assert f"{output.softmax(0).max():.1%}" in badge
    shown = page.evaluate(LOGITS)
    np.testing.assert_allclose(shown, output, 1e-4, 1e-6)
    names = page.evaluate(
        "() => [...document.querySelectorAll('input, button, select, [role=img], [tabindex]')]"
        ".filter(e => e.checkVisibility() && !(e.labels?.length || e.textContent.trim()"
        " || e.ariaLabel || e.title)).map(e => e.outerHTML)"
    )
    assert names == []


def test_a_picture_of_the_readers_own_goes_through_the_network(forward_page, visits):
    page = open_page(visits, forward_page)
    page.get_by_text("A picture of your own").click()
    pad = page.locator(".fwd-pad")
    pad.focus()
    for key in ("ArrowUp", "ArrowUp", "Space", "ArrowLeft", "Space"):
        page.keyboard.press(key)
    page.evaluate("() => fwdwidgetsPage.settled()")
    numbers = page.evaluate("() => Array.from(fwdwidgetsPage.engine.own.batch.data)")
    image = torch.tensor(numbers).reshape(1, 1, 28, 28)
    assert 0 < image.sum() < 100
    torch.manual_seed(0)
    with torch.no_grad():
        output = fw.models.Network().eval()(image)[0]
    shown = page.evaluate(LOGITS)
    np.testing.assert_allclose(shown, output, 1e-4, 1e-6)
    assert page.locator(".fwd-badge").inner_text().startswith("●")  # nobody knows its class
    assert "your own sample" in page.locator("[role=img]").get_attribute("aria-label")


# Nothing is told where nothing has moved: then the list is empty after a second.
SHIFTS = """() => new Promise((told) => {
  const names = ({ sources }) => sources.map(({ node }) => node?.className);
  const watch = new PerformanceObserver((list) => told(list.getEntries().map(names).flat()));
  watch.observe({ type: "layout-shift", buffered: true });
  setTimeout(told, 1000, []);
})"""


def test_nothing_jumps_when_the_figure_comes(forward_page, visits):
    page = open_page(visits, forward_page, width=1120, height=1600)
    moved = page.evaluate(SHIFTS)
    # At most once, when the page takes the place of the word "Opening".
    assert moved in ([], ["fwd-footer"])


# plotly's code waits for `goOn()`.
HOLD = """(() => {
  const Real = Blob;
  globalThis.Blob = class extends Real {
    constructor(parts, options) {
      const code = options?.type === "text/javascript" && parts.length > 1;
      const held = ["await new Promise((go) => { globalThis.goOn = go; });", ...parts];
      super(code ? held : parts, options);
    }
  };
})()"""
# What plotly has drawn of the data: left, top, width and height, each a little within its edge.
MARKS = """() => Array.from(
  document.querySelectorAll(".heatmaplayer image, .bars path"), (mark) => {
    const { x, y, width, height } = mark.getBoundingClientRect();
    return [x + scrollX + 1, y + scrollY + 1, width - 2, height - 2];
  }).filter(([, , width, height]) => width > 2 && height > 2)"""


# What plotly adds to the margins, for labels that did not fit in them.
GROWN = """() => {
  const { layout, _fullLayout } = document.querySelector("[data-revision]");
  return ["l", "r", "t", "b"].filter((side) => _fullLayout._size[side] !== layout.margin[side]);
}"""


@pytest.mark.parametrize(
    ("kind", "width"),
    [
        ("ForwardPass", 1120),
        ("BatchForward", 360),
        ("BinaryOutput", 1120),
        ("MulticlassOutput", 360),
        ("CompareSeeds", 360),
        ("Modes", 1120),
    ],
)
def test_a_page_shows_its_picture_before_plotly_is_there(kind, width, visits, tmp_path):
    path = make(kind).save_page(tmp_path / "page.html", seconds=3600, **RECORDED[kind])
    page = visits.open("about:blank", width=width)
    page.add_init_script(HOLD)
    page.goto(path.as_uri())
    page.wait_for_selector(".fwd-still")
    assert page.locator("[role=img]").get_attribute("aria-label")
    early = Image.open(BytesIO(page.screenshot(full_page=True))).convert("RGB")
    page.wait_for_function("() => Boolean(globalThis.goOn)")
    page.evaluate("goOn()")
    page.wait_for_selector("[data-revision]")
    assert page.locator(".fwd-still").count() == 0
    drawn = Image.open(BytesIO(page.screenshot(full_page=True))).convert("RGB")
    assert early.size == drawn.size
    assert page.evaluate(GROWN) == []
    marks = page.evaluate(MARKS)
    assert marks
    for left, top, width, height in marks:
        box = (round(left), round(top), round(left + width), round(top + height))
        both = [np.asarray(picture.crop(box), dtype=float) for picture in (early, drawn)]
        assert np.abs(both[0] - both[1]).mean() < 8, box


# Words of a figure that are cut off, lie on each other, or in a panel that is not theirs.
CLASHES = """() => {
  const found = [];
  const stage = document.querySelector("[data-revision]");
  const all = stage.getBoundingClientRect();
  const slanted = (text) => /rotate\\((?!0,)/.test(text.getAttribute("transform"));
  const words = [...stage.querySelectorAll(".main-svg text")]
    .filter((text) => text.textContent.trim() && !slanted(text))
    .map((text) => ({ said: text.textContent, box: text.getBoundingClientRect() }));
  const panels = Object.values(stage._fullLayout._plots)
    .filter(({ plotgroup }) => plotgroup?.node().querySelector(".trace, .hm"))
    .map(({ xaxis, yaxis }) => new DOMRect(
      all.left + xaxis._offset, all.top + yaxis._offset, xaxis._length, yaxis._length));
  const scales = [...stage.querySelectorAll(".cbfills")].map((bar) => bar.getBoundingClientRect());
  const meet = (a, b) => Math.min(a.right, b.right) - Math.max(a.left, b.left) > 1
    && Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top) > 3;
  words.forEach(({ said, box }, index) => {
    const across = box.left < all.left || box.right > all.right;
    if (across || box.top < all.top || box.bottom > all.bottom)
      found.push(`${said} is cut off`);
    const x = (box.left + box.right) / 2, y = (box.top + box.bottom) / 2;
    for (const panel of panels) {
      const inside = x > panel.left && x < panel.right && y > panel.top && y < panel.bottom;
      if (!inside && meet(box, panel)) found.push(`${said} lies in another panel`);
    }
    if (scales.some((bar) => meet(box, bar))) found.push(`${said} lies on a colour scale`);
    for (const other of words.slice(index + 1))
      if (meet(box, other.box)) found.push(`${said} lies on ${other.said}`);
  });
  if (document.documentElement.scrollWidth > innerWidth) found.push("the page is too wide");
  return found;
}"""
FITS = """() => {
  const stage = document.querySelector("[data-revision]");
  return stage._fullLayout.width === Math.floor(stage.parentElement.getBoundingClientRect().width);
}"""
LONG = [*"T-shirt/top Trouser Pullover Dress Coat Sandal Shirt Sneaker Bag".split(), "Ankle boot"]


@pytest.mark.parametrize(
    ("kind", "state"),
    [
        *((kind, {}) for kind in KINDS if kind != "ComputationGraph"),
        ("TrainingStep", {"parameter": "fc1.bias"}),
    ],
)
def test_no_word_of_a_figure_is_cut_off_at_any_width(kind, state, visits, tmp_path, monkeypatch):
    monkeypatch.setattr(DATA, "classes", LONG)
    widget = make(kind)
    for name, value in state.items():
        setattr(widget, name, value)
    path = widget.save_page(tmp_path / "page.html", seconds=0.1)
    page = visits.open(path.as_uri())
    page.wait_for_selector("[data-revision]")
    clashes = {}
    for width in range(340, 1250, 45):
        page.set_viewport_size({"width": width, "height": 900})
        page.wait_for_function(FITS)
        page.evaluate("() => new Promise(requestAnimationFrame)")
        clashes[width] = page.evaluate(CLASHES)
    assert {width: found for width, found in clashes.items() if found} == {}


def test_a_table_that_goes_on_at_its_side_fades_until_its_end_is_seen(visits, tmp_path):
    path = make("RegressionOutput").save_page(tmp_path / "page.html", seed=[0])
    end = """() => Number(getComputedStyle(
      document.querySelector(".fwd-table")).getPropertyValue("--fwd-end"))"""
    page = visits.open(path.as_uri(), width=360)
    page.wait_for_selector(".fwd-table input")
    page.wait_for_function(f"() => ({end})() < 0.1")
    page.evaluate("() => { document.querySelector('.fwd-table').scrollLeft = 9999; }")
    page.wait_for_function(f"() => ({end})() === 1")
    page.set_viewport_size({"width": 1120, "height": 900})
    page.wait_for_function(f"() => ({end})() === 1")


def test_a_page_is_light_on_paper(forward_page, visits):
    page = open_page(visits, forward_page)
    page.emulate_media(color_scheme="dark")
    page.wait_for_function("() => document.body.dataset.jpThemeLight === 'false'")
    ink = "() => document.querySelector('.main-svg text').style.fill"
    dark = page.evaluate(ink)
    page.evaluate("() => { dispatchEvent(new Event('beforeprint')); }")
    page.emulate_media(media="print", color_scheme="dark")
    background = page.evaluate("() => getComputedStyle(document.body).backgroundColor")
    assert background == "rgb(255, 255, 255)"
    assert page.evaluate(ink) != dark
    page.evaluate("() => { dispatchEvent(new Event('afterprint')); }")
    assert page.evaluate(ink) == dark


def test_a_coloured_picture_becomes_grey_as_pil_makes_it(forward_page, visits, tmp_path):
    colours = np.random.default_rng(0).integers(0, 256, (28, 28, 3), dtype=np.uint8)
    picture = Image.fromarray(colours)
    picture.save(tmp_path / "colours.png")
    page = open_page(visits, forward_page)
    page.get_by_text("A picture of your own").click()
    page.locator("input[type=file]").set_input_files(tmp_path / "colours.png")
    page.wait_for_function("() => fwdwidgetsPage.engine.own")
    page.evaluate("() => fwdwidgetsPage.settled()")
    numbers = page.evaluate("() => Array.from(fwdwidgetsPage.engine.own.batch.data)")
    grey = np.asarray(picture.convert("L"), dtype=np.float32) / 255
    np.testing.assert_array_equal(np.float32(numbers).reshape(28, 28), grey)


def test_the_address_opens_a_moment_and_says_what_is_not_there(forward_page, visits):
    page = visits.open(forward_page.as_uri() + "#sample=3&seed=1&layer=conv2")
    page.wait_for_selector(".js-plotly-plot .main-svg")
    page.evaluate(
        "async () => { await fwdwidgetsPage.engine.ready; await fwdwidgetsPage.settled(); }"
    )
    assert "sample 3, seed 1: input, conv2" in page.locator("[role=img]").get_attribute(
        "aria-label"
    )
    page.evaluate("location.hash = '#layer=conv9'")
    page.wait_for_function(
        "fwdwidgetsPage.line.textContent.includes('layer=conv9: that is not recorded')"
    )
    page.evaluate("location.hash = '#layer=conv9&pace=2&sample=2'")  # the rest is taken
    page.wait_for_function("fwdwidgetsPage.engine.value('sample') === 2")
    page.evaluate("() => fwdwidgetsPage.settled()")
    assert "sample 2, seed 1" in page.locator("[role=img]").get_attribute("aria-label")


@pytest.mark.parametrize("kind", ["ForwardPass", "StepThrough"])
def test_an_embedded_page_moves_in_its_sandbox_and_reaches_nobody(kind, visits, tmp_path):
    choices = {"sample": [0, 1], "seed": [0], "state": {"sample": 1}}
    frame = fw.embed(make(kind), seconds=2, **choices).data
    host = tmp_path / "host.html"
    host.write_text(f"<!doctype html><title>host</title><h1>A course</h1>{frame}", encoding="utf-8")
    page = visits.open(host.as_uri())
    page.context.set_offline(True)
    inner = page.frame_locator("iframe")
    inner.locator(".js-plotly-plot .main-svg").first.wait_for()
    (child,) = page.main_frame.child_frames
    child.evaluate(
        "async () => { await fwdwidgetsPage.engine.ready; await fwdwidgetsPage.settled(); }"
    )
    assert "sample 1" in inner.locator(".fwd-status, [role=img]").first.inner_text() or (
        "sample 1" in inner.locator("[role=img]").get_attribute("aria-label")
    )
    inner.locator(".fwd-sample input").focus()
    page.keyboard.press("ArrowLeft")
    child.evaluate("() => fwdwidgetsPage.settled()")
    now = "({ engine }) => engine.controls[0].values[engine.vector[0]]"
    assert child.evaluate(f"() => ({now})(fwdwidgetsPage)") == 0
    reach = "() => { try { return parent.document.title; } catch (error) { return error.name; } }"
    assert child.evaluate(reach) == "SecurityError"
    high = "() => document.documentElement.getBoundingClientRect().height"
    for width in (1100, 380):  # the frame is as high as its page, and no more
        page.set_viewport_size({"width": width, "height": 900})
        page.wait_for_function(
            """() => document.querySelector("iframe").clientHeight !== globalThis.before"""
        )
        page.wait_for_timeout(500)
        frame_high = page.evaluate("() => document.querySelector('iframe').clientHeight")
        assert 0 <= frame_high - child.evaluate(high) < 1
        page.evaluate("() => { globalThis.before = document.querySelector('iframe').clientHeight }")


@pytest.mark.parametrize(
    "policy", ["script-src 'unsafe-inline' blob:", "script-src 'unsafe-inline'"]
)
def test_a_policy_that_forbids_the_page_ends_in_a_sentence(policy, forward_page, visits, tmp_path):
    visits.expected_error = ""
    html = forward_page.read_text(encoding="utf-8")
    meta = f'<head><meta http-equiv="Content-Security-Policy" content="{policy}">'
    strict = tmp_path / "strict.html"
    strict.write_text(html.replace("<head>", meta, 1), encoding="utf-8")
    page = visits.open(strict.as_uri())
    root = page.locator("#fwd-root")
    expect(root).to_contain_text("'wasm-unsafe-eval'")
    expect(root).to_contain_text(re.compile("(does not|cannot) run here"))


def test_hostile_names_are_text_in_the_page(visits, tmp_path):
    bad = "<img src=x onerror=document.title='owned'>"
    widget = fw.ForwardPass(fw.models.Network, DATA, class_names=[bad] * 10)
    page = open_page(visits, widget.save_page(tmp_path / "page.html", sample=[0, 1], seed=[0]))
    page.locator(".fwd-sample input").press("ArrowRight")
    page.evaluate("() => fwdwidgetsPage.settled()")
    assert "onerror" in page.locator(".fwd-badge").inner_text()
    assert page.title() == "forward pass"
    assert page.locator("#fwd-root img").count() == 0


def test_nan_is_marked_and_told_in_the_page(visits, tmp_path):
    image = DATA[0][0].clone()
    image[0, 10, 10] = torch.nan
    widget = fw.ForwardPass(fw.models.Network, [DATA[1], (image, 3)], layer="conv1")
    page = open_page(visits, widget.save_page(tmp_path / "page.html", seed=[0]))
    page.locator(".fwd-sample input").press("ArrowRight")
    page.evaluate("() => fwdwidgetsPage.settled()")
    widget.sample = 1
    assert "NaN" in page.locator(".fwd-message:not(.fwd-page-message)").inner_text()
    assert "the output holds NaN or infinity" in page.locator(".fwd-badge").inner_text()
    marks = page.evaluate(
        "() => Array.from(document.querySelector('[role=img]').data"
        ".find(t => t.name === 'layer not finite').x).length"
    )
    assert marks == int(widget.trace["conv1"].value.isnan().sum()) == 6 * 25


def test_a_reader_can_go_the_way_that_the_text_asks_for(visits, tmp_path):
    lines = ["output = model(inputs)", "loss = criterion(output, targets)", "loss.backward()"]
    widget = make("TrainingStep")
    walk = [*lines, *lines, {"parameter": "fc2.bias"}, "reset"]
    path = widget.save_page(tmp_path / "page.html", walks=[walk], megabytes=0.001)
    page = open_page(visits, path)
    for line in (*lines, *lines):
        page.get_by_role("button", name=line).press("Enter")
        page.evaluate("() => fwdwidgetsPage.settled()")
        assert page.evaluate("() => fwdwidgetsPage.line.textContent") == ""
    page.evaluate(SET, ["parameter", "fc2.bias"])
    for line in ("forward", "loss", "backward") * 2:
        widget.run_line(line)
    widget.parameter = "fc2.bias"
    assert page.evaluate("() => fwdwidgetsPage.line.textContent") == ""
    assert page.locator(".fwd-badge").inner_text() == re.sub("<.*?>", "", widget._said.value)
    page.get_by_role("button", name="run n steps").press("Enter")
    said = "Where “run n steps” leads from here is not recorded in this page."
    assert said in page.evaluate("() => fwdwidgetsPage.line.textContent")
    assert page.locator(".fwd-old").count() == 0  # the picture is right
    page.get_by_role("button", name="reset").press("Enter")
    page.evaluate("() => fwdwidgetsPage.settled()")
    assert page.evaluate("() => fwdwidgetsPage.line.textContent") == ""
    assert "Nothing has run yet" in page.locator(".fwd-badge").inner_text()


def test_a_number_that_the_author_foresaw_can_be_typed(visits, tmp_path):
    widget = make("RegressionOutput")
    legs = [list(row) for row in widget.values]
    legs[0][5] = 100
    path = widget.save_page(tmp_path / "page.html", values=[legs], seed=[], sample=[0, 1])
    page = open_page(visits, path)
    cell = page.locator(".fwd-table input").nth(5)
    cell.fill(" 100 ")
    cell.press("Enter")
    page.evaluate("() => fwdwidgetsPage.settled()")
    widget.values = legs
    assert cell.input_value() == "100"
    assert f"{widget.outputs[0][0]:.6g}" in page.locator(".fwd-badge").inner_text()
    assert page.evaluate("() => fwdwidgetsPage.line.textContent") == ""
    cell.fill("7")
    cell.press("Enter")
    expect(cell).to_have_value("100")
    expect(cell).to_be_focused()
    assert "not recorded" in page.evaluate("() => fwdwidgetsPage.line.textContent")


def test_what_a_control_sets_anew_may_have_been_anything(visits, tmp_path):
    widget = make("Autoencoder")
    path = widget.save_page(tmp_path / "page.html", sample=[0, 1, 2], seed=[], megabytes=0.2)
    page = open_page(visits, path)
    for sample in (1, 2, 0):
        page.evaluate(SET, ["sample", sample])
        page.evaluate("() => fwdwidgetsPage.settled()")
        widget.sample = sample
        assert page.evaluate("() => fwdwidgetsPage.line.textContent") == ""
        shown = [page.locator(".fwd-leaf output").nth(at).inner_text() for at in (0, 1)]
        assert shown == [f"{number:.2f}" for number in widget.code]


@pytest.mark.parametrize(
    ("kind", "button"), [("StepThrough", "next ▸"), ("ComputationGraph", "next ▸")]
)
def test_a_button_goes_where_the_slider_goes(kind, button, visits, tmp_path):
    path = make(kind).save_page(tmp_path / "page.html", seconds=3600, megabytes=0.2)
    page = visits.open(path.as_uri())
    page.wait_for_selector("[data-revision], .fwd-picture svg")
    for _ in range(3):
        before = page.url
        page.get_by_role("button", name=button).press("Enter")
        page.evaluate("() => fwdwidgetsPage.settled()")
        assert page.evaluate("() => fwdwidgetsPage.line.textContent") == ""
        assert page.url != before


def test_a_number_line_in_words_tells_the_values(visits, tmp_path):
    widget = make("RegressionOutput")
    page = open_page(visits, widget.save_page(tmp_path / "page.html", seed=[], sample=[0]))
    page.get_by_text("This chart in words").click()
    words = page.locator(".fwd-words p")
    expect(words).to_contain_text("cow")
    for name, (value,) in zip(widget.dataset.row_names, widget.outputs, strict=True):
        assert f"{name} {float(f'{value:.4g}'):g}" in words.inner_text()


def test_a_matrix_in_words_tells_its_numbers(visits, tmp_path):
    widget = make("MulticlassOutput")
    page = open_page(visits, widget.save_page(tmp_path / "page.html", seed=[], sample=[0]))
    page.get_by_text("This chart in words").click()
    words = page.locator(".fwd-words p")
    expect(words).to_contain_text("softmax")
    chances = torch.tensor(widget.outputs).softmax(1)[0]
    numbers = (float(f"{chance:.4g}") for chance in chances.tolist())
    row = ", ".join(
        f"{name} {n:g}" for name, n in zip(widget.dataset.classes, numbers, strict=True)
    )
    assert f"cow: {row}" in words.inner_text().replace("▸ ", "")


@pytest.mark.parametrize("ground", ["white", "black"])
def test_a_frame_is_as_light_as_what_it_stands_on(ground, visits, tmp_path):
    html = fw.embed(make("RegressionOutput"), seed=[], sample=[0]).data
    around = tmp_path / "around.html"
    around.write_text(f"<body style='background: {ground}'>{html}</body>", encoding="utf-8")
    page = visits.open(around.as_uri(), scheme="null")
    frame = page.frame_locator("iframe")
    expect(frame.locator("[data-revision]")).to_be_attached()
    expect(frame.locator("body")).to_have_attribute(
        "data-jp-theme-light", str(ground == "white").lower()
    )


def test_what_was_not_recorded_is_told_and_the_picture_is_old(visits, tmp_path):
    widget = fw.StepThrough(fw.models.Network, DATA)
    few = {"sample": range(4), "seed": range(4), "step": ["conv1", "out"]}
    path = widget.save_page(tmp_path / "page.html", megabytes=0.05, **few)
    page = visits.open(path.as_uri())
    page.wait_for_selector(".js-plotly-plot .main-svg")
    for name, value in (("sample", 3), ("seed", 3), ("step", "out")):
        page.evaluate(SET, [name, value])
    assert "ot recorded in this page" in page.locator(".fwd-page-message").inner_text()
    assert page.locator(".fwd-figure.fwd-old").count() == 1


def test_a_chart_can_be_read_in_words(forward_page, visits):
    page = open_page(visits, forward_page)
    page.get_by_text("This chart in words").click()
    torch.manual_seed(0)
    network = fw.models.Network().eval()
    for sample in (0, 1):
        with torch.no_grad():
            output = network(DATA[sample][0][None])[0]
        expect(page.locator(".fwd-words p")).to_contain_text(f"sample {sample}, seed 0")
        text = page.locator(".fwd-words p").inner_text()
        for name, chance in zip(DATA.classes, output.softmax(0).tolist(), strict=True):
            assert f"{name} {float(f'{chance:.4g}'):g}" in text
        assert "input: 28 by 28 cells" in text
        page.locator(".fwd-sample input").press("ArrowRight")
