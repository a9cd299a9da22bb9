import copy
import functools
import warnings

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from fwdwidgets.networks import models, reseed


def state(model):
    return {name: value.clone() for name, value in model.state_dict().items()}


def same(first, second):
    return first.keys() == second.keys() and all(torch.equal(first[n], second[n]) for n in first)


def redrawn_by_hand(model, seed):
    model = copy.deepcopy(model)
    before = torch.get_rng_state()
    torch.manual_seed(seed)
    for module in model.modules():
        for name in ("reset_parameters", "_reset_parameters"):
            if hasattr(module, name):
                getattr(module, name)()
                break
    torch.set_rng_state(before)
    return model


class Tied(nn.Module):
    def __init__(self):
        super().__init__()
        self.embedding = nn.Embedding(7, 4)
        self.head = nn.Linear(4, 7)
        self.head.weight = self.embedding.weight


@given(st.integers(-(2**63), 2**64 - 1))
def test_a_class_has_the_constructor_s_own_draw(seed):
    before = torch.get_rng_state()
    model = reseed(models.SimpleNN, seed)
    assert torch.equal(torch.get_rng_state(), before)
    torch.manual_seed(seed)
    oracle = models.SimpleNN()
    torch.set_rng_state(before)
    assert same(state(model), state(oracle))


@pytest.mark.parametrize(
    "build",
    [
        models.Network,
        models.ImageClassifier,
        lambda: nn.Sequential(nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2), nn.PReLU()),
        lambda: nn.Sequential(nn.LayerNorm(4), nn.GroupNorm(2, 4), nn.Bilinear(2, 3, 4)),
        lambda: nn.LSTM(3, 4, num_layers=2, bidirectional=True),
        lambda: nn.Embedding(5, 3, padding_idx=0),
    ],
)
def test_an_instance_of_plain_layers_gets_what_its_class_gets(build):
    assert same(state(reseed(build(), 5)), state(reseed(build, 5)))


@pytest.mark.parametrize(
    "build",
    [
        lambda: nn.MultiheadAttention(8, 2),
        lambda: nn.MultiheadAttention(8, 2, kdim=4, vdim=6, add_bias_kv=True),
        lambda: nn.TransformerEncoderLayer(8, 2, 16, batch_first=True),
        lambda: nn.Transformer(8, 2, 1, 1, 16, batch_first=True),
        lambda: nn.AdaptiveLogSoftmaxWithLoss(16, 20, [5, 10]),
        Tied,
    ],
)
def test_an_instance_is_redrawn_in_the_order_of_modules(build):
    model = build()
    assert same(state(reseed(model, 5)), state(redrawn_by_hand(model, 5)))


def test_ties_stay():
    model = reseed(Tied(), 1)
    assert model.head.weight is model.embedding.weight


def test_the_original_and_the_generator_are_left_as_found():
    model = models.ImageClassifier()
    model.conv1.eval()
    model.conv1.weight.requires_grad_(False)
    model.fc1.weight.grad = torch.ones_like(model.fc1.weight)
    weights, random_state = state(model), torch.get_rng_state()
    again = reseed(model, 3)
    assert same(state(model), weights)
    assert model.fc1.weight.grad is not None
    assert torch.equal(torch.get_rng_state(), random_state)
    assert type(again) is type(model)
    assert [m.training for m in again.modules()] == [m.training for m in model.modules()]
    assert [p.requires_grad for p in again.parameters()] == [
        p.requires_grad for p in model.parameters()
    ]
    assert all(parameter.grad is None for parameter in again.parameters())
    assert not same(state(again), weights)


def test_running_statistics_start_anew():
    model = nn.BatchNorm1d(3)
    model(torch.rand(8, 3))
    assert torch.equal(reseed(model, 0).running_mean, torch.zeros(3))
    assert not torch.equal(model.running_mean, torch.zeros(3))


def test_dtype_is_kept():
    assert {p.dtype for p in reseed(models.Net().bfloat16(), 1).parameters()} == {torch.bfloat16}


@pytest.mark.parametrize("model", [models.Net, models.Net()])
def test_seeds_repeat_and_differ(model):
    assert same(state(reseed(model, 1)), state(reseed(model, 1)))
    assert not same(state(reseed(model, 1)), state(reseed(model, 2)))


def test_a_factory_and_a_partial_are_built():
    assert same(
        state(reseed(lambda: nn.Linear(2, 3), 4)),
        state(reseed(functools.partial(nn.Linear, 2, 3), 4)),
    )


