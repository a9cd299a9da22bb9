"""Voila's handlers, narrowed to what a reader of lessons needs."""

from __future__ import annotations

import re
import time
from pathlib import Path
from typing import Any

import tornado.web
from voila.static_file_handler import AllowListFileHandler, TemplateStaticFileHandler
from voila.tornado.contentshandler import VoilaContentsHandler
from voila.tornado.handler import TornadoVoilaHandler
from voila.tornado.treehandler import TornadoVoilaTreeHandler

from fwdwidgets.serve.places import Places

TICKET = "fwdwidgets-ticket"
"""The cookie of a reader who waits for a place."""
ASK_AGAIN_SECONDS = 3
KERNEL_ID = re.compile(r'"kernelId": "([^"]+)"')
"""Where our template stores which kernel a page has."""


class LessonPage(TornadoVoilaHandler):  # type: ignore[misc]
    """One notebook, run for one reader."""

    kernel_id = ""
    left = False
    opening = False

    async def get(self, path: str | None = None) -> None:
        """Respond with the page, and the cookie with which it ends its kernel on leaving."""
        assert self.xsrf_token, "reading it sets the cookie"
        check_open(_root(self), path or "")
        if not self._comes_in():
            return
        started = time.monotonic()
        try:
            await super().get(path)
        finally:
            self._opened()
        self.settings["fwdwidgets_metrics"].seconds.observe(time.monotonic() - started)
        if self.left and self.kernel_id in self.kernel_manager:
            await self.kernel_manager.shutdown_kernel(self.kernel_id)

    def _comes_in(self) -> bool:
        """Whether there is a place for a kernel; if not, tell the reader how many are waiting."""
        places: Places = self.settings["fwdwidgets_places"]
        ticket, before = places.ask(self.get_cookie(TICKET))
        self.opening = before < 0
        if self.opening:
            return True
        where = {"path": self.request.path, "httponly": True, "samesite": "Lax"}
        self.set_cookie(TICKET, ticket, max_age=60, **where)
        self.set_status(503)
        self.set_header("Retry-After", str(ASK_AGAIN_SECONDS))
        self.set_header("Cache-Control", "no-store")
        self.finish(
            self.render_template(
                "full.html",
                learners=places.count,
                before=before,
                seconds=ASK_AGAIN_SECONDS,
                query=self.request.query,
            )
        )
        return False

    def _opened(self) -> None:
        """Count the kernel from now on, if there is one."""
        if self.opening:
            self.opening = False
            self.settings["fwdwidgets_places"].opened()

    def write(self, chunk: str | bytes | dict[str, Any]) -> None:
        """Send a part of the page; one part says which kernel it has."""
        if isinstance(chunk, str) and (found := KERNEL_ID.search(chunk)):
            self.kernel_id = found[1]
            self._opened()
            self.settings["fwdwidgets_metrics"].opened.inc()
        super().write(chunk)

    def on_connection_close(self) -> None:
        """Remember that the reader did not wait: nothing else will end the kernel."""
        self.left = True


class Index(TornadoVoilaTreeHandler):  # type: ignore[misc]
    """The notebooks of a folder."""

    async def get(self, path: str = "") -> None:
        """Show a folder inside the served one."""
        check_open(_root(self), path)
        await super().get(path)


class Listing(VoilaContentsHandler):  # type: ignore[misc]
    """The notebooks of a folder, as JSON."""

    async def get(self, path: str = "") -> None:
        """List a folder inside the served one."""
        check_open(_root(self), path or "")
        await super().get(path)


class Images(AllowListFileHandler):  # type: ignore[misc]
    """The images beside the notebooks."""

    def validate_absolute_path(self, root: str, absolute_path: str) -> str | None:
        """Serve no file that is hidden or outside the folder."""
        path = super().validate_absolute_path(root, absolute_path)
        if path is not None:
            check_open(Path(root), Path(path).relative_to(root).as_posix())
        return path if path is None else str(path)


class TemplateFiles(TemplateStaticFileHandler):  # type: ignore[misc]
    """The files of Voila's templates."""

    def parse_url_path(self, url_path: str) -> str:
        """Refuse an address that names no file of a template."""
        parts = url_path.split("/", 2)
        if len(parts) < 3 or parts[1] != "static":
            raise tornado.web.HTTPError(404)
        return str(super().parse_url_path(url_path))


def check_open(root: Path, path: str) -> None:
    """Respond 404 for hidden files, and for links to files outside `root`."""
    inside = path.strip("/")
    if any(part.startswith(".") for part in inside.split("/") if part):
        raise tornado.web.HTTPError(404)
    if not (root / inside).resolve().is_relative_to(root.resolve()):
        raise tornado.web.HTTPError(404)


def _root(handler: Any) -> Path:
    """The served folder."""
    return Path(handler.contents_manager.root_dir)


OURS = {
    TornadoVoilaHandler: LessonPage,
    TornadoVoilaTreeHandler: Index,
    VoilaContentsHandler: Listing,
    AllowListFileHandler: Images,
    TemplateStaticFileHandler: TemplateFiles,
}
"""The replacement for each of Voila's handlers."""
