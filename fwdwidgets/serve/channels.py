"""The messages between a page and its kernel, with limits that no client can exceed.

A message is JSON with buffers behind it. There are two layouts: `v1.kernel.websocket.jupyter.org`,
which our pages use, and the older one for clients that ask for no subprotocol. Both begin with a
count of offsets that the sender chooses; a reader that trusts it can be made to read billions.
"""

from __future__ import annotations

import json
import time
from typing import Any

import tornado.web
import tornado.websocket
from jupyter_server.services.kernels.websocket import KernelWebsocketHandler

V1 = "v1.kernel.websocket.jupyter.org"
MAX_PARTS = 1_000
"""The most offsets in a message; our pages need a dozen."""
MAX_BYTES = 8_000_000
"""The longest message from a client, in bytes: enough for a picture and much more."""
PER_SECOND, BURST = 200, 1_000
"""The most messages per second from a client, and the most at once after a pause."""
MAX_UNREAD = 64_000_000
"""The most bytes that may wait for a client that does not read."""
HIDDEN = ("execute_input",)
"""Messages with the source of cells, which are never sent to a page."""

POLICY, TOO_LARGE = 1008, 1009
"""Why a websocket was closed, as RFC 6455 numbers it (section 7.4.1)."""


class Channels(KernelWebsocketHandler):
    """One client of one kernel."""

    def initialize(self, **options: Any) -> None:
        """Begin with an empty account."""
        super().initialize(**options)
        self._credit, self._at = float(BURST), time.monotonic()
        self._unread = 0

    async def pre_get(self) -> None:
        """Ask whether the kernel is there; a client that has left needs no answer.

        A page of another site has already been refused by its Origin. A client without an Origin
        is not a page, and is let in only if a token is required, which `Gate` has checked.
        """
        if self.get_origin() is None and not self.settings["fwdwidgets_token"]:
            raise tornado.web.HTTPError(403, "a websocket without an Origin")
        await super().pre_get()  # type: ignore[no-untyped-call]
        if self.connection is None:
            raise tornado.web.Finish

    def get_compression_options(self) -> dict[str, Any] | None:
        """Compress messages over a network; on one machine that would only cost time."""
        direct = "X-Forwarded-For" not in self.request.headers
        here = self.request.remote_ip in ("127.0.0.1", "::1")
        return None if direct and here else {"compression_level": 1, "mem_level": 5}

    def on_message(self, ws_message: str | bytes) -> None:
        """Pass a message on to the kernel, unless it is malformed or one too many."""
        now = time.monotonic()
        self._credit = min(BURST, self._credit + (now - self._at) * PER_SECOND) - 1
        self._at = now
        if self._credit < 0:
            self.close(POLICY, f"more than {PER_SECOND} messages a second")
        elif not is_whole(ws_message, self.selected_subprotocol):
            self.close(POLICY, "this is no message of a Jupyter client")
        elif self.connection is not None:
            try:
                super().on_message(ws_message)  # type: ignore[no-untyped-call]
            except (ValueError, KeyError, TypeError, AttributeError, IndexError, AssertionError):
                self.close(POLICY, "this is no message of a Jupyter client")

    def write_message(self, message: Any, binary: bool = False) -> Any:
        """Send a message to the client, unless it is to be hidden or the client does not read."""
        if kind_of(message, self.selected_subprotocol) in HIDDEN:
            return None
        size = len(message)
        if self._unread + size > MAX_UNREAD:
            self.close(POLICY, f"more than {MAX_UNREAD // 1_000_000} MB were not read")
            raise tornado.websocket.WebSocketClosedError
        sent = super().write_message(message, binary)
        self._unread += size
        sent.add_done_callback(lambda _: self._was_read(size))
        return sent

    def _was_read(self, size: int) -> None:
        self._unread -= size


def is_whole(message: str | bytes, subprotocol: str | None) -> bool:
    """Whether a message has the parts that its first bytes claim."""
    if subprotocol == V1:
        offsets = _offsets(message, 8, "little") if isinstance(message, bytes) else None
        # The channel, four parts of JSON, and where the last one ends.
        return offsets is not None and len(offsets) >= 6
    return isinstance(message, str) or bool(_offsets(message, 4, "big"))


def kind_of(message: Any, subprotocol: str | None) -> str | None:
    """The type of a message to a client; None if it cannot be read."""
    try:
        if isinstance(message, dict):
            header = message["header"]
        elif isinstance(message, str):
            header = json.loads(message)["header"]
        elif subprotocol == V1:
            offsets = _offsets(message, 8, "little") or []
            header = json.loads(message[offsets[1] : offsets[2]])
        else:
            offsets = [*(_offsets(message, 4, "big") or []), len(message)]
            header = json.loads(message[offsets[0] : offsets[1]])["header"]
        return str(header["msg_type"])
    except (ValueError, KeyError, TypeError, IndexError):
        return None


def _offsets(message: bytes, width: int, order: Any) -> list[int] | None:
    """The offsets of the parts, `width` bytes each; None if they are impossible."""
    count = int.from_bytes(message[:width], order)
    first = width * (count + 1)
    if not 0 < count <= MAX_PARTS or first > len(message):
        return None
    places = range(width, first, width)
    offsets = [int.from_bytes(message[at : at + width], order) for at in places]
    return offsets if sorted(offsets) == offsets and first <= offsets[0] else None
