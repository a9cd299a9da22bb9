import importlib.util
import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest

from fwdwidgets import __version__
from fwdwidgets.cli import main
from fwdwidgets.notebooks import lessons_dir

COMMAND = [sys.executable, "-m", "fwdwidgets.cli"]
NOTEBOOK = json.dumps(
    {
        "cells": [
            {
                "cell_type": "code",
                "id": "one",
                "source": "print(6 * 7)",
                "metadata": {},
                "outputs": [],
                "execution_count": None,
            }
        ],
        "metadata": {},
        "nbformat": 4,
        "nbformat_minor": 5,
    }
)


def refusal(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    """What a command that must be refused says."""
    try:
        code = main(arguments)
    except SystemExit as stop:  # argparse
        code = stop.code
    assert code == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert "Traceback" not in err
    return err


def test_importing_the_command_loads_no_server() -> None:
    heavy = "{'voila', 'jupyterlab', 'jupyter_server', 'torchvision', 'sklearn'}"
    code = f"import sys, fwdwidgets.cli; print(sorted({heavy} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match=r"^0$"):
        main(["--version"])
    assert capsys.readouterr().out == f"fwdwidgets {__version__}\n"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--help"], ["serve", "lab", "--version"]),
        (["serve", "--help"], ["DIR", "--host", "127.0.0.1", "--port", "8866", "--open"]),
        (["lab", "--help"], ["DIR", "fwdwidgets-lessons", "--port", "--no-browser"]),
    ],
)
def test_help(capsys: pytest.CaptureFixture[str], arguments: list[str], words: list[str]) -> None:
    with pytest.raises(SystemExit, match=r"^0$"):
        main(arguments)
    out = capsys.readouterr().out
    assert [word for word in words if word not in out] == []


