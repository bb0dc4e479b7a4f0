"""The adaptive noise canceller: what a reference of the noise explains is taken out of the signal."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from .._jit import Function, kernel, vector_kernel
from ..kernels import cancelling
from ..kernels.cancelling import REFERENCES, cancel, push
from ..node import Index
from ..param import param
from .adaptive import AdaptiveCanceller


@kernel
def step(p: Any, s: Any, x: float, d: float) -> Any:
    """One reference."""
    push(p, s, 1, 0, x)
    return cancel(p, s, 1, d, True)


@vector_kernel
def vector_step(p: Any, s: Any, x: Any, d: float) -> Any:
    """Several references."""
    m = int(p[REFERENCES])
    for r in range(m):
        push(p, s, m, r, x[r])
    return cancel(p, s, m, d, True)


class NoiseCanceller(AdaptiveCanceller):
    r"""Adaptive noise canceller: subtracts what reference signals explain of the noise.

    .. math::

        \hat s(n) = d(n) - \sum_j v_j(n)\, w_j(n)^T x(n), \qquad
        w_j(n+1) = w_j(n) + \frac{\mu_j}{\|x(n)\|^2 + \delta(n)}\, \psi\bigl(d(n) - w_j(n)^T x(n)\bigr)\, x(n)

    d is the noisy signal, x(n) the last ``taps`` samples of each reference. The references hear the noise (through an
    unknown path, which the weights w learn and follow) and nothing of the wanted signal.

    The wanted signal is what disturbs the learning. So three filters run side by side with steps mu, mu / 10 and mu /
    100; their shares v follow the running power of what each leaves behind, whitened. A strong wanted signal, or a path
    that stands still, thus gets small steps, and a path that moves gets large ones. psi is Huber's score: a burst of
    the wanted signal, a QRS complex for instance, moves the weights no further than its usual size would.

    Parameters
    ----------
    taps : int
        Number of taps n of each reference, at least 1: the length of the path in samples. Fixed.
    references : int
        Number m of reference signals; with more than one the reference has shape (T, m), a sample a row. Fixed.
    mu : float
        The largest of the three step sizes, 0 <= mu <= 1, without unit.
    memory : float
        Samples over which the three filters are compared, at least 1.
    regulariser : float
        What is added to the energy in the delay line, relative to the running average of that energy; at least 0.
    huber : float
        Where the error is cut in the update, in running standard deviations of the output; above 0.

    Raises
    ------
    ValueError, TypeError
        For a parameter out of its range, and by ``run`` for a reference that is missing or of another length or shape.

    Notes
    -----
    A missing sample of d (NaN or infinite) gives what the last eight clean samples predict, by the linear prediction
    that also whitens the comparison; nothing is learnt, and the delay lines go on. A missing sample of a reference
    counts as its mean.

    Offsets do no harm: the references are taken without their running means (over 10,000 samples), the output keeps the
    offset of d, and the learning does not see it.

    In the steady state a filter with step mu_j lets about mu_j / (2 - mu_j) of the power of the wanted signal leak into
    its estimate of the noise. All scales are relative: multiplying d or x by a factor changes nothing but the unit.

    References
    ----------
    B. Widrow et al., "Adaptive noise cancelling: principles and applications", Proc. IEEE 63(12), 1975, pp. 1692-1716,
    fig. 1 and eq. (1)-(8).
    J. Arenas-Garcia, A. R. Figueiras-Vidal and A. H. Sayed, "Mean-square performance of a convex combination of two
    adaptive filters", IEEE Trans. Signal Process. 54(3), 2006, pp. 1078-1090: several steps side by side.

    Examples
    --------
    >>> import numpy as np, streammse as sm
    >>> rng = np.random.default_rng(0)
    >>> wanted = np.sin(np.arange(20000) / 9.3)
    >>> motor = rng.standard_normal(20000)
    >>> noisy = wanted + np.convolve(motor, [0.5, 0.3, -0.2])[:20000]
    >>> canceller = sm.NoiseCanceller()
    >>> clean = canceller.run(noisy, motor)
    >>> canceller.weights[:4].round(1).tolist()
    [0.5, 0.3, -0.2, 0.0]
    >>> bool(np.mean((clean - wanted)[10000:] ** 2) < 0.02 * np.mean((noisy - wanted) ** 2))
    True
    """

    taps: int = param(32, "number of taps n of each reference", low=1, fixed=True, slot=cancelling.TAPS)
    references: int = param(1, "number of reference signals m", low=1, fixed=True, slot=REFERENCES)

    _variants = ({"references": 2, "taps": 8},)

    def _kernel(self) -> Function:
        return step if self.references == 1 else vector_step

    def _references(self) -> int:
        return self.references

    def _size(self) -> int:
        return cancelling.size(self.taps, self.references)

    def _indices(self) -> list[Index]:
        return cancelling.indices(self.taps)

    @property
    def weights(self) -> NDArray[np.float64]:
        """The weights of the noise estimate, newest tap first: shape (taps,), or (references, taps). A copy."""
        w = cancelling.weights(self._s, self.taps, self.references)
        return w[0] if self.references == 1 else w
