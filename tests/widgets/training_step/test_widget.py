"""A training step on the screen: its buttons, its pictures, what it says."""

import numpy as np
import pytest
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

import fwdwidgets as fw
from fwdwidgets.widgets.training_step.lines import LINES
from tests.widgets.training_step.by_hand import batch, by_hand, equal, net, sgd, widget


def test_each_button_runs_its_line_and_marks_the_next():
    shown = widget()
    for line, following in zip(LINES, [*LINES[1:], "forward"], strict=True):
        shown._lines[line].click()
        assert shown._lines[following].description.startswith("▸ ")
        assert sum("▸" in button.description for button in shown._lines.values()) == 1
    model, losses = by_hand(1)
    assert equal(model, shown.loop.weights())
    assert shown.losses == tuple(losses)
    assert (shown.loss, shown.steps) == (losses[0], 1)


def test_the_pictures_are_weights_and_gradients():
    shown = widget()
    shown.run_steps(2)
    model, (inputs, targets) = by_hand(1)[0], batch()
    before = model.fc1.weight.detach().clone()
    model.zero_grad()
    nn.MSELoss()(model(inputs), targets).backward()
    after = by_hand(2)[0].fc1.weight.detach()
    traces = {trace.name: trace for trace in shown.figure.data}
    assert np.array_equal(traces["before"].z, before.numpy())
    assert np.array_equal(traces["after"].z, after.numpy())
    assert np.array_equal(traces["difference"].z, (after - before).numpy())
    assert np.array_equal(traces["gradient"].z, model.fc1.weight.grad.numpy())
    assert np.array_equal(traces["loss"].y, by_hand(2)[1])


def test_the_parameter_is_chosen():
    shown = widget()
    shown.run_steps(1)
    shown.parameter = "fc2.bias"
    traces = {trace.name: trace for trace in shown.figure.data}
    assert np.array_equal(traces["after bars"].y, by_hand(1)[0].fc2.bias.detach().numpy())
    with pytest.raises(ValueError, match="choose one of fc1"):
        shown.parameter = "fc9"


def test_forgetting_zero_grad_is_told():
    shown = widget()
    for line in ("forward", "loss", "backward", "forward", "loss", "backward"):
        shown.run_line(line)
    assert "zero_grad was forgotten" in shown._said.value
    assert "sum of 2 backward passes" in shown._said.value


def test_what_has_no_gradient_does_not_move_and_is_told():
    model = net()
    model.fc1.bias.requires_grad_(False)
    shown = fw.TrainingStep(model, batch(), None, sgd)
    for line in ("forward", "loss", "zero_grad", "backward"):
        shown.run_line(line)
    assert "The backward pass does not reach fc1.bias: grad stays None there" in shown._said.value
    shown.run_line("step")
    assert torch.equal(shown.loop.weights()["fc1.bias"], model.fc1.bias)
    assert "The weights moved" in shown._said.value
    assert "These stayed: fc1.bias." in shown._said.value
    shown.lr = 0.0
    shown.reset()
    for line in LINES:
        shown.run_line(line)
    assert "No weight moved: the learning rate is 0" in shown._said.value


def test_a_gradient_that_the_optimizer_does_not_clear_is_told():
    model = net()
    part = torch.optim.SGD(model.fc2.parameters(), lr=0.01)
    shown = fw.TrainingStep(model, batch(), None, part)
    for line in LINES[:4]:
        shown.run_line(line)
    shown.run_line("zero_grad")
    assert "does not hold fc1.weight, fc1.bias: their .grad stays" in shown._said.value


def test_clipping_is_told():
    shown = widget()
    shown.clip = 0.05
    shown.run_steps(1)
    assert equal(by_hand(1, 0.05)[0], shown.loop.weights())
    shown.run_line("forward")
    shown.run_line("loss")
    shown.run_line("zero_grad")
    shown.run_line("backward")
    shown.run_line("step")
    assert "was clipped to 0.05" in shown._said.value


def test_a_line_too_early_is_told_and_nothing_dies():
    shown = widget()
    shown._lines["backward"].click()
    assert "there is no loss yet: run loss = criterion" in shown._message.value
    with pytest.raises(ValueError, match="there is no loss yet"):
        shown.run_line("backward")
    shown.run_line("forward")
    assert "there is no loss yet" not in shown._message.value


def test_a_learning_rate_that_is_too_large_is_told():
    shown = widget()
    shown.lr = 1e6
    with pytest.raises(ValueError, match="choose a smaller learning rate"):
        shown.run_steps(200)
    assert "choose a smaller learning rate" in shown._message.value
    shown.reset()
    assert shown.losses == ()
    assert shown._message.value == ""


def test_run_and_reset_by_button():
    shown = widget()
    shown._kept["n"].value = 7
    button = next(w for w in shown.children[1].children if w.description == "run n steps")
    button.click()
    assert shown.steps == 7
    assert shown._bar.value == shown._bar.max == 7
    shown.reset()
    assert (shown.steps, shown._bar.value) == (0, 0)


