"""A slow signal under noise: Kalman filters for level and trend, weighted by their one-step squared errors."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from .._jit import Function, helper, kernel, rare
from ..kernels.constants import LARGEST, SPREAD
from ..node import Denoiser, Index
from ..param import param

# The members: variances of the steps of level and trend, over that of the observation. A member without steps of the
# trend has no trend.
_LEVELS = (-5.0, -4.0, -3.5, -3.0, -2.5, -2.0, -1.5, -1.0, -0.5, 0.0, 0.5, 1.0, 2.0)
_MEMBERS = (
    [(10.0**k, 0.0) for k in _LEVELS]
    + [(10.0**k, 10.0 ** (k - 3)) for k in (-2, -1, 0, 1)]
    + [(10.0**k, 10.0 ** (k - 1)) for k in (-4, -3, -2, -1, 0, 1)]
    + [(0.0, 10.0**k) for k in range(-7, 2)]
)
Q_LEVEL = np.array([level for level, _ in _MEMBERS])
Q_TREND = np.array([trend for _, trend in _MEMBERS])
K = len(_MEMBERS)
LANES = 8  # sums over the members run in so many, in a fixed order
assert K % LANES == 0

# p
MEMORY, HUBER, PATIENCE = range(3)
# s: scalars, then for each member level, trend, its gains, the variance of the trend, mean squared error and weight
LEVEL, TREND, SCALE, SEEN, GAIN, GAP, RUN, SIDE, LEAST, SINCE, PERIOD = range(11)
L, B, ALPHA, BETA, P, ERROR, WEIGHT = range(11, 11 + 7 * K, K)
START = 8  # samples in the beginning that are kept
HELD = 11 + 7 * K  # so many are; then they, and room to sort them
FIRST = HELD + 1
SORTED = FIRST + START
SIZE = SORTED + START

LEARNING = 4.0  # the first errors count whole: their scale is not known yet
LONG = 32.0  # samples between two weighings, once so many that one sample weighs little
SETTLED = 2000.0  # samples after which the gains no longer move
ENOUGH = 4  # readings can tell an outlier among them
FAR = 7.0  # an outlier lies so many median absolute deviations from the median
DIFFUSE = 1e6  # a level so uncertain is as good as unknown


@rare
def start(s: Any, y: float) -> None:
    """Begin with the level y, as uncertain as one observation, and an unknown trend."""
    for k in range(K):
        s[L + k] = y
        s[B + k] = 0.0
        s[ALPHA + k] = 1.0
        s[BETA + k] = 0.0
        s[P + k] = 1.0 if Q_TREND[k] > 0.0 else 0.0
    s[LEVEL], s[TREND], s[GAIN], s[SINCE] = y, 0.0, 1.0, 0.0


@helper
def adjust(s: Any, observed: bool) -> None:
    """Take the variances of level and trend (over that of the observation) one sample on: Riccati's equation.

    After an observation of variance 1 the variance of the level is the gain alpha itself, and the covariance beta.
    """
    for k in range(K):
        v, c, u = s[ALPHA + k], s[BETA + k], s[P + k]
        v, c, u = v + 2.0 * c + u + Q_LEVEL[k], c + u, u + Q_TREND[k]
        if observed:
            over = 1.0 / (v + 1.0)
            s[P + k] = u - c * over * c
            s[ALPHA + k] = v * over
            s[BETA + k] = c * over
        elif v < DIFFUSE:
            s[ALPHA + k], s[BETA + k], s[P + k] = v, c, u


@rare
def weigh(s: Any, memory: float) -> None:
    """Set the weights: the likelihood of Gaussian errors with unknown variance, over the samples remembered."""
    s[PERIOD] = 0.0
    least = math.inf
    for k in range(K):
        least = min(least, s[ERROR + k])
    squarings = int(math.log2(max(2.0, 0.5 * memory)))
    total = gain = 0.0
    for k in range(K):
        w = least / s[ERROR + k] if s[ERROR + k] > 0.0 else 1.0
        for _ in range(squarings):
            w *= w
        s[WEIGHT + k] = w
        total += w
        gain += w * s[ALPHA + k]
    for k in range(K):
        s[WEIGHT + k] /= total
    s[GAIN] = gain / total


@rare
def outlier(p: Any, s: Any, e: float, d: float) -> Any:
    """Tell whether so many errors in a row beyond the limit say that the level itself has moved."""
    s[LEAST] = abs(e) if s[RUN] == 0.0 else min(s[LEAST], abs(e))
    s[RUN] += 1.0
    s[SIDE] += 1.0 if e > 0.0 else -1.0
    if s[RUN] < p[PATIENCE]:
        return False
    moved = abs(s[SIDE]) == s[RUN]
    if moved:
        start(s, d)
    else:
        s[SCALE] = max(s[SCALE], s[LEAST])  # on both sides: the noise has grown
    s[RUN] = s[SIDE] = 0.0
    return moved


@rare
def miss(s: Any) -> None:
    """No observation: the level follows the trend, which fades over as many samples as the filter remembers."""
    adjust(s, False)
    s[GAP] += 1.0
    s[SINCE] = 0.0
    fade = 1.0 - s[GAIN]
    for k in range(K):
        s[L + k] += s[B + k]
        s[B + k] *= fade
    s[LEVEL] += s[TREND]
    s[TREND] *= fade


@helper
def mean(s: Any, at: int) -> Any:
    """Weighted mean over the members, in eight lanes and a fixed order: one processor instruction each."""
    s0 = s1 = s2 = s3 = s4 = s5 = s6 = s7 = 0.0
    for k in range(0, K, LANES):
        s0 += s[WEIGHT + k] * s[at + k]
        s1 += s[WEIGHT + k + 1] * s[at + k + 1]
        s2 += s[WEIGHT + k + 2] * s[at + k + 2]
        s3 += s[WEIGHT + k + 3] * s[at + k + 3]
        s4 += s[WEIGHT + k + 4] * s[at + k + 4]
        s5 += s[WEIGHT + k + 5] * s[at + k + 5]
        s6 += s[WEIGHT + k + 6] * s[at + k + 6]
        s7 += s[WEIGHT + k + 7] * s[at + k + 7]
    return ((s0 + s4) + (s2 + s6)) + ((s1 + s5) + (s3 + s7))


@helper
def advance(p: Any, s: Any, d: float) -> Any:
    """Predict, judge the observation, correct, weigh."""
    if not abs(d) < LARGEST:
        if s[SEEN] == 0.0:
            return math.nan
        miss(s)
        return s[LEVEL]
    s[SEEN] += 1.0
    seen = s[SEEN]
    if seen == 1.0:
        start(s, d)
        s[WEIGHT : WEIGHT + K] = 1.0 / K
        return d

    forecast = s[LEVEL] + s[TREND]
    e = d - forecast
    # after a gap the variance of the level has grown, and that of the error with it
    wider = math.sqrt(1.0 + mean(s, ALPHA)) if s[GAP] > 0.0 else 1.0
    s[GAP] = 0.0
    limit = p[HUBER] * SPREAD * s[SCALE] * wider if seen > LEARNING else math.inf
    if abs(e) > limit:
        if outlier(p, s, e, d):
            return d
    else:
        s[RUN] = s[SIDE] = 0.0
    f = min(max(e, -limit), limit)
    rate = 1.0 / min(seen - 1.0, p[MEMORY])
    s[SCALE] += (abs(f) / wider - s[SCALE]) * rate
    y = forecast + f

    s[SINCE] += 1.0
    if s[SINCE] < SETTLED:
        adjust(s, True)
    for k in range(K):
        level = s[L + k] + s[B + k]
        e = y - level
        s[L + k] = level + s[ALPHA + k] * e
        s[B + k] += s[BETA + k] * e
        s[ERROR + k] += (e * e - s[ERROR + k]) * rate
    s[PERIOD] += 1.0
    if s[PERIOD] >= LONG or s[SINCE] < p[MEMORY]:
        weigh(s, min(seen, p[MEMORY]))
    s[LEVEL] = mean(s, L)
    s[TREND] = mean(s, B)
    return s[LEVEL]


@helper
def insert(s: Any, count: int, x: float) -> None:
    """Put x in its place among so many that are sorted."""
    i = SORTED + count
    while i > SORTED and s[i - 1] > x:
        s[i] = s[i - 1]
        i -= 1
    s[i] = x


@rare
def begin(p: Any, s: Any, d: float) -> Any:
    """One of the first samples: all so far go through the bank anew, without the outliers among them.

    While nothing is known, one bad reading would pass for the level, the scale and the errors of all members, and be
    remembered for as long as these. Outliers lie far from the median, in median absolute deviations.
    """
    n = int(s[HELD])
    if n == 0 and not abs(d) < LARGEST:
        return math.nan
    s[FIRST + n] = d
    s[HELD] = n + 1.0
    known = 0
    for i in range(n + 1):
        if abs(s[FIRST + i]) < LARGEST:
            insert(s, known, s[FIRST + i])
            known += 1
    limit = math.inf
    middle = 0.5 * (s[SORTED + (known - 1) // 2] + s[SORTED + known // 2])
    if known >= ENOUGH:
        known = 0
        for i in range(n + 1):
            if abs(s[FIRST + i]) < LARGEST:
                insert(s, known, abs(s[FIRST + i] - middle))
                known += 1
        # most readings of a coarse sensor may be equal: then the least step away counts, unless it is the only one
        i = known // 2
        while i < known - 2 and s[SORTED + i] == 0.0:
            i += 1
        limit = FAR * s[SORTED + i]

    s[:HELD] = 0.0
    y = math.nan
    for i in range(n + 1):
        x = s[FIRST + i]
        y = advance(p, s, x if abs(x - middle) <= limit else math.nan)
    return y


@kernel
def step(p: Any, s: Any, x: float, d: float) -> Any:
    """One sample, which is its own observation."""
    return begin(p, s, d) if s[HELD] < START else advance(p, s, d)


class Smoother(Denoiser):
    r"""Smoother: follows the level and trend of a slow signal by a Kalman filter that chooses its own noise ratio.

    .. math::

        y(n) = l(n) + \epsilon(n), \quad l(n) = l(n-1) + b(n-1) + \eta(n), \quad b(n) = b(n-1) + \zeta(n)

    Level l and trend b are filtered by a bank of 32 Kalman filters, each with other ratios of the variances of eta and
    zeta to that of epsilon. The output is their mean, weighted by the likelihood of the one-step errors of each over
    the last ``memory`` samples: the smallest mean squared one-step error decides how much is smoothed, all the time.

    An error beyond ``huber`` running standard deviations counts as that much only (Huber's score), so a spike does not
    pass; ``patience`` of them in a row on one side are no spikes but a new level, from which all filters start anew. No
    parameter has a unit: the defaults serve signals of any scale.

    Parameters
    ----------
    memory : float
        Samples over which the one-step errors are compared and the scale of the error is averaged, at least 2.
    huber : float
        Where an error is cut, in running standard deviations, at least 1.5.
    patience : int
        How many outliers in a row on one side are a new level, at least 1: bursts of spikes must be shorter, and a jump
        is followed so many samples late.

    Raises
    ------
    ValueError, TypeError
        For a parameter out of its range, and by ``run`` for a signal of another shape or type.

    Notes
    -----
    The first eight samples are gone through again with each that comes, without the outliers among those there are: a
    sensor whose first reading is wrong is not believed for long.

    A missing sample (NaN or infinite) gives the level that the trend leads to; in a long gap the trend fades, over as
    many samples as the filter remembers. After the gap the gains are those of the time that has passed. Before the
    first sample nothing is known: NaN.

    On simulated local levels and local linear trends the mean squared one-step error is within 2 % of that of the
    Kalman filter that is told the true variances.

    References
    ----------
    A. C. Harvey, Forecasting, Structural Time Series Models and the Kalman Filter, 1989, sec. 3.2 and eq. (2.3.27).
    S. Gelper, R. Fried and C. Croux, "Robust forecasting with exponential and Holt-Winters smoothing", J. Forecasting
    29, 2010, pp. 285-300, eq. (10)-(13): cleaning the observation by its one-step error. D. T. Magill, "Optimal
    adaptive estimation of sampled stochastic processes", IEEE Trans. Automatic Control 10, 1965, pp. 434-439: the bank.

    Examples
    --------
    >>> import numpy as np, streammse as sm
    >>> rng = np.random.default_rng(0)
    >>> room = 20.0 + np.cumsum(0.02 * rng.standard_normal(2000))
    >>> measured = room + 0.3 * rng.standard_normal(2000)
    >>> measured[500], measured[900:910] = 85.0, np.nan
    >>> smoother = sm.Smoother()
    >>> clean = smoother.run(measured)
    >>> bool(np.abs(clean - room)[100:].max() < 0.4)
    True
    >>> bool(0.001 < smoother.ratio < 0.02)  # the truth: (0.02 / 0.3) ** 2 = 0.0044
    True
    """

    memory: float = param(250.0, "samples over which the one-step errors are compared", low=2.0)
    huber: float = param(
        3.0, "where the score of the error is cut, in running standard deviations", low=1.5, kw_only=True
    )
    patience: int = param(5, "so many outliers in a row on one side are a new level", low=1, kw_only=True)

    _worst = "1"

    def _kernel(self) -> Function:
        return step

    def _size(self) -> int:
        return SIZE

    def _indices(self) -> list[Index]:
        return [(HELD, 0, START)]

    @property
    def level(self) -> float:
        """The level now; NaN before the first sample."""
        return float(self._s[LEVEL]) if self._s[SEEN] else math.nan

    @property
    def trend(self) -> float:
        """The trend now: the change of the level a sample."""
        return float(self._s[TREND])

    @property
    def ratio(self) -> float:
        """The noise ratio q now: variance of the level's steps over that of the observation.

        Of the local level whose gain is that of the bank, a^2 / (1 - a) for the gain a.
        """
        a = float(self._s[GAIN])
        return a * a / (1.0 - a) if a < 1.0 else math.inf
