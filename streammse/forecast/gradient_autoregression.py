"""Autoregression, learnt one sample at a time by the normalised gradient of any loss, in n operations a sample."""

from __future__ import annotations

import math
from functools import cache
from typing import Any

from .._jit import Function, ahead_kernel, kernel
from ..kernels import losses
from ..kernels.constants import LARGEST, SPREAD
from ..kernels.lags import FILLED, PEAK, as_lags, believed, extent, go_on, indices, lag_zero, lags_in_p
from ..node import Array, Index
from ..param import param
from .base import SEEN, Forecaster

# p: the lags come last, as many as there are
MU, REGULARISER, MEMORY, A, B, NUMBER, LONGEST, LAGS = range(8)

# s: the level, the power about it, the size of the errors, and over how many samples each was averaged; the weights of
# the lags, then the history
LEVEL, POWER, SIZE, COUNT, ERRORS, WEIGHTS = range(PEAK + 1, PEAK + 7)

BURST = 10.0  # a sample counts for at most so many standard deviations: a spike must not move the level for long


@cache
def _step(score: Function, unit: float) -> Function:
    """The step for one loss; ``unit`` makes the textbook's error of the score."""

    @kernel
    def step(p: Any, s: Any, x: float, d: float) -> Any:
        number, longest = int(p[NUMBER]), int(p[LONGEST])
        known = abs(d) < LARGEST
        if not known and s[FILLED] == 0.0:
            return math.nan  # the series has not begun
        history = WEIGHTS + number
        now = lag_zero(s, history, longest)
        level = s[LEVEL]
        y = math.nan
        value = s[now - 1]
        if s[FILLED] == longest:
            y = level
            energy = 0.0
            for i in range(number):
                u = s[now - int(p[LAGS + i])] - level
                y += s[WEIGHTS + i] * u
                energy += u * u
            y = believed(y, s[PEAK])
            value = y
            below = energy + p[REGULARISER] * number * s[POWER]
            if known and below > 0.0:
                e = d - y
                size = s[SIZE]
                if size == 0.0:
                    size = abs(e)
                if size > 0.0:
                    f = size * unit * score(e / size, p[A], p[B])
                    most = max(abs(e), size)  # so that no score makes a step that overshoots
                    g = p[MU] * min(max(f, -most), most) / below
                    for i in range(number):
                        s[WEIGHTS + i] += g * (s[now - int(p[LAGS + i])] - level)
                    s[ERRORS] = min(s[ERRORS] + 1.0, p[MEMORY])
                    s[SIZE] = size + (min(SPREAD * abs(e), BURST * size) - size) / s[ERRORS]
            if s[SEEN] < longest:
                y = math.nan
        if known:
            s[SEEN] += 1.0
            s[PEAK] = max(s[PEAK], abs(d))
            value = d
            s[COUNT] = min(s[COUNT] + 1.0, p[MEMORY])
            off = d - level
            power = s[POWER]
            if s[COUNT] == 1.0:
                s[LEVEL] = d
            elif power == 0.0:
                s[LEVEL] = level + off / s[COUNT]
                s[POWER] = off * off
            else:
                most = BURST * math.sqrt(power)
                off = min(max(off, -most), most)
                s[LEVEL] = level + off / s[COUNT]
                s[POWER] = power + (off * off - power) / s[COUNT]
        go_on(s, history, longest, value)
        return y

    return step


@ahead_kernel
def _ahead(p: Any, s: Any, out: Any) -> None:
    number, longest = int(p[NUMBER]), int(p[LONGEST])
    now = lag_zero(s, WEIGHTS + number, longest)
    level = s[LEVEL]
    for h in range(out.size):
        y = level
        for i in range(number):
            lag = int(p[LAGS + i])
            y += s[WEIGHTS + i] * ((out[h - lag] if lag <= h else s[now + h - lag]) - level)
        out[h] = believed(y, s[PEAK])


