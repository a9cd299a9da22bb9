"""What a number is made of: one rule for each family of operations."""

from fwdwidgets.explain.explanation import Explanation, explain
from fwdwidgets.explain.fields import Cone, Field, mattered, reach, receptive_field
from fwdwidgets.explain.masks import box_of
from fwdwidgets.explain.relation import Region
from fwdwidgets.explain.terms import Term, Terms

__all__ = [
    "Cone",
    "Explanation",
    "Field",
    "Region",
    "Term",
    "Terms",
    "box_of",
    "explain",
    "mattered",
    "reach",
    "receptive_field",
]
