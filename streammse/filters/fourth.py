"""The least-mean-fourth family: better than LMS where the noise has lighter tails than a Gaussian."""

from __future__ import annotations

from ..kernels import fir, losses
from ..param import param
from .gradient import GradientFilter, regulariser


class LMF(GradientFilter):
    r"""Least mean fourth: descends the fourth power of the error.

    .. math::

        w(n+1) = w(n) + \mu\, e(n)^3\, x(n)

    With uniform, binary or sinusoidal noise its steady state beats that of LMS at the same speed; with outliers it
    diverges: its stability depends on the size of the error, that of the start included. `NLMF` does not have this
    weakness.

    Parameters
    ----------
    taps : int
        Number of taps n of each input, at least 1. Fixed.
    mu : float
        Step size, 0 <= mu, in the unit of one over the power of the input times that of the error. It stays stable
        for about mu < 1 / (1.5 n P E[e^2]), P the power of the input and E[e^2] that of the error at the start;
        `streammse.max_step` finds the step for given data.
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
    For small mu the excess mean squared error is mu tr(R) E[v^6] / (6 E[v^2]), v the noise (Sayed, ch. 18).

    Cost: 2 n + O(1) multiplications a sample for n weights in all.

    References
    ----------
    E. Walach and B. Widrow, "The least mean fourth (LMF) adaptive algorithm and its family", IEEE Trans. Information
    Theory 30, 1984, pp. 275-283.
    V. H. Nascimento and J. C. M. Bermudez, "Probability of divergence for the least-mean fourth algorithm", IEEE Trans.
    Signal Processing 54, 2006, pp. 1376-1385.
    A. H. Sayed, Adaptive Filters, 2008, ch. 12 and 18.

    Examples
    --------
    >>> import numpy as np, streammse as sm
    >>> rng = np.random.default_rng(0)
    >>> x = rng.standard_normal(20_000)
    >>> d = np.convolve(x, [0.5, -0.2])[:20_000] + rng.choice([-0.3, 0.3], 20_000)
    >>> f = sm.LMF(taps=2, mu=0.01)
    >>> error = d - f.run(x, d)
    >>> f.weights.round(1).tolist()
    [0.5, -0.2]
    """

    mu: float = param(1e-4, "step size", low=0.0, slot=fir.MU)

    _loss = losses.quartic


class NLMF(GradientFilter):
    r"""Normalised least mean fourth, in the form that is stable whatever the input, the noise and the start.

    .. math::

        w(n+1) = w(n) + \mu\, \frac{e(n)^3\, x(n)}{E(n)\,(E(n) + e(n)^2)}, \qquad E(n) = \|x(n)\|^2 + \delta(n)

    The normalisation is of fourth order in the input and of second in the error: for a small error this is LMF with a
    step of mu / E^2, for a large one NLMS with a step of mu. Normalised by the input alone, LMF stays unstable for
    large errors.

    Parameters
    ----------
    taps : int
        Number of taps n of each input, at least 1. Fixed.
    mu : float
        Step size, 0 <= mu <= 2, without unit. The update never exceeds that of NLMS, so it is stable for mu < 2. As the
        error becomes small beside the energy in the line it learns slowly.
    regulariser : float
        delta relative to the average energy in the line, 0 <= regulariser, as in `NLMS`.
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
    E. Eweda and N. J. Bershad, "Stochastic analysis of a stable normalized least mean fourth algorithm for adaptive
    noise canceling with a white Gaussian reference", IEEE Trans. Signal Processing 60, 2012, pp. 6235-6244.

    Examples
    --------
    >>> import numpy as np, streammse as sm
    >>> rng = np.random.default_rng(0)
    >>> x = rng.standard_normal(50_000)
    >>> d = np.convolve(x, [5.0, -2.0])[:50_000] + rng.choice([-0.3, 0.3], 50_000)
    >>> f = sm.NLMF(taps=2, mu=0.05)
    >>> error = d - f.run(x, d)
    >>> f.weights.round(0).tolist()
    [5.0, -2.0]
    """

    mu: float = param(0.5, "step size", low=0.0, high=2.0, slot=fir.MU)
    regulariser: float = regulariser()

    _loss = losses.quartic
    _gain = fir.fourth_gain
