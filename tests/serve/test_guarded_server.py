"""A server that is used by strangers: who comes in, what is given out, and what is closed."""

import http.client
import json
import re
import struct
import time
import urllib.request
from contextlib import closing, contextmanager
from urllib.parse import urlsplit

import pytest
from jupyter_server.services.kernels.connection.base import (
    deserialize_binary_message,
    serialize_msg_to_ws_v1,
)
from nbformat.v4 import new_code_cell, new_notebook
from websocket import ABNF, WebSocketBadStatusException, create_connection

from fwdwidgets.serve.channels import BURST, MAX_BYTES, V1
from tests.browser.conftest import serving

CELL = """
import ipywidgets
ipywidgets.Image(value=b"\\x89PNG" + bytes(1000))
"""
TOKEN = "a-token-for-tests"


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    import nbformat

    folder = tmp_path_factory.mktemp("lessons")
    outside = tmp_path_factory.mktemp("elsewhere")
    nbformat.write(new_notebook(cells=[new_code_cell(CELL)]), folder / "image.ipynb")
    for path in (outside, folder):
        (path / "shown.png").write_bytes(b"\x89PNG")
    (folder / ".hidden").mkdir()
    for name in (".x.png", ".hidden/h.png", "notes.txt"):
        (folder / name).write_bytes(b"secret")
    (folder / "away").symlink_to(outside)
    (folder / "link.png").symlink_to(outside / "shown.png")
    nbformat.write(new_notebook(cells=[]), outside / "other.ipynb")
    return folder


@pytest.fixture(scope="module")
def open_server(folder):
    with serving(str(folder)) as (address, _):
        yield address


@pytest.fixture(scope="module")
def closed_server(folder):
    with serving(str(folder), f"--token={TOKEN}", "--log-json") as (address, _):
        yield address


class Reader:
    """Asks for addresses of a server, with a cookie jar, and follows nothing."""

    def __init__(self, address, **headers):
        self.parts, self.headers = urlsplit(address), dict(headers)

    def get(self, path, **headers):
        connection = http.client.HTTPConnection(self.parts.netloc, timeout=120)
        with closing(connection):
            connection.request("GET", path, headers={**self.headers, **headers})
            answer = connection.getresponse()
            answer.text = answer.read().decode(errors="replace")
        return answer

    def status(self, path, **headers):
        return self.get(path, **headers).status


def socket_of(address, page):
    kernel = re.search(r'"kernelId": "([^"]+)"', page)[1]
    return f"{address.replace('http', 'ws', 1).split('?')[0]}api/kernels/{kernel}/channels"


def cookie_of(answer, name):
    cookies = answer.headers.get_all("Set-Cookie")
    (value,) = [c.partition("=")[2].split(";")[0] for c in cookies if c.startswith(f"{name}=")]
    return value


@contextmanager
def connect(url, origin=None, subprotocols=None, **headers):
    """A client that ends with its block; without an origin it shows none."""
    socket = create_connection(
        url,
        timeout=60,
        origin=origin,
        suppress_origin=origin is None,
        subprotocols=subprotocols,
        header=headers,
        host=headers.pop("Host", None),
    )
    try:
        yield socket
    finally:
        socket.close()
        socket.shutdown()  # one that the server closed stays open else


def refused(url, **options):
    """The status with which a websocket is refused; None where it is open."""
    try:
        with connect(url, **options):
            return None
    except WebSocketBadStatusException as error:
        return error.status_code


def close_code(socket):
    """The code with which the server closes a websocket; None where the connection just ends."""
    try:
        while True:
            opcode, data = socket.recv_data()
            if opcode == ABNF.OPCODE_CLOSE:
                return struct.unpack(">H", data[:2])[0]
    except OSError:
        return None


# --- who comes in ---------------------------------------------------------------------------------


def test_a_stranger_s_name_is_refused_on_pages_and_websockets(open_server):
    reader = Reader(open_server)
    assert reader.status("/") == 200
    assert reader.status("/", Host="localhost:1") == 200
    assert reader.status("/", Host="192.0.2.7") == 200
    answer = reader.get("/", Host="evil.example:8866")
    assert answer.status == 421
    assert "'evil.example'" in answer.text
    assert "--allow-host evil.example" in answer.text
    page = reader.get("/voila/render/image.ipynb").text
    url = socket_of(open_server, page)
    assert refused(url, origin="http://evil.example", Host="evil.example") == 421


def test_a_name_that_was_allowed(folder):
    with serving(str(folder), "--allow-host=lessons.example") as (address, _):
        assert Reader(address).status("/", Host="lessons.example") == 200


