"""The equations of the docstrings as a terminal can show them."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable

#: TeX -> plain text, in this order; what is a Greek letter follows by its name
_RULES = (
    (r"\\\{", "⎧"),  # until the braces that group are gone
    (r"\\\}", "⎫"),
    (r"\\[td]?frac(\d)\\?(\w+)", r"\1/\\\2"),
    (r"\\(?:[bB]ig+[lr]?|left|right)(?![a-zA-Z])|\\!", ""),
    (r"\\q?quad", "  "),
    (r"\\, ?", " "),
    (r"\\\|", "‖"),
    (r"\\(hat|bar) ?(\\[a-zA-Z]+|\w)", r"\\\1{\2}"),
    (r"\^T\b", "ᵀ"),
    (r"\^2\b", "²"),
    (r"\^3\b", "³"),
)
_BRACES = str.maketrans("⎧⎫", "{}")
_SIMPLE = r"\\?[a-zA-Z0-9]+(?:_\w)?"  # one symbol or number, which needs no brackets
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


def _grouped(text: str) -> str:
    """In brackets, unless it is one symbol or stands in some."""
    plain = re.fullmatch(_SIMPLE, text) or re.fullmatch(r"\([^()]*\)", text)
    return text if plain else f"({text})"


def _fraction(found: re.Match[str]) -> str:
    above, below = found[1].strip(), found[2].strip()
    if re.fullmatch(_SIMPLE, below):  # close by, for what follows is not below
        return f"{_grouped(above)}/{below}"
    return f"{_grouped(above)} / {_grouped(below)}"


#: what has an argument in braces: from within to without
_GROUPS: tuple[tuple[str, Callable[[re.Match[str]], str]], ...] = (
    (r"\\(?:operatorname|text|mathrm)\{([^{}]*)\}", lambda found: found[1]),
    (r"\\hat\{([^{}]*)\}", lambda found: found[1] + "\N{COMBINING CIRCUMFLEX ACCENT}"),
    (r"\\bar\{([^{}]*)\}", lambda found: found[1] + "\N{COMBINING MACRON}"),
    (r"([_^])\{([^{}]*)\}", lambda found: found[1] + _grouped(found[2])),
    (r"\\[td]?frac\{([^{}]*)\}\{([^{}]*)\}", _fraction),
)


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
    before = ""
    while before != tex:
        before = tex
        for pattern, group in _GROUPS:
            tex = re.sub(pattern, group, tex)
    tex = re.sub(r"(\\(?:sin|cos|tan|log|ln|exp))(?=\\)", r"\1 ", tex)
    return re.sub(r"\\([a-zA-Z]+)", _word, tex).translate(_BRACES)
