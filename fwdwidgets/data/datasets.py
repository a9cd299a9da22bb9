"""Real images for the lessons: Fashion-MNIST through torchvision, digits through scikit-learn.

Both come as ``(input, label)`` pairs: a ``(1, 28, 28)`` float tensor from 0 (background) to 1 and
an int from 0 to 9. Both have ``classes`` (the ten names) and ``notice`` (a sentence for the
learner, or an empty string). torchvision and scikit-learn load only when they are used.
"""

import os
from importlib.metadata import version
from pathlib import Path
from typing import Any, ClassVar

import torch
import torch.nn.functional as F
from torch.utils.data import Dataset

from fwdwidgets.data.fashion_mnist import data_folders, find_or_download, first_line, read_test_set
from fwdwidgets.data.stored import keep, recall
from fwdwidgets.data.tables import Table
from fwdwidgets.data.torchvision import import_torchvision

__all__ = ["Digits", "animals", "course", "digits", "fashion_mnist", "import_torchvision"]

_HOW_TO_GET = (
    "To get Fashion-MNIST, call fw.datasets.fashion_mnist() once with a network connection, or set "
    "FWDWIDGETS_DATA to a folder that contains FashionMNIST/raw with the four files of the dataset."
)


def fashion_mnist(
    *, train: bool = False, root: str | os.PathLike[str] | None = None, download: bool = True
) -> Any:
    """Load Fashion-MNIST: small pictures of clothes in ten classes.

    It looks in ``$FWDWIDGETS_DATA`` (the folder that contains ``FashionMNIST/``), then in the
    user's cache folder. If the files are in neither, it downloads them into the cache folder, with
    a progress bar (30 MB; 55 MB on disk). Offline, the download fails within seconds.
    ``FWDWIDGETS_OFFLINE=1`` in the environment, or ``download=False``, forbids the download.

    Args:
        train: False for the test set, whose sample 0 is an ankle boot; True for the training set.
        root: Look and download only here, instead of in the two folders above.
        download: Whether it may download.

    Returns:
        A ``torchvision.datasets.FashionMNIST`` of ``(1, 28, 28)`` float tensors from 0 to 1 and
        int labels from 0 to 9.

    Raises:
        FileNotFoundError: It was not found and could not be downloaded; the message says where it
            was searched for and what to do.
    """
    folders = data_folders() if root is None else [Path(root).expanduser()]
    dataset, looked_in, trouble = find_or_download(folders, train, download)
    if dataset is None:
        raise FileNotFoundError(
            f"Fashion-MNIST was not found in {' or '.join(looked_in)}, and {trouble}. {_HOW_TO_GET}"
        )
    return dataset


class Digits(Dataset[tuple[torch.Tensor, int]]):
    """Handwritten digits as ``(1, 28, 28)`` images; see `digits`.

    Attributes:
        data: All images, ``(1797, 1, 28, 28)``, float32 from 0 to 1.
        targets: All labels, ``(1797,)``, int64 from 0 to 9.
        classes: The names "0" to "9".
        description: Where the images come from.
        notice: A sentence for the learner, or an empty string.
    """

    classes: ClassVar[list[str]] = [str(digit) for digit in range(10)]
    description = (
        "Optical Recognition of Handwritten Digits, test set, E. Alpaydin and C. Kaynak (1998), "
        "UCI Machine Learning Repository, CC BY 4.0; the copy that scikit-learn brings, "
        "enlarged from 8x8 to 28x28 pixels by bilinear interpolation."
    )

    def __init__(self, data: torch.Tensor, targets: torch.Tensor, notice: str = "") -> None:
        self.data = data
        self.targets = targets
        self.notice = notice

    def __len__(self) -> int:
        return len(self.targets)

    def __getitem__(self, index: int) -> tuple[torch.Tensor, int]:
        return self.data[index], int(self.targets[index])

    def __repr__(self) -> str:
        return f"Digits({len(self)} images of {tuple(self.data.shape[1:])}, classes 0 to 9)"


