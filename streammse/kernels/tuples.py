"""Tuples of k float64 in a flat state: statistics of any size share the code of the windows.

Positions are made unsigned: for a signed one numba asks each time whether it counts from the end, a third of the cost.
"""

from __future__ import annotations

import math
from functools import cache

import numpy as np

from .._jit import Function, helper


@cache
def load(k: int) -> Function:
    """``(s[at], ..., s[at + k - 1])``."""
    if k == 1:
        return helper(lambda s, at: (s[np.uint64(at)],))
    rest = load(k - 1)
    return helper(lambda s, at: (s[np.uint64(at)],) + rest(s, at + 1))  # noqa: RUF005  (numba knows the sum of tuples only)


@cache
def store(k: int) -> Function:
    """``s[at : at + k] = a``."""

    @helper
    def store_one(s, at, a):  # type: ignore[no-untyped-def]
        s[np.uint64(at)] = a[0]

    if k == 1:
        return store_one
    rest = store(k - 1)

    @helper
    def store_all(s, at, a):  # type: ignore[no-untyped-def]
        s[np.uint64(at)] = a[0]
        rest(s, at + 1, a[1:])

    return store_all


@cache
def zeros(k: int) -> Function:
    """k zeros: the statistic of no pair at all."""
    nothing = (0.0,) * k
    return helper(lambda: nothing)


@cache
def finite(k: int) -> Function:
    """Whether all k are finite."""
    if k == 1:
        return helper(lambda a: math.isfinite(a[0]))
    rest = finite(k - 1)
    return helper(lambda a: math.isfinite(a[0]) and rest(a[1:]))


@cache
def each(k: int, both: Function) -> Function:
    """``(both(a[0], b[0]), ..., both(a[k - 1], b[k - 1]))``."""
    if k == 1:
        return helper(lambda a, b: (both(a[0], b[0]),))
    rest = each(k - 1, both)
    return helper(lambda a, b: (both(a[0], b[0]),) + rest(a[1:], b[1:]))  # noqa: RUF005


@cache
def times(k: int) -> Function:
    """``(a[0] * by, ..., a[k - 1] * by)``."""
    if k == 1:
        return helper(lambda a, by: (a[0] * by,))
    rest = times(k - 1)
    return helper(lambda a, by: (a[0] * by,) + rest(a[1:], by))  # noqa: RUF005
