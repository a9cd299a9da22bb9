import gzip
import os
import shutil
import socket
import struct
import subprocess
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from sklearn.datasets import load_digits

from fwdwidgets.data import datasets
from fwdwidgets.data import fashion_mnist as _fashion_mnist

FILES = {"train-images": 3, "train-labels": 1, "t10k-images": 3, "t10k-labels": 1}


def idx(images, axes):
    """A file of the dataset's format: two images of 28x28, or their labels 9 and 2."""
    if axes == 1:
        return struct.pack(">II", 0x801, 2) + bytes([9, 2])
    return struct.pack(">IIII", 0x803, 2, 28, 28) + bytes(images * 2 * 784)


@pytest.fixture
def raw_files():
    return {
        f"{name}-idx{axes}-ubyte": idx([255 if name[0] == "t" else 0], axes)
        for name, axes in FILES.items()
    }


@pytest.fixture
def fashion_copy(tmp_path, raw_files):
    raw = tmp_path / "copy" / "FashionMNIST" / "raw"
    raw.mkdir(parents=True)
    for name, content in raw_files.items():
        (raw / name).write_bytes(content)
    return tmp_path / "copy"


class Server(ThreadingHTTPServer):
    """Serves the four files; can break off in the middle of one."""

    daemon_threads = True
    files: dict[str, bytes] = {}  # noqa: RUF012
    broken = ""


