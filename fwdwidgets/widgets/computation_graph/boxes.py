"""What the boxes of a graph say at a step of the walk through it."""

from __future__ import annotations

from fwdwidgets.widgets.computation_graph import words
from fwdwidgets.widgets.computation_graph.chain_rule import Backward
from fwdwidgets.widgets.computation_graph.compute import Walk
from fwdwidgets.widgets.computation_graph.figure import Box


def draw_boxes(walk: Walk, step: int) -> tuple[dict[str, Box], tuple[str, str] | None]:
    """The box of each node, and the curve to mark.

    Args:
        walk: through a graph.
        step: how far it has been gone, 0 to `len(walk)`.

    Returns:
        The boxes by name, and parent and child of the backward step just taken, or None.
    """
    graph, here = walk.graph, walk.here(step)
    computed, reached = walk.computed(step), walk.gradients(step)
    current = here if isinstance(here, str) else graph.output
    marked = None
    if isinstance(here, Backward):
        current, marked = here.parent, (here.parent, here.node)
    boxes = {}
    for name, node in graph.nodes.items():
        done = node.kind != "operation" or name in computed
        gradient = reached.get(name)
        boxes[name] = Box(
            name=name,
            above=words.name_above(node),
            value=words.short(node.value, 11) if done else "",
            below="" if gradient is None else f"grad {words.short(gradient, 11)}",
            state="current" if name == current else "done" if done else "waiting",
            kind=node.kind,
            parents=node.parents,
            tip=words.describe_node(node, done, gradient),
        )
    return boxes, marked
