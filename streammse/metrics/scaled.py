"""Scaled errors: against what the seasonal naive forecast would have erred, so that series of any unit compare."""

from __future__ import annotations

import math
from functools import cache

from numpy import float64
from numpy.typing import NDArray

from .._jit import Function, helper
from ..kernels.statistics import Statistic, mean_of, sums
from ..node import Index
from ..param import param
from .base import OWN, MeanMetric
from .errors import absolute_error, squared_error

SEASON, SCALE = OWN, OWN + 1


@cache
def _beside_naive(measure: Function, lower: Function) -> Statistic:
    """(n, sum of measured errors, m, sum of measured seasonal differences); the last season lies at the end of s."""

    @helper
    def lift(p, s, x, d):  # type: ignore[no-untyped-def]
        season = int(p[SEASON])
        place = s.size - season - 1
        at = int(s[place])
        before = s[place + 1 + at]
        s[place + 1 + at] = d
        s[place] = at + 1 if at + 1 < season else 0
        if d != d:  # noqa: PLR0124
            return 0.0, 0.0, 0.0, 0.0
        if before != before:  # noqa: PLR0124
            return 1.0, measure(p, x, d), 0.0, 0.0
        return 1.0, measure(p, x, d), 1.0, measure(p, before, d)

    return sums(4, lift, lower)


@helper
def _ratio(a):  # type: ignore[no-untyped-def]
    """Mean error over mean difference; NaN before the first difference and for 0 / 0."""
    if not a[0] > 0.0 or not a[2] > 0.0:
        return math.nan
    e, naive = a[1] / a[0], a[3] / a[2]
    if naive == 0.0:
        return math.inf if e > 0.0 else math.nan
    return e / naive


@helper
def _mase(p, a):  # type: ignore[no-untyped-def]
    return _ratio(a)


@helper
def _rmsse(p, a):  # type: ignore[no-untyped-def]
    return math.sqrt(_ratio(a))


@helper
def _mase_fixed(p, a):  # type: ignore[no-untyped-def]
    return a[1] / a[0] / p[SCALE] if a[0] > 0.0 else math.nan


@helper
def _rmsse_fixed(p, a):  # type: ignore[no-untyped-def]
    return math.sqrt(a[1] / a[0]) / p[SCALE] if a[0] > 0.0 else math.nan


class _Scaled(MeanMetric):
    """What both have: the season, and a scale from elsewhere."""

    season: int = param(1, "samples in a season", low=1, fixed=True, slot=SEASON)
    scale: float | None = param(
        None, "naive error of the training data", above=0.0, optional=True, kw_only=True, fixed=True, slot=SCALE
    )

    _probes = {**MeanMetric._probes, "scale": {"scale": 0.7}, "season": {"season": 4}}
    _variants = ({"season": 3, "window": 16}, {"scale": 0.5})

    def _memory(self) -> int:
        return 0 if self.scale is not None else self.season + 1

    def _indices(self) -> list[Index]:
        place: list[Index] = [] if self.scale is not None else [(self._size() - self.season - 1, 0, self.season - 1)]
        return super()._indices() + place

    def _start(self, s: NDArray[float64]) -> None:
        super()._start(s)
        if self.scale is None:
            s[-self.season :] = math.nan


class MASE(_Scaled):
    """Mean absolute scaled error: below 1 where the predictions beat the seasonal naive forecast.

        MASE = mean |y_t - f_t| / mean |y_t - y_(t-s)|

    Both means run over the same window: the scale is the one-step error of the naive forecast on the very samples that
    the metric holds, so that it needs no training data and follows a changing series. ``scale`` fixes it instead. NaN
    before the first seasonal difference; infinite where the truth did not change and the predictions erred.

    Parameters
    ----------
    season : int
        Samples s in a season; 1 for a series without one.
    scale : float, optional
        Mean absolute seasonal difference of the training data, as in the paper.
    window, halflife, seconds, halflife_seconds, weighted, steady, compensated, capacity
        Over which pairs, and how: see `streammse.metrics`.

    Examples
    --------
    >>> import streammse as sm
    >>> sm.MASE().run([1.0, 3.0, 2.0, 4.0], [1.0, 2.0, 2.0, 4.5]).round(3)
    array([  nan, 0.25 , 0.222, 0.225])

    References
    ----------
    Hyndman and Koehler, "Another look at measures of forecast accuracy", Int. J. Forecasting 22, 2006, section 3.
    """

    def _statistic(self) -> Statistic:
        if self.scale is not None:
            return mean_of(absolute_error, _mase_fixed)
        return _beside_naive(absolute_error, _mase)


class RMSSE(_Scaled):
    """Root mean squared scaled error: below 1 where the predictions beat the seasonal naive forecast.

        RMSSE = sqrt(mean (y_t - f_t)^2 / mean (y_t - y_(t-s))^2)

    The scale is taken over the same window, as in `MASE`; ``scale`` fixes it instead.

    Parameters
    ----------
    season : int
        Samples s in a season; 1 for a series without one.
    scale : float, optional
        Root mean square of the seasonal differences of the training data, in the unit of the signal.
    window, halflife, seconds, halflife_seconds, weighted, steady, compensated, capacity
        Over which pairs, and how: see `streammse.metrics`.

    Examples
    --------
    >>> import streammse as sm
    >>> sm.RMSSE(scale=2.0).run([1.0, 3.0, 2.0], [0.0, 2.0, 3.0])
    array([0.5, 0.5, 0.5])

    References
    ----------
    Makridakis, Spiliotis and Assimakopoulos, "The M5 accuracy competition", Int. J. Forecasting 38, 2022, eq. 1.
    """

    def _statistic(self) -> Statistic:
        if self.scale is not None:
            return mean_of(squared_error, _rmsse_fixed)
        return _beside_naive(squared_error, _rmsse)
