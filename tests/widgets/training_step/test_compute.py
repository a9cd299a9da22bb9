"""The five lines against plain PyTorch."""

import copy

import numpy as np
import pytest
import torch
from torch import nn

import fwdwidgets as fw
from fwdwidgets.training import first_batch
from fwdwidgets.widgets.training_step.compute import TrainingLoop
from fwdwidgets.widgets.training_step.gradients import gradient_norm
from fwdwidgets.widgets.training_step.lines import LINES
from tests.widgets.training_step.by_hand import batch, by_hand, equal, net, sgd


@pytest.mark.parametrize("clip", [None, 0.05])
def test_the_five_lines_are_the_plain_loop(clip):
    loop = TrainingLoop(net(), batch(), nn.MSELoss(), sgd)
    loop.clip = clip
    for _ in range(3):
        for line in LINES:
            loop.run(line)
    model, losses = by_hand(3, clip)
    assert equal(model, loop.weights())
    assert loop.losses == losses
    assert loop.steps == 3


def test_many_steps_are_the_same_and_tell_how_far_they_are():
    told = []
    loop = TrainingLoop(net(), batch(), nn.MSELoss(), sgd)
    loop.run_steps(5, told.append)
    assert equal(by_hand(5)[0], loop.weights())
    assert told == [1, 2, 3, 4, 5]


def test_the_given_model_and_optimizer_stay():
    model = net()
    model.fc1.weight.grad = torch.ones_like(model.fc1.weight)
    before = copy.deepcopy(model.state_dict())
    optimizer = sgd(model.parameters())
    loop = TrainingLoop(model, batch(), nn.MSELoss(), optimizer)
    loop.run_steps(3)
    assert all(torch.equal(before[name], value) for name, value in model.state_dict().items())
    assert torch.equal(model.fc1.weight.grad, torch.ones_like(model.fc1.weight))
    assert not optimizer.state
    assert equal(by_hand(3)[0], loop.weights())  # class and options were taken over


@pytest.mark.parametrize("kind", [torch.optim.Adam, torch.optim.AdamW, torch.optim.RMSprop])
def test_an_optimizer_is_copied_with_its_groups(kind):
    loops, models = [], []
    for _ in range(2):
        model = net()
        groups = [{"params": model.fc1.parameters(), "lr": 0.1}, {"params": [model.fc2.weight]}]
        loops.append(kind(groups, lr=0.003))
        models.append(model)
    loop = TrainingLoop(models[0], batch(), nn.MSELoss(), loops[0])
    loop.run_steps(3)
    inputs, targets = batch()
    for _ in range(3):  # the same by hand
        loops[1].zero_grad()
        nn.MSELoss()(models[1](inputs), targets).backward()
        loops[1].step()
    assert equal(models[1], loop.weights())
    assert equal(net(), dict(models[0].named_parameters()))  # the given one stays
    assert loop.lr == 0.1
    loop.lr = 0.2
    loop.reset()
    assert [group["lr"] for group in loop.optimizer.param_groups] == [0.2, 0.003]


def test_an_optimizer_of_another_model_is_told():
    other = torch.optim.SGD(net().parameters(), lr=0.01)
    with pytest.raises(ValueError, match=r"not this model's: make it of model\.parameters"):
        TrainingLoop(net(), batch(), nn.MSELoss(), other)
    with pytest.raises(ValueError, match="LBFGS runs the model itself"):
        TrainingLoop(net(), batch(), nn.MSELoss(), torch.optim.LBFGS)
    with pytest.raises(TypeError, match="optimizer made None"):
        TrainingLoop(net(), batch(), nn.MSELoss(), lambda parameters: None)


def test_a_loss_that_does_not_take_the_targets_is_told():
    labels = torch.arange(8)
    model = nn.Linear(10, 10)
    loop = TrainingLoop(model, (batch()[0], labels), nn.MSELoss(), sgd)
    loop.run("forward")
    sentence = r"output of shape \(8, 10\) with targets of shape \(8,\), torch.int64. For labels"
    with pytest.raises(ValueError, match=sentence):
        loop.run("loss")


def test_forgetting_zero_grad_adds_up():
    loop = TrainingLoop(net(), batch(), nn.MSELoss(), sgd)
    for line in ("forward", "loss", "backward"):
        loop.run(line)
    once = loop.gradients()
    for line in ("forward", "loss", "backward"):
        loop.run(line)
    assert loop.backwards == 2
    for name, gradient in loop.gradients().items():
        assert torch.equal(gradient, once[name] + once[name])
        assert torch.equal(loop.fresh[name], once[name])
    loop.run("zero_grad")
    assert loop.gradients() == {}


def test_an_input_of_one_axis_gets_its_gradient():
    inputs = torch.tensor([0.1] * 10, requires_grad=True)
    loop = TrainingLoop(net(), (inputs, torch.zeros(1)), nn.MSELoss(), sgd)
    loop.run_steps(1)
    expected = inputs.detach().clone().requires_grad_()
    nn.MSELoss()(net()(expected), torch.zeros(1)).backward()
    assert torch.equal(loop.gradients()["inputs"], expected.grad)
    assert loop.names[0] == "inputs"
    assert inputs.grad is None


def test_the_norm_is_pytorch_s():
    loop = TrainingLoop(net(), batch(), nn.MSELoss(), sgd)
    for line in ("forward", "loss", "backward"):
        loop.run(line)
    expected = torch.cat([g.flatten() for g in loop.gradients().values()]).norm().item()
    assert gradient_norm(loop.gradients().values()) == pytest.approx(expected, rel=1e-6)


