"""Autoregression, learnt one sample at a time by recursive least squares."""

from __future__ import annotations

import math
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from .._jit import Function, ahead_kernel, helper, kernel, vector_kernel
from ..kernels import triangle
from ..kernels.constants import LARGEST
from ..kernels.lags import FILLED, PEAK, TIME, TRENDS, as_lags, believed, extent, go_on, indices, lag_zero, lags_in_p
from ..node import Index
from ..param import param
from .base import SEEN, Forecaster

Array = NDArray[np.float64]

# p: the lags come last, as many as there are
FORGETTING, TREND, EXOGENOUS, REGULARISER, NUMBER, LONGEST, LAGS = range(7)

HISTORY = PEAK + 1  # s: the history, then the triangle


@helper
def _sizes(p):  # type: ignore[no-untyped-def]
    """The number of lags, the longest of them, the columns of the trend and of the regressors, and all columns."""
    number = int(p[NUMBER])
    trend = int(p[TREND])
    m = int(p[EXOGENOUS])
    return number, int(p[LONGEST]), trend, m, trend + number + m


@helper
def _row(p, s, at):  # type: ignore[no-untyped-def]
    """The row of the sample to come, but for the regressors."""
    number, longest, trend, _, _ = _sizes(p)
    if trend > 0:
        s[at] = 1.0
    if trend > 1:
        s[at + 1] = s[TIME] + 1.0
    now = lag_zero(s, HISTORY, longest)
    for i in range(number):
        s[at + trend + i] = s[now - int(p[LAGS + i])]


@helper
def _advance(p, s, d, whole):  # type: ignore[no-untyped-def]
    """The forecast for d from the history and the regressors, which lie in their columns; learns d."""
    _, longest, _, _, n = _sizes(p)
    known = abs(d) < LARGEST
    if not known and s[FILLED] == 0.0:
        return math.nan  # the series has not begun
    at = HISTORY + 2 * longest
    y = math.nan
    if s[FILLED] == longest:
        learn = known and whole
        _row(p, s, at)
        triangle.listen(s, at, n, p[FORGETTING], learn)
        y = triangle.fold(s, at, n, p[FORGETTING], p[REGULARISER], learn, d if learn else 0.0, 1.0)
        y = believed(y, s[PEAK])
        if s[SEEN] < longest + n:
            y = math.nan
    last = s[lag_zero(s, HISTORY, longest) - 1]
    if known:
        s[SEEN] += 1.0
        s[PEAK] = max(s[PEAK], abs(d))
    go_on(s, HISTORY, longest, d if known else y if math.isfinite(y) else last)
    return y


@kernel
def _step(p: Any, s: Any, x: float, d: float) -> Any:
    return _advance(p, s, d, True)


@vector_kernel
def _vector_step(p: Any, s: Any, x: Any, d: float) -> Any:
    number, longest, trend, m, _ = _sizes(p)
    first = HISTORY + 2 * longest + trend + number
    whole = True
    for k in range(m):
        known = abs(x[k]) < LARGEST
        whole = whole and known
        s[first + k] = x[k] if known else 0.0
    return _advance(p, s, d, whole)


