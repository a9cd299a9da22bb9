"""A Voila server with our template: it asks no other host, and prints its address when it is up."""

from __future__ import annotations

import errno
import logging
import os
import re
import signal
import socket
import sys
import webbrowser
from pathlib import Path
from typing import Any

import tornado.httpserver
import tornado.ioloop
import tornado.netutil
import tornado.web
from jupyter_client.kernelspec import KernelSpec, KernelSpecManager
from traitlets.config import Config
from voila.app import Voila
from voila.execute import VoilaExecutor
from voila.tornado.handler import TornadoVoilaHandler
from voila.tornado.kernel_websocket_handler import VoilaKernelWebsocketHandler

from fwdwidgets.notebooks import around, card_of, lessons_dir, title_of

SHARE = Path(__file__).parent / "share" / "jupyter"
IDLE_SECONDS = 2 * 60 * 60
"""A kernel that no page has spoken to for so long is ended."""

KERNEL_ID = re.compile(r'"kernelId": "([^"]+)"')
"""Where our template writes down which kernel a page has."""

EVERYWHERE = {"": "127.0.0.1", "0.0.0.0": "127.0.0.1", "::": "::1"}
"""Hosts that stand for all addresses of this machine, with the one that a browser here can use."""
HARMLESS = (
    "is not trusted",  # Voila runs every cell anew and shows no output that was stored
    "websocket_ping_timeout",  # jupyter_server's own default, which tornado corrects
    "Got events for closed stream",  # a page was left while its kernel spoke to it
    "exception=WebSocketClosedError",  # the same, a moment later
)
"""What stands in messages that a teacher can do nothing about."""


# nbclient knows what a progress bar means that goes back to the start of its line, but lets no
# configuration ask for it.
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
        """The one kernel there is; it listens on this machine alone and need not warn of it."""
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


class LessonPage(TornadoVoilaHandler):  # type: ignore[misc]
    """One notebook, run for one reader."""

    kernel_id = ""
    left = False

    async def get(self, path: str | None = None) -> None:
        """Answer with the page, and with the cookie that it needs to end its kernel on leaving."""
        assert self.xsrf_token, "reading it sets the cookie"
        await super().get(path)
        if self.left and self.kernel_id in self.kernel_manager:
            await self.kernel_manager.shutdown_kernel(self.kernel_id)

    def write(self, chunk: str | bytes | dict[str, Any]) -> None:
        """Send a part of the page; one of them says which kernel it has."""
        if isinstance(chunk, str) and (found := KERNEL_ID.search(chunk)):
            self.kernel_id = found[1]
        super().write(chunk)

    def on_connection_close(self) -> None:
        """Remember that the reader did not wait: nothing else will end the kernel."""
        self.left = True


class Channels(VoilaKernelWebsocketHandler):  # type: ignore[misc]
    """What a page and its kernel tell each other."""

    async def pre_get(self) -> None:
        """Ask the kernel whether it is there; whoever left meanwhile needs no answer."""
        await super().pre_get()
        if self.connection is None:
            raise tornado.web.Finish


def _links(root: Path, path: str) -> dict[str, Any]:
    """Where the links at the foot of a page lead: its folder, the pages before and after it."""
    near = dict(zip(("before", "after"), around(root, path), strict=True))
    cards = {name: {"path": p, "title": card_of(root, p).title} for name, p in near.items() if p}
    parent = Path(path).parent.as_posix()
    return {**cards, "folder": "" if parent == "." else parent, "lab": root == lessons_dir()}


class LessonServer(Voila):  # type: ignore[misc]
    """Voila for a folder of notebooks."""

    def init_settings(self) -> dict[str, Any]:
        """Let the index call `card(path)`; give each page its links."""
        settings = super().init_settings()
        root = Path(self.root_dir)
        known = settings["voila_jinja2_env"].globals
        known |= {"card": lambda path: card_of(root, path), "lab": root == lessons_dir()}
        self.voila_configuration.prelaunch_hook = self._link
        return dict(settings)

    def _link(self, handler: Any, notebook: Any, cwd: str) -> None:
        """Tell the template where the page's links lead, by the notebook's metadata."""
        path = handler.path_args[0].strip("/")
        notebook.metadata["fwdwidgets_links"] = _links(Path(self.root_dir), path)

    def init_handlers(self) -> list[Any]:
        """Voila's own, with ours in their place."""
        ours = {TornadoVoilaHandler: LessonPage, VoilaKernelWebsocketHandler: Channels}
        return [
            (route, ours.get(handler, handler), *options)
            for route, handler, *options in super().init_handlers()
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
        tornado.httpserver.HTTPServer(self.app).add_sockets(sockets)
        address = _address(self.ip, self.port)
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
            # Who presses Ctrl-C again does not want to wait for the kernels to end.
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


def _worth_reading(record: logging.LogRecord) -> bool:
    message = record.getMessage()
    return not any(phrase in message for phrase in HARMLESS)


def serve(
    folder: Path, *, host: str, port: int, open_browser: bool, show_code: bool, ancestors: str
) -> None:
    """Serve a folder of notebooks until interrupted.

    Args:
        folder: what to serve; each notebook at `/voila/render/NAME.ipynb`.
        host: the address to listen on.
        port: 0 for any that is free.
        open_browser: open the index.
        show_code: show the code of cells, as a lesson does; else only what they give.
        ancestors: sites, apart from this one, that may show the pages in a frame.

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
    policy = f"frame-ancestors 'self' {ancestors}".strip()
    config = Config()
    config.Voila = Config(
        root_dir=str(folder),
        ip=host,
        port=port,
        open_browser=open_browser,
        log_level="WARN",
        config_file_paths=[],
        tornado_settings={
            "headers": {"Content-Security-Policy": policy, "X-Content-Type-Options": "nosniff"},
        },
    )
    config.VoilaConfiguration = Config(
        template="fwdwidgets",
        theme="JupyterLab Light",  # to our template: as the reader's system has it
        allow_template_override="NO",
        allow_theme_override="YES",
        classic_tree=True,
        strip_sources=not show_code,
        show_tracebacks=False,
        http_keep_alive_timeout=5,
        file_allowlist=[r".*\.(png|jpg|jpeg|gif|svg|webp)"],
        kernel_spec_manager_class=OwnKernel,
    )
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
    server = LessonServer.instance(config=config)  # what Voila logs finds its way by this
    server.initialize([])
    for name in (server.log.name, "tornado.general", "asyncio"):
        logging.getLogger(name).addFilter(_worth_reading)
    server.start()
