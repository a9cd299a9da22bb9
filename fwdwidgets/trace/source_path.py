"""The source of a forward pass: where each step is in it, and which lines ran.

`Tracer(watch=watch)` with a `LineWatch` runs the model; `read_source` then shows the function that
contains a step, as one call of it ran; a model without user source is shown as its printed layers.
"""

from __future__ import annotations

import ast
import re
import types
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache

from torch import nn

from fwdwidgets.trace.lines import LineWatch, Visit
from fwdwidgets.trace.statements import FunctionText, is_silent, read_function
from fwdwidgets.trace.step import Step
from fwdwidgets.trace.trace import ForwardTrace

__all__ = ["LineWatch", "Listing", "SourceLine", "Visit", "read_source"]

_ROUNDS = (ast.For, ast.AsyncFor, ast.While, ast.With, ast.AsyncWith)
"""Their own line starts again at the end, so they ran as often as their block."""
_ANONYMOUS = re.compile(r"<\w+>$")

Mark = tuple[int, int, int, int]
"""First line and column, last line and end column (exclusive); from 0, in characters."""


@dataclass(frozen=True)
class SourceLine:
    """One line of a listing.

    Attributes:
        number: its line number in its file or cell; None for a printed layer.
        text: the line without the indentation that all lines share.
        ran: whether this forward pass ran it; None if there is nothing to run.
        times: how often it ran; for a loop, its number of iterations.
    """

    number: int | None
    text: str
    ran: bool | None
    times: int


@dataclass(frozen=True)
class Listing:
    """The source of one function as one call of it ran, or the printed layers of a model.

    Attributes:
        title: what it is: `Network.forward`, `layer1.0: BasicBlock.forward`.
        lines: from top to bottom.
        mark: the expression of the step; None if its line is not known.
        inside: the layer that runs inside the marked expression, `net.2: ReLU()`, or `""`.
        is_source: whether it is Python source instead of printed layers.
        turn: which run of this expression the step is, from 1, and how many this call has.
    """

    title: str
    lines: tuple[SourceLine, ...]
    mark: Mark | None
    inside: str
    is_source: bool
    turn: tuple[int, int] = (1, 1)

    @property
    def skipped(self) -> tuple[SourceLine, ...]:
        """The lines that this call did not run."""
        return tuple(line for line in self.lines if line.ran is False)


def read_source(
    model: nn.Module, trace: ForwardTrace, visits: Sequence[Visit], index: int
) -> Listing:
    """The source that contains a step, with the lines that ran for this input.

    Args:
        model: the network that ran.
        trace: its forward pass.
        visits: the calls that a `LineWatch` recorded.
        index: of the step in `trace.steps`.
    """
    step = trace.steps[index]
    visit = _visit_of(step, visits, index)
    source = read_function(visit.code.co_filename, visit.code) if visit else None
    if visit is None or source is None:
        return _layers(model, step)
    times = _count(source, visit, visits)
    lines = []
    for number, text in enumerate(source.lines, source.first):
        speaks = text.strip() and not text.lstrip().startswith("#")
        statement = source.owner.get(number) if speaks else None
        ran, count = times.get(id(statement), (None, 0)) if statement else (None, 0)
        lines.append(SourceLine(number, text, ran, count))
    owner = f"{visit.module}: " if visit.module else ""
    name = _ANONYMOUS.sub("", visit.code.co_qualname.rpartition("<locals>.")[2])
    title = f"{owner}{name or 'a function without a name'}"
    inside = _inside(model, step, visit)
    turn = _turn(trace, visits, visit, index)
    return Listing(title, tuple(lines), _mark(source, step), inside, True, turn)


# --- the call that a step was made in ---------------------------------------------------------


def _visit_of(step: Step, visits: Sequence[Visit], index: int) -> Visit | None:
    """The innermost call that contains the step; for a comprehension, the call around it."""
    failed = step.error is not None
    found = [v for v in visits if v.code is step.code and v.holds(index, failed=failed)]
    if not found:
        return None
    visit = found[-1]
    while visit.caller is not None and visit.code in _nested(visit.caller.code):
        visit = visit.caller
    return visit


def _turn(
    trace: ForwardTrace, visits: Sequence[Visit], visit: Visit, index: int
) -> tuple[int, int]:
    """The number of this step among those of its expression in one call, and their count."""
    step = trace.steps[index]
    same = [
        number
        for number, other in enumerate(trace.steps)
        if (other.op, other.module, other.code) == (step.op, step.module, step.code)
        and other.span == step.span
        and _visit_of(other, visits, number) is visit
    ]
    return same.index(index) + 1, len(same)


