"""The Kalman filter of a linear Gaussian model of one series, with matrices that do not change over time.

    y(t) = Z a(t) + beta' x(t) + eps(t),      eps ~ N(0, H)
    a(t+1) = T a(t) + eta(t),                 eta ~ N(0, Q)

T and Z are held as lists of what is not zero: a shift (ARIMA) or a season costs as many products as it has states, and
one kernel serves every model. What is known and does not vary, such as a constant or a time trend, is a state without
variance.

A diffuse start is exact (P_inf beside P until the observations have used up its rank), a missing sample moves the state
on, and once the gain no longer changes it is kept until a sample is missing.

J. Durbin and S. J. Koopman, Time Series Analysis by State Space Methods, 2nd ed., 2012, sections 4.3, 5.2 and 5.4.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from .._jit import ahead_kernel, helper, kernel, loop, rare, vector_kernel
from .constants import LARGEST
from .settling import EVERY, unchanged

Array = NDArray[np.float64]

# p: sizes, H, how many samples must have been seen, where T, Q and beta begin, then Z as pairs (state, weight); T as
# the number of links of each row, then as pairs (state, weight); Q row by row; beta
STATES, LOADINGS, NOISE, NEEDS, REGRESSORS, AT_T, AT_Q, AT_BETA, AT_Z = range(9)

# s: how many samples were seen, how the step goes, the rank of P_inf, samples since the gain was last looked at, the
# variance of the last innovation; then vectors of n, then P, a matrix to work in, and P_inf
SEEN, MODE, RANK, SINCE, VARIANCE = range(5)
VECTORS = 8
A, NEXT, GAIN, BEFORE, M, M_INF, ROLL, ROLLED = range(8)  # the ahead kernel leaves the last two at zero
MATRICES = 8

FULL, DIFFUSE, STEADY = 0.0, 1.0, 2.0
NO_VARIANCE = 1e-10  # a diffuse variance below is rounding: P_inf begins as ones


class System(NamedTuple):
    """A model in matrices: n states, m regressors."""

    Z: Array  # (n,)
    T: Array  # (n, n)
    Q: Array  # (n, n)
    H: float
    a: Array  # (n,): the state predicted for the first sample
    P: Array  # (n, n): its variance
    P_inf: Array  # (n, n): the diffuse part of it, of the order of one
    rank: int  # of P_inf: how many observations the diffuse start takes
    beta: Array  # (m,)
    links: NDArray[np.bool_] | None = None  # (n, n): where T may differ from zero, so that ``p`` keeps its length

    def parameters(self) -> Array:
        """The system as the kernel reads it in ``p``."""
        n = self.Z.size
        seen = np.flatnonzero(self.Z)
        z = np.column_stack([seen, self.Z[seen]]).ravel()
        rows, columns = np.nonzero(self.T if self.links is None else self.links)
        links = np.bincount(rows, minlength=n)
        t = np.concatenate([links, np.column_stack([columns, self.T[rows, columns]]).ravel()])
        at_t = AT_Z + z.size
        at_q = at_t + t.size
        head = np.zeros(AT_Z)
        head[STATES], head[LOADINGS], head[NOISE], head[NEEDS] = n, seen.size, self.H, max(1, self.rank)
        head[REGRESSORS], head[AT_T], head[AT_Q], head[AT_BETA] = self.beta.size, at_t, at_q, at_q + n * n
        return np.concatenate([head, z, t, self.Q.ravel(), self.beta])

    def start(self, s: Array, seen: float = 0.0) -> None:
        """Write the start into a state of zeros."""
        n = self.Z.size
        s[SEEN], s[RANK] = seen, self.rank
        s[MODE] = DIFFUSE if self.rank else FULL
        s[VECTORS : VECTORS + n] = self.a
        at = VECTORS + MATRICES * n
        s[at : at + n * n] = self.P.ravel()
        s[at + 2 * n * n :] = self.P_inf.ravel()

    @property
    def size(self) -> int:
        """How long the state is."""
        return size(self.Z.size)


def size(n: int) -> int:
    """How long the state of a model with n states is."""
    return VECTORS + MATRICES * n + 3 * n * n


@helper
def _seen_of(p, s, a):  # type: ignore[no-untyped-def]
    """Z a."""
    y = 0.0
    for k in range(AT_Z, int(p[AT_T]), 2):
        y += p[k + 1] * s[a + int(p[k])]
    return y


@helper
def _moved(p, s, a, to, gain, e, n):  # type: ignore[no-untyped-def]
    """s[to:] = T s[a:] + e s[gain:]."""
    at = int(p[AT_T])
    k = at + n
    for i in range(n):
        end = k + 2 * int(p[at + i])
        sum_ = e * s[gain + i]
        while k < end:
            sum_ += p[k + 1] * s[a + int(p[k])]
            k += 2
        s[to + i] = sum_


@rare
def _column(p, s, P, to, n):  # type: ignore[no-untyped-def]
    """s[to:] = P Z'; gives Z P Z'."""
    for i in range(n):
        s[to + i] = 0.0
    for k in range(AT_Z, int(p[AT_T]), 2):
        row = P + int(p[k]) * n
        for i in range(n):
            s[to + i] += p[k + 1] * s[row + i]
    return _seen_of(p, s, to)


@rare
def _spread(p, s, P, W, n):  # type: ignore[no-untyped-def]
    """P = T P T', half of it computed and mirrored, so that it stays symmetric."""
    at = int(p[AT_T])
    k = at + n
    for i in range(n):  # W = T P
        for j in range(n):
            s[W + i * n + j] = 0.0
        end = k + 2 * int(p[at + i])
        while k < end:
            weight = p[k + 1]
            row = P + int(p[k]) * n
            for j in range(n):
                s[W + i * n + j] += weight * s[row + j]
            k += 2
    k = at + n
    for i in range(n):  # column i of W T', from the diagonal down
        end = k + 2 * int(p[at + i])
        for j in range(i, n):
            sum_ = 0.0
            for link in range(k, end, 2):
                sum_ += p[link + 1] * s[W + j * n + int(p[link])]
            s[P + i * n + j] = sum_
        k = end
        for j in range(i):
            s[P + i * n + j] = s[P + j * n + i]


