"""Weights pulled towards zero, for paths of which most taps are zero: ZA-LMS and RZA-LMS."""

from __future__ import annotations

from typing import Any, ClassVar

from ..kernels import vector_rules
from ..param import param
from .ruled import RuledFilter


class ZALMS(RuledFilter):
    r"""Zero-attracting LMS: every weight is pulled towards zero, so that those which should be zero stay there.

    .. math::

        w(n+1) = w(n) + \mu\, \frac{e(n)\, x(n)}{\|x(n)\|^2 + \delta(n)}
        - \frac{\mu\kappa}{n}\, u(n) \operatorname{sgn}(w(n))

    It descends the squared error and the sum of the absolute weights. The paper has the step of LMS and a pull in the
    unit of a weight. Here the step is that of NLMS, and the pull is relative to u(n), the typical size of a weight: the
    rms of d over that of the input. So the defaults work for signals of any scale.

    Parameters
    ----------
    taps : int
        Number of taps n of each input, at least 1. Fixed.
    mu : float
        Step size, without unit, 0 <= mu <= 2; it is stable for 0 < mu < 2 whatever the input.
    attraction : float
        kappa, 0 <= attraction, relative to u: on white input a weight that is not zero ends so much too small. On
        coloured input it is more, where the input is weak. With 0 it is `NLMS`.
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
    Where d is missing, or in a quiet passage, nothing is pulled either: silence does not empty the filter.

    Cost: 3 n multiplications and n divisions a sample for n weights in all.

    References
    ----------
    Y. Chen, Y. Gu and A. O. Hero, "Sparse LMS for system identification", ICASSP 2009, pp. 3125-3128.

    Examples
    --------
    >>> import numpy as np, streammse as sm
    >>> rng = np.random.default_rng(0)
    >>> x = rng.standard_normal(20_000)
    >>> d = np.convolve(x, [0.0] * 20 + [1.0])[:20_000] + 0.1 * rng.standard_normal(20_000)
    >>> f, g = sm.ZALMS(taps=64, attraction=0.02), sm.NLMS(taps=64)
    >>> y, other = f.run(x, d), g.run(x, d)
    >>> bool(np.abs(f.weights[:20]).mean() < 0.7 * np.abs(g.weights[:20]).mean())
    True
    """

    attraction: float = param(5e-3, "kappa: the pull, relative to a weight", low=0.0, slot=vector_rules.PULL)

    _rule = vector_rules.attracted
    _worst = "taps * references"
    _variants: ClassVar[tuple[dict[str, Any], ...]] = ({"references": 2},)

    def _more(self) -> int:
        return 0


class RZALMS(ZALMS):
    r"""Reweighted zero-attracting LMS: small weights are pulled, large ones hardly.

    .. math::

        w(n+1) = w(n) + \mu\, \frac{e(n)\, x(n)}{\|x(n)\|^2 + \delta(n)}
        - \frac{\mu\kappa}{n}\, u(n) \frac{\operatorname{sgn}(w(n))}{1 + \varepsilon |w(n)| / u(n)}

    It descends the squared error and the sum of log(1 + epsilon |w| / u), which is nearer to the number of weights that
    are not zero: so it is far less biased than `ZALMS`. Step and pull are relative, as there.

    Parameters
    ----------
    taps : int
        Number of taps n of each input, at least 1. Fixed.
    mu : float
        Step size, without unit, 0 <= mu <= 2; it is stable for 0 < mu < 2 whatever the input.
    attraction : float
        kappa, 0 <= attraction, as in `ZALMS`.
    reweighting : float
        epsilon, 0 <= reweighting: weights beyond u / epsilon are pulled less. With 0 it is `ZALMS`.
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
    Where d is missing, or in a quiet passage, nothing is pulled either: silence does not empty the filter.

    Cost: 3 n multiplications and n divisions a sample for n weights in all.

    References
    ----------
    Y. Chen, Y. Gu and A. O. Hero, "Sparse LMS for system identification", ICASSP 2009, pp. 3125-3128.
    E. J. Candes, M. B. Wakin and S. P. Boyd, "Enhancing sparsity by reweighted l1 minimization", Journal of Fourier
    Analysis and Applications 14, 2008, pp. 877-905.

    Examples
    --------
    >>> import numpy as np, streammse as sm
    >>> rng = np.random.default_rng(0)
    >>> x = rng.standard_normal(20_000)
    >>> d = np.convolve(x, [0.0] * 20 + [1.0])[:20_000] + 0.1 * rng.standard_normal(20_000)
    >>> f, g = sm.RZALMS(taps=64), sm.NLMS(taps=64)
    >>> y, other = f.run(x, d), g.run(x, d)
    >>> bool(np.abs(f.weights[:20]).mean() < 0.7 * np.abs(g.weights[:20]).mean())
    True
    """

    attraction: float = 0.02
    reweighting: float = param(
        10.0, "epsilon: how much less large weights are pulled", low=0.0, slot=vector_rules.SLOPE
    )

    _variants = ()
