"""Whether one model forecasts better than another by more than chance: the test of Diebold and Mariano."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from ..node import Array


@dataclass(frozen=True)
class DieboldMariano:
    """The outcome: a negative statistic says that the first model has the smaller losses."""

    statistic: float
    pvalue: float  #: two-sided
    lags: int  #: autocovariances in the variance
    samples: int


def diebold_mariano(difference: Array, horizon: int, lags: int | None = None, harvey: bool = True) -> DieboldMariano:
    r"""The test on a series of loss differences d, as ``statsmodels.tsa.stattools.diebold_mariano_test`` defines it.

    .. math::

        DM = \frac{\bar d}{\sqrt{\hat\gamma_0 + 2 \sum_{l=1}^{L} (1 - \frac{l}{L+1}) \hat\gamma_l}} \sqrt{T}, \qquad
        L = \max(h - 1, \lceil T^{1/3} \rceil)

    With ``harvey`` the statistic is scaled by :math:`\sqrt{(T + 1 - 2h + h(h-1)/T)/T}` and held against Student's t
    with T - 1 degrees of freedom, else against the normal distribution.

    Parameters
    ----------
    difference : array, shape (T,)
        Loss of the first model minus loss of the second; NaN is left out.
    horizon : int
        Steps ahead h, in origins.
    lags : int, optional
        L.
    harvey : bool
        The correction for small samples.

    References
    ----------
    Diebold and Mariano, J. Business & Economic Statistics 13, 1995; Harvey, Leybourne and Newbold, Int. J. Forecasting
    13, 1997, eq. 9.
    """
    d = difference[np.isfinite(difference)]
    T = d.size
    if T < 2:
        raise ValueError(f"the test needs at least 2 errors that both models have, got {T}")
    if lags is not None and lags < 0:
        raise ValueError(f"lags must not be negative, got {lags}")
    L = max(horizon - 1, math.ceil(T ** (1.0 / 3.0))) if lags is None else int(lags)
    mean = float(d.mean())
    c = d - mean
    variance = float(c @ c)
    for lag in range(1, min(L, T - 1) + 1):
        variance += 2.0 * (1.0 - lag / (L + 1.0)) * float(c[lag:] @ c[:-lag])
    if variance <= 0.0:
        statistic = 0.0 if mean == 0.0 else math.copysign(math.inf, mean)
    else:
        statistic = T * mean / math.sqrt(variance)
    from scipy import special

    if harvey:
        h = horizon
        statistic *= math.sqrt(max(0.0, (T + 1 - 2 * h + h * (h - 1) / T) / T))
        pvalue = 2.0 * float(special.stdtr(T - 1, -abs(statistic)))
    else:
        pvalue = 2.0 * float(special.ndtr(-abs(statistic)))
    return DieboldMariano(statistic, pvalue, L, T)
