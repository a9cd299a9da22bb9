"""The networks of the course, written as its lessons write them.

Read them, copy them, change them: each line of a ``forward`` holds one idea, and widgets show these
expressions. All take a batch, ``(N, ...)``, and return logits or a value, without softmax.
"""

import torch
import torch.nn.functional as F
from torch import nn


class Network(nn.Module):
    """The convolutional network of deeplizard's episode on forward propagation.

    Two convolutions find features in a 1x28x28 image; three linear layers turn them into ten
    logits, one for each class. It has 32,998 parameters.

    Shapes:
        Input ``(N, 1, 28, 28)``, output ``(N, 10)``.
    """

    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(in_channels=1, out_channels=6, kernel_size=5)
        self.conv2 = nn.Conv2d(in_channels=6, out_channels=12, kernel_size=5)
        self.fc1 = nn.Linear(in_features=12 * 4 * 4, out_features=120)
        self.fc2 = nn.Linear(in_features=120, out_features=60)
        self.out = nn.Linear(in_features=60, out_features=10)

    def forward(self, t: torch.Tensor) -> torch.Tensor:
        """Turn images ``(N, 1, 28, 28)`` into logits ``(N, 10)``."""
        t = F.relu(self.conv1(t))  # (N, 6, 24, 24)
        t = F.max_pool2d(t, kernel_size=2, stride=2)  # (N, 6, 12, 12)
        t = F.relu(self.conv2(t))  # (N, 12, 8, 8)
        t = F.max_pool2d(t, kernel_size=2, stride=2)  # (N, 12, 4, 4)
        t = t.reshape(-1, 12 * 4 * 4)  # (N, 192)
        t = F.relu(self.fc1(t))  # (N, 120)
        t = F.relu(self.fc2(t))  # (N, 60)
        return self.out(t)  # type: ignore[no-any-return]  # (N, 10)


class SimpleNN(nn.Module):
    """Three numbers in, four hidden units with ReLU, one number out: 3-4-1.

    The smallest network of the forward-pass guide, made for the input ``[[0.5, 0.3, 0.2]]``.

    Shapes:
        Input ``(N, 3)``, output ``(N, 1)``.
    """

    def __init__(self) -> None:
        super().__init__()
        self.fc1 = nn.Linear(3, 4)
        self.relu = nn.ReLU()
        self.fc2 = nn.Linear(4, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Turn ``(N, 3)`` into one value a row, ``(N, 1)``."""
        x = self.fc1(x)  # (N, 4)
        x = self.relu(x)  # (N, 4)
        return self.fc2(x)  # type: ignore[no-any-return]  # (N, 1)


class ForwardPassDemo(nn.Module):
    """The network of the step-by-step demonstration, small enough for pencil and paper: 2-3-1.

    Made for the input ``[[1.0, 2.0]]``: watch ReLU turn the negative hidden values into zeros.

    Shapes:
        Input ``(N, 2)``, output ``(N, 1)``.
    """

    def __init__(self) -> None:
        super().__init__()
        self.fc1 = nn.Linear(2, 3)
        self.relu = nn.ReLU()
        self.fc2 = nn.Linear(3, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Turn ``(N, 2)`` into one value a row, ``(N, 1)``."""
        hidden = self.fc1(x)  # (N, 3)
        activated = self.relu(hidden)  # (N, 3)
        return self.fc2(activated)  # type: ignore[no-any-return]  # (N, 1)


class ImageClassifier(nn.Module):
    """Two padded 3x3 convolutions with pooling, then dropout between two linear layers.

    The image classifier of the forward-pass guide. Padding keeps height and width, pooling halves
    them: 28, 14, 7. Dropout zeroes a quarter of the hidden units on average, in train mode only.

    Shapes:
        Input ``(N, 1, 28, 28)``, output ``(N, 10)``.
    """

    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(1, 32, kernel_size=3, padding=1)
        self.conv2 = nn.Conv2d(32, 64, kernel_size=3, padding=1)
        self.pool = nn.MaxPool2d(kernel_size=2, stride=2)
        self.fc1 = nn.Linear(64 * 7 * 7, 128)
        self.dropout = nn.Dropout(0.25)
        self.fc2 = nn.Linear(128, 10)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Turn images ``(N, 1, 28, 28)`` into logits ``(N, 10)``."""
        x = F.relu(self.conv1(x))  # (N, 32, 28, 28)
        x = self.pool(x)  # (N, 32, 14, 14)
        x = F.relu(self.conv2(x))  # (N, 64, 14, 14)
        x = self.pool(x)  # (N, 64, 7, 7)
        x = x.view(-1, 64 * 7 * 7)  # (N, 3136)
        x = F.relu(self.fc1(x))  # (N, 128)
        x = self.dropout(x)  # (N, 128)
        return self.fc2(x)  # type: ignore[no-any-return]  # (N, 10)


class Net(nn.Module):
    """Ten numbers in, twenty hidden units with ReLU, one number out: 10-20-1.

    The network on which the course runs forward and backward (``MSELoss``, ``SGD``).

    Shapes:
        Input ``(N, 10)``, output ``(N, 1)``.
    """

    def __init__(self) -> None:
        super().__init__()
        self.fc1 = nn.Linear(10, 20)
        self.fc2 = nn.Linear(20, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Turn ``(N, 10)`` into one value a row, ``(N, 1)``."""
        x = F.relu(self.fc1(x))  # (N, 20)
        return self.fc2(x)  # type: ignore[no-any-return]  # (N, 1)


class MyNetwork(nn.Module):
    """A classifier without convolutions: 784 pixels, 128 hidden units with ReLU, ten logits.

    It flattens first, so it takes images ``(N, 1, 28, 28)`` as well as rows of pixels.

    Shapes:
        Input ``(N, 784)`` or ``(N, 1, 28, 28)``, output ``(N, 10)``.
    """

    def __init__(self) -> None:
        super().__init__()
        self.fc1 = nn.Linear(784, 128)
        self.fc2 = nn.Linear(128, 10)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Turn images ``(N, 1, 28, 28)``, or their pixels in rows, into logits ``(N, 10)``."""
        x = torch.flatten(x, start_dim=1)  # (N, 784)
        x = F.relu(self.fc1(x))  # (N, 128)
        return self.fc2(x)  # type: ignore[no-any-return]  # (N, 10)
