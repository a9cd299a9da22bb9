"""The two halves of an autoencoder against plain PyTorch."""

import pytest
import torch
from torch import nn

from fwdwidgets.networks import Forward
from fwdwidgets.widgets.autoencoder.compute import (
    code_ranges,
    decode,
    encode,
    mean_squared_error,
)


class Halves(nn.Module):
    def __init__(self):
        super().__init__()
        self.encoder = nn.Sequential(nn.Flatten(), nn.Linear(6, 2))
        self.decoder = nn.Linear(2, 6)

    def forward(self, x):
        return self.decoder(self.encoder(x))


@pytest.fixture
def forward():
    torch.manual_seed(0)
    forward = Forward(Halves(), training=False)
    forward.use_seed(None)
    return forward


def test_the_halves_run_one_after_the_other(forward):
    sample = torch.randn(2, 3)
    code = encode(forward, sample)
    output = decode(forward, code.value, (2, 3))
    with torch.no_grad():
        expected = forward.model.encoder(sample[None])
        torch.testing.assert_close(code.value, expected[0])
        torch.testing.assert_close(output.value, forward.model.decoder(expected).reshape(2, 3))
    assert (code.failure, code.shape, output.failure) == ("", (2,), "")
    loss = nn.functional.mse_loss(output.value, sample)
    assert mean_squared_error(sample, output.value) == pytest.approx(loss.item())


def test_an_empty_code_has_no_reconstruction_and_no_failure(forward):
    assert decode(forward, torch.empty(0), (2, 3)).value is None
    assert decode(forward, torch.empty(0), (2, 3)).failure == ""
    assert mean_squared_error(torch.randn(2, 3), None) is None


def test_the_ranges_reach_over_the_codes_of_the_dataset(forward):
    samples = torch.randn(5, 2, 3)
    with torch.no_grad():
        codes = forward.model.encoder(samples)
    low, high = code_ranges(forward, [(sample, 0) for sample in samples])
    torch.testing.assert_close(low, codes.amin(0))
    torch.testing.assert_close(high, codes.amax(0))
