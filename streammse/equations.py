"""The equations of the docstrings as a terminal can show them."""

from __future__ import annotations

import re
import unicodedata

_BRACES = r"\{((?:[^{}]|\{[^{}]*\})*)\}"

#: TeX -> plain text, in this order; what is a Greek letter follows by its name
_RULES = (
    (r"\\[td]?frac(\d)\\?(\w+)", r"\1/\\\2"),
    (r"\\[td]?frac" + _BRACES + _BRACES, r"(\1) / (\2)"),
    (r"\\(?:operatorname|text|mathrm)" + _BRACES, r"\1"),
    (r"\\(?:[bB]ig+[lr]?|left|right)(?![a-zA-Z])|\\!", ""),
    (r"\\q?quad", "  "),
    (r"\\, ?", " "),
    (r"\\\|", "‖"),
    (r"\\hat (\w)", "\\1\N{COMBINING CIRCUMFLEX ACCENT}"),
    (r"\^T\b", "ᵀ"),
    (r"\^2\b", "²"),
    (r"\^3\b", "³"),
    (r"([_^])" + _BRACES, r"\1(\2)"),
)
_WORDS = {
    "sum": "Σ",
    "in": "∈",
    "le": "≤",
    "ge": "≥",
    "ell": "\N{SCRIPT SMALL L}",
    "circ": "∘",
    "cdot": "·",
    "times": "\N{MULTIPLICATION SIGN}",
    "ne": "≠",
    "propto": "∝",
    "leftarrow": "←",
    "lfloor": "⌊",
    "rfloor": "⌋",
    "lceil": "⌈",
    "rceil": "⌉",
    "varepsilon": "ε",
    "infty": "∞",
    "sim": "~",
}


def _word(found: re.Match[str]) -> str:
    """A command of TeX: a sign, a Greek letter, or the name of a function, which stays as it is."""
    name = found[1]
    if name in _WORDS:
        return _WORDS[name]
    case = "CAPITAL" if name[0].isupper() else "SMALL"
    try:
        return unicodedata.lookup(f"GREEK {case} LETTER {name.replace('lambda', 'lamda')}")
    except KeyError:
        return name


def readable(tex: str) -> str:
    """An equation, from TeX to plain text."""
    for pattern, plain in _RULES:
        tex = re.sub(pattern, plain, tex)
    return re.sub(r"\\([{}])", r"\1", re.sub(r"\\([a-zA-Z]+)", _word, tex))
