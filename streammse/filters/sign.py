"""The sign family: LMS with signs instead of numbers in its update."""

from __future__ import annotations

from .._jit.instructions import late_sign_sweep
from ..kernels import fir, losses
from .gradient import GradientFilter


class SignErrorLMS(GradientFilter):
    r"""Sign-error LMS: descends the absolute error, so that an outlier counts no more than any other sample.

    .. math::

        w(n+1) = w(n) + \mu\, \operatorname{sgn}(e(n))\, x(n)

    Parameters
    ----------
    taps : int
        Number of taps n of each input, at least 1. Fixed.
    mu : float
        Step size, 0 <= mu, in the unit of a weight over a sample. The update is bounded, so the weights cannot run away
        whatever mu (`streammse.max_step` is infinite), but the error of the steady state grows with mu: from some
        ``s / (n P)`` on, s the standard deviation of d and P the power of x, it exceeds d. That counts as a divergence.
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
    For Gaussian input and noise of power s^2 the excess mean squared error is a/2 (a + sqrt(a^2 + 4 s^2)) with
    a = sqrt(pi / 8) mu tr(R) (Sayed, ch. 18).

    Cost: 2 n + O(1) multiplications a sample for n weights in all.

    References
    ----------
    A. Gersho, "Adaptive filtering with binary reinforcement", IEEE Trans. Information Theory 30, 1984, pp. 191-199.
    A. H. Sayed, Adaptive Filters, 2008, ch. 12 (algorithm) and 18 (steady state).

    Examples
    --------
    >>> import numpy as np, streammse as sm
    >>> rng = np.random.default_rng(0)
    >>> x = rng.standard_normal(20_000)
    >>> d = 0.5 * x
    >>> d[::50] += 1000.0  # every fiftieth sample is spoilt
    >>> f = sm.SignErrorLMS(taps=1, mu=0.001)
    >>> error = d - f.run(x, d)
    >>> f.weights.round(1).tolist()
    [0.5]
    """

    _loss = losses.absolute


class SignDataLMS(GradientFilter):
    r"""Sign-data (clipped) LMS: the signs of the input instead of the input, which saves the multiplications.

    .. math::

        w(n+1) = w(n) + \mu\, e(n)\, \operatorname{sgn}(x(n))

    Parameters
    ----------
    taps : int
        Number of taps n of each input, at least 1. Fixed.
    mu : float
        Step size, 0 <= mu. For Gaussian input of standard deviation s it is stable in the mean square for
        mu < sqrt(8 / pi) / (n s) if regressors were independent; those of one delay line take about a fifth off. See
        `streammse.max_step`.
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
    For Gaussian input the excess mean squared error is mu n s_e^2 / (2 c - mu n) with c = sqrt(2 / pi) / s and s_e^2
    the power of the noise. There are inputs, though not Gaussian ones, for which it diverges with every step.

    Cost: 2 n + O(1) multiplications a sample for n weights in all.

    References
    ----------
    J. L. Moschner, "Adaptive filter with clipped input data", technical report 6796-1, Stanford University, 1970.
    P. S. R. Diniz, Adaptive Filtering, 4th ed., 2013, ch. 4.

    Examples
    --------
    >>> import numpy as np, streammse as sm
    >>> x = np.random.default_rng(0).standard_normal(5000)
    >>> f = sm.SignDataLMS(taps=2, mu=0.02)
    >>> error = 0.5 * x - f.run(x, 0.5 * x)
    >>> (f.weights.round(3) + 0.0).tolist()
    [0.5, 0.0]
    """

    _sweep = late_sign_sweep
    _regressor = fir.sign


class SignSignLMS(GradientFilter):
    r"""Sign-sign LMS: nothing but signs, as in the equalisers of the ADPCM standard.

    .. math::

        w(n+1) = w(n) + \mu\, \operatorname{sgn}(e(n))\, \operatorname{sgn}(x(n))

    Parameters
    ----------
    taps : int
        Number of taps n of each input, at least 1. Fixed.
    mu : float
        Step size, 0 <= mu: by so much each weight moves at every sample. The update is bounded whatever mu, but the
        error of the steady state grows with it and may exceed d, which counts as a divergence, as in `SignErrorLMS`.
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
    There are inputs for which the weights drift although the update is bounded (Dasgupta and Johnson).

    Cost: 2 n + O(1) multiplications a sample for n weights in all.

    References
    ----------
    R. W. Lucky, "Techniques for adaptive equalization of digital communication systems", Bell System Technical Journal
    45, 1966, pp. 255-286.
    S. Dasgupta and C. R. Johnson, "Some comments on the behavior of sign-sign adaptive identifiers", Systems and
    Control Letters 7, 1986, pp. 75-82.

    Examples
    --------
    >>> import numpy as np, streammse as sm
    >>> x = np.random.default_rng(0).standard_normal(5000)
    >>> f = sm.SignSignLMS(taps=1, mu=0.001)
    >>> error = 0.5 * x - f.run(x, 0.5 * x)
    >>> f.weights.round(2).tolist()
    [0.5]
    """

    _loss = losses.absolute
    _sweep = late_sign_sweep
    _regressor = fir.sign
