"""What a metric adds up: an associative statistic of pairs, held in k numbers.

    lift(p, s, x, d) -> a      the statistic of one pair; all zeros where the truth d is missing (NaN)
    merge(a, b) -> c           of a's pairs and b's together, a the older
    scale(a, by) -> c          of a's pairs with their weights multiplied
    lower(p, a) -> y           the value

``a[0]`` is the weight of the pairs (their number), and zeros are the statistic of no pair at all. A window knows
nothing else about what it holds, so that every statistic lives in every window.
"""

from __future__ import annotations

import math
from functools import cache
from typing import NamedTuple

from .._jit import Function, helper
from .tuples import each, times


class Statistic(NamedTuple):
    """Size k and the four operations; ``term(p, x, d)`` is what a plain mean is the mean of."""

    size: int
    lift: Function
    merge: Function
    scale: Function
    lower: Function
    term: Function | None = None


@helper
def _add(a: float, b: float) -> float:
    return a + b


@helper
def mean(p, a):  # type: ignore[no-untyped-def]
    """The mean of what was added up; NaN before the first pair."""
    return a[1] / a[0] if a[0] > 0.0 else math.nan


@helper
def root_mean(p, a):  # type: ignore[no-untyped-def]
    """Its square root, in the unit of the signal."""
    return math.sqrt(a[1] / a[0]) if a[0] > 0.0 else math.nan


@cache
def sums(k: int, lift: Function, lower: Function, term: Function | None = None) -> Statistic:
    """A statistic of k plain sums, the number of pairs first."""
    return Statistic(k, lift, each(k, _add), times(k), lower, term)


@cache
def mean_of(term: Function, lower: Function = mean) -> Statistic:
    """The mean of ``term(p, x, d)``: (number, sum)."""

    @helper
    def lift(p, s, x, d):  # type: ignore[no-untyped-def]
        if d != d:  # noqa: PLR0124
            return 0.0, 0.0
        return 1.0, term(p, x, d)

    return sums(2, lift, lower, term)


@helper
def two_sum(a, b):  # type: ignore[no-untyped-def]
    """The sum of two pairs (sum, error), the rounding error of the addition put to the errors (Knuth; Neumaier)."""
    high = a[0] + b[0]
    back = high - a[0]
    return high, (a[1] + b[1]) + ((a[0] - (high - back)) + (b[0] - back))


@helper
def _rounded(high, low):  # type: ignore[no-untyped-def]
    """Sum and error in one number; the error of an infinite sum is NaN."""
    return high + low if math.isfinite(high) else high


@cache
def compensated(plain: Statistic, weighted: bool = False) -> Statistic:
    """The same sums with their rounding errors carried along: (sum, error) in place of each number.

    A count without weights is exact as it is.
    """
    k = plain.size
    lift, lower = plain.lift, plain.lower
    widen, narrow, merge = _widen(k), _narrow(k), _two_sums(k)
    if weighted:
        return Statistic(
            2 * k,
            helper(lambda p, s, x, d: widen(lift(p, s, x, d))),
            merge,
            times(2 * k),
            helper(lambda p, a: lower(p, narrow(a))),
        )
    widen, narrow, merge = _widen(k - 1), _narrow(k - 1), _two_sums(k - 1)

    @helper
    def wide_lift(p, s, x, d):  # type: ignore[no-untyped-def]
        a = lift(p, s, x, d)
        return (a[0],) + widen(a[1:])  # noqa: RUF005

    return Statistic(
        2 * k - 1,
        wide_lift,
        helper(lambda a, b: (a[0] + b[0],) + merge(a[1:], b[1:])),  # noqa: RUF005
        times(2 * k - 1),
        helper(lambda p, a: lower(p, (a[0],) + narrow(a[1:]))),  # noqa: RUF005
    )


@cache
def _widen(k: int) -> Function:
    if k == 1:
        return helper(lambda a: (a[0], 0.0))
    rest = _widen(k - 1)
    return helper(lambda a: (a[0], 0.0) + rest(a[1:]))  # noqa: RUF005


@cache
def _narrow(k: int) -> Function:
    if k == 1:
        return helper(lambda a: (_rounded(a[0], a[1]),))
    rest = _narrow(k - 1)
    return helper(lambda a: (_rounded(a[0], a[1]),) + rest(a[2:]))  # noqa: RUF005


@cache
def _two_sums(k: int) -> Function:
    if k == 1:
        return two_sum
    rest = _two_sums(k - 1)
    return helper(lambda a, b: two_sum(a[:2], b[:2]) + rest(a[2:], b[2:]))


@helper
def _merge_variance(a, b):  # type: ignore[no-untyped-def]
    """Chan, Golub and LeVeque 1979, eq. 1.5, with weights for numbers."""
    if a[0] == 0.0:
        return b[0], b[1], b[2]
    if b[0] == 0.0:
        return a[0], a[1], a[2]
    n = a[0] + b[0]
    delta = b[1] - a[1]
    share = b[0] / n
    return n, a[1] + delta * share, a[2] + b[2] + delta * delta * (a[0] * share)


@helper
def _scale_variance(a, by):  # type: ignore[no-untyped-def]
    return a[0] * by, a[1], a[2] * by


@cache
def variance_of(of: Function, lower: Function) -> Statistic:
    """The variance of ``of(p, x, d)``: (n, mean, sum of squared deviations)."""

    @helper
    def lift(p, s, x, d):  # type: ignore[no-untyped-def]
        if d != d:  # noqa: PLR0124
            return 0.0, 0.0, 0.0
        v = of(p, x, d)
        return 1.0, v, 0.0 * abs(v)  # an infinite value makes the deviations NaN, not the mean alone

    return Statistic(3, lift, _merge_variance, _scale_variance, lower)


@cache
def with_variance(term: Function, lower: Function) -> Statistic:
    """Beside the sum of a term the mean and the variance of the truth: (n, mean, sum of squared deviations, sum)."""

    @helper
    def lift(p, s, x, d):  # type: ignore[no-untyped-def]
        if d != d:  # noqa: PLR0124
            return 0.0, 0.0, 0.0, 0.0
        return 1.0, d, 0.0 * abs(d), term(p, x, d)

    return Statistic(
        4,
        lift,
        helper(lambda a, b: _merge_variance(a, b) + (a[3] + b[3],)),  # noqa: RUF005
        helper(lambda a, by: _scale_variance(a, by) + (a[3] * by,)),  # noqa: RUF005
        lower,
    )