def test_reset_goes_back():
    loop = TrainingLoop(net(), batch(), nn.MSELoss(), sgd)
    loop.lr = 0.5
    loop.run_steps(4)
    loop.reset()
    assert equal(net(), loop.weights())
    assert (loop.steps, loop.losses, loop.lr) == (0, [], 0.5)


@pytest.mark.parametrize(
    ("lines", "sentence"),
    [
        (["loss"], "there is no output yet"),
        (["forward", "backward"], "there is no loss yet"),
        (["forward", "loss", "backward", "backward"], "backward has already run"),
        (["step"], "there are no gradients yet"),
        (["forward", "loss", "backward", "zero_grad", "step"], "there are no gradients yet"),
    ],
)
def test_a_line_that_comes_too_early(lines, sentence):
    loop = TrainingLoop(net(), batch(), nn.MSELoss(), sgd)
    for line in lines[:-1]:
        loop.run(line)
    with pytest.raises(ValueError, match=sentence):
        loop.run(lines[-1])


def test_numpy_s_pairs_are_taken():
    inputs, targets = batch()
    wide = inputs.numpy().astype(np.float64), targets.numpy().astype(np.float64)
    for pair in ((inputs.numpy(), targets.numpy()), (inputs, targets.numpy()), wide):
        found = first_batch(pair)
        assert [part.dtype for part in found] == [torch.float32] * 2
        assert torch.equal(found[0], inputs)
        assert torch.equal(found[1], targets)
    labels = np.zeros(8, np.int64)
    assert first_batch((inputs.numpy(), labels))[1].dtype is torch.int64
    loop = TrainingLoop(net(), wide, nn.MSELoss(), sgd)
    loop.run_steps(3)
    model, losses = by_hand(3)
    assert equal(model, loop.weights())
    assert loop.losses == losses
    with pytest.raises(TypeError, match=r"data is one ndarray of shape \(8, 10\): pass two"):
        first_batch(inputs.numpy())


def test_dropout_draws_the_same_after_a_reset_and_leaves_the_random_state():
    torch.manual_seed(5)
    model = nn.Sequential(nn.Linear(10, 20), nn.Dropout(0.5), nn.Linear(20, 1))
    before = torch.get_rng_state()
    loop = TrainingLoop(model, batch(), nn.MSELoss(), sgd)
    torch.set_rng_state(before)
    loop.run_steps(3)
    assert torch.equal(torch.get_rng_state(), before)
    first = list(loop.losses)
    assert len(set(first)) == 3
    loop.reset()
    loop.run_steps(3)
    assert loop.losses == first


def test_a_loss_that_is_no_number_is_told_by_its_reason():
    inputs, targets = batch()
    broken = TrainingLoop(net(), (inputs * float("nan"), targets), nn.MSELoss(), sgd)
    with pytest.raises(ValueError, match="nan before any step: look for NaN"):
        broken.run_steps(3)
    fast = TrainingLoop(net(), (inputs, targets), nn.MSELoss(), sgd)
    fast.lr = 1e6
    with pytest.raises(ValueError, match="steps: choose a smaller learning rate"):
        fast.run_steps(50)
    with pytest.raises(ValueError, match=r"inputs of shape \(0, 10\) are empty"):
        TrainingLoop(net(), (inputs[:0], targets[:0]), nn.MSELoss(), sgd)
    with pytest.raises(TypeError, match=r"class MSELoss: pass an instance, MSELoss\(\)"):
        TrainingLoop(net(), (inputs, targets), nn.MSELoss, sgd)


def test_backward_goes_back_once_and_adds_to_what_is_there():
    model, calls = nn.Linear(3, 2), []
    model.weight.register_hook(lambda grad: calls.append(grad.clone()))
    data = torch.randn(4, 3), torch.randn(4, 2)
    loop = fw.TrainingStep(model, data).loop
    for count in (1, 2):
        for line in ("forward", "loss", "backward"):
            loop.run(line)
        nn.functional.mse_loss(model(data[0]), data[1]).backward()
        assert len(calls) == 2 * count  # the widget's copy, and the model here
        torch.testing.assert_close(loop.fresh["weight"], calls[-1])
        torch.testing.assert_close(loop.model.weight.grad, model.weight.grad)


def test_a_backward_that_fails_leaves_the_gradients():
    class Fussy(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            return x.clone()

        @staticmethod
        def backward(ctx, grad):
            raise RuntimeError("not today")

    class Model(nn.Linear):
        def forward(self, x):
            first = super().forward(x)
            return self.last(first if loop.backwards == 0 else Fussy.apply(first))

    model = Model(3, 2)
    model.last = nn.Linear(2, 2)
    loop = fw.TrainingStep(model, (torch.randn(4, 3), torch.randn(4, 2))).loop
    for line in ("forward", "loss", "backward"):
        loop.run(line)
    kept = loop.gradients()
    loop.run("forward")
    loop.run("loss")
    with pytest.raises(RuntimeError, match="not today"):
        loop.run("backward")
    assert all(torch.equal(kept[name], grad) for name, grad in loop.gradients().items())


def test_reset_gives_back_inputs_that_forward_changed_in_place():
    class Doubling(nn.Linear):
        def forward(self, x):
            return super().forward(x.mul_(2))

    torch.manual_seed(0)
    loop = fw.TrainingStep(Doubling(3, 2), (torch.randn(4, 3), torch.randn(4, 2))).loop
    losses = []
    for _ in range(2):
        loop.run("forward")
        loop.run("loss")
        losses.append(loop.losses[-1])
        loop.reset()
    assert losses[0] == losses[1]
