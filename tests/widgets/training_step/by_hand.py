"""A small network and its batch, the plain loop over it, and the widget that shows it."""

import torch
from torch import nn

import fwdwidgets as fw


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


def widget(**options):
    model = net()
    return fw.TrainingStep(model, batch(), nn.MSELoss(), sgd(model.parameters()), **options)
