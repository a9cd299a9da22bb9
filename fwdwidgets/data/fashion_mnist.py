"""Where Fashion-MNIST is on this machine, and how it gets there."""

import os
import socket
import tempfile
import threading
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from fwdwidgets.data.stored import (
    GreyImages,
    as_grey_images,
    cache_folder,
    describe_files,
    keep,
    recall,
)
from fwdwidgets.data.torchvision import import_torchvision

CLASSES = (
    *("T-shirt/top", "Trouser", "Pullover", "Dress", "Coat"),
    *("Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot"),
)
_DOWNLOAD_TIMEOUT_SECONDS = 5.0
_NAME = "fashion_mnist_test"


def find_or_download(
    folders: list[Path], train: bool, download: bool
) -> tuple[Any, list[str], str]:
    """Return the dataset or None, the places searched, and why the download failed."""
    torchvision = import_torchvision()
    looked_in = []
    for folder in folders:
        try:
            return _load_fashion_mnist(torchvision, folder, train), [], ""
        except Exception as error:
            looked_in.append(f"{folder} ({_reason(torchvision, folder, error)})")
    trouble = _why_not_download(download)
    if trouble:
        return None, looked_in, trouble
    try:
        _download_fashion_mnist(torchvision, folders[-1])
        return _load_fashion_mnist(torchvision, folders[-1], train), [], ""
    except Exception as error:
        return None, looked_in, f"the download failed ({first_line(error)})"


def read_test_set(download: bool) -> tuple[GreyImages | None, str]:
    """The test set, or why it is not available.

    The first time, torchvision reads it from the first of `data_folders` that holds it. After that,
    its images come from a stored copy, as long as torchvision's files do not change.
    """
    for folder in data_folders():
        source = _source(folder)
        kept = recall(_NAME, source) if source else None
        if kept is not None:
            return GreyImages(kept["data"], kept["targets"], list(CLASSES)), ""
        if source:
            break  # it is here but has not been read yet
    forbidden = _why_not_download(download)
    if forbidden and not any((folder / "FashionMNIST").exists() for folder in data_folders()):
        return None, forbidden
    dataset, _, trouble = find_or_download(data_folders(), train=False, download=download)
    if dataset is None:
        return None, trouble
    images = as_grey_images(dataset)
    source = _source(Path(dataset.root))
    if source and images.classes == list(CLASSES):
        keep(_NAME, source, data=images.data, targets=images.targets)
    return images, ""


def _source(folder: Path) -> str | None:
    raw = folder / "FashionMNIST" / "raw"
    return describe_files(raw / "t10k-images-idx3-ubyte", raw / "t10k-labels-idx1-ubyte")


def data_folders() -> list[Path]:
    """List the folders that may contain ``FashionMNIST/``; the last is the user's own cache."""
    cache = cache_folder()
    given = os.environ.get("FWDWIDGETS_DATA")
    return [_given_folder(given), cache] if given else [cache]


def _given_folder(given: str) -> Path:
    """Find a relative folder even if a notebook runs in a different folder from the shell."""
    path = Path(given).expanduser()
    checkout = Path(__file__).parents[2]
    starts = [Path.cwd(), Path(os.environ.get("PWD", ".")), checkout]
    for folder in [start / path for start in starts]:
        if folder.name == "FashionMNIST" and (folder / "raw").is_dir():
            return folder.parent.resolve()
        if (folder / "FashionMNIST").is_dir():
            return folder.resolve()
    return path.absolute()


def _load_fashion_mnist(torchvision: Any, folder: Path, train: bool) -> Any:
    dataset = torchvision.datasets.FashionMNIST(
        folder, train=train, transform=torchvision.transforms.ToTensor(), download=False
    )
    if len(dataset.data) != len(dataset.targets):
        raise ValueError(f"{len(dataset.data)} images, but {len(dataset.targets)} labels")
    dataset.notice = ""
    return dataset


def _reason(torchvision: Any, folder: Path, error: Exception) -> str:
    raw = folder / "FashionMNIST" / "raw"
    missing = [name for name in _file_names(torchvision) if not (raw / name).is_file()]
    if not raw.is_dir():
        return "no FashionMNIST/raw there"
    if missing:
        return f"FashionMNIST/raw has no {', '.join(missing)}"
    return f"the files cannot be read: {first_line(error)}"


def _file_names(torchvision: Any) -> list[str]:
    return [Path(name).stem for name, _ in torchvision.datasets.FashionMNIST.resources]


def _why_not_download(download: bool) -> str:
    if not download:
        return "download=False forbids to download it"
    if os.environ.get("FWDWIDGETS_OFFLINE", "0").lower() not in ("", "0", "false", "no"):
        return "FWDWIDGETS_OFFLINE forbids to download it"
    return ""


def _download_fashion_mnist(torchvision: Any, folder: Path) -> None:
    """Let torchvision download to a temporary folder, then move whole files one by one.

    An interrupted download leaves nothing that the next try could mistake for the dataset, and two
    kernels may download at the same time.
    """
    fashion = torchvision.datasets.FashionMNIST
    _check_reachable(fashion.mirrors[0] + fashion.resources[-1][0])
    raw = folder / "FashionMNIST" / "raw"
    raw.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".download-", dir=folder) as scratch:
        with _socket_timeout(_DOWNLOAD_TIMEOUT_SECONDS):
            fashion(scratch, train=False, download=True)
        for name in _file_names(torchvision):
            os.replace(Path(scratch) / "FashionMNIST" / "raw" / name, raw / name)


def _check_reachable(url: str) -> None:
    """Raise within seconds when the server cannot be reached, through the user's proxy if any.

    Runs in a thread, because a name lookup has no timeout of its own.
    """
    outcome: list[Exception | None] = []

    def ask() -> None:
        request = urllib.request.Request(url, method="HEAD")
        try:
            urllib.request.urlopen(request, timeout=_DOWNLOAD_TIMEOUT_SECONDS).close()
            outcome.append(None)
        except Exception as error:
            outcome.append(error)

    thread = threading.Thread(target=ask, daemon=True)
    thread.start()
    thread.join(_DOWNLOAD_TIMEOUT_SECONDS)
    if not outcome:
        raise TimeoutError(f"{url} did not answer within {_DOWNLOAD_TIMEOUT_SECONDS:g} seconds")
    if outcome[0] is not None:
        raise outcome[0]


@contextmanager
def _socket_timeout(seconds: float) -> Iterator[None]:
    """Limit each wait for the network; torchvision's download sets no timeout."""
    before = socket.getdefaulttimeout()
    socket.setdefaulttimeout(seconds)
    try:
        yield
    finally:
        socket.setdefaulttimeout(before)


def first_line(error: Exception) -> str:
    """The first line of an error's message; for a failed download, its reason."""
    reason = getattr(error, "reason", error)  # the error inside a URLError
    return (str(reason).strip() or type(error).__name__).splitlines()[0]
