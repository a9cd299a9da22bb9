"""A forward pass and its picture as modules with static shapes, ready for `torch.export`.

A page without a kernel runs them; `Forward` computes the same for a live widget.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from fwdwidgets import display
from fwdwidgets.networks.outputs import answer_picture, predict, rank_classes, read_answer
from fwdwidgets.trace import Recorder, finish


class ForwardView(nn.Module):
    """A model with every step's value and its answer as outputs.

    `torch.export.export(ForwardView(model), (batch,))` gives a graph that needs no Python.

    Args:
        model: the network, in the mode to run in.
    """

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = model

    def forward(self, batch: Tensor, label: Tensor | None = None) -> dict[str, Tensor]:
        """Run the network and read its answer.

        Args:
            batch: `(1, ...)`, one sample.
            label: an integer `()`, its true class; -1 or None for none.

        Returns:
            `"steps.NAME"`, the value of each step; `"answer.output"` `(K,)`; with classes also
            `"answer.prediction"` `()`, -1 for none, `"answer.probability"` `()` of that class, and
            everything of `outputs.answer_picture` under `"answer."`.
        """
        with Recorder(self.model) as recorder:
            output = self.model(batch)
        trace = finish(recorder, output, None)
        view = {f"steps.{step.name}": step.value for step in trace if step.value is not None}
        answer = read_answer(trace, decided=False)
        view["answer.output"] = answer.output
        if answer.head == "value":
            return view
        prediction = predict(answer.output, answer.head)
        view["answer.prediction"] = prediction
        view["answer.probability"] = answer.probabilities[prediction.clamp(min=0)]
        if label is None:
            label = torch.full_like(prediction, -1)
        picture = answer_picture(answer, rank_classes(answer.probabilities, label))
        return view | {f"answer.{name}": value for name, value in picture.items()}


class PictureView(nn.Module):
    """How a value is drawn, as a module from tensors to tensors.

    Args:
        where: its layout.
        of_input: whether the value is the network's input; if not, it is the value of a step.
    """

    def __init__(self, where: display.Grid, *, of_input: bool = False) -> None:
        super().__init__()
        self.where, self.of_input = where, of_input

    def forward(self, value: Tensor) -> dict[str, Tensor]:
        """What `display.input_picture` or `display.layer_picture` give, and `"ticks"` `(3,)`."""
        make = display.input_picture if self.of_input else display.layer_picture
        drawn = make(value, self.where)
        return drawn | {"ticks": display.ticks(drawn["range"])}
