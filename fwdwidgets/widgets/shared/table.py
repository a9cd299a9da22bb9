"""An editable table of numbers, with results at its right."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import anywidget
import numpy as np
import traitlets

from fwdwidgets.widgets.shared.plot import STATIC


class NumberTable(anywidget.AnyWidget):
    """A name for each row and column, an input for each number, and columns of results.

    Attributes:
        columns: a name for each column of numbers.
        rows: a name for each row.
        results: a name for each column of results.
        value: the numbers as text, `rows` lists of `columns` each; a reload returns them.
        texts: the results, `rows` lists of `results` each.
        chosen: the marked row.
        revision: counts updates, so that a refused edit is undone on the page.
    """

    _esm = STATIC / "table.js"
    columns: Any = traitlets.List().tag(sync=True)
    rows: Any = traitlets.List().tag(sync=True)
    results: Any = traitlets.List().tag(sync=True)
    value: Any = traitlets.List().tag(sync=True)
    texts: Any = traitlets.List().tag(sync=True)
    chosen = traitlets.Int().tag(sync=True)
    revision = traitlets.Int().tag(sync=True)

    def __init__(
        self,
        rows: Sequence[str],
        columns: Sequence[str],
        results: Sequence[str],
        edit: Callable[[int, int, str], Any],
    ) -> None:
        """Call `edit(row, column, text)` when a number was changed on the page."""
        super().__init__(rows=list(rows), columns=list(columns), results=list(results))
        self._edit = edit
        self.on_msg(self._received)

    def show(self, values: np.ndarray, texts: Sequence[Sequence[str]], chosen: int) -> None:
        """Show float32 `values` `(rows, columns)`, with enough digits to be exact."""
        with self.hold_sync():
            self.value = written(values)
            self.texts = [list(row) for row in texts]
            self.chosen = chosen
            self.revision += 1

    def _received(self, _: Any, content: Any, __: list[memoryview]) -> None:
        if content.get("kind") != "edit":
            return
        row, column, text = content.get("row"), content.get("column"), content.get("text")
        if row in range(len(self.rows)) and column in range(len(self.columns)):
            self._edit(row, column, str(text))


def written(values: np.ndarray) -> list[list[str]]:
    """float32 `(rows, columns)` as text, with enough digits to be exact."""
    return [[np.format_float_positional(number, trim="-") for number in row] for row in values]
