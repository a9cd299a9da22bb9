"""The network as ONNX, proven against PyTorch, and how its numbers become the picture."""

from fwdwidgets.pages.network.network import NetworkPage, plan_network
from fwdwidgets.pages.network.onnx import CannotExport

__all__ = ["CannotExport", "NetworkPage", "plan_network"]
