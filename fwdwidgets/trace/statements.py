"""The text of a function, and which of its statements owns which line."""

from __future__ import annotations

import ast
import inspect
import re
import types
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

_BLOCKS = ("body", "handlers", "orelse", "finalbody", "cases")
_IGNORES = re.compile(r"\s*# type: ignore(\[[\w, -]+\])?(?=\s*(#|$))")
_SILENT = (ast.Global, ast.Nonlocal)


@dataclass(frozen=True, eq=False)
class FunctionText:
    """The source of a function.

    Attributes:
        first: the line number of its first line.
        raw: its lines as they are in the file.
        lines: the same without the shared indentation and without comments for type checkers.
        indents: how many characters were removed from the left of each line.
        statements: all of them, outer ones first; a branch of a `try` or `match` counts as one.
        owner: the statement of each line, by line number; blank lines and comments have none.
    """

    first: int
    raw: tuple[str, ...]
    lines: tuple[str, ...]
    indents: tuple[int, ...]
    statements: tuple[ast.AST, ...]
    owner: dict[int, ast.AST]

    def column(self, index: int, in_bytes: int) -> int:
        """Convert a column in bytes of a line in the file to characters of the shown line."""
        before = len(self.raw[index].encode()[:in_bytes].decode(errors="replace"))
        return max(0, before - self.indents[index])


@lru_cache(maxsize=64)
def read_function(filename: str, code: types.CodeType) -> FunctionText | None:
    """The source of a function; None if it has none.

    Equal code may be in two files with different comments, hence the file's name.
    """
    try:
        raw, first = inspect.getsourcelines(code)
    except (OSError, TypeError, SyntaxError):
        return None
    while len(raw) > 1 and not raw[-1].strip():
        raw.pop()
    raw = [line.rstrip("\n").expandtabs(1) for line in raw]
    indent = len(raw[0]) - len(raw[0].lstrip())
    indents = tuple(min(indent, len(line) - len(line.lstrip())) for line in raw)
    lines = tuple(_IGNORES.sub("", line[cut:]) for line, cut in zip(raw, indents, strict=True))
    function = _parse(raw, indent, first)
    statements = tuple(_statements(function)) if function else ()
    owner: dict[int, ast.AST] = {}
    for node in statements:
        for number in range(*_header(node)):
            owner.setdefault(number, node)
    for node in statements:
        for number, block in _keywords(node, raw, first):
            owner.setdefault(number, block)
    return FunctionText(first, tuple(raw), lines, indents, statements, owner)


def _parse(raw: list[str], indent: int, first: int) -> ast.AST | None:
    text = "\n".join(["if True:", *raw] if indent else raw)
    try:
        tree = ast.parse(text)
    except (SyntaxError, ValueError):  # a lambda in the middle of something
        return None
    ast.increment_lineno(tree, first - (2 if indent else 1))
    body: list[ast.stmt] = tree.body[0].body if indent else tree.body  # type: ignore[attr-defined]
    node = body[0] if body else None
    return node if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)) else None


def _blocks(node: ast.AST) -> Iterator[list[ast.AST]]:
    for name in _BLOCKS:
        block = getattr(node, name, None)
        if isinstance(block, list) and block:
            yield block


def _statements(node: ast.AST) -> Iterator[ast.AST]:
    """All statements of a function, outer ones first, and each branch of a `try` or `match`."""
    for block in _blocks(node):
        for child in block:
            yield child
            yield from _statements(child)


def _first_line(node: ast.AST) -> int:
    decorators = getattr(node, "decorator_list", [])
    if decorators:
        return int(decorators[0].lineno)
    return int(getattr(node, "lineno", 0) or node.pattern.lineno)  # type: ignore[attr-defined]


def _header(node: ast.AST) -> tuple[int, int]:
    """The first line of a statement, and the line after its last, not counting its blocks."""
    first = _first_line(node)
    below = [_first_line(block[0]) for block in _blocks(node)]
    if below:
        return first, max(min(below), first + 1)
    return first, int(node.end_lineno or first) + 1  # type: ignore[attr-defined]


def _keywords(node: ast.AST, raw: list[str], first: int) -> Iterator[tuple[int, ast.AST]]:
    """The lines of `else:` and `finally:`, each with the first statement of its block."""
    for name in ("orelse", "finalbody"):
        block = getattr(node, name, None)
        if not isinstance(block, list) or not block:
            continue
        for number in range(_first_line(block[0]) - 1, _first_line(node), -1):
            if re.match(r"\s*(else|finally)\s*:", raw[number - first]):
                yield number, block[0]
                break


def is_silent(node: ast.AST) -> bool:
    """Whether Python runs nothing for a statement, such as a docstring or a bare annotation."""
    if isinstance(node, ast.Expr):
        return isinstance(node.value, ast.Constant)
    return isinstance(node, _SILENT) or (isinstance(node, ast.AnnAssign) and node.value is None)