def test_a_websocket_shows_an_origin_and_it_is_ours(open_server):
    url = socket_of(open_server, Reader(open_server).get("/voila/render/image.ipynb").text)
    assert refused(url, origin="http://evil.example") == 403
    assert refused(url) == 403  # a script of somebody's own
    assert refused(url, origin=open_server.rstrip("/")) is None


def test_without_the_token_nobody_gets_anything(closed_server):
    reader = Reader(closed_server)
    for path in ("/", "/voila/render/image.ipynb", "/voila/files/shown.png", "/metrics"):
        answer = reader.get(path)
        assert (answer.status, answer.text[:35]) == (403, "This server asks for its token: ope")
    assert reader.status("/?token=wrong") == 403
    assert reader.status("/", Cookie="fwdwidgets-token-1=wrong") == 403
    assert reader.status("/healthz") == 200


def test_the_link_with_the_token_gives_a_cookie_and_then_all(closed_server):
    assert closed_server.endswith(f"?token={TOKEN}")
    reader = Reader(closed_server)
    answer = reader.get(f"//evil.example/x?a=1&token={TOKEN}")
    assert (answer.status, answer.headers["Location"]) == (302, "/evil.example/x?a=1")
    cookie = answer.headers["Set-Cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=Lax" in cookie
    visitor = Reader(closed_server, Cookie=cookie.split(";")[0])
    page = visitor.get("/voila/render/image.ipynb")
    assert page.status == 200
    cookies = page.headers.get_all("Set-Cookie")
    assert cookies
    assert all("SameSite=Lax" in cookie for cookie in cookies)
    assert visitor.status("/voila/files/shown.png") == 200
    metrics = visitor.get("/metrics").text
    assert "fwdwidgets_pages_opened_total 1.0" in metrics
    assert "fwdwidgets_kernels 1.0" in metrics
    url = socket_of(closed_server, page.text)
    assert refused(url, origin="http://127.0.0.1") == 403
    assert refused(url, Cookie=cookie.split(";")[0]) is None  # no Origin, but the token
    assert refused(url) == 403


# --- what is given out ----------------------------------------------------------------------------


def test_only_what_lies_open_in_the_folder_is_given_out(open_server):
    status = Reader(open_server).status
    assert status("/voila/files/shown.png") == 200
    for path in (".x.png", ".hidden/h.png", "link.png", "away/shown.png", "..%2fx.png"):
        assert status(f"/voila/files/{path}") in (403, 404), path
    assert status("/voila/files/notes.txt") == 403
    assert status("/voila/tree/away") == 404
    assert status("/voila/api/contents/away") == 404
    assert status("/voila/render/away/other.ipynb") == 404


def test_odd_addresses_are_not_found(open_server):
    status = Reader(open_server).status
    for path in ("/voila/render/a%00.ipynb", "/logout", "/login", "/voila/templates/", "/%00"):
        assert status(path) == 404, path
    page = Reader(open_server).get("/voila/render/image.ipynb?template=lab").text
    assert 'class="jp-Notebook fwd-lesson"' in page  # our own template, whatever was asked for


def test_pages_load_scripts_of_this_server_alone(open_server):
    policy = Reader(open_server).get("/").headers["Content-Security-Policy"]
    rules = dict(rule.strip().split(" ", 1) for rule in policy.split(";"))
    assert rules["frame-ancestors"] == "'self'"
    assert rules["object-src"] == "'none'"
    assert rules["base-uri"] == rules["connect-src"] == "'self'"
    assert "http" not in rules["script-src"]


def test_a_full_class_waits_and_comes_in_when_a_place_is_free(folder):
    with serving(str(folder), "--learners=1") as (address, _):
        reader = Reader(address)
        page = reader.get("/voila/render/image.ipynb")
        assert page.status == 200
        waits = reader.get("/voila/render/image.ipynb")
        assert waits.status == 503
        assert "1 learner is here" in waits.text
        assert "You are next." in waits.text
        ticket = cookie_of(waits, "fwdwidgets-ticket")
        later = reader.get("/voila/render/image.ipynb")
        assert "One reader waits before you." in later.text
        kernel = re.search(r'"kernelId": "([^"]+)"', page.text)[1]
        xsrf = cookie_of(page, "_xsrf")
        done = urllib.request.urlopen(
            urllib.request.Request(
                f"{address}voila/api/shutdown/{kernel}",
                data=f"_xsrf={xsrf}".encode(),
                headers={"Cookie": f"_xsrf={xsrf}"},
            )
        )
        assert done.status == 204
        again = reader.get("/voila/render/image.ipynb", Cookie=f"fwdwidgets-ticket={ticket}")
        assert again.status == 200


# --- hostile clients ------------------------------------------------------------------------------


def request_of(kind, content, metadata=None):
    header = {"msg_id": kind, "msg_type": kind, "session": "s", "username": "", "version": "5.3"}
    return {"header": header, "parent_header": {}, "metadata": metadata or {}, "content": content}


def read_until(socket, kind):
    """The next message of a kind, to a client of the older layout."""
    while True:
        message = socket.recv()
        if isinstance(message, bytes):
            message = deserialize_binary_message(message)
        else:
            message = json.loads(message)
        if message["msg_type"] == kind:
            return message


def send(socket, kind, content, channel="shell"):
    socket.send(json.dumps({**request_of(kind, content), "channel": channel}))


def test_an_old_client_gets_its_buffers_and_the_server_goes_on(open_server):
    page = Reader(open_server).get("/voila/render/image.ipynb").text
    buffers = []
    with connect(socket_of(open_server, page), origin=open_server.rstrip("/")) as socket:
        send(socket, "comm_info_request", {})
        reply = read_until(socket, "comm_info_reply")
        for comm in reply["content"]["comms"]:
            send(socket, "comm_msg", {"comm_id": comm, "data": {"method": "request_state"}})
            buffers += read_until(socket, "comm_msg")["buffers"]
    assert b"\x89PNG" + bytes(1000) in buffers
    assert Reader(open_server).status("/healthz") == 200


def in_v1(channel, message):
    return serialize_msg_to_ws_v1([json.dumps(p).encode() for p in message.values()], channel)


HOSTILE = {
    "a count of billions": (V1, struct.pack("<Q", 2**62) + bytes(100)),
    "a count of billions, the older layout": (None, struct.pack(">i", 2**30) + bytes(100)),
    "no message": (None, "not JSON"),
    "a list": (None, "[1, 2]"),
    "no header": (None, '{"channel": "shell"}'),
    "too few parts": (V1, serialize_msg_to_ws_v1([b"{}"], "shell")),
    "text to the binary protocol": (V1, "{}"),
    "offsets backwards": (V1, struct.pack("<7Q", 6, 900, 800, 700, 600, 500, 400) + bytes(999)),
}


@pytest.mark.parametrize("message", HOSTILE.values(), ids=list(HOSTILE))
def test_what_is_no_message_closes_that_websocket_alone(open_server, kernel_socket, message):
    subprotocol, sent = message

    subprotocols = [subprotocol] if subprotocol else None
    with connect(kernel_socket, open_server.rstrip("/"), subprotocols) as socket:
        socket.send(sent, ABNF.OPCODE_BINARY if isinstance(sent, bytes) else ABNF.OPCODE_TEXT)
        assert close_code(socket) == 1008
    started = time.monotonic()
    assert Reader(open_server).status("/healthz") == 200
    assert time.monotonic() - started < 10  # not "at once": the machine may be busy


@pytest.fixture(scope="module")
def kernel_socket(open_server):
    return socket_of(open_server, Reader(open_server).get("/voila/render/image.ipynb").text)


def test_a_flood_and_a_giant_close_their_websocket(open_server, kernel_socket):
    def attack(message, times):
        with connect(kernel_socket, open_server.rstrip("/"), [V1]) as socket:
            try:
                for _ in range(times):
                    socket.send_binary(message)
            except OSError:
                pass  # closed while it sent
            return close_code(socket)

    flood = in_v1("shell", request_of("comm_info_request", {}))
    assert attack(flood, 3 * BURST) in (1008, None)
    assert attack(bytes(MAX_BYTES + 1), 1) in (1009, None)


def test_a_page_cannot_end_or_run_a_kernel_by_its_websocket(open_server):
    page = Reader(open_server).get("/voila/render/image.ipynb").text
    with connect(socket_of(open_server, page), origin=open_server.rstrip("/")) as socket:
        for kind, content in (
            ("shutdown_request", {"restart": False}),
            ("execute_request", {"code": "import os; os._exit(1)", "silent": False}),
        ):
            for channel in ("shell", "control"):
                send(socket, kind, content, channel)
        send(socket, "comm_info_request", {})
        assert read_until(socket, "comm_info_reply")["content"]["status"] == "ok"


def test_the_log_can_be_json(folder, tmp_path):
    import subprocess
    import sys

    command = [sys.executable, "-m", "fwdwidgets.cli", "serve", str(folder), "--port=0"]
    with subprocess.Popen(
        [*command, "--log-json"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as server:
        address = re.search(r"http://\S+", server.stdout.readline())[0]
        assert Reader(address).status("/voila/render/nothing.ipynb") == 404
        server.terminate()
        lines = [line for line in server.stderr.read().splitlines() if line.startswith("{")]
    entries = [json.loads(line) for line in lines]
    assert any("nothing.ipynb" in entry["message"] for entry in entries)
    assert all({"time", "level", "logger", "message"} <= set(entry) for entry in entries)
