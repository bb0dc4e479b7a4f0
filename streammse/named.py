"""Models by what one types: ``seasonal-naive:12`` is ``SeasonalNaive(12)``, ``ar-rls:24`` is ``ARLS(24)``."""

from __future__ import annotations

import ast
import difflib
import re
from typing import Any

from . import catalog
from .node import Predictor

#: rooms of the catalogue in which there are models of a series
_ROOMS = ("forecast.", "filters.")
#: names that people use, and what they are called here; the first one that is there counts
_ALIASES = {"ets": ("AutoETS", "HoltWinters"), "ar-rls": ("ARLS",)}
_WORDS = {"none": None, "true": True, "false": False}


def kebab(name: str) -> str:
    """``SeasonalNaive`` as one types it: ``seasonal-naive``."""
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "-", name).lower()


def model_names() -> list[str]:
    """Every forecaster and filter, as one types it."""
    found = [kebab(name) for name in catalog.names() if _is_model(name)]
    return sorted([*found, *(alias for alias in _ALIASES if alias not in found)])


def models(text: str) -> dict[str, Predictor]:
    """The models of a list such as ``naive,holt-winters:12,arls:24:forgetting=0.99``, under the names as typed.

    Behind a name stand its parameters, each after a colon: in their order, or as ``name=value``. A value in parentheses
    may hold commas.

    Raises
    ------
    ValueError
        When there is no such model (it says which there are), or a parameter cannot be.
    """
    words = [one.strip() for one in re.split(r",(?![^()]*\))", text)]
    if not all(words):
        raise ValueError(f"models are names with a comma between them, got {text!r}")
    found: dict[str, Predictor] = {}
    for word in words:
        if word in found:
            raise ValueError(f"model {word} is there twice")
        found[word] = _model(word)
    return found


def _model(word: str) -> Predictor:
    name, *settings = word.split(":")
    cls = _class(name)
    given: list[Any] = []
    named: dict[str, Any] = {}
    for setting in settings:
        key, equals, value = setting.partition("=")
        if equals:
            named[key.strip()] = _value(value)
        elif named:
            raise ValueError(f"{word}: parameters in their order come before those by name")
        else:
            given.append(_value(setting))
    try:
        made: Predictor = cls(*given, **named)
    except (TypeError, ValueError) as error:
        raise ValueError(f"{word}: {error}") from None
    return made


def _is_model(name: str) -> bool:
    """Whether it is a model of a series; an ensemble needs nodes, which nobody can type here."""
    where = catalog.where(name) or ""
    return where.startswith(_ROOMS) and where != "forecast.ensemble"


def _class(name: str) -> Any:
    if name in catalog.names() and _is_model(name):
        return catalog.get(name)
    letters = name.lower().replace("-", "").replace("_", "")
    for alias, candidates in _ALIASES.items():
        if alias.replace("-", "") == letters:
            for one in candidates:
                if catalog.where(one):
                    return catalog.get(one)
    for one in catalog.names():
        if one.lower() == letters and _is_model(one):
            return catalog.get(one)
    there = model_names()
    close = difflib.get_close_matches(name.lower(), there, 1)
    hint = f"; did you mean {close[0]}?" if close else ""
    raise ValueError(f"unknown model {name!r}: expected one of {', '.join(there)}{hint}")


def _value(text: str) -> Any:
    word = text.strip()
    if word.lower() in _WORDS:
        return _WORDS[word.lower()]
    try:
        return ast.literal_eval(word)
    except (ValueError, SyntaxError):
        return word
