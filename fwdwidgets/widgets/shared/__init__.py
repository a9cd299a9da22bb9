"""What all widgets share: abstract base classes, the plot and its channel, panels and tables."""

from fwdwidgets.widgets.shared import panels
from fwdwidgets.widgets.shared.base import ForwardWidget
from fwdwidgets.widgets.shared.controls import html, row, shows, slider
from fwdwidgets.widgets.shared.frame import Frame
from fwdwidgets.widgets.shared.network_view import NetworkView
from fwdwidgets.widgets.shared.panels import SamplePanels, Slot
from fwdwidgets.widgets.shared.plot import CONFIG, STATIC, Plot, pack, properties_of
from fwdwidgets.widgets.shared.plotted import PlottedWidget
from fwdwidgets.widgets.shared.rows import RowsWidget
from fwdwidgets.widgets.shared.sampled import SampledWidget
from fwdwidgets.widgets.shared.steps import StepTable, nearest_step
from fwdwidgets.widgets.shared.table import NumberTable, written
from fwdwidgets.widgets.shared.traits import (
    BadValue,
    Index,
    NameOrIndex,
    Number,
    Several,
    Text,
    check_index,
    check_step,
)
from fwdwidgets.widgets.shared.weighted import WeightedWidget, describe_weights

__all__ = [
    "CONFIG",
    "STATIC",
    "BadValue",
    "ForwardWidget",
    "Frame",
    "Index",
    "NameOrIndex",
    "NetworkView",
    "Number",
    "NumberTable",
    "Plot",
    "PlottedWidget",
    "RowsWidget",
    "SamplePanels",
    "SampledWidget",
    "Several",
    "Slot",
    "StepTable",
    "Text",
    "WeightedWidget",
    "check_index",
    "check_step",
    "describe_weights",
    "html",
    "nearest_step",
    "pack",
    "panels",
    "properties_of",
    "row",
    "shows",
    "slider",
    "written",
]
