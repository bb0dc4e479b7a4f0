"""Affine projection, and its set-membership form: NLMS that meets several desired samples at once."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .._jit import Function
from ..kernels import complex_line, complex_projection, line, projection
from ..node import Index
from ..param import param
from ..snapshot import COUNTABLE
from .transversal import TransversalFilter


class _Projection(TransversalFilter):
    """What both have: the order, the regulariser, and weights of which a part waits to be added."""

    order: int = param(4, "number of samples that an update meets", low=1, fixed=True, slot=projection.ORDER)
    regulariser: float = param(
        1e-3,
        "what is added to the diagonal, relative to the running average of the energy in the line",
        low=0.0,
        kw_only=True,
        slot=projection.REGULARISER,
    )

    _p_size = projection.P_SIZE
    _worst = "taps * references * order + order**3"

    def _steps(self) -> line.Steps:
        return line.steps(projection.learning(self.order), projection.further, projection.forget)

    def _more(self) -> int:
        return projection.size(self.taps, self.order)

    def _further(self) -> int:
        return self.order + 1

    def _indices(self) -> list[Index]:
        return [*super()._indices(), (projection.PLACE, 0, self.taps - 1)]

    @property
    def weights(self) -> NDArray[np.float64]:
        """The weights, newest tap first: shape (taps,), or (references, taps). A copy; assign to set them."""
        now = projection.weights(self._s, self._total, self.references, self.order, self._behind)
        return line.newest_first(now, self.references)

    @weights.setter
    def weights(self, values: ArrayLike) -> None:
        given = line.oldest_first(self._checked_weights(values), self.references)
        projection.set_weights(self._s, given, self.references, self.order, self._behind)


class AffineProjection(_Projection):
    r"""Affine projection: NLMS that meets the last ``order`` desired samples at once, not only the newest.

    .. math::

        w(n+1) = w(n) + \mu\, X(n) \left( X(n)^T X(n) + \delta(n) I \right)^{-1} \left( d(n) - X(n)^T w(n) \right)

    The columns of X(n) are the regressors of the last ``order`` samples, d(n) are their desired samples. On coloured
    input NLMS is slow, since its direction, the regressor, is nearly that of the sample before; here what the samples
    before have taught is taken out of it. With order 1 it is NLMS, with the order of an autoregressive input plus 1
    it converges as NLMS does on white input.

    The regulariser delta(n) is relative: ``regulariser`` times the running average of the energy in the line, so the
    defaults work for signals of any scale. While the line fills at the start, its empty places count with the average
    power so far, as in `NLMS`.

    Parameters
    ----------
    taps : int
        Number of taps n of each input, at least 1. Fixed.
    order : int
        Number K of samples that an update meets, at least 1. More than taps times references teach nothing new. Fixed.
    mu : float
        Step size, without unit, 0 <= mu <= 2; it converges for 0 < mu < 2 whatever the input, fastest at 1. Noise is
        amplified with the order: a smaller step takes it back.
    regulariser : float
        delta relative to the average energy in the line, 0 <= regulariser. More of it for noisy d: about the noise
        power over that of the output is a good start.
    references : int
        Number m of input signals; with more than one, a sample of x has m values and ``weights`` has shape (m, taps).
        Fixed.
    complex : bool
        True: x, d, y and the weights are complex, y(n) = w(n)^H x(n), and the transposed matrices above are Hermitian
        ones of the conjugated errors. Fixed.

    Raises
    ------
    ValueError
        When a parameter is out of its range.

    Notes
    -----
    A sample without d is left out of the projection: the next ones meet what is known of the last K. A sample that is
    10,000 times above all before it in d, or makes such an output, teaches nothing (``unlearnt``). Inputs that depend
    on each other (a constant, a copied reference) need no care: where the equations are singular, rounding is kept out
    by a regulariser of 1e-12 of the row.

    Cost: 2 n m multiplications a sample for the weights and (K + 1) m + K^3 / 6 + 2 K^2 for the projection, where the
    textbook has 3 n m K: no regressor is added to the weights more than once, and the Gram matrix is made of running
    sums that never subtract. The output is that of the textbook to rounding. With complex weights it is (8 K + 4) n m
    and (2 K^3 + 8 K^2) / 3, K of its inner products taken anew.

    For white input, a small step and regulariser and n much larger than K the excess mean squared error is about
    mu / (2 - mu) K times the noise power times E[1 / |x|^2] tr(R) (Shin and Sayed; Sayed, ch. 17, for K = 1).

    References
    ----------
    K. Ozeki and T. Umeda, "An adaptive filtering algorithm using an orthogonal projection to an affine subspace and its
    properties", Electronics and Communications in Japan 67-A, 1984, pp. 19-27.
    A. H. Sayed, Adaptive Filters, 2008, ch. 13.
    H.-C. Shin and A. H. Sayed, "Mean-square performance of a family of affine projection algorithms", IEEE Trans.
    Signal Processing 52, 2004, pp. 90-102.
    S. L. Gay and S. Tavathia, "The fast affine projection algorithm", ICASSP 1995, pp. 3023-3026 (the weights delayed).

    Examples
    --------
    >>> import numpy as np, streammse as sm
    >>> x = np.cumsum(np.random.default_rng(0).standard_normal(300))  # as coloured as can be
    >>> d = np.convolve(x, [1.0, -0.5, 0.25])[:300]
    >>> f, slow = sm.AffineProjection(taps=8, order=2), sm.NLMS(taps=8)
    >>> error, slow_error = d - f.run(x, d), d - slow.run(x, d)
    >>> f.weights[:3].round(6).tolist(), slow.weights[:3].round(2).tolist()
    ([1.0, -0.5, 0.25], [0.9, -0.35, 0.17])
    """

    mu: float = param(0.5, "step size", low=0.0, high=2.0, slot=projection.MU)

    complex: bool = param(
        False,
        "whether signals and weights are complex",
        fixed=True,
        kw_only=True,
        slot=complex_projection.IN_COMPLEX,
    )

    _p_size = complex_projection.P_SIZE
    _variants = (
        {"references": 2},
        {"complex": True, "taps": 2, "order": 3, "references": 2},
    )
    _long_variants = ({"taps": 1, "order": 1}, {"complex": True})

    def _is_complex(self) -> bool:
        return self.complex

    def _kernel(self) -> Function:
        return complex_projection.step() if self.complex else super()._kernel()

    def _size(self) -> int:
        if not self.complex:
            return super()._size()
        return complex_line.size(self.taps, self.references, self.order - 1) + complex_projection.size(self.order)

    def _indices(self) -> list[Index]:
        if not self.complex:
            return super()._indices()
        return [(line.POSITION, 0, self.taps + self.order - 2), (line.UNLEARNT, 0, COUNTABLE)]

    @property
    def weights(self) -> NDArray[Any]:
        """The weights, newest tap first: shape (taps,), or (references, taps). A copy; assign to set them.

        Those of a complex filter are complex, and its output is w^H x.
        """
        return complex_projection.weights(self._s, self._total, self.references) if self.complex else super().weights

    @weights.setter
    def weights(self, values: ArrayLike) -> None:
        if self.complex:
            complex_projection.set_weights(self._s, self._checked_weights(values), self.references, self.order)
        else:
            _Projection.weights.fset(self, values)  # type: ignore[attr-defined]


class SMAffineProjection(_Projection):
    r"""Set-membership affine projection: it learns only where the error is beyond a threshold, and only up to it.

    .. math::

        w(n+1) = w(n) + \mu\, X(n) \left( X(n)^T X(n) + \delta(n) I \right)^{-1} s(d(n) - X(n)^T w(n)) \quad
        \text{if } |e(n)| > \gamma(n), \qquad s(e) = e - \max(-\gamma, \min(\gamma, e))

    Any weights with which all errors are within the threshold are as good as any others, so most samples, once it has
    converged, ask for no update. The threshold is relative: gamma(n) is ``threshold`` times the running root mean
    square of d, so the default works for signals of any scale.

    Parameters
    ----------
    taps : int
        Number of taps n of each input, at least 1. Fixed.
    order : int
        Number K of samples that an update meets, at least 1, as in `AffineProjection`. Fixed.
    threshold : float
        gamma relative to the running root mean square of d, 0 <= threshold. About sqrt(5) times the standard deviation
        of the noise, over that of d, is the usual choice. With 0 it is `AffineProjection`.
    mu : float
        Step size, without unit, 0 <= mu <= 2: 1 leaves an error on the threshold, as in the paper.
    regulariser : float
        delta relative to the average energy in the line, 0 <= regulariser.
    references : int
        Number m of input signals, as in `AffineProjection`. Fixed.

    Raises
    ------
    ValueError
        When a parameter is out of its range.

    Notes
    -----
    ``updates`` counts the samples that asked for an update. The bound of each of the last K errors is met exactly (but
    for the regulariser): those within it stay where they are.

    Cost: as `AffineProjection`, with m n weights; a sample without an update saves the K^2 of the solution, not the
    factorisation, on which the samples that follow depend.

    References
    ----------
    S. Werner and P. S. R. Diniz, "Set-membership affine projection algorithm", IEEE Signal Processing Letters 8, 2001,
    pp. 231-235.
    P. S. R. Diniz, Adaptive Filtering, 4th ed., 2013, ch. 6 (SM-AP).

    Examples
    --------
    >>> import numpy as np, streammse as sm
    >>> rng = np.random.default_rng(0)
    >>> x = rng.standard_normal(5000)
    >>> d = np.convolve(x, [1.0, -0.5, 0.25])[:5000] + 0.02 * rng.standard_normal(5000)
    >>> f = sm.SMAffineProjection(taps=8, order=2, threshold=0.05)
    >>> error = d - f.run(x, d)
    >>> f.updates < 500
    True
    """

    threshold: float = param(
        0.1, "error from which on it learns, relative to the rms of d", low=0.0, slot=projection.THRESHOLD
    )

    mu: float = param(1.0, "step size", low=0.0, high=2.0, kw_only=True, slot=projection.MU)

    _variants = ({"references": 2},)

    @property
    def updates(self) -> int:
        """How many samples asked for an update since the start or the last reset."""
        return int(self._s[projection.UPDATES])
