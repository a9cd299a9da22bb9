"""The autoencoder against plain PyTorch."""

import numpy as np
import pytest
import torch
from torch import nn

import fwdwidgets as fw


class Small(nn.Module):
    def __init__(self, code=3, out=16):
        super().__init__()
        self.encoder = nn.Sequential(nn.Flatten(), nn.Linear(16, code))
        self.decoder = nn.Sequential(nn.Linear(code, out), nn.Sigmoid())

    def forward(self, x):
        return self.decoder(self.encoder(x)).reshape(x.shape)


@pytest.fixture
def data():
    torch.manual_seed(1)
    return [(torch.rand(1, 4, 4), 0) for _ in range(5)]


@pytest.fixture
def model():
    torch.manual_seed(0)
    return Small()


def traces(widget):
    return {trace.name: trace for trace in widget.figure.data if trace.name}


def test_input_code_and_reconstruction(model, data):
    widget = fw.Autoencoder(model, data)
    for sample in (0, 3):
        widget.sample = sample
        image = data[sample][0]
        with torch.no_grad():
            code, output = model.encoder(image[None]), model(image[None])[0]
        assert torch.equal(torch.tensor(widget.code), code[0])
        assert torch.equal(widget.reconstruction, output)
        assert np.array_equal(traces(widget)["input"].z, image[0].numpy())
        assert np.array_equal(traces(widget)["reconstruction"].z, output[0].numpy())
        assert widget.error == pytest.approx((output - image).square().mean().item())
        assert widget.encoded
    assert "16 numbers → 3 → 16" in widget._said.value


def test_a_slider_decodes_what_a_hand_sets(model, data):
    widget = fw.Autoencoder(model, data)
    own = widget.code
    widget._codes[1].value = widget._codes[1].max
    assert widget.code == (own[0], widget._codes[1].max, own[2])
    with torch.no_grad():
        expected = model.decoder(torch.tensor([widget.code])).reshape(1, 4, 4)
    assert torch.equal(widget.reconstruction, expected)
    assert not widget.encoded
    assert "a code set by hand" in widget._said.value
    widget.encode_sample()
    assert widget.code == own
    assert widget.encoded


def test_the_sliders_reach_over_all_codes(model, data):
    widget = fw.Autoencoder(model, data)
    with torch.no_grad():
        codes = torch.cat([model.encoder(image[None]) for image, _ in data])
    for index, slider in enumerate(widget._codes):
        assert slider.min <= codes[:, index].min()
        assert slider.max >= codes[:, index].max()


def test_code_sets_the_sliders(model, data):
    widget = fw.Autoencoder(model, data)
    widget.code = (0.0, 50.0, -1.0)
    assert [slider.value for slider in widget._codes] == [0, 50, -1]
    with pytest.raises(ValueError, match="expected 3 finite numbers"):
        widget.code = (1.0,)
    assert "expected 3 finite numbers" in widget._message.value
    assert widget.code == (0, 50, -1)


def test_epochs_and_seeds(model, data):
    states = [Small().state_dict() for _ in range(2)]
    widget = fw.Autoencoder(Small, data, checkpoints=states)
    widget.epoch = 1
    model.load_state_dict(states[1])
    with torch.no_grad():
        assert torch.equal(widget.reconstruction, model(data[0][0][None])[0])
    again = fw.Autoencoder(model, data, seed=4)
    with torch.no_grad():
        assert torch.equal(again.reconstruction, fw.reseed(model, 4)(data[0][0][None])[0])


@pytest.mark.parametrize(
    ("model", "sentence"),
    [
        (lambda: Small(code=17), "The code has 17 numbers"),
        (lambda: Small(out=15), r"The decoder gave (1, 15): expected the 16 numbers"),
    ],
)
def test_halves_that_do_not_fit_are_told(model, sentence, data):
    widget = fw.Autoencoder(model(), data)
    assert sentence in widget._message.value
    assert widget.error is None


def test_a_wrong_input_is_told(model):
    widget = fw.Autoencoder(model, [(torch.rand(1, 5, 5), 0)])
    assert "The encoder:" in widget._message.value
    assert widget.code == ()


def test_nan_is_told(model, data):
    with torch.no_grad():
        model.encoder[1].bias.fill_(float("nan"))
    widget = fw.Autoencoder(model, data)
    assert "The encoder gave NaN or infinity" in widget._message.value


def test_a_model_without_halves_is_refused(data):
    with pytest.raises(TypeError, match=r"Linear has no encoder and decoder"):
        fw.Autoencoder(nn.Linear(16, 16), data)


def test_the_model_is_left_as_found(model, data):
    model.train()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    widget = fw.Autoencoder(model, data)
    widget.sample = 2
    assert model.training
    assert model.encoder.training
    assert all(torch.equal(before[name], value) for name, value in model.state_dict().items())


def test_a_slider_that_moves_to_its_step_is_no_hand(model, data):
    """On the page a slider shows the nearest step and tells it."""
    widget = fw.Autoencoder(model, data)
    own = widget.code
    for slider in widget._codes:
        slider.value = round(slider.value, 2)
    assert widget.code == own
    assert widget.encoded


def test_a_reload_gives_the_code_back(model, data):
    widget = fw.Autoencoder(model, data)
    ends = widget._codes[0].max, widget._codes[2].min
    widget._restore({"sample": 2, "code 0": ends[0], "code 2": ends[1]})
    assert (widget.code[0], widget.code[2]) == ends
    assert set(widget._frame.controls) >= {"sample", "seed", "code 0", "code 1", "code 2"}


class Between(nn.Module):
    """Does something between its halves."""

    def __init__(self):
        super().__init__()
        self.encoder, self.decoder = nn.Linear(6, 2), nn.Linear(2, 6)

    def forward(self, x):
        return self.decoder(torch.tanh(self.encoder(x)))


def test_a_forward_that_does_more_than_its_halves_is_told():
    torch.manual_seed(0)
    model, x = Between(), torch.randn(6)
    widget = fw.Autoencoder(model, [(x, 0)])
    with torch.no_grad():
        gap = (model(x) - model.decoder(model.encoder(x))).abs().max()
    assert f"its output differs by up to {gap:.3g}" in widget._message.value


def test_a_code_of_channels_keeps_its_shape():
    class Convolutional(nn.Module):
        def __init__(self):
            super().__init__()
            self.encoder = nn.Sequential(nn.Conv2d(1, 2, 4), nn.AdaptiveAvgPool2d((1, 2)))
            self.decoder = nn.Sequential(nn.ConvTranspose2d(2, 1, (4, 3)))

        def forward(self, x):
            return self.decoder(self.encoder(x))

    torch.manual_seed(0)
    model, image = Convolutional(), torch.rand(1, 4, 4)
    widget = fw.Autoencoder(model, [(image, 0)])
    assert len(widget.code) == 4
    with torch.no_grad():
        torch.testing.assert_close(widget.reconstruction, model(image[None])[0])
    assert widget._message.value == ""
