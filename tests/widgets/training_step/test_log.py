"""What was done in a training step, kept over a reload."""

import pytest
import torch

from fwdwidgets.widgets.training_step.log import noted
from tests.widgets.training_step.by_hand import widget


def test_a_reload_does_again_what_was_done():
    shown = widget()
    shown.run_steps(3)
    shown.lr = 0.05
    shown.clip = 1.0
    for line in ("forward", "loss", "backward", "step", "forward"):
        shown.run_line(line)
    state = {name: control.value for name, control in shown._frame.controls.items()}
    again = widget()
    again._restore(state)
    assert again.losses == shown.losses
    assert again.loop.lr == shown.loop.lr
    now = again.loop.weights()
    assert all(torch.equal(now[name], value) for name, value in shown.loop.weights().items())
    assert again._log.value == shown._log.value
    assert again._next == shown._next == "loss"
    shown.reset()
    assert shown._log.value == "lr=0.05 clip=1.0"


def test_a_log_that_is_not_ours_does_nothing():
    shown = widget()
    shown._log.value = "run=99999999 import=os lr=fast"
    assert shown.steps == 0


@pytest.mark.parametrize(
    ("log", "done", "after"),
    [
        ("lr=0.01 clip=0.0", "lr=1.0", "lr=1.0 clip=0.0"),
        ("lr=0.01 clip=0.0", "forward", "lr=0.01 clip=0.0 forward"),
        ("lr=0.01 clip=0.0 run=3", "lr=1.0", "lr=0.01 clip=0.0 run=3 lr=1.0"),
        ("lr=0.01 clip=0.0 run=3 clip=2.0", "lr=1.0", "lr=0.01 clip=0.0 run=3 lr=1.0 clip=2.0"),
        ("lr=0.01 clip=0.0 run=3 lr=1.0", "lr=0.01", "lr=0.01 clip=0.0 run=3"),
        ("lr=0.01 clip=0.0 run=3 lr=1.0 step", "lr=1.0", "lr=0.01 clip=0.0 run=3 lr=1.0 step"),
    ],
)
def test_the_log_holds_the_settings_that_a_line_ran_under(log, done, after):
    assert noted(log, done) == after


def test_what_was_done_is_given_back_as_it_was():
    first, second = widget(), widget()
    first.run_line("forward")
    for lr in (0.1, 0.5, first.lr):
        first.lr = lr
    first.run_line("loss")
    assert first._log.value == "lr=0.01 clip=0.0 forward loss"
    second._restore({name: part.value for name, part in first._frame.controls.items()})
    assert second._log.value == first._log.value
    assert second.losses == first.losses