class Scaled(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc = nn.Linear(2, 2)
        self.scale = nn.Parameter(torch.ones(2))


class ForgetsOne(nn.Module):
    """Its reset draws one of two parameters, in the old way that leaves no trace."""

    def __init__(self):
        super().__init__()
        self.drawn = nn.Parameter(torch.zeros(2))
        self.forgotten = nn.Parameter(torch.zeros(2))

    def reset_parameters(self):
        self.drawn.data.zero_()


class OwnReset(ForgetsOne):
    def reset_parameters(self):
        self.drawn.data.uniform_()
        self.forgotten.data.fill_(3.0)


class Parent(nn.Module):
    """Draws what its child holds."""

    def __init__(self):
        super().__init__()
        self.table = nn.ParameterList([nn.Parameter(torch.zeros(2))])

    def reset_parameters(self):
        nn.init.ones_(self.table[0])


@pytest.mark.parametrize(
    ("model", "parameter", "module"),
    [
        (nn.Sequential(Scaled()), "0.scale", "Scaled"),
        (Scaled(), "scale", "Scaled"),
        (ForgetsOne(), "forgotten", "ForgetsOne"),
        (nn.Sequential(nn.ParameterList([torch.zeros(2)])), "0.0", "ParameterList"),
        (
            nn.utils.parametrizations.weight_norm(nn.Linear(2, 2)),
            "original0",
            "ParametrizationList",
        ),
        (nn.Sequential(nn.LazyLinear(2)), "0.weight", "LazyLinear"),
    ],
)
def test_what_no_layer_draws_is_refused_by_name(model, parameter, module):
    before = torch.get_rng_state()
    with pytest.raises(ValueError, match=rf"parameter '[\w.]*{parameter}'.*\({module}\)"):
        reseed(model, 0)
    assert torch.equal(torch.get_rng_state(), before)


def test_a_scripted_model_is_refused_by_name():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        model = torch.jit.script(nn.Sequential(nn.Linear(2, 1)))
    with pytest.raises(ValueError, match=r"^parameter '0\.weight' in '0' .*pass the class"):
        reseed(model, 0)


def test_the_learner_s_own_reset_counts():
    assert torch.equal(reseed(OwnReset(), 0).forgotten, torch.full((2,), 3.0))
    assert torch.equal(reseed(Parent(), 0).table[0], torch.ones(2))


def test_a_model_without_parameters_is_copied():
    model = nn.Sequential(nn.ReLU(), nn.Flatten())
    assert reseed(model, 0) is not model


class BrokenReset(nn.Linear):
    def reset_parameters(self):
        if hasattr(self, "ready"):
            raise OSError("no weights today")


def test_a_reset_that_raises_is_named():
    model = nn.Sequential(BrokenReset(2, 2))
    model[0].ready = True
    with pytest.raises(ValueError, match=r"0 \(BrokenReset\).*reset_parameters.*no weights today"):
        reseed(model, 0)


def test_a_model_that_cannot_be_copied_is_refused():
    model = nn.Linear(2, 2)
    model.extra = (number for number in range(3))
    with pytest.raises(ValueError, match=r"Linear could not be copied.*pass its class"):
        reseed(model, 0)


@pytest.mark.parametrize("seed", [True, 1.0, "3", None, [1]])
def test_a_seed_that_is_no_int(seed):
    with pytest.raises(TypeError, match=r"seed=.* give an int"):
        reseed(models.Net, seed)


@pytest.mark.parametrize("seed", [2**64, -(2**63) - 1])
def test_a_seed_out_of_range(seed):
    with pytest.raises(ValueError, match=rf"seed={seed} is out of range.*-2\*\*63 to 2\*\*64 - 1"):
        reseed(models.Net, seed)
    with pytest.raises((RuntimeError, ValueError)):
        torch.manual_seed(seed)


def test_what_builds_no_model():
    with pytest.raises(TypeError, match=r"model='net' is a str: pass a model, its class"):
        reseed("net", 0)
    with pytest.raises(TypeError, match=r"returned 3 \(int\), no torch.nn.Module"):
        reseed(lambda: 3, 0)
    with pytest.raises(TypeError, match=r"Linear\(\) raised TypeError.*in_features.*lambda"):
        reseed(nn.Linear, 0)

    def broken():
        raise OSError("no file")

    before = torch.get_rng_state()
    with pytest.raises(ValueError, match=r"broken\(\) raised OSError: no file"):
        reseed(broken, 0)
    assert torch.equal(torch.get_rng_state(), before)


def test_the_docstring_tells_the_limits():
    text = " ".join(reseed.__doc__.split())
    assert "equals the constructor's draw only for models that do no more than build layers" in text
