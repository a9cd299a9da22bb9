"""The layers that the nodes of a graph stand in, from its leaves to its output."""

from __future__ import annotations

from collections.abc import Mapping

from fwdwidgets.widgets.computation_graph.graph import Graph


def layers(graph: Graph) -> list[list[str]]:
    """The nodes by their distance from the leaves, each layer ordered to keep edges short.

    A leaf stands just before the first node that uses it.
    """
    depth: dict[str, int] = {}
    for node in graph.nodes.values():
        depth[node.name] = max((depth[p] + 1 for p in node.parents), default=0)
    for node in reversed(list(graph.nodes.values())):
        users = [depth[n.name] for n in graph.nodes.values() if node.name in n.parents]
        if not node.parents and users:
            depth[node.name] = min(users) - 1
    rows: list[list[str]] = [[] for _ in range(max(depth.values(), default=0) + 1)]
    for name, at in depth.items():
        rows[at].append(name)
    place = {name: float(i) for row in rows for i, name in enumerate(row)}
    for _ in range(4):  # settles within a few rounds
        for row in (*rows, *reversed(rows)):
            row.sort(key=lambda name: _middle(graph, name, place))
            place |= {name: i - len(row) / 2 for i, name in enumerate(row)}
    return rows


def _middle(graph: Graph, name: str, place: Mapping[str, float]) -> float:
    near = [place[p] for p in graph.nodes[name].parents]
    near += [place[n.name] for n in graph.nodes.values() if name in n.parents]
    return sum(near) / len(near) if near else place[name]
