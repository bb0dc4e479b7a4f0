"""Which lags an autoregression has: checked, and as the kernels read them in ``p``."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any


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
        if isinstance(value, (bool, str, bytes)):
            raise TypeError
        number = float(value)
    except (TypeError, ValueError):
        raise TypeError(f"{name} must be a number of lags or the lags themselves, got {value!r}") from None
    if not (math.isfinite(number) and number == math.floor(number) and number >= 1):
        raise ValueError(f"{name} must be whole numbers from 1 on, got {value!r}")
    return int(number)


def lags_in_p(value: int | tuple[int, ...]) -> tuple[float, ...]:
    """How many, the longest, and all of them."""
    every = range(1, value + 1) if isinstance(value, int) else value
    return (float(len(every)), float(max(every)), *map(float, every))
