"""Puts the browser's side of pages into the package when it is built."""

import importlib.util
import sys
from pathlib import Path

from hatchling.builders.hooks.plugin.interface import BuildHookInterface


class BrowserFiles(BuildHookInterface):
    """Fetches plotly.js and onnxruntime-web from npm, unless they are there."""

    def initialize(self, version: str, build_data: dict) -> None:
        """Go on without them if they are not available: only pages without a kernel need them."""
        path = Path(self.root) / "fwdwidgets" / "pages" / "browser_files.py"
        spec = importlib.util.spec_from_file_location("browser_files", path)
        browser_files = sys.modules["browser_files"] = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(browser_files)
        if self.target_name == "sdist" or browser_files.is_complete():
            return
        try:
            browser_files.fetch()
        except browser_files.CannotFetch as error:
            self.app.display_warning(f"Built without pages that need no kernel: {error}")
