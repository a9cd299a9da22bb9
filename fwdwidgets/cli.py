"""The command `fwdwidgets`: serve lessons, open them in JupyterLab, or make pages of them."""

from __future__ import annotations

import argparse
import importlib.util
import os
import re
import secrets
import sys
from collections.abc import Sequence
from pathlib import Path

from fwdwidgets import __version__


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line; the exit code is 0, or 2 for something that cannot be done."""
    arguments = _parser().parse_args(argv)
    if "run" not in arguments:
        _parser().print_help()
        return 2
    if data := os.environ.get("FWDWIDGETS_DATA"):
        # Kernels run in the folder of their notebook: relative paths are relative to here.
        os.environ["FWDWIDGETS_DATA"] = str(Path(data).expanduser().resolve())
    try:
        return int(arguments.run(arguments))
    except _Refused as error:
        print(f"fwdwidgets: {error}", file=sys.stderr)
        return 2


class _Refused(Exception):
    """What was asked for cannot be done; the message says why and what to do."""


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="fwdwidgets", description=__doc__)
    parser.add_argument("--version", action="version", version=f"fwdwidgets {__version__}")
    commands = parser.add_subparsers(title="commands", metavar="COMMAND")

    serve = commands.add_parser("serve", help="serve the lessons, or a folder, as pages")
    serve.add_argument("folder", nargs="?", metavar="DIR", help="a folder of your own notebooks")
    serve.add_argument("--host", default="127.0.0.1", help="address to listen on (%(default)s)")
    serve.add_argument("--port", type=_port, default=8866, help="0 takes a free one (%(default)s)")
    serve.add_argument("--open", action="store_true", help="open the page in a browser")
    serve.add_argument(
        "--code",
        action=argparse.BooleanOptionalAction,
        help="show the code of cells; by default the lessons do, and notebooks of your own do not",
    )
    serve.add_argument(
        "--frame-ancestors",
        type=_sites,
        default="",
        metavar="SITES",
        help="sites that may show the pages in a frame, such as https://course.example",
    )
    serve.add_argument(
        "--allow-host",
        action="append",
        default=[],
        metavar="NAME",
        help="a name that the server goes by, besides that of this machine, such as the one of a "
        "proxy before it; may be given several times",
    )
    serve.add_argument(
        "--token",
        nargs="?",
        const="",
        type=_token,
        metavar="TOKEN",
        help="let in only those who have the link with this token; without a word, one is made up",
    )
    serve.add_argument(
        "--learners",
        type=_learners,
        metavar="N",
        help="how many learners may be here at the same time; others wait (by default as many as "
        "the free memory holds)",
    )
    serve.add_argument("--log-json", action="store_true", help="write the log as JSON lines")
    serve.set_defaults(run=_serve)

    lab = commands.add_parser("lab", help="open a writable copy of the lessons in JupyterLab")
    lab.add_argument(
        "folder",
        nargs="?",
        metavar="DIR",
        default="fwdwidgets-lessons",
        help="where the copy is, or is to be made (%(default)s)",
    )
    lab.add_argument("--port", type=_port, default=8888, help="0 takes a free one (%(default)s)")
    lab.add_argument("--no-browser", action="store_true", help="print the address only")
    lab.set_defaults(run=_lab)

    export = commands.add_parser(
        "export", help="make pages that need no kernel of a notebook, or of a folder"
    )
    export.add_argument("source", metavar="LESSON_OR_DIR", help="an .ipynb file, or a folder")
    export.add_argument(
        "out",
        metavar="OUT",
        help="a folder for the site; for a single notebook also an .html file that holds it all",
    )
    export.add_argument(
        "--shared",
        metavar="DIR",
        help="a folder for the parts that all pages share, for several exports that stand "
        "together (OUT/fwdwidgets)",
    )
    export.add_argument(
        "--megabytes",
        type=_above_zero,
        default=3.0,
        help="how large the recorded states of one widget may become (%(default)s)",
    )
    export.add_argument(
        "--seconds",
        type=_above_zero,
        default=20.0,
        help="how long recording one widget may take (%(default)s)",
    )
    export.set_defaults(run=_export)
    return parser


def _port(text: str) -> int:
    if re.fullmatch("[0-9]{1,5}", text) and int(text) <= 65535:
        return int(text)
    raise argparse.ArgumentTypeError(
        f"{text!r} is no port: choose 1 to 65535, or 0 for any that is free"
    )


def _token(text: str) -> str:
    if re.fullmatch(r"[\w.~-]{8,}|", text, re.ASCII):  # what a link and a cookie carry as it is
        return text
    raise argparse.ArgumentTypeError(
        f"{text!r} is no token: choose 8 or more letters, digits and any of - _ . ~"
    )


def _learners(text: str) -> int:
    if re.fullmatch("[0-9]{1,5}", text) and int(text) > 0:
        return int(text)
    raise argparse.ArgumentTypeError(f"{text!r} is no number of learners: choose 1 or more")


def _above_zero(text: str) -> float:
    try:
        number = float(text)
    except ValueError:
        number = 0.0
    if 0 < number < float("inf"):
        return number
    raise argparse.ArgumentTypeError(f"{text!r} is no budget: choose a number above 0")


def _sites(text: str) -> str:
    if re.fullmatch(r"[\w.:/*\[\]' -]*", text):
        return text
    raise argparse.ArgumentTypeError(
        f"{text!r} is no list of sites: write them like https://course.example, a space between"
    )


def _serve(arguments: argparse.Namespace) -> int:
    from fwdwidgets.notebooks import FolderError, lessons_dir, notebooks_dir

    try:
        own = arguments.folder is not None
        folder = notebooks_dir(arguments.folder) if own else lessons_dir()
    except FolderError as error:
        raise _Refused(str(error)) from None
    from fwdwidgets.serve.access import Access
    from fwdwidgets.serve.app import ServeError, serve
    from fwdwidgets.serve.places import places_here

    access = Access(
        hosts=arguments.allow_host,
        token=secrets.token_urlsafe(24) if arguments.token == "" else arguments.token or "",
        learners=arguments.learners or places_here(),
        ancestors=arguments.frame_ancestors,
    )
    try:
        serve(
            folder,
            host=arguments.host,
            port=arguments.port,
            open_browser=arguments.open,
            show_code=not own if arguments.code is None else arguments.code,
            access=access,
            log_json=arguments.log_json,
        )
    except ServeError as error:
        raise _Refused(str(error)) from None
    return 0


def _lab(arguments: argparse.Namespace) -> int:
    if importlib.util.find_spec("jupyterlab") is None:
        raise _Refused('JupyterLab is not installed: pip install "fwdwidgets[lab]"')
    from fwdwidgets.notebooks import FolderError, copy_lessons

    folder = Path(arguments.folder).expanduser().resolve()
    try:
        kept = copy_lessons(folder)
    except FolderError as error:
        raise _Refused(str(error)) from None
    except (FileExistsError, NotADirectoryError):
        raise _Refused(
            f"{arguments.folder} is a file: name a folder for the copy of the lessons."
        ) from None
    except OSError as error:
        raise _Refused(
            f"{arguments.folder} cannot be written ({error.strerror}): name another folder."
        ) from None
    print(f"The lessons are in {folder}", flush=True)
    for path in kept:
        print(
            f"  {path.relative_to(folder)} is not as the lesson is and is left as it is; "
            "rename it to have the lesson again",
            flush=True,
        )
    from fwdwidgets.serve.lab import open_lab

    return open_lab(folder, port=arguments.port, browser=not arguments.no_browser)


def _export(arguments: argparse.Namespace) -> int:
    from fwdwidgets.notebooks import FolderError, notebooks_dir
    from fwdwidgets.pages import browser_files
    from fwdwidgets.pages.site import ExportError, export_folder, export_notebook

    source, out = Path(arguments.source).expanduser(), Path(arguments.out).expanduser()
    shared = Path(arguments.shared).expanduser() if arguments.shared else None
    budget = {"megabytes": arguments.megabytes, "seconds": arguments.seconds}
    try:
        browser_files.read("plotly.js")
        if source.suffix.lower() == ".ipynb":
            if not source.is_file():
                raise _Refused(f"there is no notebook {source}: name an .ipynb file, or a folder.")
            whole = out.suffix.lower() in (".html", ".htm")
            page = out if whole else out / f"{source.stem}.html"
            if whole and shared:
                raise _Refused(f"{out} holds all that it needs: leave out --shared.")
            export_notebook(source, page, whole=whole, shared=shared, **budget)
        else:
            folder = notebooks_dir(arguments.source)
            if out.suffix.lower() in (".html", ".htm"):
                raise _Refused(f"{out} is one file, {source} a folder: name a folder for the site.")
            page = export_folder(folder, out, report=_say, shared=shared, **budget)[0]
    except (ExportError, FolderError) as error:
        raise _Refused(str(error)) from None
    except OSError as error:
        if error.strerror is None:  # the browser's side of a page is not installed
            raise _Refused(str(error)) from None
        raise _Refused(f"{out} cannot be written ({error.strerror}): name another.") from None
    print(f"The pages begin at {page}", flush=True)
    return 0


def _say(text: str) -> None:
    print(text, flush=True)


if __name__ == "__main__":
    sys.exit(main())
