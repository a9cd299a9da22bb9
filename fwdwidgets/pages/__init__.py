"""Pages without a kernel: a widget as one HTML file that moves by itself."""

from fwdwidgets.pages.page import PageOptions, make_page
from fwdwidgets.pages.save import embed, save_page

__all__ = ["PageOptions", "embed", "make_page", "save_page"]
