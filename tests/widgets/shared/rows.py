"""Small networks for the rows of a table, and what they return by plain PyTorch."""

import torch
from torch import nn

import fwdwidgets as fw


def binary():
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(6, 4), nn.Linear(4, 1), nn.Sigmoid())


def multiclass():
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(6, 4), nn.Linear(4, 3), nn.Softmax(dim=-1))


def regression():
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(6, 4), nn.Linear(4, 1))


MODELS = {"mammal": binary, "class": multiclass, "weight": regression}


WIDGETS = {"mammal": fw.BinaryOutput, "class": fw.MulticlassOutput, "weight": fw.RegressionOutput}


def expected(model, values):
    with torch.no_grad():
        return model.eval()(values)
