"""What widgets share that draw with plotly."""

from __future__ import annotations

from typing import Any

from fwdwidgets.widgets.shared.base import ForwardWidget
from fwdwidgets.widgets.shared.plot import Plot


class PlottedWidget(ForwardWidget):
    """Abstract base of the widgets with a plotly figure; each makes its own `_plot`."""

    _plot: Plot

    @property
    def figure(self) -> Any:
        """The `plotly.graph_objects.Figure` on the screen; read it, do not change it."""
        return self._plot.figure
