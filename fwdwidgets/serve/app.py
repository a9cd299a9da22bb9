"""A Voila server with our template: it contacts no other host, and prints its address."""

from __future__ import annotations

import errno
import logging
import os
import signal
import socket
import sys
import webbrowser
from pathlib import Path
from typing import Any

import tornado.httpserver
import tornado.ioloop
import tornado.netutil
from jupyter_client.kernelspec import KernelSpec, KernelSpecManager
from traitlets.config import Config
from voila.app import Voila
from voila.execute import VoilaExecutor
from voila.tornado.kernel_websocket_handler import VoilaKernelWebsocketHandler

from fwdwidgets.notebooks import around, card_of, lessons_dir, title_of
from fwdwidgets.serve.access import Access
from fwdwidgets.serve.channels import MAX_BYTES, Channels
from fwdwidgets.serve.gate import Gate, own_names
from fwdwidgets.serve.handlers import OURS
from fwdwidgets.serve.metrics import Health, JsonLines, Metrics, MetricsPage
from fwdwidgets.serve.places import Places

SHARE = Path(__file__).parent / "share" / "jupyter"
IDLE_SECONDS = 2 * 60 * 60
"""A kernel is ended after this long without a message from a page."""

EVERYWHERE = {"": "127.0.0.1", "0.0.0.0": "127.0.0.1", "::": "::1"}
"""Hosts that stand for all addresses of this machine, with the one that a browser here can use."""
HARMLESS = (
    "is not trusted",  # Voila runs every cell again and shows no output that was stored
    "websocket_ping_timeout",  # jupyter_server's own default, which tornado corrects
    "Got events for closed stream",  # a page was left while its kernel spoke to it
    "exception=WebSocketClosedError",  # the same, a moment later
)
"""Parts of log messages that a teacher can do nothing about."""


# nbclient understands a progress bar that goes back to the start of its line, but no
# configuration option turns this on.
VoilaExecutor.coalesce_streams.tag(config=True)


class ServeError(Exception):
    """The server cannot start; the message says what to do."""


class _AnyName(dict[str, Any]):
    """Finds its one entry under every name."""

    def __contains__(self, name: object) -> bool:
        return True

    def __missing__(self, name: str) -> Any:
        return self["python3"]


class OwnKernel(KernelSpecManager):
    """Every notebook runs in the Python that runs the server, whatever it asks for."""

    def get_kernel_spec(self, kernel_name: str) -> KernelSpec:
        """The one kernel there is; it listens on this machine alone and need not warn about it."""
        argv = [sys.executable, "-m", "ipykernel_launcher", "-f", "{connection_file}"]
        argv.append("--log-level=ERROR")
        return KernelSpec(argv=argv, display_name="Python 3", language="python")

    def get_all_specs(self) -> dict[str, Any]:
        """The one kernel there is, by any name that a notebook asks for."""
        spec = self.get_kernel_spec("python3").to_dict()
        return _AnyName(python3={"resource_dir": "", "spec": spec})

    def find_kernel_specs(self) -> dict[str, str]:
        """The name of the one kernel there is."""
        return {"python3": ""}


def _links(root: Path, path: str) -> dict[str, Any]:
    """The links at the foot of a page: its folder, the previous page and the next."""
    near = dict(zip(("before", "after"), around(root, path), strict=True))
    cards = {name: {"path": p, "title": card_of(root, p).title} for name, p in near.items() if p}
    parent = Path(path).parent.as_posix()
    return {**cards, "folder": "" if parent == "." else parent, "lab": root == lessons_dir()}


class LessonServer(Voila):  # type: ignore[misc]
    """Voila for a folder of notebooks.

    Attributes:
        access: who may come in; set before it starts.
    """

    access: Access

    def init_settings(self) -> dict[str, Any]:
        """Let the index call `card(path)`; give each page its links."""
        settings = super().init_settings()
        root = Path(self.root_dir)
        known = settings["voila_jinja2_env"].globals
        known |= {"card": lambda path: card_of(root, path), "lab": root == lessons_dir()}
        self.voila_configuration.prelaunch_hook = self._link
        kernels = self.kernel_manager
        # A page ends its kernel through another address, which asks for a cookie.
        kernels.allowed_message_types.remove("shutdown_request")
        places = Places(self.access.learners, lambda: len(kernels))
        return {
            **settings,
            "fwdwidgets_token": self.access.token,
            "fwdwidgets_places": places,
            "fwdwidgets_metrics": Metrics(places, kernels),
        }

    def _link(self, handler: Any, notebook: Any, cwd: str) -> None:
        """Tell the template where the page's links lead, by the notebook's metadata."""
        path = handler.path_args[0].strip("/")
        notebook.metadata["fwdwidgets_links"] = _links(Path(self.root_dir), path)

    def init_handlers(self) -> list[Any]:
        """Voila's handlers, replaced by ours; none logs in, because `Gate` asks for tokens."""
        ours = {**OURS, VoilaKernelWebsocketHandler: Channels}
        return [
            (r"/healthz", Health),
            (r"/metrics", MetricsPage),
            *(
                (route, ours.get(handler, handler), *options)
                for route, handler, *options in super().init_handlers()
                if route not in ("/login", "/logout")
            ),
        ]

    def listen(self) -> None:
        """Listen on the port that was asked for, say where, and serve until interrupted."""
        try:
            # Voila would quietly take another port than the one asked for.
            sockets = tornado.netutil.bind_sockets(self.port, self.ip)
        except (OSError, UnicodeError) as error:
            self.stop()
            raise ServeError(_refusal(self.ip, self.port, error)) from None
        self.port: int = sockets[0].getsockname()[1]
        names = [*own_names(), *self.access.hosts, self.ip]
        gate = Gate(self.app, names, self.access.token, self.port)
        tornado.httpserver.HTTPServer(gate).add_sockets(sockets)
        address = _address(self.ip, self.port) + self.access.query
        if self.access.warning(self.ip):
            print(self.access.warning(self.ip), file=sys.stderr, flush=True)
        others = f"from other machines by name {socket.gethostname()}; "
        hint = (others if self.ip in EVERYWHERE else "") + "stop with Ctrl-C"
        print(f"Lessons are at {address} ({hint})", flush=True)
        if self.open_browser:
            webbrowser.open(address)
        self.ioloop = tornado.ioloop.IOLoop.current()
        # As SIGTERM does: KeyboardInterrupt could come up inside any callback, and be lost there.
        signal.signal(signal.SIGINT, self._handle_signal_stop)
        try:
            self.ioloop.start()
        finally:
            # Pressing Ctrl-C again means not waiting for the kernels to end.
            signal.signal(signal.SIGINT, signal.default_int_handler)
            print(flush=True)  # the shell's prompt starts on a line of its own
            self.stop()


