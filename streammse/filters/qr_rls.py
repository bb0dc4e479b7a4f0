"""Recursive least squares in square-root form."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..kernels import line, qr_rls, triangle
from ..param import param
from .transversal import TransversalFilter


class SquareRootFilter(TransversalFilter):
    """A filter whose weights lie in triangles of ``kernels/triangle.py``, solved for when somebody asks."""

    _worst = "(taps * references) ** 2"

    def _triangles(self) -> tuple[int, ...]:
        """Where they begin in the state, that of the output first."""
        raise NotImplementedError

    @property
    def weights(self) -> NDArray[np.float64]:
        """The weights, newest tap first: shape (taps,), or (references, taps). A copy; assign to set them."""
        return line.newest_first(triangle.weights(self._s, self._triangles()[0], self._total), self.references)

    @weights.setter
    def weights(self, values: ArrayLike) -> None:
        given = line.oldest_first(self._checked_weights(values), self.references)
        for at in self._triangles():
            triangle.set_weights(self._s, at, given)


class QRRLS(SquareRootFilter):
    r"""Recursive least squares by QR decomposition: the solution of `RLS`, to twice the digits.

    .. math::

        \Phi(n) = \lambda \Phi(n-1) + x(n)\,x(n)^T = U^T D\, U, \qquad U w(n) = \bar\theta(n)

    The triangle U of unit diagonal, D and theta are updated by rotations of the new row (x(n), d(n)); no sum of squares
    is formed and none is inverted, so an input whose covariance has condition number kappa costs log10(kappa) / 2
    digits instead of log10(kappa), and D cannot become negative.

    Parameters
    ----------
    taps : int
        Number of taps of each input, at least 1. Fixed.
    forgetting : float
        lambda, 0 < lambda <= 1, as in `RLS`.
    regulariser : float
        delta, as in `RLS`, above 0.
    references : int
        Number m of input signals, as in `RLS`. Fixed.

    Notes
    -----
    Cost: n^2 + O(n) multiplications and 2 n divisions a sample for n weights in all, n^2 / 2 numbers of state. The
    weights are not needed for the output and are solved for when they are asked for: n^2 / 2 more.

    Bursts in the input and silence are treated as in `RLS`. Of no direction less is remembered than 1e-12 of the energy
    of its input: directions that are excited still less keep about what they had.

    References
    ----------
    W. M. Gentleman, "Least squares computations by Givens transformations without square roots", J. Inst. Maths Applics
    12, 1973, pp. 329-336.
    S. Haykin, Adaptive Filter Theory, 5th ed., 2014, ch. 15 (QR-RLS).

    Examples
    --------
    >>> import numpy as np, streammse as sm
    >>> x = np.random.default_rng(0).standard_normal(50)
    >>> d = np.convolve(x, [1.0, -0.5, 0.25])[:50]
    >>> f = sm.QRRLS(taps=3)
    >>> error = d - f.run(x, d)
    >>> f.weights.round(3).tolist()
    [1.0, -0.5, 0.25]
    """

    forgetting: float = param(
        0.999, "weight of the past beside the present", above=0.0, high=1.0, slot=qr_rls.FORGETTING
    )
    regulariser: float = param(
        0.01, "delta, relative to the square of the first sample", above=0.0, kw_only=True, slot=qr_rls.REGULARISER
    )

    _probes: ClassVar = {"forgetting": {"forgetting": 0.99}}
    _variants: ClassVar[tuple[dict[str, Any], ...]] = ({"taps": 5, "references": 2, "forgetting": 0.95},)

    def _steps(self) -> line.Steps:
        return line.steps(qr_rls.learn, forget=qr_rls.forget)

    def _size(self) -> int:
        return qr_rls.size(self.taps, self.references)

    def _triangles(self) -> tuple[int, ...]:
        return (qr_rls.start(self.taps, self.references),)