def test_without_a_command_it_helps(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == 2
    assert "serve" in capsys.readouterr().out


@pytest.mark.parametrize("port", ["-1", "65536", "lesson", "1e3", ""])
@pytest.mark.parametrize("command", ["serve", "lab"])
def test_a_port_that_is_none(capsys: pytest.CaptureFixture[str], command: str, port: str) -> None:
    err = refusal(capsys, command, f"--port={port}")
    assert f"{port!r} is no port: choose 1 to 65535, or 0 for any that is free" in err


def test_a_folder_that_is_missing(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    missing = tmp_path / "missing"
    assert refusal(capsys, "serve", str(missing)) == (
        f"fwdwidgets: there is no folder {missing}: name a folder that holds .ipynb files.\n"
    )


def test_a_folder_without_notebooks(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    hidden = tmp_path / ".ipynb_checkpoints"
    hidden.mkdir()
    (hidden / "a-checkpoint.ipynb").write_text(NOTEBOOK)
    assert refusal(capsys, "serve", str(tmp_path)) == (
        f"fwdwidgets: {tmp_path} holds no notebook: put an .ipynb file there and start again.\n"
    )


def test_a_file_in_place_of_a_folder(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    notebook = tmp_path / "a.ipynb"
    notebook.write_text(NOTEBOOK)
    assert refusal(capsys, "serve", str(notebook)) == (
        f"fwdwidgets: {notebook} is a file: name the folder that it is in, {tmp_path}.\n"
    )
    assert refusal(capsys, "lab", str(notebook)) == (
        f"fwdwidgets: {notebook} is a file: name a folder for the copy of the lessons.\n"
    )


def test_sites_that_would_change_the_policy(capsys: pytest.CaptureFixture[str]) -> None:
    err = refusal(capsys, "serve", "--frame-ancestors=https://a.example; script-src *")
    assert "'https://a.example; script-src *' is no list of sites" in err


@pytest.mark.parametrize("token", ["short", "with a space", "semi;colon", "straße-token"])
def test_a_token_that_a_cookie_cannot_carry(capsys: pytest.CaptureFixture[str], token: str) -> None:
    err = refusal(capsys, "serve", f"--token={token}")
    assert f"{token!r} is no token: choose 8 or more letters" in err


def test_lab_without_jupyterlab(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    find_spec = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name: None if name == "jupyterlab" else find_spec(name)
    )
    err = refusal(capsys, "lab", str(tmp_path / "lessons"))
    assert err == 'fwdwidgets: JupyterLab is not installed: pip install "fwdwidgets[lab]"\n'
    assert not (tmp_path / "lessons").exists()


def test_lab_keeps_what_the_learner_changed(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    opened: list[object] = []
    monkeypatch.setitem(
        sys.modules,
        "fwdwidgets.serve.lab",
        SimpleNamespace(open_lab=lambda folder, **options: opened.append((folder, options)) or 0),
    )
    folder = tmp_path / "deep" / "copy"
    assert main(["lab", str(folder), "--no-browser", "--port", "9000"]) == 0
    assert capsys.readouterr().out == f"The lessons are in {folder}\n"
    assert opened == [(folder, {"port": 9000, "browser": False})]

    first = sorted(folder.glob("*.ipynb"))[0]
    assert first.read_bytes() == (lessons_dir() / first.name).read_bytes()
    first.write_text("mine")
    assert main(["lab", str(folder)]) == 0
    assert first.read_text() == "mine"
    assert f"{first.name} is not as the lesson is and is left as it is" in capsys.readouterr().out


@pytest.fixture
def notebooks(tmp_path: Path) -> Path:
    (tmp_path / "one.ipynb").write_text(NOTEBOOK)
    return tmp_path


@pytest.fixture
def server(notebooks: Path) -> Iterator[subprocess.Popen[str]]:
    process = subprocess.Popen(
        [*COMMAND, "serve", str(notebooks), "--port", "0"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    yield process
    process.kill()
    process.communicate()


def children(pid: int) -> list[int]:
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


@pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="looks for kernels in /proc")
def test_serve_prints_one_address_and_ends_cleanly_with_its_kernels(
    server: subprocess.Popen[str],
) -> None:
    assert server.stdout is not None
    line = server.stdout.readline()
    address = line.removeprefix("Lessons are at ").removesuffix(" (stop with Ctrl-C)\n")
    assert address.startswith("http://127.0.0.1:")
    with urllib.request.urlopen(f"{address}voila/render/one.ipynb") as answer:
        assert "42" in answer.read().decode()
    kernels = children(server.pid)
    assert kernels

    server.send_signal(signal.SIGINT)
    out, err = server.communicate(timeout=90)
    assert (server.returncode, out.strip(), err) == (0, "", "")
    deadline = time.monotonic() + 5
    while any(Path(f"/proc/{kernel}").exists() for kernel in kernels):
        assert time.monotonic() < deadline, "a kernel outlived the server"
        time.sleep(0.05)


def test_a_port_that_is_taken(notebooks: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        done = subprocess.run(
            [*COMMAND, "serve", str(notebooks), "--port", str(port)],
            check=False,
            capture_output=True,
            text=True,
            timeout=30,
        )
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == (
        f"fwdwidgets: port {port} on 127.0.0.1 cannot be used (Address already in use): "
        "choose another one with --port, or --port 0 for any that is free.\n"
    )


def test_a_host_that_is_not_here(notebooks: Path) -> None:
    done = subprocess.run(
        [*COMMAND, "serve", str(notebooks), "--port", "0", "--host", "192.0.2.1"],
        check=False,
        capture_output=True,
        text=True,
        timeout=30,
    )
    assert (done.returncode, done.stdout) == (2, "")
    assert "--host 192.0.2.1 is no address of this machine" in done.stderr
    assert "Traceback" not in done.stderr


def test_data_named_from_here_is_found_from_everywhere(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("FWDWIDGETS_DATA", "data")
    refusal(capsys, "serve", "missing")
    assert os.environ["FWDWIDGETS_DATA"] == str(tmp_path / "data")