@ahead_kernel
def _ahead(p: Any, s: Any, out: Any) -> None:
    number, longest, trend, _, n = _sizes(p)
    at = HISTORY + 2 * longest
    triangle.solve(s, at, n)
    w = at + triangle.WEIGHTS * ((n + 3) // 4 * 4)
    now = lag_zero(s, HISTORY, longest)
    for h in range(out.size):
        y = s[w] if trend > 0 else 0.0
        if trend > 1:
            y += s[w + 1] * (s[TIME] + 1.0 + h)
        for i in range(number):
            lag = int(p[LAGS + i])
            y += s[w + trend + i] * (out[h - lag] if lag <= h else s[now + h - lag])
        out[h] = believed(y, s[PEAK])
    triangle.wipe(s, at, n)


class ARLS(Forecaster):
    r"""Autoregression by recursive least squares with forgetting.

    .. math::

        \hat y_t = c + b\,t + \sum_{l \in L} w_l\, y_{t-l} + v' x_t, \qquad
        \min_{c, b, w, v} \sum_{i \le t} \lambda^{t-i} (y_i - \hat y_i)^2

    With ``forgetting=1`` this is ordinary least squares over all rows so far (statsmodels' ``AutoReg``), at every
    sample. The sums are held as the triangle of a QR decomposition and updated by rotations, 2 n^2 operations a sample
    for n coefficients: nothing is squared or subtracted that could lose its sign, and where forgetting finds nothing
    new, the coefficients stay.

    There is no forecast before as many rows have been seen as there are coefficients; from then on the solution is the
    exact one. No forecast goes beyond a hundred times the largest value so far. A missing sample teaches nothing, and
    the forecast takes its place in the history; nor does one teach whose regressors are not all known.

    Parameters
    ----------
    lags : int or sequence of int
        How many lags, 1 to n, or which ones: ``(1, 2, 12, 24)``. Fixed.
    forgetting : float
        The weight lambda of the last sample's rows beside those of this one, 0 < lambda <= 1; it looks back over some
        1 / (1 - lambda) samples. Below 1 - 1 / (2 n) it follows the noise.
    trend : {"n", "c", "ct"}
        No constant, a constant c, or a constant and a slope b. Fixed.
    exogenous : int
        How many regressors x stand beside every sample. Fixed.
    regulariser : float
        The least information of a direction, relative to the energy of its column so far, at least 0. At the default
        the start is that of ordinary least squares, which follows every accident of the first rows, and of the first
        that move after a long standstill; 1e-3 or so makes such directions learn slowly.

    Raises
    ------
    ValueError
        When a lag is below 1 or given twice.

    Examples
    --------
    >>> import numpy as np, streammse as sm
    >>> y = [1.0, 2.0]
    >>> for _ in range(40):
    ...     y.append(1.0 + 1.5 * y[-1] - 0.9 * y[-2])
    >>> model = sm.ARLS(2).fit(y)
    >>> model.intercept.round(6), model.coefficients.round(6).tolist()
    (np.float64(1.0), [1.5, -0.9])
    >>> bool(np.isclose(model.forecast(1)[0], 1.0 + 1.5 * y[-1] - 0.9 * y[-2]))
    True

    References
    ----------
    W. M. Gentleman, "Least squares computations by Givens transformations without square roots", J. Inst. Maths
    Applics 12, 1973, pp. 329-336.
    S. Haykin, Adaptive Filter Theory, 5th ed., 2014, ch. 15 (square-root adaptive filters).
    """

    lags: int | tuple[int, ...] = param(
        24, "how many lags, or which", fixed=True, check=as_lags, encode=lags_in_p, slot=NUMBER
    )
    forgetting: float = param(1.0, "weight of the past beside the present", above=0.0, high=1.0, slot=FORGETTING)
    trend: str = param("c", "constant and slope", choices=TRENDS, fixed=True, slot=TREND)
    exogenous: int = param(0, "regressors beside every sample", low=0, fixed=True, slot=EXOGENOUS)
    regulariser: float = param(
        1e-16, "least information of a direction, relative to its energy", low=0.0, kw_only=True, slot=REGULARISER
    )

    _worst = "(len(lags) + exogenous) ** 2"
    _variants = (
        {"lags": (1, 2, 12), "forgetting": 0.99, "trend": "ct"},
        {"lags": 3, "exogenous": 2, "trend": "n"},
    )
    _probes: ClassVar = {"exogenous": {"exogenous": 2}}

    @property
    def _p_size(self) -> int:  # type: ignore[override]
        return NUMBER + len(lags_in_p(self.lags))

    @property
    def _columns(self) -> int:
        return TRENDS.index(self.trend) + extent(self.lags)[0] + self.exogenous

    @property
    def _at(self) -> int:
        return HISTORY + 2 * extent(self.lags)[1]

    def _kernel(self) -> Function:
        return _vector_step if self.exogenous else _step

    def _ahead(self) -> Function | None:
        return _ahead

    def _exogenous(self) -> int:
        return self.exogenous

    def _size(self) -> int:
        return self._at + triangle.size(self._columns)

    def _indices(self) -> list[Index]:
        return super()._indices() + indices(extent(self.lags)[1])

    @property
    def needs(self) -> int:
        """The history, and as many rows as there are coefficients."""
        return int(self._p[LONGEST]) + self._columns

    @property
    def _solution(self) -> Array:
        return triangle.weights(self._s, self._at, self._columns)

    @property
    def _information(self) -> Array:
        """What is known of each direction: the diagonal D, never negative."""
        return triangle.information(self._s, self._at, self._columns)

    @property
    def coefficients(self) -> Array:
        """The coefficients of the lags, in the order of ``lags``."""
        first = TRENDS.index(self.trend)
        return self._solution[first : first + int(self._p[NUMBER])]

    @property
    def intercept(self) -> float:
        """The constant c; time counts from 1 at the first sample that is known."""
        return self._solution[0] if self.trend != "n" else 0.0

    @property
    def slope(self) -> float:
        """The slope b, a sample."""
        return self._solution[1] if self.trend == "ct" else 0.0

    @property
    def exogenous_coefficients(self) -> Array:
        """The coefficients v of the regressors."""
        return self._solution[self._columns - self.exogenous :]
