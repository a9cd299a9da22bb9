"""A graph as an SVG picture: boxes in layers from left to right, curves between them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape

BOX_WIDTH, BOX_HEIGHT = 84, 46
COLUMN, ROW = 118, 84
PAD = 6
_ROOM_ABOVE = 34  # where curves pass that would else cross a box


@dataclass(frozen=True)
class Box:
    """What one node looks like.

    Attributes:
        name: its first line.
        above: what stands over the box: its operation.
        value: its second line; empty before it is computed.
        below: what stands under the box: its gradient.
        state: `"waiting"`, `"done"` or `"current"`.
        kind: `"leaf"`, `"parameter"`, `"constant"` or `"operation"`.
        parents: the names of the boxes that its curves come from.
        tip: all of it, shown when a pointer rests on the box.
    """

    name: str
    above: str
    value: str
    below: str
    state: str
    kind: str
    parents: tuple[str, ...]
    tip: str


def graph_svg(
    rows: Sequence[Sequence[str]],
    boxes: Mapping[str, Box],
    label: str,
    marked: tuple[str, str] | None = None,
) -> str:
    """Draw the boxes in their layers.

    Args:
        rows: the names of each layer, from the left, each from top to bottom.
        boxes: by name.
        label: the picture in words.
        marked: parent and child of the curve that is drawn strong, or None.
    """
    tallest = max(map(len, rows), default=1)
    height = tallest * ROW + _ROOM_ABOVE
    width = len(rows) * COLUMN - (COLUMN - BOX_WIDTH) + 2 * PAD
    places = {}
    for column, names in enumerate(rows):
        top = (tallest - len(names)) * ROW / 2 + _ROOM_ABOVE
        for index, name in enumerate(names):
            places[name] = (PAD + column * COLUMN, top + index * ROW)
    parts = [
        f'<svg class="fwd-graph" role="img" aria-label="{escape(label)}" width="{width}" '
        f'height="{height:g}" viewBox="0 0 {width} {height:g}" '
        # Where there is less room it shrinks, as long as it can be read.
        f'style="max-width: 100%; min-width: {0.75 * width:.0f}px; height: auto">'
    ]
    for name, box in boxes.items():
        for parent in dict.fromkeys(box.parents):
            strong = (parent, name) == marked
            parts.append(_curve(places, parent, name, box.state, strong))
    parts += [_box(*places[name], box) for name, box in boxes.items()]
    return "".join([*parts, "</svg>"])


def _curve(
    places: Mapping[str, tuple[float, float]], parent: str, child: str, state: str, strong: bool
) -> str:
    """From the right of the parent to the left of the child, over whatever is in between."""
    x0, y0 = places[parent][0] + BOX_WIDTH, places[parent][1] + BOX_HEIGHT / 2
    x1, y1 = places[child][0], places[child][1] + BOX_HEIGHT / 2
    low, high = min(y0, y1) - ROW / 2, max(y0, y1) + ROW / 2
    between = [y for x, y in places.values() if x0 < x < x1 - COLUMN / 2]
    crossed = [y for y in between if low < y + BOX_HEIGHT / 2 < high]
    bend = (x1 - x0) * (0.25 if crossed else 0.5)
    over = min(crossed) - 24 if crossed else None
    first = f"{x0 + bend:g} {y0 if over is None else over - 14:g}"
    second = f"{x1 - bend:g} {y1 if over is None else over - 14:g}"
    kind = "fwd-graph-marked" if strong else f"fwd-graph-{state}"
    path = f"M{x0:g} {y0:g} C{first} {second} {x1:g} {y1:g}"
    return f'<path class="fwd-graph-edge {kind}" d="{path}"/>'


def _box(x: float, y: float, box: Box) -> str:
    middle = x + BOX_WIDTH / 2
    lines = [
        f'<g class="fwd-graph-node fwd-graph-{box.state} fwd-graph-{box.kind}">',
        f"<title>{escape(box.tip)}</title>",
        f'<rect x="{x:g}" y="{y:g}" width="{BOX_WIDTH}" height="{BOX_HEIGHT}" '
        f'rx="{BOX_HEIGHT / 2 if box.kind == "operation" else 6:g}"/>',
        _text(middle, y + 19, box.name, "name"),
        _text(middle, y + 37, box.value or "?", "value"),
        _text(middle, y - 5, box.above, "above"),
        _text(middle, y + BOX_HEIGHT + 15, box.below, "below", 16),
        "</g>",
    ]
    return "".join(filter(None, lines))


def _text(x: float, y: float, text: str, part: str, most: int = 12) -> str:
    if not text:
        return ""
    if len(text) <= most:
        shown = text
    elif part == "name":  # the end of a parameter's name tells it from the others
        shown = "…" + text[1 - most :]
    else:
        shown = text[: most - 1] + "…"
    return f'<text class="fwd-graph-{part}" x="{x:g}" y="{y:g}">{escape(shown)}</text>'
