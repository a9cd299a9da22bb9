"""Training against the same loop in plain PyTorch."""

import copy

import pytest
import torch
import torch.nn.functional as F
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

import fwdwidgets as fw


def data(count=50):
    torch.manual_seed(1)
    inputs = torch.randn(count, 6)
    return TensorDataset(inputs, (inputs[:, 0] > 0).long())


def network():
    torch.manual_seed(2)
    return nn.Sequential(nn.Linear(6, 8), nn.ReLU(), nn.Dropout(0.25), nn.Linear(8, 2))


def by_hand(model, dataset, epochs, batch_size, make, criterion, seed):
    """The loop of every course; the weights after each epoch."""
    states = [{n: v.clone() for n, v in model.state_dict().items()}]
    generator = torch.Generator().manual_seed(seed)
    loader = DataLoader(dataset, batch_size, shuffle=True, generator=generator)
    torch.manual_seed(seed)
    optimizer = make(model.parameters())
    for _ in range(epochs):
        model.train()
        for inputs, targets in loader:
            output = model(inputs)
            loss = criterion(output, targets)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        states.append({n: v.clone() for n, v in model.state_dict().items()})
    return states


@pytest.mark.parametrize("adam", [False, True])
def test_the_weights_are_those_of_the_plain_loop(adam):
    def make(parameters):
        if adam:
            return torch.optim.Adam(parameters, lr=0.01)
        return torch.optim.SGD(parameters, lr=0.05, momentum=0.9)

    found = fw.train(
        network(), data(), 3, batch_size=16, optimizer=make if adam else None, progress=False
    )
    expected = by_hand(network(), data(), 3, 16, make, F.cross_entropy, 0)
    assert len(found) == 4
    for point, state in zip(found, expected, strict=True):
        assert point.state.keys() == state.keys()
        assert all(torch.equal(point.state[name], state[name]) for name in state)


def test_loss_and_accuracy_are_those_of_all_samples_in_eval_mode():
    found = fw.train(network(), data(), 2, progress=False)
    inputs, labels = data().tensors
    model = network().eval()
    for point in found:
        model.load_state_dict(point.state)
        with torch.no_grad():
            output = model(inputs)
        assert point.loss == pytest.approx(F.cross_entropy(output, labels).item(), abs=1e-6)
        assert point.accuracy == (output.argmax(1) == labels).double().mean().item()
    assert found[2].loss < found[0].loss


def test_an_instance_is_trained_and_a_class_is_built():
    model = network()
    found = fw.train(model, data(), 1, progress=False)
    assert all(torch.equal(found[1].state[n], v) for n, v in model.state_dict().items())
    built = fw.train(network, data(), 1, progress=False)
    assert len(built) == 2


def test_the_random_state_and_the_modes_are_left_as_found():
    model, dataset = network(), data()
    model[2].eval()
    torch.manual_seed(7)
    before = torch.get_rng_state()
    fw.train(model, dataset, 1, progress=False)
    assert torch.equal(before, torch.get_rng_state())
    assert [module.training for module in model] == [True, True, False, True]


def test_numbers_are_a_regression():
    torch.manual_seed(0)
    inputs = torch.randn(40, 3)
    items = [(row, float(row.sum())) for row in inputs]
    found = fw.train(nn.Linear(3, 1), items, 20, progress=False)
    assert found[20].accuracy is None
    assert found[20].loss < found[0].loss / 4


def test_a_line_an_epoch_is_printed(capsys):
    found = fw.train(network(), data(), 2)
    lines = capsys.readouterr().out.splitlines()
    last = lines[-1].rpartition("\r")[2]
    assert last.startswith("epoch 2 of 2 ████████████████████████  loss ")
    assert f"accuracy {found[2].accuracy:.1%}" in last


def test_a_loss_that_is_nan_stops_with_a_sentence():
    with pytest.warns(UserWarning, match=r"the loss became (nan|inf) in epoch \d: try a smaller"):
        found = fw.train(nn.Linear(6, 2), data(), 3, lr=1e38, progress=False)
    assert 1 <= len(found) < 4


def test_an_interrupt_keeps_what_there_is():
    calls = []

    def loss(output, targets):
        calls.append(0)
        if len(calls) > 6:
            raise KeyboardInterrupt
        return F.cross_entropy(output, targets)

    with pytest.warns(UserWarning, match="training was interrupted; the weights of 2 epochs"):
        found = fw.train(network(), data(), 9, loss=loss, progress=False)
    assert len(found) == 2


