"""The Kalman filter of weights that walk at random: the optimal tracker of a path that does."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from ..kernels import line, random_walk
from ..kernels.symmetric import diagonal
from ..node import Index
from ..param import param
from ..snapshot import COUNTABLE
from .transversal import TransversalFilter


class RandomWalkKalman(TransversalFilter):
    r"""The Kalman filter for the weights of a transversal filter, or of a regression, that change at random.

    .. math::

        w(n) = w(n-1) + \omega(n), \quad \omega \sim N(0, q I) \qquad d(n) = w(n)^T x(n) + v(n), \quad v \sim N(0, r)

    .. math::

        P \leftarrow P + q I, \quad k = \frac{P x(n)}{r + x(n)^T P x(n)}, \quad
        w \leftarrow w + k\,(d(n) - w^T x(n)), \quad P \leftarrow P - k\, x(n)^T P

    With q = 0 it is recursive least squares without forgetting; where the path really walks like this no other linear
    filter has a smaller error. Features instead of a signal: ``taps=1`` and as many ``references``.

    Parameters
    ----------
    taps : int
        Number of taps of each input, at least 1. Fixed.
    process_noise : float
        q, 0 <= q: the variance of what each weight changes by in a sample. 0: the weights are constant.
    observation_noise : float
        r, above 0: the variance of the noise in d, in its unit squared. What is learnt depends on q and the initial
        covariance relative to r alone.
    initial_covariance : float
        P at first, above 0: the variance of the weights as one expects them before the first sample.
    references : int
        Number m of input signals; with more than one, a sample of x has m values and ``weights`` has shape (m, taps).
        Fixed.

    Notes
    -----
    Cost: 1.5 n^2 + O(n) multiplications a sample for n weights in all, n^2 / 2 numbers of state, as `RLS`.

    The weights are taken to walk on where d is missing: what was learnt stays, and what comes then counts for more.
    A direction that the input does not excite stays where it is, and becomes as uncertain as it then is; P grows there
    with the number of samples, and not like a power of it as in RLS with forgetting.

    A spike in x alone, of A times the signal's level, leaves the weights wrong and P small in its direction; both are
    right again after some P / q samples, P the steady one: the memory of the filter.

    In the steady state on white input of power s the variance of each weight before a sample is about
    P = (n q + sqrt(n^2 q^2 + 4 q r / s)) / 2, and the excess mean squared error n s P.

    References
    ----------
    S. Haykin, Adaptive Filter Theory, 5th ed., 2014, ch. 14.
    L. Ljung and S. Gunnarsson, "Adaptation and tracking in system identification: a survey", Automatica 26, 1990,
    pp. 7-21.

    Examples
    --------
    >>> import numpy as np, streammse as sm
    >>> rng = np.random.default_rng(0)
    >>> x, gain = rng.standard_normal(5000), 1.0 + np.cumsum(0.01 * rng.standard_normal(5000))
    >>> d = gain * x + 0.1 * rng.standard_normal(5000)
    >>> f = sm.RandomWalkKalman(taps=1, process_noise=1e-4, observation_noise=0.01)
    >>> error = d - f.run(x, d)
    >>> float(f.weights[0].round(2)), float(gain[-1].round(2))
    (1.88, 1.86)
    """

    process_noise: float = param(1e-5, "q, what a weight changes by", low=0.0, slot=random_walk.PROCESS)
    observation_noise: float = param(0.01, "r, the noise in d", above=0.0, slot=random_walk.NOISE)
    initial_covariance: float = param(
        1.0, "P before the first sample", above=0.0, fixed=True, kw_only=True, slot=random_walk.INITIAL
    )

    _worst = "(taps * references) ** 2"
    _long_variants = ({"taps": 5, "references": 2, "process_noise": 1e-3},)
    _probes: ClassVar = {"process_noise": {"process_noise": 1e-3}}

    def _steps(self) -> line.Steps:
        return line.steps(random_walk.learn)

    def _size(self) -> int:
        return random_walk.size(self.taps, self.references)

    def _start(self, s: NDArray[np.float64]) -> None:
        random_walk.begin(self._p, s, self._total)

    def _indices(self) -> list[Index]:
        return [*super()._indices(), (random_walk.SIDE, 0, 1), (random_walk.RESTARTS, 0, COUNTABLE)]

    @property
    def weight_variances(self) -> NDArray[np.float64]:
        """The variance of the error of each weight, the diagonal of P: the shape of ``weights``."""
        n, s = self._total, self._s
        vectors, triangle = random_walk.places(n)
        waiting = vectors + int(s[random_walk.SIDE]) * ((triangle - vectors) // 2)
        found = s[[triangle + diagonal(i) for i in range(n)]] - s[random_walk.GAIN] * s[waiting : waiting + n] ** 2
        return line.newest_first(found, self.references)

    @property
    def restarts(self) -> int:
        """How often rounding made it necessary to begin P anew since the start or the last reset."""
        return int(self._s[random_walk.RESTARTS])
