"""One forward pass of a sample, and what its output says."""

import pytest
import torch
from torch import nn

import fwdwidgets as fw
from fwdwidgets.networks import Forward
from fwdwidgets.networks.forward import DROPOUT_SEED


def test_predict_is_what_the_recorded_run_predicts():
    forward = Forward(fw.models.ImageClassifier, training=True)
    forward.use_seed(1)
    for _ in range(3):
        image = torch.rand(1, 28, 28)
        run = forward.run(image)
        assert forward.predict(image) == run.answer.prediction


def test_dropout_is_drawn_under_the_documented_seed():
    forward = Forward(fw.models.ImageClassifier, training=True)
    forward.use_seed(0)
    image = torch.rand(1, 28, 28)
    run = forward.run(image)
    torch.manual_seed(0)
    model = fw.models.ImageClassifier().train()
    torch.manual_seed(DROPOUT_SEED)
    with torch.no_grad():
        assert torch.equal(run.trace.output, model(image[None]))


class Ending(nn.Module):
    """A linear layer, and an ending."""

    def __init__(self, end, outputs=3):
        super().__init__()
        self.fc, self.end = nn.Linear(4, outputs), end

    def forward(self, x):
        return self.end(self.fc(x))


@pytest.mark.parametrize(
    ("end", "chances"),
    [
        (lambda z: z.softmax(1).float(), lambda z: z.softmax(1)),
        (lambda z: z.softmax(1).view(-1, 3).clone(), lambda z: z.softmax(1)),
        (lambda z: z.softmax(1).reshape(-1, 3).contiguous(), lambda z: z.softmax(1)),
        (lambda z: z.softmax(1).clamp(0, 1).detach(), lambda z: z.softmax(1)),
        (lambda z: z.log_softmax(1).exp(), lambda z: z.softmax(1)),
        (lambda z: z.softmax(1).log(), lambda z: z.softmax(1)),
        (lambda z: nn.functional.softmin(z, 1), lambda z: (-z).softmax(1)),
        (lambda z: torch.special.expit(z), torch.sigmoid),
        (lambda z: z.softmax(1)[:, [2, 0, 1]], lambda z: z.softmax(1)[:, [2, 0, 1]]),
        (lambda z: 2 * z.softmax(1), lambda z: (2 * z.softmax(1)).softmax(1)),
        (lambda z: z.softmax(1)[:, :2], lambda z: z.softmax(1)[:, :2].softmax(1)),
    ],
)
def test_no_second_softmax_is_taken_of_probabilities_that_are_copied_or_shaped(end, chances):
    torch.manual_seed(0)
    model, x = Ending(end), torch.randn(4)
    shown = torch.tensor(fw.ForwardPass(model, [(x, 0)]).probabilities)
    with torch.no_grad():
        torch.testing.assert_close(shown, chances(model.fc(x[None]))[0], rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("end", [lambda z: z.sigmoid().squeeze(1), lambda z: z.sigmoid().view(-1)])
def test_no_second_sigmoid_is_taken_of_one_that_is_squeezed(end):
    torch.manual_seed(0)
    model, rows = Ending(end, 1), torch.randn(5, 4)
    widget = fw.BinaryOutput(model, rows)
    with torch.no_grad():
        expected = model(rows)
    torch.testing.assert_close(torch.tensor(widget.outputs).flatten(), expected)
    assert "does not end in a sigmoid" not in widget._message.value


def test_of_classes_in_another_order_no_logits_are_shown():
    model = Ending(lambda z: z.softmax(1)[:, [2, 0, 1]])
    answer = Forward(model, training=False)
    answer.use_seed(None)
    assert answer.run(torch.randn(4)).answer.logits is None
