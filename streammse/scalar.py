"""A number from a caller: what is taken for one, and how one is told, everywhere alike."""

from __future__ import annotations

import difflib
import math
from collections.abc import Iterable
from typing import Any

import numpy as np


def real(value: Any) -> float:
    """The number as a float, infinite where no double is so large.

    Raises TypeError, without words, for what is no single real number: text, a truth value, an array of any shape.
    """
    if isinstance(value, (bool, np.bool_)) or hasattr(value, "__len__"):  # float would read "5", True and array(5)
        raise TypeError
    try:
        return float(value)
    except OverflowError:
        return math.inf if value > 0 else -math.inf
    except ValueError:
        raise TypeError from None


def whole(name: str, value: Any, words: str = "a positive integer", low: int = 1) -> int:
    """The number as an int of at least ``low``, or an error that says what was expected and what came."""
    try:
        number = real(value)
    except TypeError:
        raise TypeError(f"{name} must be {words}, got {shown(value)}") from None
    if not (math.isfinite(number) and number == math.floor(number) and number >= low):
        raise ValueError(f"{name} must be {words}, got {shown(value)}")
    return int(value)


def shown(value: Any) -> str:
    """What came, in at most 60 letters of one line."""
    try:
        text = " ".join(repr(value).split())
    except ValueError:  # an int of more digits than Python writes
        text = f"an integer of {value.bit_length()} bits"
    return text if len(text) <= 60 else f"{text[:57]}..."


def misnamed(kind: str, name: str, there: Iterable[str], such: str) -> str:
    """What to say of a name that is not there: those that are nearest, else where to look."""
    by_letters = {letters(one): one for one in there}
    close = difflib.get_close_matches(letters(name[:60]), by_letters, 1)
    told = f"did you mean {by_letters[close[0]]}?" if close else f"expected a name such as {such}."
    return f"unknown {kind} {shown(name)}: {told} `streammse list` names all"


def letters(name: str) -> str:
    """A name however it is spelled: ``HuberLMS``, ``huber-lms`` and ``huber_lms`` are one."""
    return name.lower().replace("-", "").replace("_", "")


def counted(count: int, what: str) -> str:
    """1 sample, 2,000 samples."""
    return f"{count:,} {what}{'' if count == 1 else 's'}"