class ARNLS(Forecaster):
    r"""Autoregression by normalised least mean squares, or by the normalised gradient of another loss.

    .. math::

        \hat y_t = m + \sum_{l \in L} w_l\, (y_{t-l} - m), \qquad
        w \leftarrow w + \mu\, \frac{\sigma\,\psi(e/\sigma)}{\epsilon\, n P + \|u\|^2}\, u, \qquad
        u_l = y_{t-l} - m,\quad e = y_t - \hat y_t

    with the running level m, power P about it and size of the errors sigma (1.25 times their mean absolute value, in
    which a single one counts for at most ten). So neither unit nor offset of the series matters, and the parameters of
    a loss are in units of the usual error: ``loss=sm.losses.huber(1.345)`` is the robust form, at 95 % efficiency for
    Gaussian noise. A score is cut where its step would be longer than that of the squared loss.

    A sample costs some 4 n operations, where `ARLS` takes 2 n^2 and learns much faster. A missing sample teaches
    nothing, and the forecast takes its place in the history. No forecast goes beyond a hundred times the largest value
    so far.

    Parameters
    ----------
    lags : int or sequence of int
        How many lags, 1 to n, or which ones: ``(1, 2, 12, 24)``. Fixed.
    mu : float
        Step size, 0 <= mu < 2; the smaller, the slower and the more exact.
    loss : Loss
        The loss that is descended. Fixed.
    memory : float
        Samples over which level, power and size of the errors are averaged, at least 1.
    regulariser : float
        What is added to the energy of the lags, relative to its running average, at least 0.

    Raises
    ------
    ValueError
        When a lag is below 1 or given twice.

    Examples
    --------
    >>> import numpy as np, streammse as sm
    >>> y = 100.0 + np.sin(np.arange(5000.0) / 5.0)
    >>> model = sm.ARNLS(lags=4, mu=0.5)
    >>> error = y - model.run(y)
    >>> bool(np.abs(error[-100:]).max() < 0.01)
    True

    References
    ----------
    S. Haykin, Adaptive Filter Theory, 5th ed., 2014, ch. 7 (normalised LMS).
    P. J. Huber and E. M. Ronchetti, Robust Statistics, 2nd ed., 2009, ch. 7 (a scale beside the regression).
    """

    lags: int | tuple[int, ...] = param(
        24, "how many lags, or which", fixed=True, check=as_lags, encode=lags_in_p, slot=NUMBER
    )
    mu: float = param(0.1, "step size", low=0.0, below=2.0, slot=MU)
    loss: losses.Loss = param(
        losses.squared,
        "the loss that is descended",
        fixed=True,
        kw_only=True,
        check=losses.as_loss,
        encode=lambda one: (one.a, one.b),
        slot=A,
    )
    memory: float = param(200.0, "samples over which level and sizes are averaged", low=1.0, kw_only=True, slot=MEMORY)
    regulariser: float = param(
        1e-3, "what is added to the energy, relative to its average", low=0.0, kw_only=True, slot=REGULARISER
    )

    _worst = "len(lags)"
    _variants = ({"lags": (1, 12), "loss": losses.huber},)
    _probes = {"loss": {"loss": losses.log_cosh}}

    @property
    def _p_size(self) -> int:  # type: ignore[override]
        return NUMBER + len(lags_in_p(self.lags))

    def _kernel(self) -> Function:
        return _step(self.loss.score, losses.textbook_unit(self.loss))

    def _ahead(self) -> Function:
        return _ahead

    def _size(self) -> int:
        number, longest = extent(self.lags)
        return WEIGHTS + number + 2 * longest

    def _indices(self) -> list[Index]:
        return super()._indices() + indices(extent(self.lags)[1])

    @property
    def needs(self) -> int:
        """The history."""
        return int(self._p[LONGEST])

    @property
    def coefficients(self) -> Array:
        """The coefficients of the lags, in the order of ``lags``."""
        return self._s[WEIGHTS : WEIGHTS + int(self._p[NUMBER])].copy()

    @property
    def level(self) -> float:
        """The level m that the series moves about."""
        return float(self._s[LEVEL])