@pytest.mark.parametrize(
    ("make", "error", "sentence"),
    [
        (lambda: fw.TrainingStep(3, batch()), TypeError, "model=3 is no network"),
        (lambda: fw.TrainingStep(net(), batch(), 3), TypeError, "loss=3 cannot be called"),
        (lambda: fw.TrainingStep(net(), batch(), None, 3), TypeError, "optimizer=3 is none"),
        (lambda: fw.TrainingStep(nn.ReLU(), batch()), ValueError, "no parameters"),
        (lambda: fw.TrainingStep(net(), []), ValueError, "empty"),
        (lambda: widget(losss=1), TypeError, "did you mean 'loss'"),
        (lambda: widget().run_steps(0), ValueError, "count=0 is out of range"),
        (lambda: widget().run_steps("3"), ValueError, "count='3' is of type str: choose a whole"),
        (lambda: widget().run_steps(True), ValueError, "count=True is of type bool"),
        (lambda: widget().run_steps(2.0), ValueError, "count=2.0 is of type float"),
        (lambda: setattr(widget(), "lr", "a"), ValueError, "lr='a' is of type str: give a number"),
        (lambda: setattr(widget(), "clip", True), ValueError, "clip=True is of type bool"),
        (lambda: fw.TrainingStep(fw.models.Net, batch()), TypeError, r"an instance, such as Net\("),
        (
            lambda: fw.TrainingStep(nn.LazyLinear(1), batch()),
            ValueError,
            r"lazy layer without weights: run it once, as in model\(inputs\)",
        ),
        (lambda: setattr(widget(), "lr", -1.0), ValueError, "lr=-1.0 cannot be used"),
        (lambda: setattr(widget(), "clip", -1.0), ValueError, "clip=-1.0 cannot be used"),
        (lambda: widget().run_line("walk"), ValueError, "choose one of forward"),
    ],
)
def test_what_is_refused(make, error, sentence):
    with pytest.raises(error, match=sentence):
        make()


def test_numbers_of_numpy_and_torch_are_numbers():
    shown = widget()
    shown.run_steps(np.int64(3))
    shown.run_steps(torch.tensor(2))
    assert shown.steps == 5
    shown.lr, shown.clip = np.float64(0.5), torch.tensor(2.0)
    assert (shown.lr, shown.clip, shown.loop.lr, shown.loop.clip) == (0.5, 2, 0.5, 2)
    with pytest.raises(ValueError, match="line='walk' is none"):
        shown.run_line("walk")
    assert "walk" in shown._message.value


def test_a_learning_rate_between_the_slider_s_steps_stays():
    model = net()
    shown = fw.TrainingStep(model, batch(), None, torch.optim.SGD(model.parameters(), lr=0.003))
    assert shown.lr == 0.003
    shown._links["lr"].value = 10**-2.5  # what the page makes of it
    assert shown.lr == shown.loop.lr == 0.003
    shown._links["lr"].value = 10**-2.4
    assert shown.loop.lr == pytest.approx(10**-2.4)


def test_a_forward_that_fails_is_explained():
    model = net()
    inputs = torch.rand(16, 11)
    widget = fw.TrainingStep(model, (inputs, torch.rand(16, 1)), nn.MSELoss(), sgd)
    for run in (lambda: widget.run_line("forward"), lambda: widget.run_steps(2)):
        with pytest.raises(RuntimeError, match="cannot be multiplied"):
            run()
        assert "in_features=11 would fit" in widget._message.value
    with pytest.raises(ValueError, match="no output yet"):
        widget.run_line("loss")
    assert "there is no output yet" in widget._message.value


def test_what_pytorch_warns_of_is_on_the_screen():
    """Targets `(4,)` against outputs `(4, 1)` give a number, and a wrong one."""
    data = torch.arange(4.0).reshape(4, 1), torch.arange(4.0)
    widget = fw.TrainingStep(nn.Linear(1, 1), data, nn.MSELoss(), torch.optim.SGD)
    widget.run_line("forward")
    widget.run_line("loss")
    assert "PyTorch warns: Using a target size (torch.Size([4]))" in widget._message.value
    widget.reset()
    assert "PyTorch warns" not in widget._message.value


def test_hooks_of_gradients_stay():
    model = nn.Linear(3, 2)
    model.weight.register_hook(lambda grad: grad * torch.tensor([[1.0], [0.0]]))
    data = torch.randn(4, 3), torch.randn(4, 2)
    shown = fw.TrainingStep(model, data)
    for line in ("forward", "loss", "backward"):
        shown.run_line(line)
    nn.functional.mse_loss(model(data[0]), data[1]).backward()
    torch.testing.assert_close(shown.loop.model.weight.grad, model.weight.grad)
    assert shown.loop.model.weight.grad[1].abs().max() == 0


@pytest.mark.parametrize(
    ("model", "loss", "sentence"),
    [
        (
            nn.Sequential(nn.Embedding(5, 2, sparse=True), nn.Flatten(), nn.Linear(6, 2)),
            nn.MSELoss(),
            "the gradient of 0.weight is sparse and cannot be shown",
        ),
        (
            nn.Sequential(nn.Embedding(5, 2), nn.Flatten(), nn.Linear(6, 2)),
            lambda output, targets: (output.detach() - targets).square().mean(),
            "the loss has no grad_fn",
        ),
    ],
)
def test_no_way_back_is_told(model, loss, sentence):
    data = torch.randint(0, 5, (4, 3)), torch.randn(4, 2)
    shown = fw.TrainingStep(model, data, loss)
    shown.run_line("forward")
    shown.run_line("loss")
    with pytest.raises(ValueError, match=sentence):
        shown.run_line("backward")
    assert "fwd-error" in shown._message.value
    assert shown.loop.gradients() == {}
    shown.run_line("forward")  # it goes on


def test_a_model_that_cannot_be_copied_is_told():
    model = nn.Linear(3, 2)
    model.last = model(torch.randn(1, 3))
    with pytest.raises(ValueError, match=r"Linear could not be copied .* Make a new model"):
        fw.TrainingStep(model, (torch.randn(4, 3), torch.randn(4, 2)))


def test_the_first_batch_of_a_loader_leaves_the_random_state_as_found():
    loader = DataLoader(TensorDataset(torch.randn(8, 3), torch.randn(8, 2)), 4, shuffle=True)
    model, before = nn.Linear(3, 2), torch.get_rng_state()
    fw.TrainingStep(model, loader)
    assert torch.equal(torch.get_rng_state(), before)
