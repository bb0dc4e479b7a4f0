"""The benchmarks that every forecast must beat: naive, seasonal naive, drift, and means."""

from __future__ import annotations

import math
from typing import Any

from .._jit import Function, ahead_kernel, helper, kernel
from ..kernels import window as windows
from ..kernels.statistics import mean_of
from ..node import Index
from ..param import param
from .base import SEEN, Forecaster

# s of Naive
LAST = 1


@kernel
def _naive(p: Any, s: Any, x: float, d: float) -> Any:
    y = s[LAST] if s[SEEN] > 0.0 else math.nan
    if math.isfinite(d):
        s[LAST] = d
        s[SEEN] += 1.0
    return y


@ahead_kernel
def _naive_ahead(p: Any, s: Any, out: Any) -> None:
    for k in range(out.size):
        out[k] = s[LAST]


class Naive(Forecaster):
    r"""The last value: the best forecast of a random walk.

    .. math::

        \hat y_{t+h} = y_t

    A missing sample leaves the last known value standing.

    Examples
    --------
    >>> import streammse as sm
    >>> model = sm.Naive()
    >>> model.run([1.0, 3.0, 2.0]), model.forecast(2)
    (array([nan,  1.,  3.]), array([2., 2.]))

    References
    ----------
    Hyndman and Athanasopoulos, Forecasting: Principles and Practice, 3rd ed., section 5.2.
    """

    _worst = "1"

    def _kernel(self) -> Function:
        return _naive

    def _ahead(self) -> Function:
        return _naive_ahead

    def _size(self) -> int:
        return LAST + 1

    @property
    def lookback(self) -> float:
        """The last sample alone."""
        return 1.0


# p, s of SeasonalNaive
SEASON = 0
PHASE, NEWEST, CYCLE = range(1, 4)  # where in the cycle, the last value, the last value known of each phase


@kernel
def _seasonal_naive(p: Any, s: Any, x: float, d: float) -> Any:
    m = int(p[SEASON])
    phase = int(s[PHASE])
    held = s[CYCLE + phase]
    if held != held:  # noqa: PLR0124  nothing known of this phase: the last value
        held = s[NEWEST] if s[SEEN] > 0.0 else math.nan
    y = held
    if math.isfinite(d):
        s[CYCLE + phase] = d
        s[NEWEST] = d
        s[SEEN] += 1.0
    s[PHASE] = phase + 1.0 if phase + 1 < m else 0.0
    return y


@ahead_kernel
def _seasonal_naive_ahead(p: Any, s: Any, out: Any) -> None:
    m = int(p[SEASON])
    phase = int(s[PHASE])
    for k in range(out.size):
        held = s[CYCLE + phase]
        out[k] = held if held == held else s[NEWEST]  # noqa: PLR0124
        phase = phase + 1 if phase + 1 < m else 0


class SeasonalNaive(Forecaster):
    r"""The value of one season ago.

    .. math::

        \hat y_{t+h} = y_{t+h-m\lceil h/m \rceil}

    Where the sample of the last season is missing, the one before it stands; where none of a phase is known yet, the
    last value of all.

    Parameters
    ----------
    season : int
        Samples m in a season, at least 1. Fixed.

    Examples
    --------
    >>> import streammse as sm
    >>> sm.SeasonalNaive(season=2).fit([1.0, 5.0, 2.0, 6.0]).forecast(3)
    array([2., 6., 2.])

    References
    ----------
    Hyndman and Athanasopoulos, Forecasting: Principles and Practice, 3rd ed., section 5.2.
    """

    season: int = param(12, "samples in a season", low=1, fixed=True)

    _worst = "1"

    def _kernel(self) -> Function:
        return _seasonal_naive

    def _ahead(self) -> Function:
        return _seasonal_naive_ahead

    def _size(self) -> int:
        return CYCLE + self.season

    def _indices(self) -> list[Index]:
        return [*super()._indices(), (PHASE, 0, self.season - 1)]

    def _start(self, s: Any) -> None:
        s[CYCLE:] = math.nan

    @property
    def needs(self) -> int:
        """One season."""
        return self.season

    @property
    def lookback(self) -> float:
        """One season."""
        return float(self.season)


# s of Drift: the first and the last value that are known, and how far they lie apart
OLDEST, LATEST, SPAN, SINCE = range(1, 5)


