r"""Markdown as plain text, for titles and for an index: no markup and no raw TeX."""

from __future__ import annotations

import re
import unicodedata

_FORMULA = r"(?s)(?<!\\)(\$\$?)(?!\s).+?(?<![\s\\])\1(?!\d)|\\\\?\(.+?\\\\?\)"
r"""`$x$`, `$$x$$` and `\(x\)`, by pandoc's rules: `$5 or $6` is not a formula."""
_TAG = r"(?s)<!--.*?-->|</?[a-zA-Z][a-zA-Z0-9]*(\s[^<>]*=[^<>]*)?\s*/?>"
_SIGNS = {"cdot": "·", "to": "→", "rightarrow": "→", "leftarrow": "←", "leq": "≤", "geq": "≥"}
_SIGNS |= {"partial": "∂", "nabla": "∇", "in": "∈", "sum": "∑"}
_FUNCTIONS = ("log", "exp", "max", "min", "sin", "cos", "tanh")


def plain(markdown: str) -> str:
    """Text without emphasis, links, pictures and tags; a formula keeps letters and numbers."""
    text = re.sub(_TAG, "", markdown)
    text = re.sub(r"!\[[^\]]*\]\([^)]*\)", "", text)  # a picture
    text = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", text)  # [text](address)
    text = re.sub(_FORMULA, lambda found: _plain_formula(found[0]), text)
    text = re.sub(r"(?<!\\)[*`]|(?m:^(> ?)+)|\\(?=[$*`_\\#])", "", text)
    return text.strip()


def _plain_formula(tex: str) -> str:
    r"""A formula in plain characters: `\frac{a}{b}` becomes a/b, `\theta` becomes θ."""
    text = re.sub(r"\$|\\\\?[()]", "", tex)
    text = re.sub(r"\\frac\s*{([^{}]*)}\s*{([^{}]*)}", r"\1/\2", text)
    text = re.sub(r"\\([a-zA-Z]+)", lambda found: _sign(found[1]), text)
    return " ".join(re.sub(r"[{}\\]", "", text).split())


def _sign(name: str) -> str:
    r"""The letter or sign for TeX's `\name`, or the name of a function, else nothing."""
    if name in _SIGNS:
        return _SIGNS[name]
    if name in _FUNCTIONS:
        return name
    size = "CAPITAL" if name[0].isupper() else "SMALL"
    try:
        return unicodedata.lookup(f"GREEK {size} LETTER {name.upper()}")
    except KeyError:
        return ""
