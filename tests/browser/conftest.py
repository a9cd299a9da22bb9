"""What the browser tests share: Chromium, pages that call no other host, and the two servers."""

import os
import re
import shutil
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright

FLAGS = [
    *("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync"),
    *("--disable-background-networking", "--disable-component-update"),
]
START_SECONDS = 90
# A kernel with torch starts slowly on a busy machine; a check that holds already does not wait.
expect.set_options(timeout=60_000)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    here = Path(__file__).parent
    for item in items:
        if here in item.path.parents:
            item.add_marker(pytest.mark.browser)


@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    """Chromium; its absence is an error, because without it nothing here is tested."""
    program = os.environ.get("CHROMIUM") or next(
        filter(None, map(shutil.which, ["chromium", "chromium-browser", "google-chrome"])), None
    )
    if program is None:
        pytest.fail("no Chromium: apt-get install chromium, or name one by CHROMIUM=/path/to/it")
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=program, args=FLAGS)
        yield chromium
        chromium.close()


class Visits:
    """Opens pages, and records their requests to other hosts and their errors."""

    def __init__(self, browser: Browser) -> None:
        self._browser = browser
        self._contexts: list[BrowserContext] = []
        self.foreign: list[str] = []
        self.page_errors: list[str] = []
        self.expected_error: str | None = None
        self.console_errors: list[str] = []

    def open(
        self, address: str, *, width: int = 1280, height: int = 900, scheme: str = "light"
    ) -> Page:
        """A page in a context of its own, as soon as its HTML has begun to arrive."""
        context = self._browser.new_context(
            viewport={"width": width, "height": height}, color_scheme=scheme
        )
        context.set_default_timeout(60_000)
        self._contexts.append(context)
        page = context.new_page()
        page.on("request", lambda request: self._heard(request.url))
        page.on("websocket", lambda socket: self._heard(socket.url))
        page.on("pageerror", lambda error: self._failed(str(error)))
        page.on("console", self._said)
        page.goto(address, wait_until="commit")
        return page

    def close(self) -> None:
        for context in self._contexts:
            context.close()

    def _heard(self, url: str) -> None:
        parts = urlsplit(url)
        if parts.scheme in ("data", "blob", "about", "file"):
            return
        if parts.hostname not in ("127.0.0.1", "localhost"):
            self.foreign.append(url)

    def _failed(self, error: str) -> None:
        if self.expected_error is None or self.expected_error not in error:
            self.page_errors.append(error)

    def _said(self, message: object) -> None:
        if message.type == "error":  # type: ignore[attr-defined]
            self.console_errors.append(message.text)  # type: ignore[attr-defined]


@pytest.fixture
def visits(browser: Browser) -> Iterator[Visits]:
    """`visits.open(address)` gives a page; no page may call another host or throw an error."""
    visits = Visits(browser)
    yield visits
    visits.close()
    assert visits.foreign == []
    assert visits.page_errors == []


@contextmanager
def running(command: list[str], **environment: str) -> Iterator[subprocess.Popen[str]]:
    process = subprocess.Popen(
        [sys.executable, "-m", "fwdwidgets.cli", *command],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        env={**os.environ, "FWDWIDGETS_OFFLINE": "1", **environment},
    )
    try:
        yield process
    finally:
        process.terminate()
        try:
            process.communicate(timeout=20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.communicate()


@contextmanager
def serving(*arguments: str, **environment: str) -> Iterator[tuple[str, subprocess.Popen[str]]]:
    """`fwdwidgets serve` on a free port: its address and process."""
    with running(["serve", "--port=0", *arguments], **environment) as process:
        assert process.stdout is not None
        line = process.stdout.readline()
        match = re.search(r"http://\S+", line)
        assert match, f"fwdwidgets serve did not print an address but {line!r}"
        yield match[0], process


@pytest.fixture(scope="package")
def voila() -> Iterator[Callable[..., str]]:
    """`voila(folder, *options)` serves a folder, `voila()` the lessons, and gives the address."""
    addresses: dict[tuple[str, ...], str] = {}
    with ExitStack() as stack:

        def serve(folder: Path | str | None = None, *options: str) -> str:
            key = (*([] if folder is None else [str(folder)]), *options)
            if key not in addresses:
                addresses[key] = stack.enter_context(serving(*key))[0]
            return addresses[key]

        yield serve


@pytest.fixture(scope="package")
def jupyterlab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[str], str]]:
    """`fwdwidgets lab` on a fresh copy; `jupyterlab("01_forward_pass.ipynb")` gives its address."""
    from fwdwidgets.serve.lab import _free_port

    home = tmp_path_factory.mktemp("home")
    port = _free_port()
    command = ["lab", str(home / "lessons"), "--no-browser", f"--port={port}"]
    token = "a-token-for-tests"
    with running(command, HOME=str(home), JUPYTER_TOKEN=token, PYTHONWARNINGS="ignore") as process:
        deadline = time.monotonic() + START_SECONDS
        while True:
            try:
                urllib.request.urlopen(f"http://127.0.0.1:{port}/api").close()
                break
            except urllib.error.URLError:
                assert process.poll() is None, "fwdwidgets lab ended by itself"
                assert time.monotonic() < deadline, "fwdwidgets lab did not answer"
                time.sleep(0.1)
        yield lambda name: f"http://127.0.0.1:{port}/lab/tree/{name}?token={token}"
