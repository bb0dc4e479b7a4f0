"""Percentage errors: MAPE and the symmetric MAPE."""

from __future__ import annotations

import math

from .._jit import helper
from ..kernels.statistics import Statistic, mean, mean_of, sums
from ..kernels.window import SKIPPED
from .base import MeanMetric

LARGE, SMALL = 2.0**1000, 2.0**-10  # above LARGE a pair is made smaller


@helper
def _percentage(p, s, x, d):  # type: ignore[no-untyped-def]
    if d == 0.0:
        s[SKIPPED] += 1.0
        return 0.0, 0.0
    if d != d:  # noqa: PLR0124
        return 0.0, 0.0
    return 1.0, 100.0 * abs((d - x) / d)


class MAPE(MeanMetric):
    """Mean absolute percentage error.

        MAPE = 100/n sum |y - f| / |y|

    A pair whose truth is zero has no percentage: it counts as missing, and ``skipped`` says how many there were.

    Parameters
    ----------
    window, halflife, seconds, halflife_seconds, weighted, steady, compensated, capacity
        Over which pairs, and how: see `streammse.metrics`.

    Examples
    --------
    >>> import streammse as sm
    >>> m = sm.MAPE()
    >>> m.run([100.0, 0.0, 50.0], [90.0, 1.0, 60.0]), m.skipped
    (array([10., 10., 15.]), 1)

    References
    ----------
    Hyndman and Koehler, "Another look at measures of forecast accuracy", Int. J. Forecasting 22, 2006, section 2.2.
    """

    def _statistic(self) -> Statistic:
        return sums(2, _percentage, mean)


@helper
def _symmetric(p, x, d):  # type: ignore[no-untyped-def]
    below = abs(d) + abs(x)
    if below <= LARGE:
        return 200.0 * abs(d - x) / below if below != 0.0 else 0.0
    if math.isinf(d) or math.isinf(x):
        return 200.0 if x == x and d != x else math.nan  # noqa: PLR0124  two infinities of one sign: nobody knows
    d, x = SMALL * d, SMALL * x  # where sum or difference might be beyond the largest float
    return 200.0 * abs(d - x) / (abs(d) + abs(x))


class SMAPE(MeanMetric):
    """Symmetric mean absolute percentage error, between 0 and 200.

        sMAPE = 200/n sum |y - f| / (|y| + |f|)

    Zero predicted as zero is no error. Where one of both is infinite the pair is 200, its limit, and not as elsewhere
    left out or infinite; where both are, and of one sign, it has no value.

    Parameters
    ----------
    window, halflife, seconds, halflife_seconds, weighted, steady, compensated, capacity
        Over which pairs, and how: see `streammse.metrics`.

    Examples
    --------
    >>> import streammse as sm
    >>> sm.SMAPE().run([100.0, 0.0, 0.0], [60.0, 0.0, 3.0]).round(2)
    array([50.  , 25.  , 83.33])

    References
    ----------
    Makridakis and Hibon, "The M3-Competition", Int. J. Forecasting 16, 2000, appendix A; with absolute values in the
    denominator as in the M4 Competition.
    """

    def _statistic(self) -> Statistic:
        return mean_of(_symmetric)
