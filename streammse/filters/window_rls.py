"""Least squares over a sliding window."""

from __future__ import annotations

from typing import Any, ClassVar

from ..kernels import line, window_rls
from ..node import Index
from ..param import param
from .qr_rls import SquareRootFilter


class SlidingWindowRLS(SquareRootFilter):
    r"""Recursive least squares over the last W samples that were learnt, each with the same weight, and no others.

    .. math::

        w(n) = \arg\min_w \sum_{i=n-W+1}^{n} (d(i) - w^T x(i))^2 + \delta\, \sigma_x^2\, \|w - w_0\|^2

    After a change of the path the old one is gone W samples later, where exponential forgetting never quite lets go.

    Parameters
    ----------
    taps : int
        Number of taps of each input, at least 1. Fixed.
    window : int
        W in samples, at least 1. With fewer than 2 n for n weights in all it follows the noise. Fixed.
    regulariser : float
        delta, relative to the power of the input over about the window, above 0: how firmly w is held at w_0, the
        weights of at most W samples ago, where the window does not tell more.
    references : int
        Number m of input signals, as in `RLS`. Fixed.

    Notes
    -----
    Cost: 3 n^2 + O(n) multiplications and 6 n divisions a sample for n weights in all, n^2 numbers of state, and 2 W
    for each input. A new row is rotated into the triangle of `QRRLS`, and one that has left the window out of it.
    Rounding would leave traces of rows that have gone; so a second triangle takes in the new rows alone and takes the
    place of the first every W samples: no error lives longer than that, whatever has been in the window.

    Bursts in the input and silence are treated as in `RLS`; a sample that teaches nothing takes its place in the
    window.

    References
    ----------
    W. M. Gentleman, "Least squares computations by Givens transformations without square roots", J. Inst. Maths Applics
    12, 1973, pp. 329-336.
    A. J. Miller, "Algorithm AS 274: Least squares routines to supplement those of Gentleman", Applied Statistics 41,
    1992, pp. 458-478 (a row that is taken out has the weight -1).
    D. Manolakis, F. Ling and J. Proakis, "Efficient time-recursive least-squares algorithms for finite-memory adaptive
    filtering", IEEE Trans. Circuits and Systems 34, 1987, pp. 400-408 (the problem).

    Examples
    --------
    >>> import numpy as np, streammse as sm
    >>> x = np.random.default_rng(0).standard_normal(500)
    >>> d = np.convolve(x, [1.0, -0.5, 0.25])[:500]
    >>> d[250:] *= -1.0
    >>> f = sm.SlidingWindowRLS(taps=3, window=50)
    >>> error = d - f.run(x, d)
    >>> f.weights.round(3).tolist()
    [-1.0, 0.5, -0.25]
    """

    window: int = param(256, "samples W that count", low=1, fixed=True, slot=window_rls.WINDOW)
    regulariser: float = param(
        0.01, "delta, relative to the power of the input", above=0.0, kw_only=True, slot=window_rls.REGULARISER
    )

    _long_variants: ClassVar[tuple[dict[str, Any], ...]] = ({"taps": 5, "references": 2, "window": 17},)

    def _steps(self) -> line.Steps:
        return line.steps(window_rls.learn, forget=window_rls.forget)

    def _size(self) -> int:
        return window_rls.size(self.taps, self.references, self.window)

    def _indices(self) -> list[Index]:
        places: list[Index] = [(window_rls.SIDE, 0, 1), (window_rls.FULL, 0, 1)]
        return [*super()._indices(), (window_rls.PLACE, 0, self.window - 1), *places]

    def _triangles(self) -> tuple[int, ...]:
        first = window_rls.start(self.taps, self.references, self.window)
        second = (first + self._s.size) // 2
        return (second, first) if self._s[window_rls.SIDE] else (first, second)
