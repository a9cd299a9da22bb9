"""Models that fail, what is found in them, and whether PyTorch refuses them too."""

import torch
import torch.nn.functional as F
from hypothesis import strategies as st
from torch import nn

from fwdwidgets.trace import as_inputs
from fwdwidgets.widgets.what_went_wrong.compute import find_wrong

SIZE = st.integers(1, 9)


class Calls(nn.Module):
    """Runs a function of its inputs, or a layer, as a learner's forward does."""

    def __init__(self, layer):
        super().__init__()
        self.layer = layer

    def forward(self, *inputs, **keywords):
        return self.layer(*inputs, **keywords)


class Classifier(nn.Module):
    """The guide's image classifier, with a number of features to get wrong."""

    def __init__(self, features=64 * 7 * 7, flat=True):
        super().__init__()
        self.conv1 = nn.Conv2d(1, 32, 3, padding=1)
        self.conv2 = nn.Conv2d(32, 64, 3, padding=1)
        self.fc1, self.fc2 = nn.Linear(features, 128), nn.Linear(128, 10)
        self.dropout, self.flat = nn.Dropout(0.25), flat

    def forward(self, x):
        x = F.max_pool2d(F.relu(self.conv1(x)), 2)
        x = F.max_pool2d(F.relu(self.conv2(x)), 2)
        x = torch.flatten(x, 1) if self.flat else x
        return self.fc2(self.dropout(F.relu(self.fc1(x))))


def find(model, *inputs, **keywords):
    return find_wrong(model, as_inputs(keywords or inputs))


def refuses(model, *inputs, **keywords):
    """Whether PyTorch itself refuses the model on these inputs."""
    try:
        with torch.no_grad():
            model(*inputs, **keywords)
    except Exception:
        return True
    return False
