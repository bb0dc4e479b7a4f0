"""The robust family: LMS whose score grows no further, or falls, where the error is an outlier."""

from __future__ import annotations

from ..kernels import fir, losses
from ..param import param
from .gradient import GradientFilter


class HuberLMS(GradientFilter):
    r"""Huber LMS: as LMS up to an error of delta, and no further.

    .. math::

        w(n+1) = w(n) + \mu\, \max(-\delta, \min(\delta, e(n)))\, x(n)

    Parameters
    ----------
    taps : int
        Number of taps n of each input, at least 1. Fixed.
    mu : float
        Step size, 0 <= mu. Where the error is small this is LMS, so the bound of `LMS` holds; `streammse.max_step`
        finds it for given data.
    delta : float
        Where the error is cut, above 0, in the unit of d: it goes with the scale of d, and so do good steps. Some one
        to three standard deviations of the noise, for instance 2 * np.std(d) where the wanted signal is the noise.
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
    P. J. Huber, "Robust estimation of a location parameter", Annals of Mathematical Statistics 35, 1964, pp. 73-101.
    P. Petrus, "Robust Huber adaptive filter", IEEE Trans. Signal Processing 47, 1999, pp. 1129-1133.

    Examples
    --------
    >>> import numpy as np, streammse as sm
    >>> rng = np.random.default_rng(0)
    >>> x = rng.standard_normal(20_000)
    >>> d = np.convolve(x, [0.5, -0.2])[:20_000]
    >>> d[::50] += 1000.0  # every fiftieth sample is spoilt
    >>> f = sm.HuberLMS(taps=2, mu=0.01, delta=0.1)
    >>> error = d - f.run(x, d)
    >>> f.weights.round(1).tolist()
    [0.5, -0.2]
    """

    delta: float = param(1.345, "error from which on the score stays the same, in the unit of d", above=0.0, slot=fir.A)

    _loss = losses.huber


class LogCoshLMS(GradientFilter):
    r"""Log-cosh LMS: a smooth form of Huber LMS.

    .. math::

        w(n+1) = w(n) + \mu\, a \tanh(e(n) / a)\, x(n)

    Parameters
    ----------
    taps : int
        Number of taps n of each input, at least 1. Fixed.
    mu : float
        Step size, 0 <= mu. Where the error is small this is LMS, so the bound of `LMS` holds; `streammse.max_step`
        finds it for given data.
    a : float
        Where the score saturates, above 0, in the unit of d: some one to three standard deviations of the noise.
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
    S. Wang, W. Wang, K. Xiong, H. H. C. Iu and C. K. Tse, "Logarithmic hyperbolic cosine adaptive filter and its
    performance analysis", IEEE Trans. Systems, Man, and Cybernetics: Systems 51, 2021, pp. 2512-2524.

    Examples
    --------
    >>> import numpy as np, streammse as sm
    >>> rng = np.random.default_rng(0)
    >>> x = rng.standard_normal(20_000)
    >>> d = np.convolve(x, [0.5, -0.2])[:20_000]
    >>> d[::50] += 1000.0  # every fiftieth sample is spoilt
    >>> f = sm.LogCoshLMS(taps=2, mu=0.01, a=0.1)
    >>> error = d - f.run(x, d)
    >>> f.weights.round(1).tolist()
    [0.5, -0.2]
    """

    a: float = param(1.0, "error at which the score saturates, in the unit of d", above=0.0, slot=fir.A)

    _loss = losses.log_cosh


class MCCLMS(GradientFilter):
    r"""Maximum-correntropy LMS: an error far beyond sigma teaches nothing.

    .. math::

        w(n+1) = w(n) + \mu\, \exp\!\left(-\frac{e(n)^2}{2\sigma^2}\right) e(n)\, x(n)

    Parameters
    ----------
    taps : int
        Number of taps n of each input, at least 1. Fixed.
    mu : float
        Step size, 0 <= mu. Where the error is small this is LMS, so the bound of `LMS` holds.
    sigma : float
        Width of the kernel, above 0, in the unit of d. If the errors at the start lie far beyond it, the filter never
        starts to learn: some two to five standard deviations of the error, with weights of zero that of d.
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
    A. Singh and J. C. Principe, "Using correntropy as a cost function in linear adaptive filters", Int. Joint Conf. on
    Neural Networks, 2009, pp. 2950-2955.
    B. Chen, L. Xing, J. Liang, N. Zheng and J. C. Principe, "Steady-state mean-square error analysis for adaptive
    filtering under the maximum correntropy criterion", IEEE Signal Processing Letters 21, 2014, pp. 880-884.

    Examples
    --------
    >>> import numpy as np, streammse as sm
    >>> rng = np.random.default_rng(0)
    >>> x = rng.standard_normal(20_000)
    >>> d = np.convolve(x, [0.5, -0.2])[:20_000]
    >>> d[::50] += 1000.0  # every fiftieth sample is spoilt
    >>> f = sm.MCCLMS(taps=2, mu=0.01, sigma=1.0)
    >>> error = d - f.run(x, d)
    >>> f.weights.round(1).tolist()
    [0.5, -0.2]
    """

    sigma: float = param(1.0, "width of the kernel, in the unit of d", above=0.0, slot=fir.A)

    _loss = losses.correntropy


class GMCCLMS(GradientFilter):
    r"""LMS under the generalised maximum-correntropy criterion: the kernel exp(-lam abs(e)^alpha).

    .. math::

        w(n+1) = w(n) + \mu\, \alpha\lambda\, e^{-\lambda |e(n)|^\alpha}\, |e(n)|^{\alpha-1} \operatorname{sgn}(e(n))\,
        x(n)

    alpha = 2 and lam = 1 / (2 sigma^2) give `MCCLMS` with its step divided by sigma^2; alpha = 4 suits noise with light
    tails, alpha = 1 noise with heavy ones.

    Parameters
    ----------
    taps : int
        Number of taps n of each input, at least 1. Fixed.
    mu : float
        Step size, 0 <= mu. The papers' eta is mu alpha lam. For alpha >= 2 the score is bounded and steepest at a
        finite error; `streammse.max_step` finds the bound for given data.
    alpha : float
        Shape of the kernel, above 0. Below 1 the score has no bound at zero.
    lam : float
        Its width, above 0, in the unit of d to the power of -alpha: an error far beyond lam^(-1/alpha) teaches nothing.
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
    B. Chen, L. Xing, H. Zhao, N. Zheng and J. C. Principe, "Generalized correntropy for robust adaptive filtering",
    IEEE Trans. Signal Processing 64, 2016, pp. 3376-3387.

    Examples
    --------
    >>> import numpy as np, streammse as sm
    >>> rng = np.random.default_rng(0)
    >>> x = rng.standard_normal(20_000)
    >>> d = np.convolve(x, [0.5, -0.2])[:20_000]
    >>> d[::50] += 1000.0  # every fiftieth sample is spoilt
    >>> f = sm.GMCCLMS(taps=2, mu=0.01, alpha=2.0, lam=0.5)
    >>> error = d - f.run(x, d)
    >>> f.weights.round(1).tolist()
    [0.5, -0.2]
    """

    alpha: float = param(2.0, "shape of the kernel", above=0.0, slot=fir.A)
    lam: float = param(0.5, "width of the kernel, in the unit of d to the power of -alpha", above=0.0, slot=fir.B)

    _loss = losses.gmcc
