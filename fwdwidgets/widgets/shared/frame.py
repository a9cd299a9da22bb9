"""What a page needs besides the controls: their names, and the state across a reload."""

from __future__ import annotations

from collections.abc import Callable
from itertools import count
from typing import Any

import anywidget
import ipywidgets
import traitlets

from fwdwidgets.widgets.shared.plot import STATIC


class Frame(anywidget.AnyWidget):
    """An invisible part of each widget that names its controls and keeps its state.

    Attributes:
        number: which widget of the kernel this is, in the order of construction.
        title: the name of the whole widget for a screen reader.
        controls: the control of each trait; a reloaded Voila page returns their values.
    """

    _esm = STATIC / "frame.js"
    _css = STATIC / "widget.css"
    number = traitlets.Int().tag(sync=True)
    title = traitlets.Unicode().tag(sync=True)
    controls = traitlets.Dict().tag(sync=True, **ipywidgets.widget_serialization)

    _numbers = count()

    def __init__(self, title: str, restore: Callable[[dict[str, Any]], None]) -> None:
        """Call `restore` with the earlier state after a Voila page was reloaded."""
        super().__init__(number=next(Frame._numbers), title=title)
        self._restore = restore
        self.on_msg(self._received)

    def _received(self, _: Any, content: Any, __: list[memoryview]) -> None:
        if content.get("kind") == "restore" and isinstance(content.get("state"), dict):
            self._restore(content["state"])
