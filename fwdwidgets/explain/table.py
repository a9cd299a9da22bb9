"""The table of rules: for each operation, the function that makes its relation."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import torch

from fwdwidgets.explain.call import Call, NotTakenApart
from fwdwidgets.explain.relation import Relation, real
from fwdwidgets.trace import ForwardTrace

Make = Callable[[Call], Relation]


class Rule(NamedTuple):
    """An operation's signature, and the function that makes its relation."""

    signature: str
    make: Make


TABLE: dict[str, Rule] = {}


def rule(operations: str, signature: str) -> Callable[[Make], Make]:
    """Register a rule for operations with the same signature, such as `"relu relu6"`."""

    def register(make: Make) -> Make:
        for name in operations.split():
            assert name not in TABLE, f"{name} has a rule"
            TABLE[name] = Rule(signature, make)
        return make

    return register


def relation(trace: ForwardTrace, step: str | int, output: int = 0) -> Relation:
    """How a step's output is made of its operands.

    Raises:
        NotTakenApart: no rule covers the operation, or this use of it.
    """
    found = trace[step]
    if found.error is not None or not found.values:
        raise NotTakenApart("it ran to no end")
    call = Call(found.op, trace.operation(step), found.values, output)
    return related(call)


def related(call: Call) -> Relation:
    """The relation of a call, by its rule."""
    if call.op not in TABLE:
        raise NotTakenApart(f"{call.op} has no rule")
    own = TABLE[call.op]
    call.bind(own.signature)
    real(call)
    try:
        with torch.no_grad():
            return own.make(call)
    except (RuntimeError, TypeError, ValueError, IndexError, KeyError, AttributeError) as error:
        raise NotTakenApart(f"the rule of {call.op} does not fit: {error}") from error
