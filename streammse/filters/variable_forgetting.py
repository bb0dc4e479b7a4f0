"""Recursive least squares whose memory is short only while the path changes."""

from __future__ import annotations

from typing import ClassVar

from ..kernels import rls
from ..param import param
from .rls import RLS


class VariableForgettingRLS(RLS):
    r"""Recursive least squares with a forgetting factor that falls when the error grows beyond the noise.

    .. math::

        \lambda(n) = \min\left(\lambda_{\max}, \frac{\hat\sigma_q\, \hat\sigma_v}{\hat\sigma_e - \hat\sigma_v}\right)
        \text{ where } \hat\sigma_e > \gamma\, \hat\sigma_v, \text{ else } \lambda_{\max}

    with sigma_e^2 the mean square of the error over a short while, sigma_v^2 over a long one (the noise), sigma_q^2
    that of q = x' P x over the short one. So a steady path is learnt with a long memory and a low error, and a change
    of the path with a short one.

    Parameters
    ----------
    taps : int
        Number of taps of each input, at least 1. Fixed.
    forgetting : float
        lambda_max, as lambda in `RLS`. The factor falls no further than to exp(-9 / n).
    short : float
        The short while in lengths n of the filter, at least 1.
    long : float
        The long while in lengths n, at least 1: several times ``short``.
    margin : float
        gamma, at least 1: how far the error must rise above the noise, in amplitude. At 1.2 and below, accidents of the
        noise shorten the memory now and then.
    regulariser : float
        delta, as in `RLS`.
    references : int
        Number m of input signals, as in `RLS`. Fixed.

    Raises
    ------
    ValueError
        When lambda_max^n is below exp(-9) for n weights in all.

    Notes
    -----
    Cost: as `RLS`, 1.5 n^2 + O(n) multiplications a sample; the kernel is the same.

    The factor may be small for some n samples only: an error counts in sigma_v^2 for ten times its value at most, so
    that it takes the change of the path for noise within some tens of n samples.

    An outlier in d looks like a change of the path: for those there is `RobustRLS`.

    References
    ----------
    C. Paleologu, J. Benesty and S. Ciochina, "A robust variable forgetting factor recursive least-squares algorithm for
    system identification", IEEE Signal Processing Letters 15, 2008, pp. 597-600.

    Examples
    --------
    >>> import numpy as np, streammse as sm
    >>> rng = np.random.default_rng(0)
    >>> x = rng.standard_normal(4000)
    >>> d = np.convolve(x, [1.0, -0.5])[:4000] + 0.01 * rng.standard_normal(4000)
    >>> d[2000:] *= -1.0
    >>> f = sm.VariableForgettingRLS(taps=2)
    >>> error = d - f.run(x, d)
    >>> bool(abs(error[2100:2200]).max() < 0.1)
    True
    >>> f.weights.round(2).tolist()
    [-1.0, 0.5]
    """

    forgetting: float = 0.9999
    short: float = param(2.0, "the short while in lengths of the filter", low=1.0, slot=rls.SHORT)
    long: float = param(10.0, "the long while in lengths of the filter", low=1.0, slot=rls.LONG)
    margin: float = param(1.5, "how far the error must rise above the noise", low=1.0, slot=rls.MARGIN)

    _omits = ("complex",)
    _variants = ()
    _probes: ClassVar = {
        "forgetting": {"forgetting": 0.99},
        "short": {"short": 4.0, "margin": 1.05},
        "long": {"long": 20.0, "margin": 1.05},
        "margin": {"margin": 1.05, "taps": 2},
    }

    @property
    def forgetting_now(self) -> float:
        """The forgetting factor of the last sample that was learnt."""
        return float(self._s[rls.LAMBDA])
