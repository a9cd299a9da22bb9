"""How a call's output is made of its operands, by all rules that there are."""

from __future__ import annotations

from fwdwidgets.explain import table
from fwdwidgets.explain.call import Call
from fwdwidgets.explain.relation import Relation


def related(call: Call) -> Relation:
    """The relation of a call, by its rule.

    Raises:
        NotTakenApart: no rule covers the operation, or this use of it.
    """
    # Importing them registers them. They load with the first explanation, not with the package.
    from fwdwidgets.explain import rules

    assert rules.__all__, "each of these modules registers its rules"
    return table.related(call)
