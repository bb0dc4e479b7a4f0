"""Steps in proportion to the weights, for paths of which few taps are large: PNLMS and IPNLMS."""

from __future__ import annotations

from ..kernels import vector_rules
from ..param import param
from .ruled import RuledFilter


class PNLMS(RuledFilter):
    r"""Proportionate NLMS: a large weight takes larger steps, so that a sparse path is learnt sooner.

    .. math::

        w(n+1) = w(n) + \mu\, \frac{e(n)\, G(n)\, x(n)}{x(n)^T G(n)\, x(n) + \delta(n)}, \qquad
        g_i \propto \max(\rho \max(\delta_p, \|w\|_\infty), |w_i|)

    The gains g are one on average, and G has them on its diagonal. delta_p is 0.01 of the typical size of a weight, the
    rms of d over that of the input, where the paper has 0.01: so the defaults work for signals of any scale.

    Parameters
    ----------
    taps : int
        Number of taps n of each input, at least 1. Fixed.
    mu : float
        Step size, without unit, 0 <= mu <= 2. Below 2 it is stable for gains that stay, but these follow the weights:
        up to 0.5 it settles on any path; beyond about 1, or 1.5 with 8 taps, it does not settle on a dispersive path
        unless ``share`` is larger (at mu = 1.9 its error has up to twice the power of d).
    share : float
        rho, 0 < rho <= 1: no weight has less than this share of the gain of the largest. With 1 it is `NLMS`.
    regulariser : float
        delta relative to the average energy in the line, 0 <= regulariser, as in `NLMS`.
    references : int
        Number m of input signals; with more than one, a sample of x has m values and ``weights`` has shape (m, taps).
        Fixed.

    Raises
    ------
    ValueError
        When a parameter is out of its range.

    Notes
    -----
    Very fast at the start on a sparse path, slower than `NLMS` on a dispersive one and in its last decibels: `IPNLMS`
    is neither.

    Cost: 5 n multiplications a sample for n weights in all.

    References
    ----------
    D. L. Duttweiler, "Proportionate normalized least-mean-squares adaptation in echo cancelers", IEEE Trans. Speech and
    Audio Processing 8, 2000, pp. 508-518.
    P. S. R. Diniz, Adaptive Filtering, 4th ed., 2013, ch. 4.

    Examples
    --------
    >>> import numpy as np, streammse as sm
    >>> path = np.zeros(64)
    >>> path[[5, 40]] = 1.0, -0.5
    >>> x = np.random.default_rng(0).standard_normal(300)
    >>> d = np.convolve(x, path)[:300]
    >>> f, g = sm.PNLMS(taps=64), sm.NLMS(taps=64)
    >>> e, other = d - f.run(x, d), d - g.run(x, d)
    >>> bool((e[100:] ** 2).mean() < 0.2 * (other[100:] ** 2).mean())
    True
    """

    share: float = param(
        0.01, "rho: the least gain, relative to the largest", above=0.0, high=1.0, slot=vector_rules.SHARE
    )

    _rule = vector_rules.proportionate
    _worst = "taps * references"
    _variants = ({"references": 2},)


class IPNLMS(RuledFilter):
    r"""Improved proportionate NLMS: a part of each step in proportion to the weight, a part even for all.

    .. math::

        w(n+1) = w(n) + \mu\, \frac{e(n)\, G(n)\, x(n)}{x(n)^T G(n)\, x(n) + \delta(n)}, \qquad
        g_i = \alpha + (1 - \alpha) \frac{n\, |w_i|}{\|w\|_1}

    The gains g are one on average, and G has them on its diagonal. The paper writes alpha as (1 - kappa) / 2 and has
    gains that are 1 / n on average, which makes no difference but to delta.

    Parameters
    ----------
    taps : int
        Number of taps n of each input, at least 1. Fixed.
    mu : float
        Step size, without unit, 0 <= mu <= 2; below 2 it is stable as long as the gains change slowly.
    even : float
        alpha, 0 < alpha <= 1: what of the gain is the same for all. With 1 it is `NLMS`; 0.25 is the kappa = 0.5, 0.5
        the kappa = 0 and 0.75 the kappa = -0.5 of the paper.
    regulariser : float
        delta relative to the average energy in the line, 0 <= regulariser, as in `NLMS`.
    references : int
        Number m of input signals; with more than one, a sample of x has m values and ``weights`` has shape (m, taps).
        Fixed.

    Raises
    ------
    ValueError
        When a parameter is out of its range.

    Notes
    -----
    On a sparse path nearly as fast as `PNLMS`, on a dispersive one as `NLMS`.

    Cost: 5 n multiplications a sample for n weights in all.

    References
    ----------
    J. Benesty and S. L. Gay, "An improved PNLMS algorithm", ICASSP 2002, pp. 1881-1884.

    Examples
    --------
    >>> import numpy as np, streammse as sm
    >>> path = np.zeros(64)
    >>> path[[5, 40]] = 1.0, -0.5
    >>> x = np.random.default_rng(0).standard_normal(300)
    >>> d = np.convolve(x, path)[:300]
    >>> f, g = sm.IPNLMS(taps=64), sm.NLMS(taps=64)
    >>> e, other = d - f.run(x, d), d - g.run(x, d)
    >>> bool((e[100:] ** 2).mean() < 0.5 * (other[100:] ** 2).mean())
    True
    """

    even: float = param(
        0.5, "alpha: the part of the gain that is the same for all", above=0.0, high=1.0, slot=vector_rules.EVEN
    )

    _rule = vector_rules.proportionate
    _worst = "taps * references"
