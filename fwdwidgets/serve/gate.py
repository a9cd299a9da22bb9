"""Who may connect: checked once for every request, before any page, file or websocket."""

from __future__ import annotations

import hmac
import ipaddress
import socket
from collections.abc import Iterable
from functools import partial
from http.cookies import CookieError, SimpleCookie
from typing import Any
from urllib.parse import parse_qsl, unquote, urlencode

import tornado.routing
from tornado.httputil import (
    HTTPHeaders,
    HTTPMessageDelegate,
    HTTPServerRequest,
    ResponseStartLine,
    split_host_and_port,
)

HEALTH = "/healthz"
"""This address answers without a token: it tells nothing of the lessons or their readers."""

STRANGE_HOST = (
    "This server does not go by the name {host!r}. Open it by its address, or start it with "
    "--allow-host {host}."
)
NO_TOKEN = (
    "This server asks for its token: open the link that `fwdwidgets serve` printed. Ask the person "
    "who runs it for the link."
)
NO_ADDRESS = "There is no page at this address."


class Gate(tornado.routing.RuleRouter):
    """Passes requests on to an application, or answers them with a sentence.

    Args:
        application: gets every allowed request.
        hosts: names of the server, besides numeric addresses and `localhost`. An unknown name
            may come from a stranger's page that was pointed here (DNS rebinding).
        token: what a link or a cookie must contain; empty for a server without a token.
        port: distinguishes the cookies of several servers on one machine.
    """

    def __init__(
        self, application: tornado.routing.Router, hosts: Iterable[str], token: str, port: int
    ) -> None:
        self._hosts = {"localhost", *(host.lower().rstrip(".") for host in hosts)}
        self._token, self._cookie = token, f"fwdwidgets-token-{port}"
        self._application = application
        super().__init__()

    def find_handler(self, request: HTTPServerRequest, **_: Any) -> HTTPMessageDelegate | None:
        """The application's handler for a request, or a sentence that says why it is refused."""
        refusal = self._refusal(request)
        target = self._application if refusal is None else partial(self._answer, *refusal)
        return self.get_target_delegate(target, request)

    def _refusal(self, request: HTTPServerRequest) -> tuple[int, str] | None:
        """Why a request is refused: a status and a sentence."""
        host = split_host_and_port(request.host.lower())[0].strip("[]").rstrip(".")
        if host not in self._hosts and not _is_number(host):
            return 421, STRANGE_HOST.format(host=host)
        if "\0" in unquote(request.path):
            return 404, NO_ADDRESS
        if self._token and request.path != HEALTH and not self._shows_cookie(request):
            return 403, NO_TOKEN
        return None

    def _answer(self, code: int, sentence: str, request: HTTPServerRequest) -> None:
        """Say why a request is refused; a request with the token gets the cookie."""
        headers = HTTPHeaders()
        if sentence is NO_TOKEN and self._shows_link(request):
            code, sentence = 302, ""
            headers["Location"] = _without_token(request)
            headers["Set-Cookie"] = (
                f"{self._cookie}={self._token}; Path=/; HttpOnly; SameSite=Lax; Max-Age=604800"
            )
        _send(request, code, sentence, headers)

    def _shows_cookie(self, request: HTTPServerRequest) -> bool:
        try:
            cookie = SimpleCookie(request.headers.get("Cookie", "")).get(self._cookie)
        except CookieError:
            return False
        return cookie is not None and self._is_token(cookie.value)

    def _shows_link(self, request: HTTPServerRequest) -> bool:
        return any(self._is_token(value) for key, value in _query(request) if key == "token")

    def _is_token(self, given: str) -> bool:
        return hmac.compare_digest(given.encode(), self._token.encode())


def own_names() -> list[str]:
    """The names of this machine for other machines."""
    name = socket.gethostname()
    return [name, f"{name}.local", socket.getfqdn()]


def _is_number(host: str) -> bool:
    """Whether a host is a numeric address, which nobody can point elsewhere."""
    try:
        ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        return False
    return True


def _query(request: HTTPServerRequest) -> list[tuple[str, str]]:
    return parse_qsl(request.query, keep_blank_values=True)


def _without_token(request: HTTPServerRequest) -> str:
    """The address of a request without its token, so that nobody copies the token."""
    rest = urlencode([(key, value) for key, value in _query(request) if key != "token"])
    path = "/" + request.path.lstrip("/")  # `//name/` would be another server
    return f"{path}?{rest}" if rest else path


def _send(request: HTTPServerRequest, code: int, sentence: str, headers: HTTPHeaders) -> None:
    body = f"{sentence}\n".encode() if sentence else b""
    headers["Content-Type"] = "text/plain; charset=utf-8"
    headers["Content-Length"] = str(len(body))
    headers["X-Content-Type-Options"] = "nosniff"
    headers["Cache-Control"] = "no-store"
    reasons = {302: "Found", 403: "Forbidden", 404: "Not Found", 421: "Misdirected Request"}
    connection = request.connection
    assert connection is not None, "a request that came in has one"
    connection.write_headers(ResponseStartLine("HTTP/1.1", code, reasons[code]), headers, body)
    connection.finish()
