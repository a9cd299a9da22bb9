"""Images that were read once are read again without the library that read them."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from safetensors.torch import load_file
from sklearn.datasets import load_digits

import fwdwidgets as fw
from fwdwidgets.data import stored


@pytest.fixture
def cache(monkeypatch, tmp_path):
    """An empty cache folder of this user's, for processes too."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr("platformdirs.user_cache_path", lambda *_, **__: tmp_path / "cache/mine")
    monkeypatch.delenv("FWDWIDGETS_DATA", raising=False)
    return tmp_path / "cache/mine"


PICTURE = """
import sys
import platformdirs
platformdirs.user_cache_path = lambda *_, **__: __import__("pathlib").Path(sys.argv[1])
import fwdwidgets as fw
dataset = fw.datasets.course()
widget = fw.ForwardPass(fw.models.Network, dataset)
assert widget.probabilities
print(type(dataset).__name__, *sorted({"torch._dynamo", "torchvision", "sklearn"} & {*sys.modules}))
"""


def loaded_for_a_picture(cache):
    command = [sys.executable, "-c", PICTURE, str(cache)]
    run = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    return run.stdout.split()


def test_the_second_time_nothing_heavy_is_loaded_for_fashion_mnist(
    fashion_folder, cache, monkeypatch
):
    monkeypatch.setenv("FWDWIDGETS_DATA", str(fashion_folder))
    first = loaded_for_a_picture(cache)
    assert first[0] == "GreyImages"
    assert "torchvision" in first  # so that the test sees a library that is loaded
    assert loaded_for_a_picture(cache) == ["GreyImages"]


def test_the_second_time_nothing_heavy_is_loaded_for_digits(cache):
    first = loaded_for_a_picture(cache)
    assert first[0] == "Digits"
    assert "sklearn" in first
    assert loaded_for_a_picture(cache) == ["Digits"]


def test_fashion_mnist_from_the_copy_is_torchvisions(fashion_folder, cache, monkeypatch):
    monkeypatch.setenv("FWDWIDGETS_DATA", str(fashion_folder))
    oracle = fw.datasets.fashion_mnist()
    read, again = fw.datasets.course(), fw.datasets.course()
    assert [path.name for path in cache.iterdir()] == ["fashion_mnist_test.safetensors"]
    for dataset in (read, again):
        assert len(dataset) == len(oracle)
        assert dataset.classes == oracle.classes
        assert dataset.notice == ""
        assert torch.equal(dataset.data, oracle.data)
        assert torch.equal(dataset.targets, oracle.targets)
        for index in (0, 1, 17, -1, len(oracle) - 1):
            image, label = dataset[index]
            assert torch.equal(image, oracle[index][0])
            assert (label, type(label)) == (oracle[index][1], int)
        with pytest.raises(IndexError):
            dataset[len(oracle)]


def test_digits_from_the_copy_are_scikit_learns(cache):
    bunch = load_digits()
    images = torch.from_numpy(bunch.images).float().unsqueeze(1) / 16
    expected = F.interpolate(images, size=(28, 28), mode="bilinear", align_corners=False)
    for dataset in (fw.datasets.digits(), fw.datasets.digits()):
        assert torch.equal(dataset.data, expected)
        assert dataset.targets.tolist() == bunch.target.tolist()
    assert [path.name for path in cache.iterdir()] == ["digits.safetensors"]


def test_other_files_of_the_source_are_read_again(cache, tmp_path):
    file = tmp_path / "images"
    file.write_bytes(b"one")
    before = stored.describe_files(file)
    stored.keep("thing", before, numbers=torch.arange(3))
    assert stored.recall("thing", before)["numbers"].tolist() == [0, 1, 2]
    file.write_bytes(b"more")
    assert stored.describe_files(file) != before
    assert stored.recall("thing", stored.describe_files(file)) is None
    assert stored.describe_files(file, tmp_path / "missing") is None


def test_a_damaged_copy_is_written_again(cache):
    fw.datasets.digits()
    file = cache / "digits.safetensors"
    file.write_bytes(file.read_bytes()[:1000])
    assert len(fw.datasets.digits()) == 1797
    assert load_file(file)["targets"].shape == (1797,)


def test_a_disk_that_takes_no_more_costs_time_alone(cache, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "replace", full)
    assert len(fw.datasets.digits()) == 1797
    assert list(Path(cache).iterdir()) == []
