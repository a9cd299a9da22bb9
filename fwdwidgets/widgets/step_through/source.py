"""The source of a forward pass as the widget shows it, with the chosen expression marked."""

from __future__ import annotations

import ipywidgets
from torch import nn

from fwdwidgets.trace import ForwardTrace, LineWatch, Listing, Tracer, read_source
from fwdwidgets.widgets.step_through.listing import listing_html


class Source(ipywidgets.HTML):  # type: ignore[misc]
    """The function in which a step stands, line by line.

    Attributes:
        tracer: records the forward passes, and which of their lines ran.
        listing: what is shown; None without any step.
    """

    def __init__(self) -> None:
        super().__init__()
        self.add_class("fwd-source")
        self._watch = LineWatch()
        self.tracer = Tracer(watch=self._watch)
        self.listing: Listing | None = None

    def show(self, network: nn.Module | None, trace: ForwardTrace, index: int | None) -> None:
        """Mark the expression of a step of the last forward pass; of None, show nothing.

        Args:
            network: that ran.
            trace: its forward pass.
            index: of the step in `trace.steps`.
        """
        if index is None or network is None:
            self.listing, self.value = None, ""
            return
        self.listing = shown = read_source(network, trace, self._watch.visits, index)
        self.value = listing_html(shown.title, shown.inside, shown.lines, shown.mark)
