"""What numba says of a call or of a user's function, in the words of somebody who never asked for a compiler."""

from __future__ import annotations

import math
import re
from functools import partial
from pathlib import Path
from typing import Any
from weakref import WeakValueDictionary

import numpy as np

from ..scalar import counted, shown

OURS = __name__.split(".")[0]

#: whose machine code goes by which name
functions: WeakValueDictionary[str, Any] = WeakValueDictionary()


def explain(made: Any) -> None:
    """A compiled loop behind ``update`` names its public arguments where a call does not fit.

    Numba looks for a method of this name when no signature matches, and only then: a call that fits costs what it did.
    What was left out reaches it as the argument's default, which the machine code has no signature for.
    """
    names = made.py_func.__code__.co_varnames[: made.py_func.__code__.co_argcount]
    if names[:1] == ("bound",):
        takes_none = [any("none" in str(signature[k]) for signature in made.overloads) for k in range(len(names))]
        made._explain_matching_error = partial(_refuse, names, takes_none)


def fitting(names: str, given: tuple[Any, ...], keywords: dict[str, Any] | None = None) -> tuple[Any, ...]:
    """The arguments of ``update`` as floats in their order, behind the first one, which is ours (``called.py``).

    Raises a TypeError that says in one line what does not fit.
    """
    wanted = names.rstrip("?").split()
    told = f"update({', '.join(wanted)})"
    bound, *values = given
    if len(values) > len(wanted):
        raise TypeError(f"{told} takes {counted(len(wanted), 'number')}, got {len(values)}")
    known = dict(zip(wanted, values, strict=False))
    for name, value in (keywords or {}).items():
        if name not in wanted:
            raise TypeError(f"{told} has no argument {name!r}")
        if name in known:
            raise TypeError(f"{told} got {name} twice")
        known[name] = value
    if names.endswith("?") and known.get(wanted[-1]) is None:
        known[wanted[-1]] = math.nan
    for name in wanted:
        if name not in known:
            raise TypeError(f"{told} needs {name} as well")
    return (bound, *(_number(told, name, known[name]) for name in wanted))


def _number(told: str, name: str, value: Any) -> float:
    """A float by Python's own rule for real numbers, which text is not; infinite where no float is so large."""
    try:
        return math.fsum((value,))
    except OverflowError:
        return math.inf if value > 0 else -math.inf
    except (TypeError, ValueError):
        raise TypeError(f"{told} takes numbers, got {name}={shown(value)}") from None


def _refuse(names: tuple[str, ...], takes_none: list[bool], *given: Any) -> None:
    """Raise a TypeError that names what is missing or is no number; the first argument is ours."""
    public = list(zip(names, takes_none, given, strict=True))[1:]
    told = f"update({', '.join(name for name, _, _ in public)})"
    for name, optional, value in public:
        if type(value).__name__ == "OmittedArg":
            if not optional:
                raise TypeError(f"{told} needs {name} as well")
        elif not (_fits(value) or (optional and value is None)):
            raise TypeError(f"{told} takes numbers, got {name}={shown(value)}")
    raise TypeError(f"{told} takes numbers, got {', '.join(shown(value) for *_, value in public)}")


def _fits(value: Any) -> bool:
    return isinstance(value, (int, float, np.integer, np.floating, np.bool_)) or getattr(value, "ndim", 0) == 1


def translated(py_func: Any, error: Exception) -> TypeError | None:
    """One line on a user's function that does not compile; None where the function is ours."""
    text = str(error)
    inner = re.search(r"CPUDispatcher\(<function (\S+) at", text)  # the innermost that was called comes first
    function = py_func if inner is None else functions.get(inner[1], py_func)
    if function.__module__.split(".")[0] == OURS:
        return None
    code = function.__code__
    told = text if inner is None else text[: inner.start()]
    place = re.search(rf"{re.escape(Path(code.co_filename).name)}\"?,? (?:line |\()(\d+)", told)
    line = int(place[1]) if place else _line(error, code)
    where = f"{Path(code.co_filename).name}, line {line}"
    return TypeError(f"{function.__qualname__} ({where}) does not compile: {_sentence(told)}")


def _line(error: Exception, code: Any) -> int:
    """The line that the error knows, where it is one of this function; else its first."""
    loc = getattr(error, "loc", None)
    return int(loc.line if loc is not None and loc.filename == code.co_filename else code.co_firstlineno)


def _sentence(text: str) -> str:
    """What is wrong: the first line that says more than where it was seen."""
    lines = [line.strip() for line in text.splitlines()]
    said = [line for line in lines if line and not line.startswith(("Failed in", "During:", "File "))]
    if not said:
        return "numba gives no reason"
    first = said[0] if not said[0].endswith(":") or len(said) == 1 else f"{said[0]} {said[1].removeprefix('>>> ')}"
    return first.removesuffix(" Raised from None").rstrip(".")
