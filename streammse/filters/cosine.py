"""DCT-LMS: a step for each coefficient of the cosine transform of the delay line."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..kernels import cosine, line
from ..node import Index
from ..param import param
from .transversal import TransversalFilter


class DCTLMS(TransversalFilter):
    r"""LMS in the domain of the cosine transform: coloured input learnt almost as fast as white.

    .. math::

        C(n) = \mathrm{DCT}\, x(n), \qquad y(n) = W(n)^T C(n), \qquad
        W_k(n+1) = W_k(n) + \frac{\mu}{N}\, \frac{e(n)\, C_k(n)}{P_k(n) + \delta(n)}

    x(n) are the last ``taps`` samples, N their number over all references, P_k the running power of the coefficient.
    The transform nearly decorrelates what is smooth in its spectrum, so a step for each coefficient does what RLS does
    at a higher price.

    Parameters
    ----------
    taps : int
        Number of taps n of each input, at least 1. Fixed.
    mu : float
        Step size, without unit, 0 <= mu <= 2, as in `NLMS`.
    memory : float
        Samples over which the power of each coefficient is averaged, at least 1; some times ``taps``.
    regulariser : float
        delta relative to the running average of the power of the input; at least 0.
    references : int
        Number m of input signals, as in `LMS`. Fixed.

    Raises
    ------
    ValueError, TypeError
        For a parameter out of its range, and by ``run`` for arrays of another shape.

    Notes
    -----
    Cost: about 20 multiplications and a division a tap and sample. The transform slides, with errors that do not
    accumulate.

    N stands for the larger of N and sum C_k^2 / (P_k + delta), so that no step is too long where the power has just
    risen.

    ``weights`` are those of the samples, as everywhere.

    References
    ----------
    S. S. Narayan, A. M. Peterson and M. J. Narasimha, "Transform domain LMS algorithm", IEEE Trans. Acoust. Speech
    Signal Process. 31, 1983, pp. 609-615.
    F. Beaufays, "Transform-domain adaptive filters: an analytical approach", IEEE Trans. Signal Process. 43, 1995,
    pp. 422-431.
    S. Haykin, Adaptive Filter Theory, 5th ed., 2014, ch. 8.4.

    Examples
    --------
    >>> import numpy as np, streammse as sm
    >>> rng = np.random.default_rng(0)
    >>> x = np.convolve(rng.standard_normal(5000), 0.95 ** np.arange(100))[:5000]     # strongly coloured
    >>> d = np.convolve(x, [1.0, -0.5, 0.25])[:5000]
    >>> errors = [np.mean((d - f.run(x, d))[2000:] ** 2) for f in (sm.DCTLMS(16), sm.NLMS(16))]
    >>> bool(errors[0] < 1e-3 * errors[1])
    True
    """

    mu: float = param(0.5, "step size", low=0.0, high=2.0, slot=cosine.MU)
    memory: float = param(
        500.0,
        "samples over which the power of each coefficient is averaged",
        low=1.0,
        kw_only=True,
        encode=lambda value: 1.0 / value,
        slot=cosine.RATE,
    )
    regulariser: float = param(
        1e-6,
        "what is added to the power of a coefficient, relative to that of the input",
        low=0.0,
        kw_only=True,
        slot=cosine.REGULARISER,
    )

    _p_size = cosine.P_SIZE
    _variants: ClassVar = ({"references": 2, "taps": 8},)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._p = np.concatenate([self._p, cosine.tables(self.taps)])

    def _steps(self) -> line.Steps:
        return cosine.steps()

    def _further(self) -> int:
        return 1

    def _more(self) -> int:
        return cosine.VECTORS * self._total

    def _indices(self) -> list[Index]:
        return [*super()._indices(), (cosine.AGE, 0, self.taps - 1)]

    @property
    def weights(self) -> NDArray[np.float64]:
        """The weights, newest tap first: shape (taps,), or (references, taps). A copy; assign to set them."""
        from scipy.fft import idct

        learnt = self._s[line.WEIGHTS : line.WEIGHTS + self._total].reshape(self.references, self.taps)
        w = idct(learnt, norm="ortho")
        return np.ascontiguousarray(w[0] if self.references == 1 else w)

    @weights.setter
    def weights(self, values: ArrayLike) -> None:
        from scipy.fft import dct

        given = self._checked_weights(values)
        self._s[line.WEIGHTS : line.WEIGHTS + self._total] = dct(given, norm="ortho").ravel()
