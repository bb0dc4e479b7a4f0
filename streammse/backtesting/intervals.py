"""Prediction intervals learnt from errors: how far from its forecast the truth will lie, with a given probability.

Each is a node that takes one forecast error after another and says, before it learns an error, which half-width stood
for it. NaN: too few errors so far. A backtest keeps one for every horizon; there an interval stands from the moment at
which its forecast is made, and errors that arrive in between change only later ones.
"""

from __future__ import annotations

import math
from statistics import NormalDist
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from .. import drive
from .._jit import Function, kernel
from ..node import Array, Index, Node, _Update, signal
from ..param import param
from ..snapshot import COUNTABLE


class _Learn(_Update):
    """``interval.update``: the C-level call."""

    def __get__(self, node: Any, owner: type) -> Any:
        if node is None:
            return self
        call = drive.calling(drive.update.compiled, node._bound, math.nan, keeps=(node._p, node._s))
        node.__dict__["update"] = call
        return call


class Interval(Node):
    """``update(error)`` gives the half-width that stood for an error, then learns the error.

    The kernel's ``x`` is the half-width that was issued for the error ``d``; NaN: the one that stands now.
    """

    update = _Learn("``update(error) -> half-width`` that stood for it; NaN: learn nothing.")

    level: float = param(0.9, "how many truths must lie inside", above=0.0, below=1.0, fixed=True)

    def run(self, errors: ArrayLike) -> Array:
        """Half-widths: exactly ``[update(e) for e in errors]``.

        Parameters
        ----------
        errors : array, shape (T,)
            Truth minus forecast; NaN where there was none.

        Returns
        -------
        half_width : ndarray, shape (T,)
            The truth was inside where ``abs(error) <= half_width``.
        """
        return self._through(*self._arrange(errors))

    def _arrange(self, errors: ArrayLike, *, rows: int | None = None) -> tuple[Array, Array]:
        e = signal(errors, "errors", rows=rows)
        return np.full(e.shape, np.nan), e


# p, s of ResidualInterval
Z, LEAST = range(2)
NUMBER, SQUARES = range(2)


@kernel
def _residual(p: Any, s: Any, x: float, d: float) -> Any:
    y = p[Z] * math.sqrt(s[SQUARES] / s[NUMBER]) if s[NUMBER] >= p[LEAST] else math.nan
    if math.isfinite(d):
        s[NUMBER] += 1.0
        s[SQUARES] += d * d
    return y


class ResidualInterval(Interval):
    r"""As if errors were Gaussian: their root mean square times the quantile of the normal distribution.

    .. math::

        w = z_{(1 + level)/2} \sqrt{\frac{1}{n} \sum e^2}

    Parameters
    ----------
    level : float
        How many truths must lie inside, 0 < level < 1. Fixed.
    least : int
        Errors before the first interval, at least 1.

    Examples
    --------
    >>> import streammse as sm
    >>> sm.ResidualInterval(0.95, least=1).run([1.0, -1.0, 2.0]).round(2)
    array([ nan, 1.96, 1.96])

    References
    ----------
    Hyndman and Athanasopoulos, Forecasting: Principles and Practice, 3rd ed., section 5.5.
    """

    level: float = param(
        0.9,
        "how many truths must lie inside",
        above=0.0,
        below=1.0,
        fixed=True,
        encode=lambda level: NormalDist().inv_cdf(0.5 + 0.5 * level),
    )
    least: int = param(10, "errors before the first interval", low=1)

    def _kernel(self) -> Function:
        return _residual

    def _size(self) -> int:
        return SQUARES + 1


# p, s of the conformal ones: ALPHA is the share that may lie outside, now; a ring of scores, and the same in order
LEVEL, GAMMA, SCORES = range(3)
HELD, NEXT, ALPHA, RING = range(4)


@kernel
def _conformal(p: Any, s: Any, x: float, d: float) -> Any:
    W = int(p[SCORES])
    ordered = RING + W
    n = int(s[HELD])
    level = p[LEVEL]
    # the smallest score that is at least as large as a share 1 - alpha of n scores and one to come
    rank = math.ceil((n + 1) * (1.0 - s[ALPHA]) - 1e-9)
    if math.ceil((n + 1) * level - 1e-9) > n:
        y = math.nan  # so few that no interval of this level exists
    elif rank > n:
        y = math.inf
    elif rank < 1:
        y = -math.inf  # nothing is inside
    else:
        y = s[ordered + rank - 1]
    if math.isfinite(d):
        score = abs(d)
        issued = x if x == x else y  # noqa: PLR0124
        if issued == issued:  # noqa: PLR0124
            s[ALPHA] += p[GAMMA] * ((1.0 - level) - (0.0 if score <= issued else 1.0))
        place = RING + int(s[NEXT])
        k = n
        if n == W:  # the oldest leaves: a hole in the order
            old = s[place]
            k = 0
            step = W
            while step > 0:  # the first that is not smaller
                half = step // 2
                if s[ordered + k + half] < old:
                    k += half + 1
                    step -= half + 1
                else:
                    step = half
        else:
            s[HELD] = n + 1.0
        # the hole moves to where the new score belongs
        while k > 0 and s[ordered + k - 1] > score:
            s[ordered + k] = s[ordered + k - 1]
            k -= 1
        top = int(s[HELD]) - 1
        while k < top and s[ordered + k + 1] < score:
            s[ordered + k] = s[ordered + k + 1]
            k += 1
        s[ordered + k] = score
        s[place] = score
        s[NEXT] = s[NEXT] + 1.0 if s[NEXT] + 1.0 < W else 0.0
    return y


