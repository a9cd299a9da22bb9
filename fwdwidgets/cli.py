"""The command `fwdwidgets`: serve lessons, or open a copy of them in JupyterLab."""

from __future__ import annotations

import argparse
import importlib.util
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line; the exit code is 0, or 2 for something that cannot be done."""
    arguments = _parser().parse_args(argv)
    if "run" not in arguments:
        _parser().print_help()
        return 2
    try:
        return int(arguments.run(arguments))
    except _Refused as error:
        print(f"fwdwidgets: {error}", file=sys.stderr)
        return 2


class _Refused(Exception):
    """What was asked for cannot be done; the message says why and what to do."""


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="fwdwidgets", description=__doc__)
    parser.add_argument("--version", action="version", version=f"fwdwidgets {_version()}")
    commands = parser.add_subparsers(title="commands", metavar="COMMAND")

    serve = commands.add_parser("serve", help="serve the lessons, or a folder, as pages")
    serve.add_argument("folder", nargs="?", metavar="DIR", help="a folder of your own notebooks")
    serve.add_argument("--host", default="127.0.0.1", help="address to listen on (%(default)s)")
    serve.add_argument("--port", type=int, default=8866, help="0 takes a free one (%(default)s)")
    serve.add_argument("--open", action="store_true", help="open the page in a browser")
    serve.add_argument(
        "--code",
        action=argparse.BooleanOptionalAction,
        help="show the code of cells; by default the lessons do, and notebooks of your own do not",
    )
    serve.add_argument(
        "--frame-ancestors",
        default="",
        metavar="SITES",
        help="sites that may show the pages in a frame, such as https://course.example",
    )
    serve.set_defaults(run=_serve)

    lab = commands.add_parser("lab", help="open a writable copy of the lessons in JupyterLab")
    lab.add_argument("folder", nargs="?", metavar="DIR", default="fwdwidgets-lessons")
    lab.add_argument("--port", type=int, default=8888, help="(%(default)s)")
    lab.add_argument("--no-browser", action="store_true", help="print the address only")
    lab.set_defaults(run=_lab)
    return parser


def _version() -> str:
    from importlib.metadata import version

    return version("fwdwidgets")


def _check_port(port: int) -> None:
    if not 0 <= port <= 65535:
        raise _Refused(f"--port {port} is no port: choose 1 to 65535, or 0 for any that is free.")


def _serve(arguments: argparse.Namespace) -> int:
    _check_port(arguments.port)
    from fwdwidgets.serve.folders import FolderError, lessons_dir, notebooks_dir

    try:
        own = arguments.folder is not None
        folder = notebooks_dir(arguments.folder) if own else lessons_dir()
    except FolderError as error:
        raise _Refused(str(error)) from None
    from fwdwidgets.serve.app import ServeError, serve

    try:
        serve(
            folder,
            host=arguments.host,
            port=arguments.port,
            open_browser=arguments.open,
            show_code=not own if arguments.code is None else arguments.code,
            ancestors=arguments.frame_ancestors,
        )
    except ServeError as error:
        raise _Refused(str(error)) from None
    return 0


def _lab(arguments: argparse.Namespace) -> int:
    _check_port(arguments.port)
    if importlib.util.find_spec("jupyterlab") is None:
        raise _Refused('JupyterLab is not installed: pip install "fwdwidgets[lab]"')
    from fwdwidgets.serve.folders import FolderError, copy_lessons

    folder = Path(arguments.folder).expanduser().resolve()
    if folder.exists() and not folder.is_dir():
        raise _Refused(f"{arguments.folder} is a file: name a folder for the copy of the lessons.")
    try:
        kept = copy_lessons(folder)
    except (FolderError, OSError) as error:
        raise _Refused(str(error)) from None
    print(f"The lessons are in {folder}", flush=True)
    for path in kept:
        print(f"  {path.name} was changed by you and is left as it is", flush=True)
    command = [
        *(sys.executable, "-m", "jupyterlab", f"--port={arguments.port}"),
        f"--ServerApp.root_dir={folder}",
        "--LabApp.news_url=",
        "--LabApp.check_for_updates_class=jupyterlab.NeverCheckForUpdate",
        "--LabApp.extension_manager=readonly",
        *(["--no-browser"] if arguments.no_browser else []),
        *(["--allow-root"] if hasattr(os, "geteuid") and os.geteuid() == 0 else []),
    ]
    try:
        return subprocess.call(command)
    except KeyboardInterrupt:
        return 0


if __name__ == "__main__":
    sys.exit(main())
