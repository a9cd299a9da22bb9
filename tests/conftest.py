import os
import random
from pathlib import Path

import pytest
import torch
from hypothesis import settings

# As in served kernels: two workers with two threads each would only fight over the cores.
for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(name, "1")

settings.register_profile("fwdwidgets", deadline=None, max_examples=50, derandomize=True)
settings.load_profile("fwdwidgets")


@pytest.fixture(autouse=True)
def _offline(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FWDWIDGETS_OFFLINE", "1")


@pytest.fixture(autouse=True)
def _seeded() -> None:
    """Each test draws the same numbers, whichever tests ran before it in this process."""
    random.seed(0)
    torch.manual_seed(0)


@pytest.fixture
def fashion_folder() -> Path:
    """The folder with a local copy of Fashion-MNIST, by its real path."""
    given = os.environ.get("FWDWIDGETS_DATA", "../shared/data")
    folder = (Path(__file__).parents[1] / given).resolve()
    if not (folder / "FashionMNIST" / "raw").is_dir():
        pytest.skip("no local Fashion-MNIST: set FWDWIDGETS_DATA to the folder that contains it")
    return folder


@pytest.fixture
def no_fashion(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A machine without Fashion-MNIST; the path is the user's (empty) cache folder."""
    monkeypatch.delenv("FWDWIDGETS_DATA", raising=False)
    cache = tmp_path / "cache"
    monkeypatch.setattr("platformdirs.user_cache_path", lambda *args, **kwargs: cache)
    return cache


@pytest.fixture(params=["digits", "fashion"])
def environment(request, tmp_path):
    """The environment of a machine with one of the two datasets."""
    if request.param == "digits":
        return {"FWDWIDGETS_DATA": str(tmp_path), "XDG_CACHE_HOME": str(tmp_path)}
    return {"FWDWIDGETS_DATA": str(request.getfixturevalue("fashion_folder"))}
