"""The five lines against plain PyTorch."""

import copy

import numpy as np
import pytest
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

import fwdwidgets as fw
from fwdwidgets.training import first_batch
from fwdwidgets.widgets.training_step.compute import LINES, TrainingLoop, gradient_norm
from fwdwidgets.widgets.training_step.words import noted


def net():
    torch.manual_seed(0)
    return fw.models.Net()


def batch():
    torch.manual_seed(1)
    return torch.randn(8, 10), torch.randn(8, 1)


def sgd(parameters):
    return torch.optim.SGD(parameters, lr=0.01, momentum=0.9)


def by_hand(steps, clip=None):
    model, (inputs, targets) = net(), batch()
    optimizer, losses = sgd(model.parameters()), []
    for _ in range(steps):
        output = model(inputs)
        loss = nn.MSELoss()(output, targets)
        optimizer.zero_grad()
        loss.backward()
        if clip:
            nn.utils.clip_grad_norm_(model.parameters(), clip)
        optimizer.step()
        losses.append(loss.item())
    return model, losses


def equal(model, weights):
    return all(torch.equal(weights[name], value) for name, value in model.named_parameters())


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
        (["forward", "loss", "backward", "backward"], "gone back through already"),
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


def test_data_of_every_kind():
    inputs, targets = batch()
    dataset = TensorDataset(inputs, targets)
    found = first_batch(DataLoader(dataset, 4))
    assert torch.equal(found[0], inputs[:4])
    items = [(row, float(value)) for row, value in zip(inputs, targets, strict=True)]
    found = first_batch(items)
    assert torch.equal(found[0], inputs)
    assert torch.equal(found[1], targets)
    pairs = [(row, 1) for row in inputs] * 4
    assert first_batch(pairs)[1].tolist() == [1] * 16
    with pytest.raises(ValueError, match="sample 0 has no label"):
        first_batch([(inputs[0], None)])
    with pytest.raises(TypeError, match="targets"):
        first_batch((inputs, [1, 2]))
    with pytest.raises(ValueError, match="this DataLoader is empty"):
        first_batch(DataLoader(TensorDataset(inputs[:1], targets[:1]), 4, drop_last=True))
    with pytest.raises(TypeError, match="a batch of this DataLoader is Tensor: training needs"):
        first_batch(DataLoader(inputs, 4))
    with pytest.raises(TypeError, match="a batch of this DataLoader is 3 parts"):
        first_batch(DataLoader(TensorDataset(inputs, targets, targets), 4))


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


# --- the widget -----------------------------------------------------------------------------------


def widget(**options):
    model = net()
    return fw.TrainingStep(model, batch(), nn.MSELoss(), sgd(model.parameters()), **options)


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
    assert "No way leads back to fc1.bias: grad stays None there" in shown._said.value
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
        (lambda: setattr(widget(), "lr", -1.0), ValueError, "lr=-1.0 does not do"),
        (lambda: setattr(widget(), "clip", -1.0), ValueError, "clip=-1.0 does not do"),
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


def test_a_model_that_cannot_be_copied_is_told():
    model = nn.Linear(3, 2)
    model.last = model(torch.randn(1, 3))
    with pytest.raises(ValueError, match=r"Linear could not be copied .* Make the model anew"):
        fw.TrainingStep(model, (torch.randn(4, 3), torch.randn(4, 2)))


def test_the_first_batch_of_a_loader_leaves_the_random_state_as_found():
    loader = DataLoader(TensorDataset(torch.randn(8, 3), torch.randn(8, 2)), 4, shuffle=True)
    model, before = nn.Linear(3, 2), torch.get_rng_state()
    fw.TrainingStep(model, loader)
    assert torch.equal(torch.get_rng_state(), before)