class Scaled(nn.Module):
    """A loss that learns by itself, and leaves the model out."""

    def __init__(self):
        super().__init__()
        self.scale = nn.Parameter(torch.ones(()))

    def forward(self, output, targets):
        return self.scale * F.cross_entropy(output.detach(), targets)


class Frozen(nn.Linear):
    def __init__(self):
        super().__init__(6, 2)
        self.requires_grad_(False)


class Pair(nn.Linear):
    def __init__(self):
        super().__init__(6, 2)

    def forward(self, x):
        return super().forward(x), x


@pytest.mark.parametrize(
    ("change", "error", "sentence"),
    [
        ({"epochs": 0}, ValueError, "epochs=0 cannot be used"),
        ({"epochs": 1.5}, ValueError, "epochs=1.5 cannot be used"),
        ({"batch_size": 0}, ValueError, "batch_size=0 cannot be used"),
        ({"dataset": []}, ValueError, "empty"),
        ({"dataset": [(torch.zeros(6), None)]}, ValueError, "sample 0 has no label"),
        ({"dataset": [(torch.zeros(6), 2)]}, ValueError, "label=2 is no class of this model"),
        ({"model": nn.Linear(6, 1)}, ValueError, "pass loss="),
        ({"model": 3}, TypeError, "3"),
        ({"loss": "mse"}, TypeError, "loss='mse' cannot be called"),
        (
            {"loss": nn.MSELoss},
            TypeError,
            r"loss is the class MSELoss: pass an instance, MSELoss\(\)",
        ),
        ({"loss": nn.CrossEntropyLoss(reduction="none")}, ValueError, "reduction="),
        ({"loss": nn.BCELoss()}, ValueError, r"does not take an output of shape \(\d+, 2\) with"),
        (
            {"loss": lambda output, targets: F.cross_entropy(output.detach(), targets)},
            ValueError,
            "the loss has no grad_fn",
        ),
        (
            {"loss": Scaled()},
            ValueError,
            "no weight of the model is reached by the backward pass of this loss",
        ),
        (
            {"optimizer": lambda _: torch.optim.SGD(network().parameters(), lr=0.1)},
            ValueError,
            "this SGD holds parameters that are not this model's",
        ),
        (
            {"model": nn.Linear(6, 1), "loss": F.binary_cross_entropy},
            ValueError,
            r"targets.float\(\)",
        ),
        (
            {"dataset": [(torch.zeros(6), 2)], "loss": nn.CrossEntropyLoss()},
            ValueError,
            "Label 2 is no class: 2 outputs have 0 to 1",
        ),
        ({"loss": nn.BCELoss()}, ValueError, r"For labels use CrossEntropyLoss\(\)"),
        (
            {"loss": lambda output, _: output.to(torch.complex64).mean()},
            ValueError,
            "one real number",
        ),
        ({"model": Frozen}, ValueError, "no parameters to train.*requires_grad"),
        ({"model": nn.ReLU()}, ValueError, "no parameters to train"),
        ({"model": Pair}, ValueError, "the model returned tuple"),
        ({"optimizer": torch.optim.LBFGS}, ValueError, "LBFGS runs the model itself"),
        ({"optimizer": lambda parameters: 3}, TypeError, "optimizer made 3"),
        (
            {"model": nn.Sequential(nn.Linear(6, 2), nn.BatchNorm1d(2)), "batch_size": 49},
            ValueError,
            "a batch has one sample, too few for a BatchNorm",
        ),
        (
            {"optimizer": torch.optim.SGD(network().parameters(), lr=0.1)},
            TypeError,
            "optimizer=SGD is no function",
        ),
        (
            {"model": nn.Linear(6, 2), "dataset": [(torch.zeros(6), 0.5)] * 3},
            ValueError,
            r"shape \(3, 2\) and the targets \(3, 1\)",
        ),
        (  # torch would stretch (3,) over (3, 1), with a warning only
            {
                "model": nn.Sequential(nn.Linear(6, 1), nn.Flatten(0)),
                "dataset": [(torch.zeros(6), 0.5)] * 3,
            },
            ValueError,
            r"shape \(3,\) and the targets",
        ),
    ],
)
def test_what_is_refused(change, error, sentence):
    given = {"model": network(), "dataset": data(), "epochs": 1, **change}
    with pytest.raises(error, match=sentence):
        fw.train(**given, progress=False)


# --- checkpoints --------------------------------------------------------------------------------


