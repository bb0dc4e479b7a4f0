"""Error against the power or the variance of the signal: SNR, PSNR, R2, NRMSE."""

from __future__ import annotations

import math

from .._jit import helper
from ..kernels.statistics import Statistic, mean_of, sums, with_variance
from ..param import param
from .base import OWN, MeanMetric, Metric
from .errors import squared_error


@helper
def _decibel(signal, noise):  # type: ignore[no-untyped-def]
    """10 log10(signal / noise); NaN where both are zero."""
    if noise == 0.0:
        return math.inf if signal > 0.0 else math.nan
    if signal == 0.0:
        return -math.inf
    ratio = signal / noise
    if 0.0 < ratio < math.inf:
        return 10.0 * math.log10(ratio)
    return 10.0 * (math.log10(signal) - math.log10(noise))  # beyond the range of a float, or not a number


@helper
def _powers(p, s, x, d):  # type: ignore[no-untyped-def]
    if d != d:  # noqa: PLR0124
        return 0.0, 0.0, 0.0
    return 1.0, d * d, (d - x) * (d - x)


@helper
def _snr(p, a):  # type: ignore[no-untyped-def]
    return _decibel(a[1], a[2])


class SNR(MeanMetric):
    """Signal-to-noise ratio of a cleaned signal in decibels.

        SNR = 10 log10(sum y^2 / sum (y - f)^2)

    The power is that of the signal as it is, its mean included. Infinite for a perfect signal, minus infinity where the
    truth is silent and the prediction is not, NaN where both are silent.

    Parameters
    ----------
    window, halflife, seconds, halflife_seconds, weighted, steady, compensated, capacity
        Over which pairs, and how: see `streammse.metrics`.

    Examples
    --------
    >>> import streammse as sm
    >>> sm.SNR().run([1.0, -1.0, 1.0], [1.1, -0.9, 1.1]).round(2)
    array([20., 20., 20.])

    References
    ----------
    Oppenheim and Schafer, Discrete-Time Signal Processing, 3rd ed., eq. 4.127.
    """

    def _statistic(self) -> Statistic:
        return sums(3, _powers, _snr)


@helper
def _psnr(p, a):  # type: ignore[no-untyped-def]
    return _decibel(p[OWN] * p[OWN], a[1] / a[0]) if a[0] > 0.0 else math.nan


class PSNR(MeanMetric):
    """Peak signal-to-noise ratio in decibels.

        PSNR = 10 log10(peak^2 / MSE)

    Infinite while there is no error.

    Parameters
    ----------
    peak : float, above 0
        The largest value that the signal can take: 255 for bytes, 1 for audio.
    window, halflife, seconds, halflife_seconds, weighted, steady, compensated, capacity
        Over which pairs, and how: see `streammse.metrics`.

    Examples
    --------
    >>> import streammse as sm
    >>> sm.PSNR(peak=255).run([10.0, 200.0], [10.0, 190.0]).round(2)
    array([  inf, 31.14])

    References
    ----------
    Gonzalez and Woods, Digital Image Processing, 4th ed., section 8.1.
    """

    peak: float = param(1.0, "the largest value of the signal", above=0.0, slot=OWN)

    def _statistic(self) -> Statistic:
        return mean_of(squared_error, _psnr)


@helper
def _r2(p, a):  # type: ignore[no-untyped-def]
    return 1.0 - a[3] / a[2] if a[2] > 0.0 else math.nan


class R2(Metric):
    """Coefficient of determination: the share of the truth's variance that the predictions explain.

        R2 = 1 - sum (y - f)^2 / sum (y - mean y)^2

    NaN while the truth is constant (so after one sample): there is no variance to explain.

    Parameters
    ----------
    window, halflife, seconds, halflife_seconds, weighted, steady, capacity
        Over which pairs, and how: see `streammse.metrics`. The mean is that of the same pairs.

    Examples
    --------
    >>> import streammse as sm
    >>> sm.R2().run([1.0, 2.0, 3.0], [1.0, 2.0, 2.0])
    array([nan, 1. , 0.5])

    References
    ----------
    Wright, "Correlation and causation", J. Agric. Res. 20, 1921. Merging variances: Chan, Golub and LeVeque, "Updating
    formulae and a pairwise algorithm for computing sample variances", 1979, eq. 1.5.
    """

    _variants = tuple(over for over in Metric._all_windows if "window" in over)
    _long_variants = tuple(over for over in Metric._all_windows if "window" not in over)

    def _statistic(self) -> Statistic:
        return with_variance(squared_error, _r2)


@helper
def _nrmse(p, a):  # type: ignore[no-untyped-def]
    return math.sqrt(a[3] / a[2]) if a[2] > 0.0 else math.nan


class NRMSE(Metric):
    """Root mean squared error in standard deviations of the truth: 1 for predicting its mean.

        NRMSE = sqrt(sum (y - f)^2 / sum (y - mean y)^2)

    NaN while the truth is constant (so after one sample).

    Parameters
    ----------
    window, halflife, seconds, halflife_seconds, weighted, steady, capacity
        Over which pairs, and how: see `streammse.metrics`. The mean is that of the same pairs.

    Examples
    --------
    >>> import streammse as sm
    >>> sm.NRMSE().run([1.0, 2.0, 3.0], [2.0, 2.0, 2.0]).round(3)
    array([  nan, 1.414, 1.   ])

    References
    ----------
    Ljung, System Identification, 2nd ed., section 17.3: the fit in percent is 100 (1 - NRMSE).
    """

    def _statistic(self) -> Statistic:
        return with_variance(squared_error, _nrmse)