class Handler(BaseHTTPRequestHandler):
    def do_HEAD(self):
        self.do_GET()

    def do_GET(self):
        name = self.path.rpartition("/")[2]
        content = self.server.files[name]
        self.send_response(200)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(
                content[: len(content) // 2] if name == self.server.broken else content
            )

    def log_message(self, *args):
        pass


@pytest.fixture
def server(monkeypatch, no_fashion, raw_files):
    """A mirror that works, on this machine, and permission to download."""
    fashion = datasets.import_torchvision().datasets.FashionMNIST
    with Server(("127.0.0.1", 0), Handler) as server:
        server.files = {f"{name}.gz": gzip.compress(data) for name, data in raw_files.items()}
        monkeypatch.setattr(fashion, "mirrors", [f"http://127.0.0.1:{server.server_port}/"])
        monkeypatch.setattr(fashion, "resources", [(name, None) for name in server.files])
        monkeypatch.delenv("FWDWIDGETS_OFFLINE")
        for proxy in ("http_proxy", "HTTP_PROXY"):
            monkeypatch.delenv(proxy, raising=False)
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def test_fashion_mnist_is_torchvision_s(monkeypatch, fashion_folder):
    monkeypatch.setenv("FWDWIDGETS_DATA", str(fashion_folder))
    dataset = datasets.fashion_mnist()
    torchvision = datasets.import_torchvision()
    oracle = torchvision.datasets.FashionMNIST(
        fashion_folder, train=False, transform=torchvision.transforms.ToTensor()
    )
    assert isinstance(dataset, torchvision.datasets.FashionMNIST)
    assert len(dataset) == len(oracle)
    for index in (0, len(oracle) - 1):
        assert torch.equal(dataset[index][0], oracle[index][0])
        assert dataset[index][1] == oracle[index][1]
    assert dataset[0][1] == 9
    assert dataset.classes[9] == "Ankle boot"
    assert dataset[0][0].shape == (1, 28, 28)
    assert dataset.notice == ""
    assert len(datasets.fashion_mnist(train=True)) != len(dataset)
    assert datasets.course().classes == dataset.classes
    assert datasets.course().notice == ""


def test_a_folder_of_one_s_own(monkeypatch, no_fashion, fashion_copy):
    assert datasets.fashion_mnist(root=fashion_copy)[1][1] == 2
    with pytest.raises(FileNotFoundError, match=r"nowhere \(no FashionMNIST/raw there\)"):
        datasets.fashion_mnist(root=fashion_copy / "nowhere")


@pytest.mark.parametrize("given", ["copy", "copy/FashionMNIST", "./copy/"])
@pytest.mark.parametrize("in_shell", [False, True])
def test_a_relative_folder(monkeypatch, no_fashion, fashion_copy, given, in_shell):
    notebooks = fashion_copy.parent / "notebooks"
    notebooks.mkdir()
    monkeypatch.chdir(notebooks if in_shell else fashion_copy.parent)
    monkeypatch.setenv("PWD", str(fashion_copy.parent if in_shell else "/"))
    monkeypatch.setenv("FWDWIDGETS_DATA", given)
    assert len(datasets.fashion_mnist()) == 2


def test_a_folder_relative_to_the_checkout(monkeypatch, no_fashion, fashion_folder, tmp_path):
    checkout = Path(datasets.__file__).parents[2]
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PWD", str(tmp_path))
    monkeypatch.setenv("FWDWIDGETS_DATA", os.path.relpath(fashion_folder, checkout))
    assert datasets.fashion_mnist()[0][1] == 9


def test_the_cache_folder_comes_second(monkeypatch, no_fashion, fashion_copy):
    shutil.copytree(fashion_copy, no_fashion)
    monkeypatch.setenv("FWDWIDGETS_DATA", str(fashion_copy / "nowhere"))
    assert Path(datasets.fashion_mnist().root) == no_fashion
    monkeypatch.setenv("FWDWIDGETS_DATA", str(fashion_copy))
    assert Path(datasets.fashion_mnist().root) == fashion_copy


def test_the_cache_folder_is_the_platform_s(monkeypatch, tmp_path):
    from platformdirs import user_cache_path

    monkeypatch.delenv("FWDWIDGETS_DATA", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert _fashion_mnist.data_folders() == [user_cache_path("fwdwidgets", appauthor=False)]


def test_not_found_says_where_and_what_to_do(monkeypatch, no_fashion, tmp_path):
    monkeypatch.setenv("FWDWIDGETS_DATA", str(tmp_path / "gone"))
    with pytest.raises(FileNotFoundError) as failure:
        datasets.fashion_mnist()
    text = str(failure.value)
    assert str(tmp_path / "gone") in text
    assert str(no_fashion) in text
    assert "FWDWIDGETS_OFFLINE forbids to download it" in text
    assert "set FWDWIDGETS_DATA to a folder that contains FashionMNIST/raw" in text
    with pytest.raises(FileNotFoundError, match="download=False forbids to download it"):
        datasets.fashion_mnist(download=False)


def test_missing_and_broken_files_are_named(monkeypatch, no_fashion, fashion_copy):
    raw = fashion_copy / "FashionMNIST" / "raw"
    labels = raw / "t10k-labels-idx1-ubyte"
    labels.write_bytes(labels.read_bytes()[:-1])
    with pytest.raises(FileNotFoundError, match="the files cannot be read"):
        datasets.fashion_mnist(root=fashion_copy)
    labels.unlink()
    with pytest.raises(FileNotFoundError, match="raw has no t10k-labels-idx1-ubyte"):
        datasets.fashion_mnist(root=fashion_copy)


def test_it_downloads_into_the_cache_once(server, no_fashion, capfd):
    dataset = datasets.fashion_mnist()
    assert [label for _, label in dataset] == [9, 2]
    assert Path(dataset.root) == no_fashion
    assert "100" in capfd.readouterr().err  # the progress bar
    assert sorted(path.name for path in no_fashion.iterdir()) == ["FashionMNIST"]
    server.files = {}
    assert len(datasets.course()) == 2


def test_a_broken_download_leaves_nothing_behind(server, no_fashion):
    server.broken = "t10k-images-idx3-ubyte.gz"
    with pytest.raises(FileNotFoundError, match="the download failed"):
        datasets.fashion_mnist()
    assert not [path for path in no_fashion.rglob("*") if path.is_file()]
    server.broken = ""
    assert len(datasets.fashion_mnist()) == 2


def test_a_download_mends_broken_files(server, no_fashion, fashion_copy):
    shutil.copytree(fashion_copy, no_fashion)
    (no_fashion / "FashionMNIST" / "raw" / "t10k-images-idx3-ubyte").write_bytes(b"broken")
    assert len(datasets.fashion_mnist()) == 2


def test_a_server_that_never_answers_fails_fast(monkeypatch, no_fashion, server):
    fashion = datasets.import_torchvision().datasets.FashionMNIST
    monkeypatch.setattr(_fashion_mnist, "_DOWNLOAD_TIMEOUT_SECONDS", 0.3)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        monkeypatch.setattr(fashion, "mirrors", [f"http://127.0.0.1:{silent.getsockname()[1]}/"])
        started = time.monotonic()
        with pytest.raises(FileNotFoundError, match=r"the download failed \(.*(answer|timed out)"):
            datasets.fashion_mnist()
        assert time.monotonic() - started < 5
        assert socket.getdefaulttimeout() is None
        time.sleep(0.5)  # until the thread that asked has given up too


def test_a_cache_that_cannot_be_written(server, no_fashion):
    no_fashion.write_text("a file in the way")
    with pytest.raises(FileNotFoundError, match=r"the download failed \(.*File exists|Not a direc"):
        datasets.fashion_mnist()


def test_digits_are_scikit_learn_s_enlarged():
    dataset = datasets.digits()
    bunch = load_digits()
    images = torch.tensor(bunch.images, dtype=torch.float32).reshape(-1, 1, 8, 8) / 16
    oracle = F.interpolate(images, size=(28, 28), mode="bilinear", align_corners=False)
    assert len(dataset) == 1797
    torch.testing.assert_close(torch.stack([image for image, _ in dataset]), oracle)
    assert [label for _, label in dataset] == bunch.target.tolist()
    image, label = dataset[0]
    assert image.shape == (1, 28, 28)
    assert image.dtype == torch.float32
    assert type(label) is int
    assert dataset.data.min() >= 0
    assert dataset.data.max() <= 1
    assert dataset.classes == list("0123456789")
    assert dataset.notice == ""
    assert "UCI" in dataset.description
    assert repr(dataset) == "Digits(1797 images of (1, 28, 28), classes 0 to 9)"


def test_course_falls_back_and_says_so(no_fashion):
    dataset = datasets.course()
    assert isinstance(dataset, datasets.Digits)
    assert "scikit-learn's handwritten digits, because Fashion-MNIST is not" in dataset.notice
    assert "FWDWIDGETS_OFFLINE forbids to download it" in dataset.notice
    assert "call fw.datasets.fashion_mnist() once with a network connection" in dataset.notice
    assert str(no_fashion) not in dataset.notice  # a page shows it to visitors


def test_course_falls_back_without_torchvision(monkeypatch, no_fashion):
    def fail():
        raise ImportError("No module named 'torchvision'")

    monkeypatch.setattr(_fashion_mnist, "import_torchvision", fail)
    monkeypatch.delenv("FWDWIDGETS_OFFLINE")
    assert "torchvision could not be imported (No module" in datasets.course().notice


def in_a_new_process(code):
    run = subprocess.run(
        [sys.executable, "-W", "error", "-c", code],
        check=False,
        capture_output=True,
        text=True,
    )
    assert run.returncode == 0, run.stderr
    return run.stdout.split()


def test_the_import_is_light():
    code = "import sys, fwdwidgets.data; print(*{'torchvision', 'sklearn'} & set(sys.modules))"
    assert in_a_new_process(code) == []


@pytest.mark.parametrize("tried_before", [False, True])
def test_torchvision_works_in_the_learner_s_code_afterwards(tried_before):
    code = (
        "import torch\n"
        + ("try:\n    import torchvision\nexcept RuntimeError: pass\n" if tried_before else "")
        + "from fwdwidgets.data.datasets import import_torchvision\n"
        "first = import_torchvision()\n"
        "import gc; gc.collect()\n"
        "import torchvision, torchvision.transforms.v2\n"
        "from torchvision import datasets, models, ops, transforms\n"
        "assert torchvision is first is import_torchvision()\n"
        "assert torchvision.datasets is datasets and torchvision.models is models\n"
        "print(*models.resnet18().eval()(torch.zeros(1, 3, 32, 32)).shape)"
    )
    assert in_a_new_process(code) == ["1", "1000"]


def test_another_failure_of_the_import_is_not_hidden(monkeypatch):
    from fwdwidgets.data import torchvision as _torchvision

    def fail(name):
        raise RuntimeError("operator torchvision::roi_align does not exist")

    monkeypatch.setattr(_torchvision.importlib, "import_module", fail)
    with pytest.raises(RuntimeError, match="roi_align"):
        datasets.import_torchvision()