def _address(host: str, port: int) -> str:
    """Where a browser on this machine finds the server."""
    host = EVERYWHERE.get(host, host)
    return f"http://[{host}]:{port}/" if ":" in host else f"http://{host}:{port}/"


def _refusal(host: str, port: int, error: Exception) -> str:
    """Why nothing can listen there, and what to do."""
    reason = getattr(error, "strerror", None) or error
    if isinstance(error, socket.gaierror | UnicodeError) or (
        isinstance(error, OSError) and error.errno == errno.EADDRNOTAVAIL
    ):
        return (
            f"--host {host} is no address of this machine ({reason}): choose 127.0.0.1 for this "
            "machine alone, or 0.0.0.0 for others too."
        )
    return (
        f"port {port} on {host} cannot be used ({reason}): "
        "choose another one with --port, or --port 0 for any that is free."
    )


def _log_as_json(log: logging.Logger) -> None:
    """Log one JSON object per line, for the server and for libraries."""
    handler = logging.StreamHandler()
    handler.setFormatter(JsonLines())
    logging.getLogger().handlers = [handler]
    while log is not None and log is not logging.getLogger():
        log.handlers, log.propagate = [], True
        log = log.parent  # type: ignore[assignment]


def _worth_reading(record: logging.LogRecord) -> bool:
    message = record.getMessage()
    return not any(phrase in message for phrase in HARMLESS)


def serve(
    folder: Path,
    *,
    host: str,
    port: int,
    open_browser: bool,
    show_code: bool,
    access: Access,
    log_json: bool = False,
) -> None:
    """Serve a folder of notebooks until interrupted.

    Args:
        folder: what to serve; each notebook at `/voila/render/NAME.ipynb`.
        host: the address to listen on.
        port: 0 for any that is free.
        open_browser: open the index.
        show_code: show the code of cells, as a lesson does; if not, only their outputs.
        access: who may connect.
        log_json: write the log as JSON, one object per line.

    Raises:
        ServeError: the port cannot be used.
    """
    os.environ["JUPYTER_PATH"] = os.pathsep.join(
        filter(None, [str(SHARE), os.environ.get("JUPYTER_PATH", "")])
    )
    # Each kernel runs a small network for one learner: threads would only fight over the cores.
    for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ.setdefault(name, "1")
    # A page has a kernel of its own, so no other page needs to hear of its moves.
    os.environ.setdefault("JUPYTER_WIDGETS_ECHO", "0")
    config = Config()
    config.Voila = Config(
        root_dir=str(folder),
        ip=host,
        port=port,
        open_browser=open_browser,
        log_level="WARN",
        config_file_paths=[],
        tornado_settings={
            "headers": access.headers,
            "websocket_max_message_size": MAX_BYTES,
            "xsrf_cookie_kwargs": {"samesite": "Lax"},
        },
    )
    config.VoilaConfiguration = Config(
        template="fwdwidgets",
        theme="JupyterLab Light",  # our template reads this as: the theme of the reader's system
        allow_template_override="NO",
        allow_theme_override="YES",
        classic_tree=True,
        strip_sources=not show_code,
        show_tracebacks=False,
        http_keep_alive_timeout=5,
        file_allowlist=[r".*\.(png|jpg|jpeg|gif|svg|webp)"],
        kernel_spec_manager_class=OwnKernel,
    )
    config.IdentityProvider = Config(cookie_options={"samesite": "Lax"})
    config.VoilaExporter = Config(
        markdown_renderer_class="fwdwidgets.serve.markdown.LessonMarkdownRenderer",
        filters={"title": title_of},
    )
    config.VoilaExecutor = Config(
        cell_error_instruction="Reload the page to try again; whoever runs the server finds the "
        "reason in its log.",
        coalesce_streams=True,
    )
    # A kernel that died has lost the lesson: the page says so, and a new one would answer nothing.
    config.KernelRestarter = Config(restart_limit=0, time_to_dead=1.0)
    config.MappingKernelManager = Config(
        cull_idle_timeout=IDLE_SECONDS, cull_interval=60, cull_connected=False
    )
    server = LessonServer.instance(config=config)  # Voila logs through this instance
    server.access = access
    server.initialize([])
    for name in (server.log.name, "tornado.general", "asyncio"):
        logging.getLogger(name).addFilter(_worth_reading)
    if log_json:
        _log_as_json(server.log)
    server.start()
