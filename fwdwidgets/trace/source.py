"""The expression of an instruction, as the user wrote it."""

from __future__ import annotations

import ast
import dis
import linecache
import types
from collections.abc import Iterator
from functools import lru_cache

Span = tuple[int, int, int, int]
"""Line, last line, first and last column; columns in UTF-8 bytes, as CPython and `ast` count."""
_TAKES_APART = {"GET_ITER", "FOR_ITER", "UNPACK_SEQUENCE", "UNPACK_EX"}


def line(code: types.CodeType, instruction: int) -> int | None:
    """The line on which the expression of an instruction begins; None if it has none."""
    found = span(code, instruction)
    return found[0] if isinstance(found, tuple) else found


def expression(code: types.CodeType, instruction: int) -> str:
    """The exact sub-expression of an instruction, on one or more lines; `""` if it has none."""
    found = span(code, instruction)
    if found is None:
        return ""
    if isinstance(found, int):
        return linecache.getline(code.co_filename, found).strip()
    first, last, start, stop = found
    lines = [linecache.getline(code.co_filename, n) for n in range(first, last + 1)]
    if not all(lines):
        return "".join(lines).strip()
    data = [text.encode() for text in lines]
    data[-1] = data[-1][:stop]
    data[0] = data[0][start:]
    return b"".join(data).decode(errors="replace").strip()


def span(code: types.CodeType, instruction: int) -> Span | int | None:
    """The span of an expression; only the line if the columns are not known."""
    for index, position in enumerate(code.co_positions()):
        if 2 * index == instruction:
            first, last, start, stop = position
            if first is None or last is None or start is None or stop is None:
                return first
            return _whole(code, instruction, (first, last, start, stop))
    return None


def _whole(code: types.CodeType, instruction: int, span: Span) -> Span:
    """The span of the whole expression, in cases where CPython gives a different one.

    For a chain of methods over several lines, CPython gives only the last method; for an iteration
    the whole statement, and for an unpacking the targets instead of the unpacked value.
    """
    before = linecache.getline(code.co_filename, span[0]).encode()[: span[2]].rstrip()
    name = dis.opname[code.co_code[instruction]]
    if before and not before.endswith(b".") and name not in _TAKES_APART:
        return span
    text = "".join(linecache.getlines(code.co_filename))
    return _wholes(text).get(span, span)


@lru_cache(maxsize=32)
def _wholes(text: str) -> dict[Span, Span]:
    try:
        return dict(_pairs(ast.parse(text)))
    except (SyntaxError, ValueError):  # the code that ran was not this text
        return {}


def _pairs(tree: ast.Module) -> Iterator[tuple[Span, Span]]:
    """Each span that CPython gives, with the span of the whole expression."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute):
            yield _from_name(node, node), _of(node)
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            yield _from_name(node.func, node), _of(node)
        elif isinstance(node, (ast.For, ast.AsyncFor)):
            yield _of(node), _of(node.iter)
        elif isinstance(node, (ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)):
            if len(node.generators) == 1:  # otherwise it is not known which one
                yield _of(node), _of(node.generators[0].iter)
        elif isinstance(node, ast.Assign):
            yield from ((_of(target), _of(node.value)) for target in node.targets)


def _from_name(attribute: ast.Attribute, node: ast.expr) -> Span:
    _, last, _, stop = _of(attribute)
    start = stop - len(attribute.attr.encode())
    return (last, _of(node)[1], start, _of(node)[3])


def _of(node: ast.expr | ast.stmt) -> Span:
    last, stop = node.end_lineno, node.end_col_offset
    return node.lineno, last or node.lineno, node.col_offset, stop or 0
