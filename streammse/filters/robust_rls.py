"""Recursive least squares where outliers count for little."""

from __future__ import annotations

import math

from ..kernels import rls
from ..param import param
from .rls import RLS


def _with_share(c: float) -> tuple[float, float]:
    """The threshold, and the mean of min(z^2, c^2) for a Gaussian z."""
    beyond = math.erfc(c / math.sqrt(2.0))
    return c, 1.0 - beyond - c * math.sqrt(2.0 / math.pi) * math.exp(-0.5 * c * c) + c * c * beyond


class RobustRLS(RLS):
    r"""Recursive least squares with Huber's weights: an outlier in d pulls no further than an error of c sigma.

    .. math::

        e(n) = d(n) - w(n-1)^T x(n), \qquad \omega = \min\left(1, \frac{c\,\hat\sigma}{|e(n)|}\right)

        k = \frac{\omega\, P(n-1)\, x(n)}{\lambda + x(n)^T P(n-1)\, x(n)}, \qquad w(n) = w(n-1) + k\, e(n), \qquad
        P(n) = \frac{1}{\lambda}\, \bigl(P(n-1) - k\, x(n)^T P(n-1)\bigr)

    P is the inverse of the weighted correlation matrix of x, as in `RLS`. Once P is small this is the row with the
    weight omega. At the start, where little is known and a row of small weight would be fitted all the same, it
    bounds what an outlier does: the output changes by no more than c sigma. The scale of the errors is Huber's
    proposal 2, a sample at a time: :math:`\hat\sigma^2` follows :math:`\min(e^2, c^2 \hat\sigma^2)`, divided by its
    mean for Gaussian errors. A single outlier, whatever its size, raises it by (1.55 / memory) at the default
    threshold, and a run of as many outliers as ``memory`` by a factor of 5. It begins with the middle one of the
    first three abs(d), of which nothing is learnt: the first may be an outlier.

    Parameters
    ----------
    taps : int
        Number of taps of each input, at least 1. Fixed.
    forgetting : float
        lambda, as in `RLS`.
    threshold : float
        c, above 0. At 1.345 it keeps 95 % of the efficiency of least squares where the noise is Gaussian; less bounds
        the outliers more tightly.
    memory : float
        Samples over which the scale of the errors is averaged, at least 1: runs of outliers should be far shorter.
        After a change of the path, whose errors look like outliers as well, the scale grows with the time constant
        memory / 1.5.
    regulariser : float
        delta, as in `RLS`.
    references : int
        Number m of input signals, as in `RLS`. Fixed.

    Raises
    ------
    ValueError
        When lambda^n is below exp(-9) for n weights in all.

    Notes
    -----
    Cost: as `RLS`, 1.5 n^2 + O(n) multiplications a sample. The kernel is the same, and so is what it does with poor
    excitation, spikes in x and silence. The scale is never taken to be smaller than 1e-4 of the size of d, so that a
    filter which fits without any noise still learns a change.

    References
    ----------
    P. J. Huber and E. M. Ronchetti, Robust Statistics, 2nd ed., 2009, sections 6.4 and 7.8.
    Y. Zou, S. C. Chan and T. S. Ng, "A recursive least M-estimate (RLM) adaptive filter for robust filtering in impulse
    noise", IEEE Signal Processing Letters 7, 2000, pp. 324-326 (the weighted recursion; their scale is a median).

    Examples
    --------
    >>> import numpy as np, streammse as sm
    >>> rng = np.random.default_rng(0)
    >>> x = rng.standard_normal(3000)
    >>> d = np.convolve(x, [1.0, -0.5, 0.25])[:3000] + 0.01 * rng.standard_normal(3000)
    >>> d[2500:2510] += 1000.0
    >>> robust, plain = sm.RobustRLS(taps=3), sm.RLS(taps=3)
    >>> _ = robust.run(x, d), plain.run(x, d)
    >>> robust.weights.round(2).tolist()
    [1.0, -0.5, 0.25]
    >>> bool(abs(plain.weights - [1.0, -0.5, 0.25]).max() > 1.0)
    True
    """

    threshold: float = param(
        1.345, "errors count in full up to so many of their standard deviations", above=0.0, slot=rls.THRESHOLD,
        encode=_with_share,
    )  # fmt: skip
    memory: float = param(100.0, "samples over which the scale of the errors is averaged", low=1.0, slot=rls.MEMORY)

    _omits = ("complex",)
    _variants = ()
