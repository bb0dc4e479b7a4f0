"""Autoregressions: which lags they have, and the history that these reach into.

The history is a ring of as many values as the longest lag, written twice, so that every lag lies before the newest
value without a turn. A missing value is the forecast of it, which is kept within reason.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

from .._jit import helper
from ..scalar import shown, whole
from .constants import LARGEST

#: s: samples since the first that is known, where the ring goes on, how much of it is filled, the largest value
TIME, POSITION, FILLED, PEAK = range(1, 5)

TRENDS = ("n", "c", "ct")  # nothing, a constant, a constant and a slope

BEYOND = 100.0  # a forecast ends at so many times the largest value: what runs away must not fill the history


@helper
def believed(y, peak):  # type: ignore[no-untyped-def]
    """A forecast within reason."""
    most = min(BEYOND * peak, LARGEST)
    return y if abs(y) <= most else math.copysign(most, y)


@helper
def go_on(s, at, longest, value):  # type: ignore[no-untyped-def]
    """Put a value into the history, which begins at s[at]."""
    i = int(s[POSITION])
    s[at + i] = value
    s[at + i + longest] = value
    s[POSITION] = i + 1 if i + 1 < longest else 0
    s[FILLED] = min(s[FILLED] + 1.0, float(longest))
    s[TIME] += 1.0


@helper
def lag_zero(s, at, longest):  # type: ignore[no-untyped-def]
    """Where the sample to come would lie: lag l is so many places before."""
    return at + int(s[POSITION]) + longest


def indices(longest: int) -> list[tuple[int | slice, float, float]]:
    """The slots in which whole numbers stand, as ``Node._indices`` has them."""
    return [(POSITION, 0, longest - 1), (FILLED, 0, longest)]


def extent(value: int | tuple[int, ...]) -> tuple[int, int]:
    """How many, and the longest."""
    return (value, value) if isinstance(value, int) else (len(value), max(value))


FARTHEST = 1 << 20  # every lag is written down


def as_lags(name: str, value: Any) -> int | tuple[int, ...]:
    """A number of lags as it is, or the lags themselves in ascending order."""
    if isinstance(value, (bool, str, bytes)):
        raise TypeError(f"{name} must be a number of lags or the lags themselves, got {value!r}")
    if isinstance(value, Iterable):
        found = tuple(sorted(_lag(name, one) for one in value))
        if not found or len(set(found)) != len(found):
            raise ValueError(f"{name} must be different lags, at least one, got {value!r}")
        return found
    return _lag(name, value)


def _lag(name: str, value: Any) -> int:
    try:
        lag = whole(name, value, "whole numbers from 1 on")
    except TypeError:
        raise TypeError(f"{name} must be a number of lags or the lags themselves, got {shown(value)}") from None
    if lag > FARTHEST:
        raise ValueError(f"{name} must be whole numbers up to {FARTHEST}, got {shown(value)}")
    return lag


def lags_in_p(value: int | tuple[int, ...]) -> tuple[float, ...]:
    """How many, the longest, and all of them."""
    number, longest = extent(value)
    every = range(1, value + 1) if isinstance(value, int) else value
    return (float(number), float(longest), *map(float, every))
