"""Mean errors: a loss, averaged over a window."""

from __future__ import annotations

import math
from functools import cache

from .._jit import Function, helper
from ..kernels import losses
from ..kernels.losses import Loss
from ..kernels.statistics import Statistic, mean_of, root_mean, variance_of
from ..param import param
from .base import OWN, MeanMetric, Metric


@helper
def squared_error(p, x, d):  # type: ignore[no-untyped-def]
    """(d - x)^2."""
    return (d - x) * (d - x)


@helper
def absolute_error(p, x, d):  # type: ignore[no-untyped-def]
    """|d - x|."""
    return abs(d - x)


@helper
def signed_error(p, x, d):  # type: ignore[no-untyped-def]
    """x - d: how much too high a prediction is."""
    return x - d


class MSE(MeanMetric):
    """Mean squared error.

        MSE = 1/n sum (y - f)^2

    Parameters
    ----------
    window, halflife, seconds, halflife_seconds, weighted, steady, compensated, capacity
        Over which pairs, and how: see `streammse.metrics`.

    Examples
    --------
    >>> import streammse as sm
    >>> m = sm.MSE(window=2)
    >>> m.run([1.0, 2.0, 3.0], [1.5, 2.0, 1.0])
    array([0.25 , 0.125, 2.   ])
    >>> m.update(4.0, 4.0), m.value, m.count
    (2.0, 2.0, 2)

    References
    ----------
    Gauss, Theoria combinationis observationum, 1823, art. 6. The window: Tangwongsan, Hirzel and Schneider, "General
    incremental sliding-window aggregation", VLDB 2015.
    """

    _variants = (*MeanMetric._all_windows, {"compensated": True}, {"compensated": True, "window": 16})

    def _statistic(self) -> Statistic:
        return mean_of(squared_error)


class RMSE(MeanMetric):
    """Root mean squared error, in the unit of the signal.

        RMSE = sqrt(1/n sum (y - f)^2)

    Parameters
    ----------
    window, halflife, seconds, halflife_seconds, weighted, steady, compensated, capacity
        Over which pairs, and how: see `streammse.metrics`.

    Examples
    --------
    >>> import streammse as sm
    >>> sm.RMSE().run([3.0, 0.0, 5.0], [0.0, 4.0, 5.0]).round(3)
    array([3.   , 3.536, 2.887])

    References
    ----------
    Hyndman and Koehler, "Another look at measures of forecast accuracy", Int. J. Forecasting 22, 2006, section 2.1.
    """

    def _statistic(self) -> Statistic:
        return mean_of(squared_error, root_mean)


class MAE(MeanMetric):
    """Mean absolute error, in the unit of the signal.

        MAE = 1/n sum |y - f|

    Parameters
    ----------
    window, halflife, seconds, halflife_seconds, weighted, steady, compensated, capacity
        Over which pairs, and how: see `streammse.metrics`.

    Examples
    --------
    >>> import streammse as sm
    >>> sm.MAE(halflife=1.0).run([0.0, 0.0, 0.0], [3.0, 0.0, 0.0]).round(4)
    array([3.    , 1.    , 0.4286])

    References
    ----------
    Hyndman and Koehler, "Another look at measures of forecast accuracy", Int. J. Forecasting 22, 2006, section 2.1.
    """

    def _statistic(self) -> Statistic:
        return mean_of(absolute_error)


class Bias(MeanMetric):
    """Mean of prediction minus truth: positive where predictions are too high.

        bias = 1/n sum (f - y)

    Parameters
    ----------
    window, halflife, seconds, halflife_seconds, weighted, steady, compensated, capacity
        Over which pairs, and how: see `streammse.metrics`.

    Examples
    --------
    >>> import streammse as sm
    >>> sm.Bias().run([1.0, 1.0], [1.5, 2.5])
    array([0.5, 1. ])

    References
    ----------
    Lehmann and Casella, Theory of Point Estimation, 1998, section 2.1.
    """

    def _statistic(self) -> Statistic:
        return mean_of(signed_error)


