"""Autoregression, learnt one sample at a time by the normalised gradient of any loss, in n operations a sample."""

from __future__ import annotations

import math
from functools import cache
from typing import Any

from .._jit import Function, ahead_kernel, helper, kernel, vector_kernel
from ..kernels import losses
from ..kernels.constants import LARGEST, SPREAD
from ..kernels.lags import FILLED, PEAK, TRENDS, as_lags, believed, extent, go_on, indices, lag_zero, lags_in_p
from ..node import Array, Index
from ..param import param
from .base import SEEN, Forecaster

# p: the lags come last, as many as there are
MU, REGULARISER, MEMORY, A, B, TREND, EXOGENOUS, NUMBER, LONGEST, LAGS = range(10)

# s: the level at the sample to come and how it grows, the power about it, the size of the errors, and over how many
# samples, errors and rows of regressors each was averaged; the weights of the lags and of the regressors; of each
# regressor the mean, the power about it and what it deviates now; then the history
LEVEL, SLOPE, POWER, SIZE, COUNT, ERRORS, ROWS, WEIGHTS = range(PEAK + 1, PEAK + 9)

BURST = 10.0  # a sample counts for at most so many standard deviations: a spike must not move the level for long


@helper
def _places(p):  # type: ignore[no-untyped-def]
    """Where the weights of the regressors, their means, powers and deviations, and the history begin."""
    m = int(p[EXOGENOUS])
    v = WEIGHTS + int(p[NUMBER])
    return v, v + m, v + 2 * m, v + 3 * m, v + 4 * m


@helper
def _follow(p, s, d):  # type: ignore[no-untyped-def]
    """Level, slope and power with one more sample d: the mean, or the straight line, of those in the memory."""
    s[COUNT] = min(s[COUNT] + 1.0, p[MEMORY])
    n = s[COUNT]
    trend = int(p[TREND])
    off = d - s[LEVEL]
    power = s[POWER]
    if n == 1.0 and trend > 0:
        s[LEVEL] = d
        return
    if power == 0.0:
        s[POWER] = off * off
    else:
        most = BURST * math.sqrt(power)
        off = min(max(off, -most), most)
        s[POWER] = power + (off * off - power) / n
    if trend == 1:
        s[LEVEL] += off / n
    elif trend > 1:  # least squares through n samples, one by one (a filter of growing memory)
        s[SLOPE] += 6.0 / (n * (n + 1.0)) * off
        s[LEVEL] += 2.0 * (2.0 * n - 1.0) / (n * (n + 1.0)) * off


@helper
def _listen(p, s):  # type: ignore[no-untyped-def]
    """Mean and power of each regressor with one more row, which deviates from the means by what lies in the state."""
    _, means, powers, row, history = _places(p)
    s[ROWS] = min(s[ROWS] + 1.0, p[MEMORY])
    for k in range(history - row):
        off = s[row + k]
        power = s[powers + k]
        if s[ROWS] == 1.0:
            s[means + k] += off
            continue
        if power == 0.0:
            s[powers + k] = off * off
        else:
            most = BURST * math.sqrt(power)
            off = min(max(off, -most), most)
            s[powers + k] = power + (off * off - power) / s[ROWS]
        s[means + k] += off / s[ROWS]


