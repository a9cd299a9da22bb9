"""A Voila server with our template: it asks no other host, and prints its address when it is up."""

from __future__ import annotations

import os
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

from fwdwidgets.serve.folders import notebook_title

SHARE = Path(__file__).parent / "share" / "jupyter"
IDLE_SECONDS = 2 * 60 * 60
"""A kernel that no page has spoken to for so long is ended."""


class ServeError(Exception):
    """The server cannot start; the message says what to do."""


class OwnKernel(KernelSpecManager):
    """Every notebook runs in the Python that runs the server, whatever it asks for."""

    def get_kernel_spec(self, kernel_name: str) -> KernelSpec:
        """The one kernel there is."""
        argv = [sys.executable, "-m", "ipykernel_launcher", "-f", "{connection_file}"]
        return KernelSpec(argv=argv, display_name="Python 3", language="python")

    def get_all_specs(self) -> dict[str, Any]:
        """The one kernel there is, by the name that notebooks ask for."""
        spec = self.get_kernel_spec("python3").to_dict()
        return {"python3": {"resource_dir": "", "spec": spec}}

    def find_kernel_specs(self) -> dict[str, str]:
        """The name of the one kernel there is."""
        return {"python3": ""}


class LessonServer(Voila):  # type: ignore[misc]
    """Voila for a folder of notebooks."""

    def init_settings(self) -> dict[str, Any]:
        """Let the index call `title(path)`."""
        settings = super().init_settings()
        root = Path(self.root_dir)
        settings["voila_jinja2_env"].globals["title"] = lambda path: notebook_title(root / path)
        return dict(settings)

    def listen(self) -> None:
        """Listen on the port that was asked for, say where, and serve until interrupted."""
        try:
            # Voila would quietly take another port than the one asked for.
            sockets = tornado.netutil.bind_sockets(self.port, self.ip)
            self.port: int = sockets[0].getsockname()[1]
            tornado.httpserver.HTTPServer(self.app).add_sockets(sockets)
        except (OSError, UnicodeError) as error:
            self.stop()
            reason = getattr(error, "strerror", None) or error
            raise ServeError(
                f"port {self.port} on {self.ip} cannot be used ({reason}): "
                "choose another one with --port, or --port 0 for any that is free."
            ) from None
        host = f"[{self.ip}]" if ":" in self.ip else self.ip
        host = {"0.0.0.0": socket.gethostname()}.get(host, host)
        address = f"http://{host}:{self.port}/"
        print(f"Lessons are at {address} (stop with Ctrl-C)", flush=True)
        if self.open_browser:
            webbrowser.open(address)
        self.ioloop = tornado.ioloop.IOLoop.current()
        try:
            self.ioloop.start()
        except KeyboardInterrupt:
            pass
        finally:
            self.stop()


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
        theme="auto",
        allow_template_override="NO",
        allow_theme_override="YES",
        classic_tree=True,
        strip_sources=not show_code,
        show_tracebacks=False,
        file_allowlist=[r".*\.(png|jpg|jpeg|gif|svg|webp)"],
        kernel_spec_manager_class=OwnKernel,
    )
    config.VoilaExporter = Config(
        markdown_renderer_class="fwdwidgets.serve.markdown.MathMarkdownRenderer"
    )
    config.MappingKernelManager = Config(
        cull_idle_timeout=IDLE_SECONDS, cull_interval=60, cull_connected=False
    )
    server = LessonServer(config=config)
    server.initialize([])
    server.start()