@helper
def _variance(p, a):  # type: ignore[no-untyped-def]
    return a[2] / a[0] if a[0] > 0.0 else math.nan


class ErrorVariance(Metric):
    """Variance of the error: with the bias it makes up the mean squared error, MSE = bias^2 + variance.

        variance = 1/n sum (e - mean e)^2,      e = f - y

    Parameters
    ----------
    window, halflife, seconds, halflife_seconds, weighted, steady, capacity
        Over which pairs, and how: see `streammse.metrics`. The mean is that of the same pairs.

    Examples
    --------
    >>> import streammse as sm
    >>> sm.ErrorVariance().run([1.0, 1.0, 1.0], [1.5, 2.5, 2.0]).round(4)
    array([0.    , 0.25  , 0.1667])

    References
    ----------
    Lehmann and Casella, Theory of Point Estimation, 1998, section 2.1. Merging variances: Chan, Golub and LeVeque,
    "Updating formulae and a pairwise algorithm for computing sample variances", 1979, eq. 1.5.
    """

    def _statistic(self) -> Statistic:
        return variance_of(signed_error, _variance)


@cache
def _mean_loss(value: Function) -> Statistic:
    @helper
    def term(p, x, d):  # type: ignore[no-untyped-def]
        e = d - x
        return value(e, p[OWN], p[OWN + 1]) if e == e else math.nan  # noqa: PLR0124  (a loss may hide a NaN)

    return mean_of(term)


class MeanLoss(MeanMetric):
    """Mean of any loss: robust relatives of the MSE, or one of your own.

        L = 1/n sum loss(y - f)

    Parameters
    ----------
    loss : Loss
        One of `streammse.losses`, such as ``sm.losses.huber(1.5)``, or one of your own from ``sm.make_loss``. Fixed.
    window, halflife, seconds, halflife_seconds, weighted, steady, compensated, capacity
        Over which pairs, and how: see `streammse.metrics`.

    Examples
    --------
    >>> import streammse as sm
    >>> m = sm.MeanLoss(sm.losses.huber(delta=1.0))
    >>> m.run([0.0, 0.0], [1.0, 100.0])
    array([ 0.5, 50. ])

    References
    ----------
    Huber, "Robust estimation of a location parameter", Ann. Math. Statist. 35, 1964; the others in
    `streammse.kernels.losses`.
    """

    loss: Loss = param(
        losses.squared, "the loss", fixed=True, check=losses.as_loss, encode=lambda one: (one.a, one.b), slot=OWN
    )

    _probes = {**MeanMetric._probes, "loss": {"loss": losses.huber(0.2)}}
    _variants = ({"loss": losses.log_cosh(0.5), "window": 16},)

    @property
    def _fallible(self) -> bool:  # type: ignore[override]
        """A loss of the user's own may raise."""
        return self.loss.given is not None or super()._fallible

    def _statistic(self) -> Statistic:
        return _mean_loss(self.loss.value)


class PinballLoss(MeanMetric):
    """Mean pinball loss of a predicted quantile; half the MAE at the median.

        L = 1/n sum (q (y - f) where y >= f, (1 - q) (f - y) where y < f)

    Parameters
    ----------
    q : float, 0 < q < 1
        The quantile that was predicted.
    window, halflife, seconds, halflife_seconds, weighted, steady, compensated, capacity
        Over which pairs, and how: see `streammse.metrics`.

    Examples
    --------
    >>> import streammse as sm
    >>> sm.PinballLoss(0.9).run([10.0, 10.0], [8.0, 12.0])
    array([1.8, 1. ])

    References
    ----------
    Koenker and Bassett, "Regression quantiles", Econometrica 46, 1978, eq. 3.1.
    """

    q: float = param(0.5, "the quantile that was predicted", above=0.0, below=1.0, slot=OWN)

    def _statistic(self) -> Statistic:
        return _mean_loss(losses.pinball.value)
