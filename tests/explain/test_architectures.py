"""Whole networks with random weights: a cell of every step, and what it can see."""

import random

import pytest
import torch
from torch import nn

import fwdwidgets as fw
from fwdwidgets.data.torchvision import import_torchvision
from fwdwidgets.explain import mattered, receptive_field
from fwdwidgets.networks import models as course
from tests.explain.explaining import some_cell

vision = import_torchvision().models


class Classifier(nn.Module):
    """Words through an LSTM, and the last state to two classes."""

    def __init__(self):
        super().__init__()
        self.embedding = nn.Embedding(50, 8)
        self.lstm = nn.LSTM(8, 6, 2, batch_first=True, bidirectional=True)
        self.out = nn.Linear(12, 2)

    def forward(self, ids):
        states, _ = self.lstm(self.embedding(ids))
        return self.out(states.mean(1)).log_softmax(1)


class Decoder(nn.Module):
    """A small language model: tokens, places, a masked transformer, logits."""

    def __init__(self):
        super().__init__()
        self.tokens, self.places = nn.Embedding(20, 8), nn.Embedding(16, 8)
        layer = nn.TransformerEncoderLayer(8, 2, 16, batch_first=True, norm_first=True)
        self.blocks = nn.TransformerEncoder(layer, 2, enable_nested_tensor=False)
        self.head = nn.Linear(8, 20, bias=False)

    def forward(self, ids):
        x = self.tokens(ids) + self.places(torch.arange(ids.shape[1]))
        mask = nn.Transformer.generate_square_subsequent_mask(ids.shape[1])
        return self.head(self.blocks(x, mask=mask, is_causal=True))


def pixels(size):
    return lambda: torch.rand(1, 3, size, size)


def tokens():
    return torch.randint(20, (1, 6))


NETWORKS = {
    "course": (course.Network, lambda: torch.rand(2, 1, 28, 28)),
    "resnet": (vision.resnet18, pixels(32)),
    "resnext": (lambda: vision.ResNet(vision.resnet.Bottleneck, [1, 1, 1, 1], groups=4,
                                      width_per_group=4), pixels(32)),
    "densenet": (lambda: vision.DenseNet(8, (2, 3, 2), 16), pixels(32)),
    "googlenet": (lambda: vision.GoogLeNet(init_weights=False), pixels(64)),
    "mobilenet v2": (lambda: vision.mobilenet_v2(width_mult=0.25), pixels(32)),
    "mobilenet v3": (vision.mobilenet_v3_small, pixels(32)),
    "shufflenet": (vision.shufflenet_v2_x0_5, pixels(32)),
    "squeezenet": (vision.squeezenet1_1, pixels(32)),
    "mnasnet": (lambda: vision.MNASNet(0.35), pixels(32)),
    "efficientnet": (vision.efficientnet_b0, pixels(32)),
    "vit": (lambda: vision.VisionTransformer(32, 8, 2, 2, 16, 32), pixels(32)),
    "swin": (lambda: vision.SwinTransformer([2, 2], 8, [2, 2], [2, 4], [4, 4]), pixels(32)),
    "swin v2": (lambda: vision.SwinTransformer(
        [2, 2], 8, [2, 2], [2, 4], [4, 4], block=vision.swin_transformer.SwinTransformerBlockV2,
        downsample_layer=vision.swin_transformer.PatchMergingV2), pixels(32)),
    "transformer": (lambda: nn.Transformer(8, 2, 1, 1, 16, batch_first=True),
                    lambda: torch.rand(1, 5, 8)),
    "decoder": (Decoder, tokens),
    "lstm": (Classifier, tokens),
}  # fmt: skip


@pytest.mark.parametrize("name", NETWORKS)
@pytest.mark.filterwarnings("ignore::UserWarning", "ignore::FutureWarning")
def test_a_random_cell_of_every_step(name):
    make, give = NETWORKS[name]
    model, x = make().eval(), give()
    inputs = (x, x.flip(1)) if name == "transformer" else (x,)
    trace = fw.trace_forward(model, *inputs)
    steps = [step for step in trace if step.value.numel()]
    opaque = []
    for step in steps:
        found = fw.explain(trace, step.name, some_cell(step.shape))
        if found.status == "exact":
            found.check()
        else:
            opaque.append((step.name, step.op, found.note))
    assert len(opaque) <= 0.05 * len(steps), opaque
    if not x.is_floating_point():
        return
    for step in random.sample([s for s in steps if s.value.is_floating_point()], 3):
        cell = some_cell(step.shape)
        field = receptive_field(trace, step.name, cell)
        for seen, did in zip(field.inputs, mattered(trace, step.name, cell), strict=True):
            assert not (did & ~seen).any(), (step, cell)