class _Conformal(Interval):
    """What both have."""

    def _kernel(self) -> Function:
        return _conformal

    def _size(self) -> int:
        return RING + 2 * int(self._values["scores"])

    def _indices(self) -> list[Index]:
        scores = int(self._values["scores"])
        return [(HELD, 0, scores), (NEXT, 0, scores - 1)]

    def _inspect(self, s: Array) -> None:
        super()._inspect(s)
        scores = int(self._values["scores"])
        for row in s:
            n = int(row[HELD])
            ring, ordered = row[RING : RING + n], row[RING + scores : RING + scores + n]
            if not (np.isfinite(row[RING : RING + n]).all() and np.array_equal(np.sort(ring), ordered)):
                raise ValueError("the snapshot's state cannot be: its scores are not in order")
            if not abs(row[ALPHA]) <= COUNTABLE or (n < scores and row[NEXT] != n):
                raise ValueError("the snapshot's state cannot be: its level or its ring is none")

    def _start(self, s: Array) -> None:
        s[ALPHA] = 1.0 - self.level

    def _check(self) -> None:
        needed = math.ceil(self.level / (1.0 - self.level) - 1e-9)
        if self._values["scores"] < needed:
            raise ValueError(
                f"level {self.level:g} needs at least {needed} scores to rank, got scores={self._values['scores']}"
            )


class ConformalInterval(_Conformal):
    r"""Split conformal: an order statistic of the last absolute errors, whatever their distribution.

    .. math::

        w = |e|_{(\lceil (n+1)\, level \rceil)}

    Exact where errors are exchangeable: the chance that the next one is inside is at least the level, and at most
    1/(n+1) above it.

    Parameters
    ----------
    level : float
        How many truths must lie inside, 0 < level < 1. Fixed.
    scores : int
        The last absolute errors that it ranks, at least level / (1 - level). Fixed.

    Examples
    --------
    >>> import streammse as sm
    >>> sm.ConformalInterval(0.5, scores=3).run([1.0, -3.0, 2.0, 0.0])
    array([nan,  1.,  3.,  2.])

    References
    ----------
    Lei, G'Sell, Rinaldo, Tibshirani and Wasserman, "Distribution-free predictive inference for regression", JASA 113,
    2018, algorithm 2.
    """

    scores: int = param(200, "the last absolute errors", low=1, fixed=True, slot=SCORES)

    _p_size = 3


class AdaptiveConformal(_Conformal):
    r"""Adaptive conformal inference: wider after a miss, narrower after a hit: the level holds as errors change.

    .. math::

        w_t = |e|_{(\lceil (n+1)(1-\alpha_t) \rceil)}, \qquad
        \alpha_{t+1} = \alpha_t + \gamma\, (1 - level - [\,|e_t| > w_t\,])

    Over T errors that had an interval the share inside differs from the level by at most
    (max(level, 1 - level) + D gamma) / (gamma T), whatever the errors, where D errors at most are on their way: 1 for
    forecasts of the next sample, horizon + gap in a backtest of every origin.

    Parameters
    ----------
    level : float
        How many truths must lie inside, 0 < level < 1. Fixed.
    gamma : float
        The step of the level, at least 0; 0 is `ConformalInterval`.
    scores : int
        The last absolute errors that it ranks, at least level / (1 - level). Fixed.

    Examples
    --------
    >>> import numpy as np, streammse as sm
    >>> errors = np.r_[np.ones(500), 5.0 * np.ones(500)] * np.random.default_rng(0).standard_normal(1000)
    >>> half = sm.AdaptiveConformal(0.8, gamma=0.05).run(errors)
    >>> float(np.mean(np.abs(errors[600:]) <= half[600:]).round(2))
    0.8

    References
    ----------
    Gibbs and Candes, "Adaptive conformal inference under distribution shift", NeurIPS 2021, eq. 2 and proposition 4.1.
    """

    gamma: float = param(0.01, "the step of the level", low=0.0, slot=GAMMA)
    scores: int = param(200, "the last absolute errors", low=1, fixed=True, slot=SCORES)

    _p_size = 3
