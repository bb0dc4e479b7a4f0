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
    """Every forecaster and filter, as one types it; ensembles with their parentheses."""
    found = [kebab(name) + ("(...)" if _is_ensemble(name) else "") for name in catalog.names() if _is_model(name)]
    return sorted([*found, *(alias for alias in _ALIASES if alias not in found)])


def models(text: str) -> dict[str, Predictor]:
    """The models of a list such as ``naive,holt-winters:12,arls:24:forgetting=0.99``, under the names as typed.

    Behind a name stand its parameters, each after a colon: in their order, or as ``name=value``. A value in parentheses
    may hold commas. An ensemble has its models in parentheses behind its name, ``boa(naive,ets:12):eta=0.5``.

    Raises
    ------
    ValueError
        When there is no such model (it says which there are), or a parameter cannot be.
    """
    words = _split(text, ",")
    if not all(words):
        raise ValueError(f"models are names with a comma between them, got {text!r}")
    found: dict[str, Predictor] = {}
    for word in words:
        if word in found:
            raise ValueError(f"model {word} is there twice")
        found[word] = _model(word)
    return found


def _split(text: str, mark: str) -> list[str]:
    """The parts between marks that stand outside of parentheses."""
    parts, depth = [""], 0
    for letter in text:
        depth += (letter == "(") - (letter == ")")
        if depth < 0:
            break
        if letter == mark and depth == 0:
            parts.append("")
        else:
            parts[-1] += letter
    if depth != 0:
        raise ValueError(f"parentheses do not match in {text!r}")
    return [part.strip() for part in parts]


def _model(word: str) -> Predictor:
    head, *settings = _split(word, ":")
    name, opened, inside = head.partition("(")
    cls = _class(name.strip())
    given: list[Any] = []
    if _is_ensemble(cls.__name__):
        if not opened or not head.endswith(")"):
            raise ValueError(f"{word}: an ensemble has its models in parentheses, {kebab(cls.__name__)}(naive,ets:12)")
        given.append(list(models(inside[:-1]).values()))
    elif opened:
        raise ValueError(f"{word}: {name} is no ensemble, its parameters stand behind colons")
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
    """Whether it is a model of a series."""
    return (catalog.where(name) or "").startswith(_ROOMS)


def _is_ensemble(name: str) -> bool:
    """Whether it is made of other models."""
    return catalog.where(name) == "forecast.ensemble"


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
