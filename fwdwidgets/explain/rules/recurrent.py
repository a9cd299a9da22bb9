"""LSTM, GRU and RNN, unrolled into time steps and gates."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from fwdwidgets.explain import latex
from fwdwidgets.explain.call import Call, NotTakenApart
from fwdwidgets.explain.gates import Row
from fwdwidgets.explain.index import Index
from fwdwidgets.explain.masks import one
from fwdwidgets.explain.relation import Made, Region, Relation
from fwdwidgets.explain.table import rule
from fwdwidgets.explain.terms import Block, Terms


class Moment(NamedTuple):
    """One layer at one time, in one direction; each is (batch, hidden), float64.

    Attributes:
        gates: by name, as PyTorch's documentation names them, after their functions.
        before: the state before it: `h`, and `c` of an LSTM.
        after: the state after it.
    """

    gates: dict[str, Tensor]
    before: dict[str, Tensor]
    after: dict[str, Tensor]


class Recurrent(Relation):
    """A hidden state, made of gates at each time step from the layer below and the previous state.

    Attributes:
        moments: each moment by layer, direction and time.
    """

    how = "recurrent"

    def __init__(self, call: Call, kind: str) -> None:
        super().__init__(call, ())
        self.kind = kind
        if len(call.operation.args) != 9 or isinstance(call["batch_first"], list | tuple):
            raise NotTakenApart("a packed sequence is not taken apart")
        if call["train"] and call["dropout"] and call["num_layers"] > 1:
            raise NotTakenApart("dropout between the layers is drawn within the operation")
        self.both = 2 if call["bidirectional"] else 1
        self.layers: int = call["num_layers"]
        self.weights = weights = [w.double() for w in call["params"]]
        self.each = len(weights) // (self.layers * self.both)
        if self.each not in (2, 4):
            raise NotTakenApart("an LSTM with a projection is not taken apart")
        x = call.tensors["input"].double()
        self.x = x.transpose(0, 1) if call["batch_first"] else x  # (time, batch, features)
        state = call["hx"]
        self.states = [s.double() for s in (state if isinstance(state, tuple | list) else [state])]
        self.moments: dict[tuple[int, int, int], Moment] = {}
        self.below: list[Tensor] = []
        below, finals = self.x, list[dict[str, Tensor]]()
        for layer in range(self.layers):
            self.below.append(below)
            above = []
            for direction in range(self.both):
                number = layer * self.both + direction
                own = weights[number * self.each : (number + 1) * self.each]
                outputs, final = self._run(layer, direction, number, below, own)
                above.append(outputs)
                finals.append(final)
            below = torch.cat(above, -1)
        self.outputs = below
        self.finals = finals

    def _run(
        self, layer: int, direction: int, number: int, below: Tensor, own: list[Tensor]
    ) -> tuple[Tensor, dict[str, Tensor]]:
        state = {name: s[number] for name, s in zip("hc", self.states, strict=False)}
        outputs: list[Tensor] = [state["h"]] * len(below)
        bias = own[2:] if self.each == 4 else [torch.zeros(()).double()] * 2
        times = range(len(below)) if direction == 0 else reversed(range(len(below)))
        for time in times:
            first = below[time] @ own[0].T + bias[0]
            second = state["h"] @ own[1].T + bias[1]
            gates, after = self._step(first, second, state)
            self.moments[layer, direction, time] = Moment(gates, state, after)
            state = after
            outputs[time] = after["h"]
        return torch.stack(outputs), state

    def _step(
        self, first: Tensor, second: Tensor, state: dict[str, Tensor]
    ) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
        if self.kind == "lstm":
            i, f, g, o = (first + second).chunk(4, -1)
            i, f, g, o = i.sigmoid(), f.sigmoid(), g.tanh(), o.sigmoid()
            c = f * state["c"] + i * g
            return {"i": i, "f": f, "g": g, "o": o}, {"h": o * c.tanh(), "c": c}
        if self.kind == "gru":
            (r1, z1, n1), (r2, z2, n2) = first.chunk(3, -1), second.chunk(3, -1)
            r, z = (r1 + r2).sigmoid(), (z1 + z2).sigmoid()
            n = (n1 + r * n2).tanh()
            return {"r": r, "z": z, "n": n}, {"h": (1 - z) * n + z * state["h"]}
        function = torch.tanh if self.kind == "rnn_tanh" else torch.relu
        return {"a": first + second}, {"h": function(first + second)}

    def moment(self, index: Index) -> tuple[tuple[int, int, int], int, int, str]:
        """Layer, direction and time, sample, unit and state of an output cell."""
        hidden = self.states[0].shape[-1]
        if self.call.output == 0:
            time, sample = index[:2] if not self.call["batch_first"] else index[1::-1]
            direction, unit = divmod(index[2], hidden)
            return (self.layers - 1, direction, time), sample, unit, "h"
        layer, direction = divmod(index[0], self.both)
        time = len(self.x) - 1 if direction == 0 else 0
        return (layer, direction, time), index[1], index[2], "h" if self.call.output == 1 else "c"

    def made(self, index: Index) -> Made:
        """See `Relation`."""
        key, sample, unit, state = self.moment(index)
        moment = self.moments[key]
        gates = {name: gate[sample, unit].item() for name, gate in moment.gates.items()}
        before = {name: value[sample, unit].item() for name, value in moment.before.items()}
        result = moment.after[state][sample, unit].item()
        n = {name: latex.inner(value) for name, value in gates.items()}
        if self.kind == "lstm":
            cell = rf"{n['f']} \cdot {latex.inner(before['c'])} + {n['i']} \cdot {n['g']}"
            formula = cell if state == "c" else rf"{n['o']} \cdot \tanh({cell})"
        elif self.kind == "gru":
            formula = rf"(1 - {n['z']}) \cdot {n['n']} + {n['z']} \cdot {latex.inner(before['h'])}"
        else:
            word = r"\tanh" if self.kind == "rnn_tanh" else r"\max(0, \cdot)"
            formula = rf"{word}({n['a']})"
        place = torch.tensor([[*key, sample, unit]])
        whole = torch.tensor([result], dtype=torch.float64)
        blocks = [
            Block(name, place, torch.tensor([value], dtype=torch.float64), None, whole)
            for name, value in {**gates, **{f"{k} before": v for k, v in before.items()}}.items()
        ]
        regions = {}
        for name, seen in self.back(self._one(index)).items():
            axes = range(seen.dim())
            positions = tuple(
                tuple(seen.any([d for d in axes if d != a]).nonzero()[:, 0].tolist())
                if seen.dim() > 1
                else tuple(seen.nonzero()[:, 0].tolist())
                for a in axes
            )
            regions[name] = Region(name, tuple(seen.shape), positions)
        function = {"rnn_tanh": "rnn_tanh", "rnn_relu": "rnn_relu"}.get(self.kind, self.kind)
        names = [name.strip() for name in _SIGNATURE.split(",")[3:]]
        rest = ", ".join(repr(self.call[name]) for name in names)
        code = f"torch.{function}(input, hx, params, {rest})[{self.call.output}]{list(index)}"
        return Made(
            result,
            1.0,
            Terms(blocks),
            f"{formula} = {latex.number(result)}",
            code,
            regions,
            self._parts(key, sample, unit),
        )

    def _parts(self, key: tuple[int, int, int], sample: int, unit: int) -> dict[str, Terms]:
        """Each gate's sum, before its function."""
        layer, direction, time = key
        first = (layer * self.both + direction) * self.each
        moment, hidden = self.moments[key], self.states[0].shape[-1]
        turned = self.call["batch_first"] and layer == 0
        found = {}
        for number, name in enumerate(moment.gates):
            row = Row(
                "input" if layer == 0 else f"layer {layer - 1}",
                (sample, time) if turned else (time, sample),
                self.below[layer][time, sample],
                moment.before["h"][sample],
                number * hidden + unit,
                self.weights[first : first + self.each],
                first,
            )
            resets = self.kind == "gru" and name == "n"
            found[name] = row.terms(moment.gates["r"][sample, unit].item() if resets else 1.0)
        return found

    def _one(self, index: Index) -> Tensor:
        return one(self.call.shape, index)

    def back(self, mask: Tensor) -> dict[str, Tensor]:
        """All features of the samples at the time steps that reach the cells, and all weights."""
        found = {name: torch.ones(t.shape, dtype=torch.bool) for name, t in self._operands()}
        batch_first = self.call["batch_first"]
        x = self.call.tensors["input"]
        if self.call.output == 0:
            samples = mask.any((1, 2)) if batch_first else mask.any((0, 2))
            times = mask.any((0, 2)) if batch_first else mask.any((1, 2))
            if self.both == 1 and times.any():
                times = torch.arange(len(times)) <= int(times.nonzero().max())
            else:
                times = torch.ones_like(times)
        else:
            samples = mask.any((0, 2))
            times = torch.ones(len(self.x), dtype=torch.bool)
        grid = (
            samples.view(-1, 1, 1) & times.view(1, -1, 1)
            if batch_first
            else times.view(-1, 1, 1) & samples.view(1, -1, 1)
        )
        found["input"] = grid.expand(x.shape)
        for name in found:
            if name.startswith("hx"):
                found[name] = samples.view(1, -1, 1).expand(self.call.tensors[name].shape)
        return found

    def _operands(self) -> list[tuple[str, Tensor]]:
        return list(self.call.tensors.items())

    def forth(self, operand: str, mask: Tensor) -> Tensor:
        """All time steps from the first changed one; for every sample if a weight was changed."""
        found = torch.ones(self.call.shape, dtype=torch.bool)
        if not mask.any():
            return ~found
        if operand.startswith("params"):
            return found
        batch_first = self.call["batch_first"]
        batch = 0 if batch_first and operand == "input" else 1
        samples = mask.any([d for d in range(3) if d != batch])
        out_batch = 0 if batch_first and self.call.output == 0 else 1
        view = [-1 if d == out_batch else 1 for d in range(3)]
        found = found & samples.view(view)
        if operand == "input" and self.call.output == 0 and self.both == 1:
            axis = 1 if batch_first else 0
            times = mask.any([d for d in range(3) if d != axis])
            late = torch.arange(len(times)) >= int(times.nonzero().min())
            found = found & late.view([-1 if d == axis else 1 for d in range(3)])
        return found


_SIGNATURE = "input, hx, params, has_biases, num_layers, dropout, train, bidirectional, batch_first"


@rule("lstm gru rnn_tanh rnn_relu", _SIGNATURE)
def recurrent(call: Call) -> Recurrent:
    """One cell of one layer at one time."""
    return Recurrent(call, call.op)
