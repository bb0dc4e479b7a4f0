"""Recursive least squares in O(n): the lattice."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .._jit import Function
from ..kernels import lattice, rising
from ..node import Index, Predictor, real_array
from ..param import param
from ..snapshot import COUNTABLE
from .rls import remember


class LatticeRLS(Predictor):
    r"""The least-squares lattice: the output of `RLS` for the price of a gradient filter, on one input.

    .. math::

        \eta_{m+1}(n) = \eta_m(n) + \kappa^f_m\, \beta_m(n-1), \quad
        \beta_{m+1}(n) = \beta_m(n-1) + \kappa^b_m\, \eta_m(n), \quad
        y(n) = \sum_m h_m\, \beta_m(n)

    with eta and beta the errors of predicting x(n) from the m samples after x(n-m-1), and that sample from the m after
    it: each stage is least squares in one unknown. Every coefficient is corrected by the a-priori error that it leaves.

    Parameters
    ----------
    taps : int
        Number of taps n, at least 1. Fixed.
    forgetting : float
        lambda, exp(-9 / n) <= lambda <= 1, as in `RLS`.
    regulariser : float
        delta, as in `RLS`, above 0; for tap m (0 is the newest) it is delta lambda^-m x_0^2.

    Raises
    ------
    ValueError
        When lambda^n is below exp(-9).

    Notes
    -----
    Cost: 18 n multiplications and 2 n divisions a sample, stage after stage: it is faster than `RLS` from about 128
    taps on, by 4 times at 512. State: 8 n numbers.

    The outputs and the weights are those of `RLS`, to rounding. The lattice sees x as a series and can leave no row
    out:

    - Where d is missing the output takes its place, and so the weights stay as they are while what was learnt before is
      forgotten.
    - A spike in the input counts in full: it is forgotten after as many times 1 / (1 - lambda) samples as its power is
      e-folds above that of the input.

    A fast transversal filter has these outputs for half of the arithmetic, but breaks down on a sine, a pause, a spike
    even where it is stabilised (tests/soak/test_least_squares.py shows it), so there is none here.

    Silence, and pauses 80 dB below the level, are treated as in `RLS`. No energy of an error of prediction is taken to
    be less than 1e-12 of that of the input. ``weights`` take n^2 multiplications when somebody asks for them.

    References
    ----------
    F. Ling, D. Manolakis and J. G. Proakis, "Numerically robust least-squares lattice-ladder algorithms with direct
    updating of the reflection coefficients", IEEE Trans. Acoustics, Speech, and Signal Processing 34, 1986, pp.
    837-845.
    S. Haykin, Adaptive Filter Theory, 5th ed., 2014, ch. 16.

    Examples
    --------
    >>> import numpy as np, streammse as sm
    >>> x = np.random.default_rng(0).standard_normal(500)
    >>> d = np.convolve(x, [1.0, -0.5, 0.25])[:500]
    >>> f = sm.LatticeRLS(taps=3)
    >>> error = d - f.run(x, d)
    >>> f.weights.round(3).tolist()
    [1.0, -0.5, 0.25]
    """

    taps: int = param(32, "number of taps n", low=1, fixed=True, slot=lattice.TAPS)
    forgetting: float = param(
        0.999, "weight of the past beside the present", above=0.0, high=1.0, slot=lattice.FORGETTING
    )
    regulariser: float = param(
        0.01, "delta, relative to the square of the first sample", above=0.0, kw_only=True, slot=lattice.REGULARISER
    )

    _layout = 2
    _worst = "taps"
    _probes: ClassVar = {"forgetting": {"forgetting": 0.99}}

    def _check(self) -> None:
        remember(self.forgetting, self.taps)

    def _kernel(self) -> Function:
        return lattice.step

    def _size(self) -> int:
        return lattice.size(self.taps)

    def _size_at_first(self) -> int:
        return self._size() - rising.NUMBERS

    def _migrate(self, layout: int, s: NDArray[np.float64]) -> NDArray[np.float64]:
        if layout != 1 or s.size != self._size_at_first():
            return super()._migrate(layout, s)
        return np.pad(s, (0, rising.NUMBERS))

    def _indices(self) -> list[Index]:
        return [(lattice.STILL, 0, self.taps), (lattice.UNLEARNT, 0, COUNTABLE)]

    @property
    def unlearnt(self) -> int:
        """How many samples taught nothing since the start or the last reset."""
        return int(self._s[lattice.UNLEARNT])

    @property
    def weights(self) -> NDArray[np.float64]:
        """The weights, newest tap first: shape (taps,). A copy; assign to set them."""
        return lattice.weights(self._s, self.taps)

    @weights.setter
    def weights(self, values: ArrayLike) -> None:
        given = real_array(values, "weights")
        if given.shape != (self.taps,):
            raise ValueError(f"weights must have shape {(self.taps,)}, got {given.shape}")
        if not np.isfinite(given).all():
            raise ValueError("weights must be finite")
        lattice.set_weights(self._s, self.taps, given)