@cache
def _steps(score: Function, unit: float) -> tuple[Function, Function]:
    """The step for one loss, without and with regressors; ``unit`` makes the textbook's error of the score."""

    @helper
    def advance(p: Any, s: Any, d: float, whole: bool) -> Any:
        """The forecast for d from the history and the row of regressors in the state; learns d."""
        number, longest = int(p[NUMBER]), int(p[LONGEST])
        known = abs(d) < LARGEST
        if not known and s[FILLED] == 0.0:
            return math.nan  # the series has not begun
        v, _, powers, row, history = _places(p)
        m = history - row
        now = lag_zero(s, history, longest)
        level, slope = s[LEVEL], s[SLOPE]
        y = math.nan
        value = s[now - 1]
        if s[FILLED] == longest:
            y = level
            energy = 0.0
            for i in range(number):
                lag = int(p[LAGS + i])
                u = s[now - lag] - (level - slope * lag)
                y += s[WEIGHTS + i] * u
                energy += u * u
            for k in range(m):
                y += s[v + k] * s[row + k]
                if s[powers + k] > 0.0:  # in the unit of the series
                    energy += s[row + k] * s[row + k] * (s[POWER] / s[powers + k])
            y = believed(y, s[PEAK])
            value = y
            below = energy + p[REGULARISER] * (number + m) * s[POWER]
            if known and whole and below > 0.0:
                e = d - y
                size = s[SIZE]
                if size == 0.0:
                    size = abs(e)
                if size > 0.0:
                    f = size * unit * score(e / size, p[A], p[B])
                    most = max(abs(e), size)  # so that no score makes a step that overshoots
                    g = p[MU] * min(max(f, -most), most) / below
                    for i in range(number):
                        lag = int(p[LAGS + i])
                        s[WEIGHTS + i] += g * (s[now - lag] - (level - slope * lag))
                    for k in range(m):
                        if s[powers + k] > 0.0:
                            s[v + k] += g * s[row + k] * (s[POWER] / s[powers + k])
                    s[ERRORS] = min(s[ERRORS] + 1.0, p[MEMORY])
                    s[SIZE] = size + (min(SPREAD * abs(e), BURST * size) - size) / s[ERRORS]
            if s[SEEN] < longest:
                y = math.nan
        if known:
            s[SEEN] += 1.0
            s[PEAK] = max(s[PEAK], abs(d))
            value = d
            _follow(p, s, d)
            if whole and m > 0:
                _listen(p, s)
        s[LEVEL] += s[SLOPE]
        go_on(s, history, longest, value)
        return y

    @kernel
    def step(p: Any, s: Any, x: float, d: float) -> Any:
        return advance(p, s, d, True)

    @vector_kernel
    def vector_step(p: Any, s: Any, x: Any, d: float) -> Any:
        _, means, _, row, _ = _places(p)
        whole = True
        for k in range(x.size):
            known = abs(x[k]) < LARGEST
            whole = whole and known
            s[row + k] = x[k] - s[means + k] if known else 0.0
        return advance(p, s, d, whole)

    return step, vector_step


@ahead_kernel
def _ahead(p: Any, s: Any, out: Any) -> None:
    number, longest = int(p[NUMBER]), int(p[LONGEST])
    now = lag_zero(s, WEIGHTS + number, longest)
    level, slope = s[LEVEL], s[SLOPE]
    for h in range(out.size):
        y = level + slope * h
        for i in range(number):
            lag = int(p[LAGS + i])
            y += s[WEIGHTS + i] * ((out[h - lag] if lag <= h else s[now + h - lag]) - (level + slope * (h - lag)))
        out[h] = believed(y, s[PEAK])