@rare
def _settle(p, s, gain, n):  # type: ignore[no-untyped-def]
    """Look whether the filtered gain has changed since the last look; when not, keep what it does to the state."""
    settled = unchanged(s, gain, VECTORS + BEFORE * n, n)
    s[SINCE] = 0.0
    if settled:
        s[MODE] = STEADY
        _moved(p, s, gain, VECTORS + GAIN * n, gain, 0.0, n)


@rare
def _full(p, s, e, known):  # type: ignore[no-untyped-def]
    """One step of the full filter: the update with the innovation e, where there is one, and the prediction."""
    n = int(p[STATES])
    a, m, m_inf = VECTORS, VECTORS + M * n, VECTORS + M_INF * n
    P = VECTORS + MATRICES * n
    W = P + n * n
    P_inf = W + n * n
    diffuse = s[RANK] > 0.0
    s[SINCE] = s[SINCE] + 1.0 if known and not diffuse else 0.0
    if known:
        F = _column(p, s, P, m, n) + p[NOISE]
        F_inf = 0.0
        if diffuse:
            F_inf = _column(p, s, P_inf, m_inf, n)
        if F_inf > NO_VARIANCE:
            for i in range(n):
                g = s[m_inf + i] / F_inf
                for j in range(n):
                    s[P + i * n + j] += g * (s[m_inf + j] / F_inf) * F - (
                        g * s[m + j] + s[m + i] * (s[m_inf + j] / F_inf)
                    )
                    s[P_inf + i * n + j] -= s[m_inf + i] * s[m_inf + j] / F_inf
                s[a + i] += g * e
            s[RANK] -= 1.0
            s[VARIANCE] = -F_inf  # a minus sign: this innovation told the start and nothing of the variance
        else:
            s[VARIANCE] = F
            if F > 0.0:
                for i in range(n):
                    g = s[m + i] / F
                    for j in range(n):
                        s[P + i * n + j] -= g * s[m + j]
                for i in range(n):
                    s[m + i] /= F
                    s[a + i] += s[m + i] * e
            if s[SINCE] >= EVERY:
                _settle(p, s, m, n)
    nothing = VECTORS + ROLL * n
    _moved(p, s, a, VECTORS + NEXT * n, nothing, 0.0, n)
    for i in range(n):
        s[a + i] = s[VECTORS + NEXT * n + i]
    _spread(p, s, P, W, n)
    Q = int(p[AT_Q])
    for i in range(n * n):
        s[P + i] += p[Q + i]
    if diffuse:
        _spread(p, s, P_inf, W, n)
        largest = 0.0
        for i in range(n):
            largest = max(largest, s[P_inf + i * n + i])
        if s[RANK] == 0.0 or largest < NO_VARIANCE:
            s[RANK] = 0.0
            s[MODE] = FULL
            for i in range(n * n):
                s[P_inf + i] = 0.0


