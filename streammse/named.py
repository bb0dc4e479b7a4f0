"""Models by what one types: ``seasonal-naive:12`` is ``SeasonalNaive(12)``, ``ar-rls:24`` is ``ARLS(24)``."""

from __future__ import annotations

import ast
import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from . import catalog, losses
from .losses import Loss
from .node import Predictor, open_loop
from .scalar import letters, misnamed

#: rooms of the catalogue in which there are models of a series
_ROOMS = ("forecast.", "filters.")
#: names that people use, and what they are called here; the first one that is there counts
_ALIASES = {"ets": ("AutoETS", "HoltWinters"), "ar-rls": ("ARLS",)}
#: what filters are called in papers, where a search by letters would lead elsewhere
_SHORT = {"fxlms": "FilteredXLMS", "fxnlms": "FilteredXNLMS", "apa": "AffineProjection", "ap": "AffineProjection"}
_SUCH = {"model": "naive, ets, theta, ar-rls or nlms", "filter": "nlms, rls, affine-projection or huber-lms"}
_WORDS = {"none": None, "true": True, "false": False}


def kebab(name: str) -> str:
    """``SeasonalNaive`` as one types it: ``seasonal-naive``."""
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "-", name).lower()


def model_names(rooms: tuple[str, ...] = _ROOMS) -> list[str]:
    """Every forecaster and filter, as one types it; ensembles with their parentheses."""
    names = [name for name in catalog.names() if _is_model(name, rooms)]
    found = [kebab(name) + ("(...)" if _is_ensemble(name) else "") for name in names]
    more = _ALIASES if rooms == _ROOMS else ()
    return sorted([*found, *(alias for alias in more if alias not in found)])


def models(text: str) -> dict[str, Predictor]:
    """The models of a list such as ``naive,holt-winters:12,arls:24:forgetting=0.99``, under the names as typed.

    Behind a name stand its parameters, each after a colon: in their order, or as ``name=value``. A value in parentheses
    may hold commas. An ensemble has its models in parentheses behind its name, ``boa(naive,ets:12):eta=0.5``.

    Raises
    ------
    ValueError
        When there is no such model (it names the nearest), or a parameter cannot be.
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


def _model(word: str, rooms: tuple[str, ...] = _ROOMS, more: Mapping[str, Any] = MappingProxyType({})) -> Predictor:
    head, *settings = _split(word, ":")
    name, opened, inside = head.partition("(")
    cls = _class(name.strip(), rooms)
    given: list[Any] = []
    if _is_ensemble(cls.__name__):
        if not opened or not head.endswith(")"):
            raise ValueError(f"{word}: an ensemble has its models in parentheses, {kebab(cls.__name__)}(naive,ets:12)")
        given.append(list(models(inside[:-1]).values()))
    elif opened:
        raise ValueError(f"{word}: {name} is no ensemble, its parameters stand behind colons")
    named = {key: value for key, value in more.items() if key in cls._params}
    ours = len(named)
    for setting in settings:
        key, equals, value = setting.partition("=")
        if equals:
            named[key.strip()] = _value(value)
        elif len(named) > ours:
            raise ValueError(f"{word}: parameters in their order come before those by name")
        else:
            given.append(_value(setting))
    try:
        named = {
            key: _loss(value) if key == "loss" and isinstance(value, str) else value for key, value in named.items()
        }
        made: Predictor = cls(*given, **named)
    except (TypeError, ValueError) as error:
        raise ValueError(f"{word}: {error}") from None
    return made


def _is_model(name: str, rooms: tuple[str, ...] = _ROOMS) -> bool:
    """Whether it predicts: a model of a series, an adaptive filter whose error is d - y."""
    if not (catalog.where(name) or "").startswith(rooms):
        return False
    cls = catalog.get(name)
    return issubclass(cls, Predictor) and not cls._closed_loop


def _is_ensemble(name: str) -> bool:
    """Whether it is made of other models."""
    return catalog.where(name) == "forecast.ensemble"


def adaptive_filter(text: str, **more: Any) -> Predictor:
    """The adaptive filter of words such as ``rls:32`` or ``nlms:32:mu=0.1``; ``more`` parameters where it has them.

    Raises
    ------
    ValueError
        When there is no such filter (it names the nearest), or it works in a closed loop alone, or a parameter cannot
        be.
    """
    return _model(text, ("filters.",), more)


def _class(name: str, rooms: tuple[str, ...] = _ROOMS) -> Any:
    if name in catalog.names() and _is_model(name, rooms):
        return catalog.get(name)
    plain = letters(name)
    for alias, candidates in _ALIASES.items():
        if letters(alias) == plain and rooms == _ROOMS:
            for one in candidates:
                if catalog.where(one):
                    return catalog.get(one)
    found = spelled(name)
    if found is not None and _is_model(found, rooms):
        return catalog.get(found)
    if found is not None and issubclass(cls := catalog.get(found), Predictor):
        try:
            open_loop(cls)
        except TypeError as error:
            raise ValueError(str(error)) from None
    kind = "model" if rooms == _ROOMS else "filter"
    raise ValueError(misnamed(kind, name, model_names(rooms), _SUCH[kind]))


def spelled(name: str) -> str | None:
    """The algorithm of the catalogue that somebody means, however its name is spelled; None where there is none."""
    plain = letters(name)
    return _SHORT.get(plain) or next((one for one in catalog.names() if letters(one) == plain), None)


def _loss(text: str) -> Loss:
    """A loss as somebody types it: ``huber``, ``huber(1.5)`` or ``huber(delta=1.5)``."""
    name, _, inside = text.removesuffix(")").partition("(")
    there = [one for one in losses.__all__ if isinstance(getattr(losses, one), Loss)]
    known = next((one for one in there if letters(one) == letters(name.strip())), None)
    if known is None:
        raise ValueError(f"unknown loss {name.strip()!r}: expected one of {', '.join(there)}")
    values, named = [], {}
    for part in inside.split(",") if inside else ():
        key, equals, value = part.rpartition("=")
        if equals:
            named[key.strip()] = float(value)
        else:
            values.append(float(value))
    found: Loss = getattr(losses, known)(*values, **named)
    return found


def _value(text: str) -> Any:
    word = text.strip()
    if word.lower() in _WORDS:
        return _WORDS[word.lower()]
    try:
        return ast.literal_eval(word)
    except (ValueError, SyntaxError):
        return word
