"""The name that a function gives to a result: the variable that an expression is assigned to."""

from __future__ import annotations

import ast
import linecache
from functools import lru_cache
from pathlib import Path
from types import FrameType

import torch

from fwdwidgets.trace import source as _source

_PACKAGE = Path(__file__).parents[2]
_TORCH = str(Path(torch.__file__).parent)
_RECORDER = str(Path(__file__).with_name("recorder.py"))


def find_target(frame: FrameType | None) -> tuple[str, str]:
    """The variable that the running expression is assigned to, and the expression.

    Args:
        frame: of the call; those of PyTorch and of the recorder are passed over.

    Returns:
        Two texts, each empty where there is none: no name, or no line of the user's.
    """
    while frame is not None and (
        frame.f_code.co_filename.startswith(_TORCH) or frame.f_code.co_filename == _RECORDER
    ):
        frame = frame.f_back
    if frame is None or _PACKAGE in Path(frame.f_code.co_filename).parents:
        return "", ""  # a module of torch's own, called by nobody's line
    code, instruction = frame.f_code, frame.f_lasti
    expression = _source.expression(code, instruction)
    line = _source.line(code, instruction)
    text = "".join(linecache.getlines(code.co_filename))
    return _targets(text).get((line or 0, expression), ""), expression


@lru_cache(maxsize=32)
def _targets(text: str) -> dict[tuple[int, str], str]:
    """The names of `name = expression`, by line and expression."""
    try:
        tree = ast.parse(text)
    except (SyntaxError, ValueError):
        return {}
    found = {}
    for node in ast.walk(tree):
        targets = node.targets if isinstance(node, ast.Assign) else []
        if isinstance(node, (ast.AnnAssign, ast.AugAssign)):
            targets = [node.target]
        value = getattr(node, "value", None)
        if value is not None and len(targets) == 1 and isinstance(targets[0], ast.Name):
            whole = node if isinstance(node, ast.AugAssign) else value
            segment = ast.get_source_segment(text, whole)
            if segment is not None:
                found[whole.lineno, segment] = targets[0].id
    return found