@helper
def _step(p, s, offset, d):  # type: ignore[no-untyped-def]
    """The forecast of d, and what d teaches; ``offset`` is what the regressors explain, NaN where that is not known."""
    y = _seen_of(p, s, VECTORS)
    known = abs(d) < LARGEST and offset == offset  # noqa: PLR0124
    offset = offset if offset == offset else 0.0  # noqa: PLR0124
    told = s[SEEN] >= p[NEEDS]
    e = d - offset - y if known else 0.0
    if known:
        s[SEEN] += 1.0
    if known and s[MODE] == STEADY:
        n = int(p[STATES])
        to = VECTORS + NEXT * n
        _moved(p, s, VECTORS, to, VECTORS + GAIN * n, e, n)
        for i in range(n):
            s[VECTORS + i] = s[to + i]
    else:
        if s[MODE] == STEADY:
            s[MODE] = FULL
        _full(p, s, e, known)
    return y + offset if told else math.nan


@kernel
def filtered(p: Any, s: Any, x: float, d: float) -> Any:
    """The step without regressors."""
    return _step(p, s, 0.0, d)


@vector_kernel
def regressed(p: Any, s: Any, x: Any, d: float) -> Any:
    """The step with regressors; a row that is not finite makes the sample a missing one."""
    offset = 0.0
    at = int(p[AT_BETA])
    for k in range(x.size):
        offset += p[at + k] * x[k] if abs(x[k]) < LARGEST else math.nan
    return _step(p, s, offset, d)


@ahead_kernel
def rolled(p: Any, s: Any, out: Any) -> None:
    """The next values: the state moved on, its variance left alone."""
    n = int(p[STATES])
    now, to = VECTORS + ROLL * n, VECTORS + ROLLED * n
    told = s[SEEN] >= p[NEEDS]
    for i in range(n):
        s[now + i] = s[VECTORS + i]
    for k in range(out.size):
        y = _seen_of(p, s, now)
        out[k] = y if told else math.nan
        _moved(p, s, now, to, now, 0.0, n)
        for i in range(n):
            s[now + i] = s[to + i]
    for i in range(2 * n):
        s[now + i] = 0.0


@loop("void(f8[::1],f8[::1],f8[::1],f8[::1],f8[::1])")
def innovations(p, s, d, e, F):  # type: ignore[no-untyped-def]
    """The innovations of a series and their variances: NaN where nothing was seen, -F_inf where they are diffuse."""
    for t in range(d.size):
        y = _seen_of(p, s, VECTORS)
        e[t] = d[t] - y
        _step(p, s, 0.0, d[t])
        F[t] = s[VARIANCE] if abs(d[t]) < LARGEST else math.nan