class ARNLS(Forecaster):
    r"""Autoregression by normalised least mean squares, or by the normalised gradient of another loss.

    .. math::

        \hat y_t = m_t + \sum_{l \in L} w_l\, (y_{t-l} - m_{t-l}) + v' (x_t - \bar x), \qquad
        w \leftarrow w + \mu\, \frac{\sigma\,\psi(e/\sigma)}{\epsilon\, n P + \|u\|^2}\, u, \qquad
        u_l = y_{t-l} - m_{t-l},\quad e = y_t - \hat y_t

    with the running level m (a straight line where the trend has a slope), power P about it and size of the errors
    sigma (1.25 times their mean absolute value, in which a single one counts for at most ten). So neither unit nor
    offset of the series matters, and the parameters of a loss are in units of the usual error:
    ``loss=sm.losses.huber(1.345)`` is the robust form, at 95 % efficiency for Gaussian noise. Regressors move their
    weights v in the same way, each as if it had the power of the series, so that their units do not matter either. A
    score is cut where its step would be longer than that of the squared loss.

    A sample costs some 4 n operations, where `ARLS` takes 2 n^2 and learns much faster. A missing sample teaches
    nothing, and the forecast takes its place in the history; nor does one teach the weights whose regressors are not
    all known. No forecast goes beyond a hundred times the largest value so far.

    Parameters
    ----------
    lags : int or sequence of int
        How many lags, 1 to n, or which ones: ``(1, 2, 12, 24)``. Fixed.
    mu : float
        Step size, 0 <= mu < 2; the smaller, the slower and the more exact.
    trend : {"n", "c", "ct"}
        Whether the level m is zero, constant or a straight line, over the samples in the memory. Fixed.
    exogenous : int
        How many regressors x stand beside every sample. Fixed.
    loss : Loss
        The loss that is descended. Fixed.
    memory : float
        Samples over which level, power and size of the errors are averaged, at least 1.
    regulariser : float
        What is added to the energy of the lags, relative to its running average, at least 0.

    Raises
    ------
    ValueError
        When a lag is below 1 or given twice.

    Examples
    --------
    >>> import numpy as np, streammse as sm
    >>> y = 100.0 + np.sin(np.arange(5000.0) / 5.0)
    >>> model = sm.ARNLS(lags=4, mu=0.5)
    >>> error = y - model.run(y)
    >>> bool(np.abs(error[-100:]).max() < 0.01)
    True

    References
    ----------
    S. Haykin, Adaptive Filter Theory, 5th ed., 2014, ch. 7 (normalised LMS).
    P. J. Huber and E. M. Ronchetti, Robust Statistics, 2nd ed., 2009, ch. 7 (a scale beside the regression).
    """

    lags: int | tuple[int, ...] = param(
        24, "how many lags, or which", fixed=True, check=as_lags, encode=lags_in_p, slot=NUMBER
    )
    mu: float = param(0.1, "step size", low=0.0, below=2.0, slot=MU)
    trend: str = param("c", "level and slope", choices=TRENDS, fixed=True, kw_only=True, slot=TREND)
    exogenous: int = param(0, "regressors beside every sample", low=0, fixed=True, kw_only=True, slot=EXOGENOUS)
    loss: losses.Loss = param(
        losses.squared,
        "the loss that is descended",
        fixed=True,
        kw_only=True,
        check=losses.as_loss,
        encode=lambda one: (one.a, one.b),
        slot=A,
    )
    memory: float = param(200.0, "samples over which level and sizes are averaged", low=1.0, kw_only=True, slot=MEMORY)
    regulariser: float = param(
        1e-3, "what is added to the energy, relative to its average", low=0.0, kw_only=True, slot=REGULARISER
    )

    _worst = "len(lags) + exogenous"
    _layout = 2
    _variants = (
        {"lags": (1, 12), "loss": losses.huber, "trend": "ct"},
        {"lags": 3, "exogenous": 2, "trend": "n"},
    )
    _probes = {"loss": {"loss": losses.log_cosh}, "exogenous": {"exogenous": 2}}

    @property
    def _p_size(self) -> int:  # type: ignore[override]
        return NUMBER + len(lags_in_p(self.lags))

    def _kernel(self) -> Function:
        return _steps(self.loss.score, losses.textbook_unit(self.loss))[self.exogenous > 0]

    def _ahead(self) -> Function:
        return _ahead

    def _exogenous(self) -> int:
        return self.exogenous

    def _size(self) -> int:
        number, longest = extent(self.lags)
        return WEIGHTS + number + 4 * self.exogenous + 2 * longest

    def _indices(self) -> list[Index]:
        return super()._indices() + indices(extent(self.lags)[1])

    @property
    def needs(self) -> int:
        """The history."""
        return int(self._p[LONGEST])

    @property
    def coefficients(self) -> Array:
        """The coefficients of the lags, in the order of ``lags``."""
        return self._s[WEIGHTS : WEIGHTS + int(self._p[NUMBER])].copy()

    @property
    def level(self) -> float:
        """The level m that the series moves about, at the sample to come."""
        return float(self._s[LEVEL])

    @property
    def slope(self) -> float:
        """By how much the level grows, a sample."""
        return float(self._s[SLOPE])

    @property
    def exogenous_coefficients(self) -> Array:
        """The coefficients v of the regressors."""
        first = WEIGHTS + int(self._p[NUMBER])
        return self._s[first : first + self.exogenous].copy()