def test_saved_and_loaded_they_are_the_same(tmp_path):
    found = fw.train(network(), data(), 2, progress=False)
    found.save(tmp_path / "run")
    again = fw.Checkpoints.load(tmp_path / "run")
    assert len(again) == 3
    for before, after in zip(found, again, strict=True):
        assert (before.epoch, before.loss, before.accuracy) == (
            after.epoch,
            after.loss,
            after.accuracy,
        )
        assert all(torch.equal(before.state[n], after.state[n]) for n in before.state)


def test_weights_in_another_order_of_memory_are_saved(tmp_path):
    model = nn.Conv2d(3, 2, 2).to(memory_format=torch.channels_last)
    found = fw.Checkpoints()
    found.add(model, None, None)
    assert not found[0].state["weight"].is_contiguous()
    found.save(tmp_path)
    assert torch.equal(fw.Checkpoints.load(tmp_path)[0].state["weight"], model.weight)


def test_nothing_is_written_over(tmp_path):
    found = fw.train(network(), data(), 1, progress=False)
    found.save(tmp_path)
    with pytest.raises(FileExistsError, match="holds checkpoints already"):
        found.save(tmp_path)


def test_a_folder_without_checkpoints_or_with_a_gap(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"holds no checkpoints.*epoch_0000.safetensors"):
        fw.Checkpoints.load(tmp_path)
    fw.train(network(), data(), 2, progress=False).save(tmp_path)
    (tmp_path / "epoch_0001.safetensors").unlink()
    with pytest.raises(ValueError, match=r"epoch_0001.safetensors is missing"):
        fw.Checkpoints.load(tmp_path)
    (tmp_path / "epoch_0001.safetensors").write_bytes(b"pickle")
    with pytest.raises(ValueError, match="cannot be read"):
        fw.Checkpoints.load(tmp_path)


def test_a_widget_walks_through_the_epochs():
    dataset = fw.datasets.digits()
    few = [dataset[i] for i in range(60)]
    found = fw.train(fw.models.Network, few, 2, progress=False)
    widget = fw.ForwardPass(fw.models.Network, few, checkpoints=found, sample=5)
    model = fw.models.Network().eval()
    for epoch in (2, 0, 1):
        widget.epoch = epoch
        model.load_state_dict(found[epoch].state)
        with torch.no_grad():
            assert widget.prediction == int(model(few[5][0][None]).argmax())


def test_nan_is_no_answer_and_is_told():
    data = [(1e3 * torch.randn(3), i % 2) for i in range(6)]
    # The first step makes the weights infinite; log_softmax of an infinite row is NaN all through.
    model = nn.Sequential(nn.Linear(3, 2), nn.LogSoftmax(1))
    with pytest.warns(UserWarning, match="the loss became nan in epoch 1: try a smaller lr"):
        points = fw.train(model, data, 3, lr=1e38)
    assert len(points) == 2
    assert points[1].accuracy == 0


def test_a_loss_that_is_nan_before_training_is_told():
    data = [(torch.full((3,), torch.nan), 0)] * 4
    with pytest.warns(UserWarning, match="the loss is nan before training: look for NaN"):
        points = fw.train(nn.Linear(3, 2), data, 1)
    assert len(points) == 1
    assert points[0].accuracy == 0


def test_numbers_among_classes_are_refused():
    data = [(torch.randn(3), 0)] * 3 + [(torch.randn(3), 0.9)]
    with pytest.raises(ValueError, match=r"label=0\.9 of sample 3 is a number"):
        fw.train(nn.Linear(3, 2), data, 1)


class Absolute(nn.ModuleList):
    """A loss that is an empty list, and so counts as false."""

    def forward(self, output, targets):
        return (output - targets).abs().mean()


def test_the_loss_of_an_epoch_is_that_of_all_samples():
    torch.manual_seed(0)
    data = [(torch.randn(3), float(i)) for i in range(300)]
    inputs, targets = torch.stack([x for x, _ in data]), torch.tensor([[y] for _, y in data])
    model = nn.Linear(3, 1)
    with torch.no_grad():
        output = model(inputs)
    for loss in (nn.MSELoss(reduction="sum"), nn.MSELoss(), Absolute()):
        start = fw.train(lambda: copy.deepcopy(model), data, 1, loss=loss, lr=1e-9, progress=False)[
            0
        ]
        wanted = loss(output, targets).item()
        summed = getattr(loss, "reduction", "mean") == "sum"
        assert start.loss == pytest.approx(wanted / 300 if summed else wanted, rel=1e-5)