@kernel
def _drift(p: Any, s: Any, x: float, d: float) -> Any:
    since = s[SINCE] + 1.0  # samples since the last one that is known
    slope = (s[LATEST] - s[OLDEST]) / s[SPAN] if s[SPAN] > 0.0 else 0.0
    y = s[LATEST] + since * slope if s[SEEN] > 0.0 else math.nan
    if math.isfinite(d):
        if s[SEEN] == 0.0:
            s[OLDEST] = d
        else:
            s[SPAN] += since
        s[LATEST] = d
        s[SINCE] = 0.0
        s[SEEN] += 1.0
    elif s[SEEN] > 0.0:
        s[SINCE] = since
    return y


@ahead_kernel
def _drift_ahead(p: Any, s: Any, out: Any) -> None:
    slope = (s[LATEST] - s[OLDEST]) / s[SPAN] if s[SPAN] > 0.0 else 0.0
    for k in range(out.size):
        out[k] = s[LATEST] + (s[SINCE] + 1.0 + k) * slope


class Drift(Forecaster):
    r"""A straight line through the first and the last value.

    .. math::

        \hat y_{t+h} = y_t + h\, \frac{y_t - y_1}{t - 1}

    Examples
    --------
    >>> import streammse as sm
    >>> sm.Drift().fit([1.0, 2.0, 4.0]).forecast(2)
    array([5.5, 7. ])

    References
    ----------
    Hyndman and Athanasopoulos, Forecasting: Principles and Practice, 3rd ed., section 5.2.
    """

    _worst = "1"

    def _kernel(self) -> Function:
        return _drift

    def _ahead(self) -> Function:
        return _drift_ahead

    def _size(self) -> int:
        return SINCE + 1

    @property
    def needs(self) -> int:
        """Two samples make a line."""
        return 2


# s of RunningMean
MEAN = 1


@kernel
def _running_mean(p: Any, s: Any, x: float, d: float) -> Any:
    y = s[MEAN] if s[SEEN] > 0.0 else math.nan
    if math.isfinite(d):
        s[SEEN] += 1.0
        s[MEAN] += (d - s[MEAN]) / s[SEEN]
    return y


@ahead_kernel
def _running_mean_ahead(p: Any, s: Any, out: Any) -> None:
    for k in range(out.size):
        out[k] = s[MEAN]


class RunningMean(Forecaster):
    r"""The mean of all values so far: the best forecast of white noise about a level.

    .. math::

        \hat y_{t+h} = \frac{1}{t} \sum_{i=1}^{t} y_i

    Examples
    --------
    >>> import streammse as sm
    >>> sm.RunningMean().fit([1.0, 2.0, 6.0]).forecast(2)
    array([3., 3.])

    References
    ----------
    Hyndman and Athanasopoulos, Forecasting: Principles and Practice, 3rd ed., section 5.2.
    """

    _worst = "1"

    def _kernel(self) -> Function:
        return _running_mean

    def _ahead(self) -> Function:
        return _running_mean_ahead

    def _size(self) -> int:
        return MEAN + 1


# p, s of WindowAverage
WINDOW = 0
AVERAGE, HELD = range(1, 3)  # the mean of the window, and its two stacks

_MEAN = windows.sliding(mean_of(helper(lambda p, x, d: d)))
_push = _MEAN.push


@kernel
def _window_average(p: Any, s: Any, x: float, d: float) -> Any:
    y = s[AVERAGE] if s[SEEN] > 0.0 else math.nan
    if math.isfinite(d):
        s[SEEN] += 1.0
        number, total = _push(s, HELD, (1.0, d), p[WINDOW], 0.0)
        s[AVERAGE] = total / number
    return y


@ahead_kernel
def _window_average_ahead(p: Any, s: Any, out: Any) -> None:
    for k in range(out.size):
        out[k] = s[AVERAGE]


class WindowAverage(Forecaster):
    r"""The mean of the last W values.

    .. math::

        \hat y_{t+h} = \frac{1}{W} \sum_{i=t-W+1}^{t} y_i

    Parameters
    ----------
    window : int
        The last W samples that are known, at least 1. Fixed.

    Examples
    --------
    >>> import streammse as sm
    >>> sm.WindowAverage(window=2).fit([1.0, 2.0, 6.0]).forecast(1)
    array([4.])

    References
    ----------
    Hyndman and Athanasopoulos, Forecasting: Principles and Practice, 3rd ed., section 5.2.
    """

    window: int = param(12, "the last W samples", low=1, fixed=True)

    _worst = "window"

    def _kernel(self) -> Function:
        return _window_average

    def _ahead(self) -> Function:
        return _window_average_ahead

    def _size(self) -> int:
        return HELD + _MEAN.size(self.window)

    def _indices(self) -> list[Index]:
        return super()._indices() + _MEAN.indices(HELD, self.window)

    @property
    def lookback(self) -> float:
        """The window."""
        return float(self.window)
