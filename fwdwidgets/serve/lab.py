"""JupyterLab on a folder, with the outside requests it makes by default switched off."""

from __future__ import annotations

import os
import socket
from pathlib import Path

SETTINGS = Path(__file__).parent / "share" / "jupyter" / "lab" / "settings"
"""JupyterLab's own defaults, changed: no news, no check for updates, the system's theme."""


def open_lab(folder: Path, *, port: int, browser: bool) -> int:
    """Run JupyterLab until interrupted.

    Args:
        folder: its root.
        port: if it is not free, the next free one is used; 0 for any free one.
        browser: open it in a browser; if not, only print its address.

    Returns:
        The exit code.
    """
    from jupyterlab.labapp import LabApp

    # The Python with fwdwidgets comes before any other that the user has registered.
    os.environ["JUPYTER_PREFER_ENV_PATH"] = "1"
    arguments = [
        f"--ServerApp.root_dir={folder}",
        f"--ServerApp.port={port or _free_port()}",
        f"--ServerApp.open_browser={browser}",
        "--ServerApp.answer_yes=True",  # Ctrl-C ends it without a question
        f"--LabApp.app_settings_dir={SETTINGS}",
        "--LabApp.check_for_updates_class=jupyterlab.NeverCheckForUpdate",
        "--LabApp.news_url=None",
        "--LabApp.extension_manager=readonly",
        # Voila's preview asks a content delivery network; pages are what `fwdwidgets serve` is for.
        "--ServerApp.jpserver_extensions={'voila.server_extension': False}",
    ]
    if hasattr(os, "geteuid") and os.geteuid() == 0:
        arguments.append("--ServerApp.allow_root=True")
    LabApp.launch_instance(arguments)
    return 0


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
