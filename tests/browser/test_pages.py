"""Saved pages and live widgets in lockstep: every number, from `file://` with the network off."""

import random
import re

import numpy as np
import pytest
import torch
from torch import nn

import fwdwidgets as fw
from fwdwidgets.pages._snapshot import flat, kind_of, parts_of

DATA = fw.datasets.digits()
MOVES = 20

# What a page shows: of a figure what plotly has drawn, of the rest what stands in the document.
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
    while (!drawn()) await new Promise(requestAnimationFrame);
    const layout = plain(stage.layout);
    // Of an axis that keeps cells square plotly says what it made of the range that it was given.
    for (const [name, axis] of Object.entries(layout)) {
      if (axis?.range) axis.range = plain(part.shown[`layout.${name}.range`]) ?? axis.range;
    }
    return { data: plain(stage.data), layout, label: stage.ariaLabel };
  };
  const parts = await Promise.all(page.parts.map(read));
  const state = Object.fromEntries(page.engine.controls.map(
    ({ name, values }, number) => [name, values[page.engine.vector[number]]]));
  return { parts, state, said: page.line.textContent };
}"""
AS_HTML = """(html) => {
  const made = document.createElement("div");
  made.innerHTML = html;
  return made.innerHTML;
}"""
SET = """([name, value]) => {
  const page = globalThis.fwdwidgetsPage;
  const control = page.engine.controls.find((each) => each.name === name);
  const id = control.values.findIndex((known) => String(known) === String(value));
  page.chosen(page.parts[control.part], id);
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
        "CompareSeeds": lambda: fw.CompareSeeds(fw.models.MyNetwork, DATA),
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


def assert_shown(page, widget, numbers):
    """The page shows what the live widget shows."""
    shown = page.evaluate(READ)
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
    path = widget.save_page(tmp_path / "page.html", seconds=4)
    page = visits.open(path.as_uri())
    page.context.set_offline(True)
    page.wait_for_function(
        "globalThis.fwdwidgetsPage?.engine && document.querySelector('.fwd-footer')"
    )
    page.wait_for_selector(".js-plotly-plot .main-svg, .fwd-graph")
    numbers = {part: number for number, part in enumerate(parts_of(widget))}
    state = assert_shown(page, widget, numbers)
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