def digits() -> Digits:
    """Load scikit-learn's handwritten digits: real images that come with the installation.

    The 1,797 images of 8x8 pixels with values from 0 to 16 are divided by 16 and enlarged to 28x28
    by ``torch.nn.functional.interpolate(images, size=(28, 28), mode="bilinear",
    align_corners=False)``, so that the course's networks take them; values stay within 0 and 1.

    Returns:
        1,797 samples of a ``(1, 28, 28)`` float tensor and an int label from 0 to 9.
    """
    source = f"scikit-learn {version('scikit-learn')}"
    kept = recall("digits", source)
    if kept is None:
        from sklearn.datasets import load_digits

        bunch = load_digits()
        kept = {
            "images": torch.from_numpy(bunch.images).to(torch.uint8),  # (1797, 8, 8), 0 to 16
            "targets": torch.from_numpy(bunch.target).long(),
        }
        keep("digits", source, **kept)
    images = kept["images"].unsqueeze(1).float() / 16  # (1797, 1, 8, 8)
    data = F.interpolate(images, size=(28, 28), mode="bilinear", align_corners=False)
    return Digits(data, kept["targets"])


def course(*, download: bool = True) -> Any:
    """Load Fashion-MNIST if it is available, else digits: a lesson's images, everywhere.

    Args:
        download: Whether Fashion-MNIST may be downloaded if it is not on this machine.

    Returns:
        The test set of `fashion_mnist`, ``(1, 28, 28)`` float tensors from 0 to 1 with int labels
        and ``classes``. If it is not available, `digits`, whose ``notice`` says why and how to get
        Fashion-MNIST; widgets show the notice. After the first time, both are read without
        torchvision and scikit-learn.
    """
    try:
        images, trouble = read_test_set(download)
    except (ImportError, RuntimeError) as error:
        images, trouble = None, f"torchvision could not be imported ({first_line(error)})"
    if images is not None:
        return images
    dataset = digits()
    dataset.notice = (
        "These are scikit-learn's handwritten digits, because Fashion-MNIST is not on this "
        f"machine and {trouble}. {_HOW_TO_GET}"
    )
    return dataset


_ANIMALS = {
    # hair, feathers, eggs, milk, flies, legs; class; adult body mass in tonnes
    "cow": ((1, 0, 0, 1, 0, 4), 0, 0.6),
    "pigeon": ((0, 1, 1, 0, 1, 2), 1, 0.00035),
    "bat": ((1, 0, 0, 1, 1, 2), 0, 0.00002),
    "ostrich": ((0, 1, 1, 0, 0, 2), 1, 0.11),
    "python": ((0, 0, 1, 0, 0, 0), 2, 0.075),
}


def animals(target: str = "mammal") -> Table:
    """Make a table of five animals with six features, for the three kinds of output.

    The features are general knowledge: has hair, has feathers, lays eggs, gives milk, flies (0 or
    1 each), number of legs. Body masses are typical of adults, in tonnes, rounded.

    Args:
        target: `"mammal"` (1 for a mammal, else 0), `"class"` (0 mammal, 1 bird, 2 reptile) or
            `"weight"` (tonnes).

    Returns:
        A `Table` with `values` `(5, 6)`, float32, and its targets.

    Raises:
        ValueError: the target is none of the three.
    """
    classes = {"mammal": ("not a mammal", "mammal"), "class": ("mammal", "bird", "reptile")}
    targets: dict[str, list[float | int]] = {
        "mammal": [int(kind == 0) for _, kind, _ in _ANIMALS.values()],
        "class": [kind for _, kind, _ in _ANIMALS.values()],
        "weight": [weight for _, _, weight in _ANIMALS.values()],
    }
    if target not in targets:
        raise ValueError(f"target={target!r} is not there; choose one of {', '.join(targets)}.")
    return Table(
        torch.tensor([features for features, _, _ in _ANIMALS.values()], dtype=torch.float32),
        targets[target],
        tuple(_ANIMALS),
        ("hair", "feathers", "eggs", "milk", "flies", "legs"),
        classes.get(target),
    )
