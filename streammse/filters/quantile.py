"""The quantile filter: what the output should exceed with a chosen probability."""

from __future__ import annotations

from ..kernels import fir, losses
from ..param import param
from .gradient import GradientFilter


class PinballLMS(GradientFilter):
    r"""Pinball LMS: follows a quantile of d given x instead of its mean.

    .. math::

        w(n+1) = w(n) + \mu\, (q - [e(n) < 0])\, x(n)

    The weights settle where a share q of the samples d lies below the output. A quantile of the noise itself needs an
    input that is constant: give a reference of ones.

    Parameters
    ----------
    taps : int
        Number of taps n of each input, at least 1. Fixed.
    mu : float
        Step size, 0 <= mu, in the unit of a weight over a sample. The update is bounded whatever mu, but the error of
        the steady state grows with it. Where that exceeds the signal it counts as a divergence, as in `SignErrorLMS`;
        an output far off the mean that the quantile asks for does not.
    q : float
        The quantile, 0 < q < 1; q = 0.5 is sign-error LMS with half the step.
    references : int
        Number m of input signals; with more than one, a sample of x has m values and ``weights`` has shape (m, taps).
        Fixed.
    on_divergence : {"reset", "raise", "hold"}
        What follows a divergence, as in `LMS`.

    Raises
    ------
    FloatingPointError
        On divergence, with ``on_divergence="raise"``.

    Notes
    -----
    Cost: 2 n + O(1) multiplications a sample for n weights in all.

    References
    ----------
    R. Koenker and G. Bassett, "Regression quantiles", Econometrica 46, 1978, pp. 33-50.

    Examples
    --------
    >>> import numpy as np, streammse as sm
    >>> rng = np.random.default_rng(0)
    >>> x = np.column_stack([rng.standard_normal(50_000), np.ones(50_000)])
    >>> d = 2.0 * x[:, 0] + rng.uniform(0.0, 1.0, 50_000)
    >>> f = sm.PinballLMS(taps=1, mu=0.001, q=0.9, references=2)
    >>> error = d - f.run(x, d)
    >>> f.weights.round(1).tolist()  # the slope, and the upper decile of the noise
    [[2.0], [0.9]]
    """

    q: float = param(0.5, "quantile", above=0.0, below=1.0, slot=fir.A)

    _loss = losses.pinball
