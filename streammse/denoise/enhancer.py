"""The adaptive line enhancer: what the past of a signal predicts of it, or what it does not."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .._jit import Function, kernel
from ..kernels import cancelling
from ..kernels.cancelling import CENTRE, DELAY, ESTIMATE, KEEP, LEARNT, bounded, cancel, push
from ..kernels.constants import LARGEST
from ..node import Index
from ..param import param
from .adaptive import AdaptiveCanceller

# s behind that of the canceller: the largest sample so far, where the delay is, and the samples in it
PEAK, AT, WAITING = range(3)


@kernel
def step(p: Any, s: Any, x: float, d: float) -> Any:
    """Cancel with the signal itself, some samples ago, as the reference."""
    delay = int(p[DELAY])
    own = s.size - delay - WAITING
    if s[LEARNT] == 0.0:
        if not abs(d) < LARGEST:
            return math.nan  # the signal has not begun
        for i in range(delay):  # before it began it stood still
            s[own + WAITING + i] = d
    at = own + WAITING + int(s[own + AT])
    push(p, s, 1, 0, s[at])
    cancel(p, s, 1, d, False)
    y = s[CENTRE] + s[ESTIMATE]
    noise = d - y
    x = d
    if not abs(d) < LARGEST:  # the line goes on with what was believed, so that its sinusoids bridge the gap
        x = y = bounded(y, s[own + PEAK])
        noise = 0.0
    s[own + PEAK] = max(s[own + PEAK], abs(x))
    s[at] = x
    s[own + AT] = s[own + AT] + 1.0 if s[own + AT] + 1.0 < delay else 0.0
    return y if p[KEEP] == 0.0 else noise


class LineEnhancer(AdaptiveCanceller):
    r"""Adaptive line enhancer: separates what is predictable (lines, hum, tones) from what is not.

    .. math::

        y(n) = \sum_j v_j(n)\, w_j(n)^T x(n - \Delta), \qquad
        w_j(n+1) = w_j(n) + \frac{\mu_j}{\|x(n - \Delta)\|^2 + \delta(n)}\,
        \psi\bigl(x(n) - w_j(n)^T x(n - \Delta)\bigr)\, x(n - \Delta)

    x(n - Delta) are ``taps`` samples of the signal, the newest of them ``delay`` samples old. What they predict is kept
    (``keep="signal"``) or taken away (``keep="noise"``). Three filters run side by side with steps mu, mu / 10 and mu /
    100, and their shares v follow the running power of their errors: lines that stand still get small steps and little
    noise, lines that drift get large ones.

    Parameters
    ----------
    taps : int
        Number of taps n, at least 1: a line comes out up to n / 2 times cleaner in power. Fixed.
    delay : int
        From the newest sample that predicts to the predicted one, in samples, at least 1: longer than the noise
        remembers (1 for white noise). Fixed.
    keep : {"signal", "noise"}
        What to give out: the predictable part, or the rest.
    mu : float
        The largest of the three step sizes, 0 <= mu <= 1, without unit.
    memory : float
        Samples over which the three filters are compared, at least 1.
    regulariser : float
        What is added to the energy in the delay line, relative to the running average of that energy; at least 0.
    huber : float
        Where the error is cut in the update, in running standard deviations of the error; above 0.

    Raises
    ------
    ValueError, TypeError
        For a parameter out of its range, and by ``run`` for a signal of another shape or type.

    Notes
    -----
    A missing sample (NaN or infinite) gives the prediction, or zero with ``keep="noise"``, since noise cannot be
    foretold. The prediction also takes its place in the delay line, within the largest sample seen: lines go on through
    a gap. Nothing is learnt there.

    An offset does no harm: the filters see the signal without it, and it counts as predictable.

    For one line of amplitude A in white noise of variance v the best weights give A / (1 + 4 v / (n A^2)) at the
    output, and a signal-to-noise ratio n / 2 times that at the input (Zeidler).

    References
    ----------
    B. Widrow et al., "Adaptive noise cancelling: principles and applications", Proc. IEEE 63(12), 1975, pp. 1692-1716,
    fig. 20 (the adaptive self-tuning filter).
    J. R. Zeidler et al., "Adaptive enhancement of multiple sinusoids in uncorrelated noise", IEEE Trans. ASSP 26(3),
    1978, pp. 240-254.

    Examples
    --------
    >>> import numpy as np, streammse as sm
    >>> line = np.sin(np.arange(20000) / 7.0)
    >>> noisy = line + np.random.default_rng(0).standard_normal(20000)
    >>> clean = sm.LineEnhancer().run(noisy)
    >>> round(float(np.mean((noisy - line)[5000:] ** 2)), 1)  # before
    1.0
    >>> round(float(np.mean((clean - line)[5000:] ** 2)), 1)  # after
    0.0
    """

    taps: int = param(64, "number of taps n", low=1, fixed=True, slot=cancelling.TAPS)
    delay: int = param(
        1, "from the newest sample that predicts to the predicted one, in samples", low=1, fixed=True, slot=DELAY
    )
    keep: str = param(
        "signal", "what to give out: the predictable part or the rest", choices=("signal", "noise"), slot=KEEP
    )

    _worst = "taps"
    _variants = ({"keep": "noise", "delay": 5, "taps": 16},)

    def _kernel(self) -> Function:
        return step

    def _size(self) -> int:
        return cancelling.size(self.taps, 1) + self._behind()

    def _behind(self) -> int:
        return WAITING + self.delay

    def _indices(self) -> list[Index]:
        return [*cancelling.indices(self.taps), (cancelling.size(self.taps, 1) + AT, 0, self.delay - 1)]

    @property
    def weights(self) -> NDArray[np.float64]:
        """The weights of the prediction, newest tap first: shape (taps,). A copy."""
        w: NDArray[np.float64] = cancelling.weights(self._s, self.taps, 1)[0]
        return w