@lru_cache(maxsize=256)
def _nested(code: types.CodeType) -> tuple[types.CodeType, ...]:
    """The code of all functions, lambdas and comprehensions inside a function."""
    own = [const for const in code.co_consts if isinstance(const, types.CodeType)]
    return (*own, *(inner for const in own for inner in _nested(const)))


# --- what ran -------------------------------------------------------------------------------------


def _count(
    source: FunctionText, visit: Visit, visits: Sequence[Visit]
) -> dict[int, tuple[bool | None, int]]:
    """For the id of each statement, whether it ran and how often."""
    counts = {id(node): 0 for node in source.statements}
    inner = [
        v
        for v in visits
        if v.code in _nested(visit.code)
        and not _ANONYMOUS.search(v.code.co_name)  # the line of a comprehension has already run
        and _is_within(v, visit)
    ]
    for call in (visit, *inner):
        for node in _begun(source, call):
            counts[id(node)] += 1
    found: dict[int, tuple[bool | None, int]] = {}
    for node in source.statements:
        count = counts[id(node)]
        if is_silent(node):
            found[id(node)] = None, 0
        elif isinstance(node, _ROUNDS):
            body = next((counts[id(n)] for n in node.body if not is_silent(n)), count)
            found[id(node)] = count > 0 or body > 0, body
        else:
            found[id(node)] = count > 0, count
    return found


def _begun(source: FunctionText, visit: Visit) -> Iterator[ast.AST]:
    """Each statement that a call starts, once for each time.

    A statement over several lines has several line events: it begins again where another one was
    before, or where Python jumped back to its first instruction.
    """
    before: ast.AST | None = None
    entry = -1
    for number, instruction in visit.events:
        node = source.owner.get(number)
        if node is not None and (node is not before or instruction <= entry):
            entry = instruction
            yield node
        before = node


def _is_within(inner: Visit, outer: Visit) -> bool:
    while inner.caller is not None:
        if inner.caller is outer:
            return True
        inner = inner.caller
    return False


# --- where the step stands ------------------------------------------------------------------------


def _mark(source: FunctionText, step: Step) -> Mark | None:
    span = step.span
    if span is None:
        return None
    line = span if isinstance(span, int) else span[0]
    top = line - source.first
    if not 0 <= top < len(source.lines):
        return None
    if isinstance(span, int):
        return top, 0, top, len(source.lines[top])
    _, last, start, stop = span
    bottom = min(last - source.first, len(source.lines) - 1)
    return top, source.column(top, start), bottom, source.column(bottom, stop)


def _inside(model: nn.Module, step: Step, visit: Visit) -> str:
    """The layer below the visited module that made the step."""
    if step.module in ("", visit.module):
        return ""
    return f"{step.module}: {_short(model, step.module)}"


def _short(model: nn.Module, name: str) -> str:
    try:
        module = model.get_submodule(name)
    except AttributeError:  # it was called by a name that it no longer has
        return "a layer"
    if any(True for _ in module.children()):
        return type(module).__name__
    return " ".join(repr(module).split())


# --- a model without source -----------------------------------------------------------------------


def _layers(model: nn.Module, step: Step) -> Listing:
    """The printed layers of a model, that of the step marked."""
    rows: list[tuple[str, str]] = []  # name, text
    _print_layers(model, "", "", 0, rows)
    lines = tuple(SourceLine(None, text, None, 0) for _, text in rows)
    names = [name for name, _ in rows]
    at = names.index(step.module) if step.module in names else None
    mark = None
    if at is not None:
        text = rows[at][1]
        mark = (at, len(text) - len(text.lstrip()), at, len(text))
    return Listing(f"the layers of {type(model).__name__}", lines, mark, "", False)


def _print_layers(
    module: nn.Module, name: str, key: str, depth: int, rows: list[tuple[str, str]]
) -> None:
    """As PyTorch prints a model, one line a layer."""
    indent, label = "  " * depth, f"({key}): " if key else ""
    children = list(module.named_children())
    if not children:
        rows.append((name, f"{indent}{label}{' '.join(repr(module).split())}"))
        return
    rows.append((name, f"{indent}{label}{type(module).__name__}("))
    for child, part in children:
        _print_layers(part, f"{name}.{child}" if name else child, child, depth + 1, rows)
    rows.append(("", f"{indent})"))
