r"""The Kalman filter of a linear Gaussian model that does not change over time, of any number of observations a sample.

    x(t) = F x(t-1) + B u(t) + w(t),     w ~ N(0, Q)
    z(t) = H x(t) + v(t),                v ~ N(0, R)

The observations of a sample are taken in one by one, so that no matrix is inverted. Where their noise is correlated,
R = L D L' with L of unit diagonal, they are replaced by L^-1 z, whose noise is not: once for all where all are there,
and anew in a sample where some are missing (NaN), for those that are left.

Once the gains no longer change they are kept, until an observation is missing; the covariance stands still meanwhile.
The likelihood is gathered as sums of squares and a product of variances, so that it costs a logarithm now and then.

Should the state or its covariance outgrow all bounds, as those of an unstable system that nobody observes, the filter
begins anew.

J. Durbin and S. J. Koopman, Time Series Analysis by State Space Methods, 2nd ed., 2012, section 6.4 (one by one).
B. D. O. Anderson and J. B. Moore, Optimal Filtering, 1979, ch. 4 (the steady state), 6.2 (one by one).
"""

from __future__ import annotations

import math
from functools import cache
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from .._jit import Function, helper, kernel, loop, rare, vector_kernel
from .._jit.instructions import call_step, call_vector_step
from .._jit.matrices import plus_row_times, row_times
from .._jit.vectors import add_scaled, dot
from .constants import LARGEST
from .covariance import Form, padded
from .settling import EVERY, unchanged

Array = NDArray[np.float64]

# p: sizes, then what ``places_in_p`` says
STATES, OBSERVATIONS, CONTROLS, CORRELATED, BEGINS = range(5)
OUTPUT = 8
# s: scalars, then what ``places_in_s`` says
SEEN, STEADY, SINCE, SQUARES, DETERMINANT, LOGS, COUNTED, RESTARTS = range(8)
X = 16

BOUND = 1e250  # of the squares of the state, and of its variances
KNOWN = 1e-12  # an observation without noise tells nothing where its variance is as small beside those of the states
SMALL, LARGE = 1e-100, 1e100  # beyond, the logarithm of the product of variances is taken
UNROLLED = 8  # states up to which a kernel is made for their number


class InP(NamedTuple):
    """Where things begin: row to put out, first mean, F by rows, its transpose, Q, first P, then per observation."""

    mean: int
    F: int
    T: int
    Q: int
    P: int
    H: int
    R: int
    L: int
    whole_h: int
    whole_r: int
    B: int
    end: int


class InS(NamedTuple):
    """Where things begin behind the state: a vector to work in, P, innovations, their variances, the sample, gains."""

    next: int
    P: int
    e: int
    V: int
    z: int
    gains: int
    before: int
    H: int
    R: int
    L: int
    end: int


@helper
def places_in_p(n, m, k):  # type: ignore[no-untyped-def]
    """See ``InP``."""
    w = (n + 3) // 4 * 4
    mean = OUTPUT + w
    F = mean + w
    T = F + w * w
    Q = T + w * w
    P = Q + w * w + w
    H = P + w * w + w
    R = H + m * w
    L = R + m
    whole_h = L + m * m
    whole_r = whole_h + m * w
    B = whole_r + m * m
    return mean, F, T, Q, P, H, R, L, whole_h, whole_r, B, B + k * w


@helper
def places_in_s(n, m, k, covariance):  # type: ignore[no-untyped-def]
    """See ``InS``; ``covariance`` is the size of P."""
    w = (n + 3) // 4 * 4
    P = X + 2 * w
    e = P + covariance
    V = e + m
    z = V + m
    gains = z + m + k
    before = gains + m * w
    H = before + m * w
    R = H + m * w
    L = R + m
    return X + w, P, e, V, z, gains, before, H, R, L, L + m * m


class System(NamedTuple):
    """A model in matrices."""

    F: Array  # (n, n)
    H: Array  # (m, n)
    Q: Array  # (n, n)
    R: Array  # (m, m)
    B: Array  # (n, k)
    mean: Array  # (n,): the state expected at the first sample
    P: Array  # (n, n): its covariance
    output: Array  # (n,): the row that is put out
    steady: tuple[Array, Array] | None  # gains (m, n) and variances (m,) of the innovations, where it begins with them

    def parameters(self, form: Form) -> Array:
        """The system as the kernel reads it in ``p``."""
        n, m, k = len(self.F), len(self.H), self.B.shape[1]
        w = -(-n // 4) * 4
        at = InP(*places_in_p(n, m, k))
        p = np.zeros(at.end)
        p[[STATES, OBSERVATIONS, CONTROLS]] = n, m, k
        p[BEGINS] = self.steady is not None
        p[OUTPUT : OUTPUT + n], p[at.mean : at.mean + n] = self.output, self.mean
        L, D, H = decorrelated(self.R, self.H)
        p[CORRELATED] = bool((np.abs(np.tril(L, -1)) > 0.0).any())
        parts = (
            (at.F, padded(self.F, w)), (at.T, padded(self.F.T, w)), (at.Q, form.noise(self.Q, w)),
            (at.P, form.written(self.P, w)), (at.H, padded(H, w)), (at.R, D), (at.L, L),
            (at.whole_h, padded(self.H, w)), (at.whole_r, self.R), (at.B, padded(self.B.T, w)),
        )  # fmt: skip
        for begin, part in parts:
            p[begin : begin + part.size] = part.ravel()
        return p

    def start(self, s: Array, form: Form) -> None:
        """Write the start into a state of zeros."""
        p = self.parameters(form)
        _begin(p, s, len(self.F), len(self.H), self.B.shape[1], form.size(-(-len(self.F) // 4) * 4))
        if self.steady is not None:
            n, m = len(self.F), len(self.H)
            at = self.places(form)
            gains, V = self.steady
            w = -(-n // 4) * 4
            s[at.gains : at.gains + m * w] = padded(gains, w).ravel()
            s[at.before : at.before + m * w] = padded(gains, w).ravel()
            s[at.V : at.V + m] = V

    def places(self, form: Form) -> InS:
        """Where things are in the state."""
        n = len(self.F)
        return InS(*places_in_s(n, len(self.H), self.B.shape[1], form.size(-(-n // 4) * 4)))


def decorrelated(R: Array, H: Array) -> tuple[Array, Array, Array]:
    """L and D of R = L D L', and L^-1 H."""
    m = len(R)
    L, D, G = np.eye(m), np.zeros(m), H.astype(float)
    for j in range(m):
        for i in range(j):
            L[j, i] = (R[j, i] - (L[j, :i] * L[i, :i]) @ D[:i]) / D[i] if D[i] > 0.0 else 0.0
            G[j] -= L[j, i] * G[i]
        D[j] = max(R[j, j] - L[j, :j] ** 2 @ D[:j], 0.0)
    return L, D, G


@rare
def _begin(p, s, n, m, k, covariance):  # type: ignore[no-untyped-def]
    """A state of zeros as before the first sample."""
    w = (n + 3) // 4 * 4
    mean, _, _, _, P, H, _, _, _, _, _, _ = places_in_p(n, m, k)
    _, to, _, _, _, _, _, rows, _, _, _ = places_in_s(n, m, k, covariance)
    for i in range(w):
        s[X + i] = p[mean + i]
    for i in range(w * w + w):
        s[to + i] = p[P + i]
    for i in range(m * w + m):
        s[rows + i] = p[H + i]
    s[DETERMINANT] = 1.0
    s[STEADY] = p[BEGINS]


@rare
def _restart(p, s, n, m, k, covariance):  # type: ignore[no-untyped-def]
    """Everything as before the first sample; the full filter leads back to the steady one."""
    times = s[RESTARTS]
    for i in range(s.size):
        s[i] = 0.0
    _begin(p, s, n, m, k, covariance)
    s[STEADY] = 0.0
    s[SEEN] = p[BEGINS]  # then P is that of a sample, and is moved on to the first one
    s[RESTARTS] = times + 1.0


@rare
def decorrelate(p, noise, s, A, raw, m, w, z, rows):  # type: ignore[no-untyped-def]
    """Rows and variances of the observations that are there, such that their noise is not correlated.

    R stands at ``p[noise:]``, H at ``A[raw:]``; what is found at ``s[rows:]``, variances and room to work behind.
    """
    R = rows + m * w
    L = R + m
    for j in range(m):
        if abs(s[z + j]) < LARGEST:
            for c in range(w):
                s[rows + j * w + c] = A[raw + j * w + c]
            d = p[noise + j * m + j]
            for i in range(j):
                if abs(s[z + i]) < LARGEST and s[R + i] > 0.0:
                    sum_ = p[noise + j * m + i]
                    for c in range(i):
                        if abs(s[z + c]) < LARGEST:
                            sum_ -= s[L + j * m + c] * s[L + i * m + c] * s[R + c]
                    factor = sum_ / s[R + i]
                    s[L + j * m + i] = factor
                    d -= factor * factor * s[R + i]
                    s[z + j] -= factor * s[z + i]
                    add_scaled(s, rows + j * w, -factor, s, rows + i * w, w)
                else:
                    s[L + j * m + i] = 0.0
            s[R + j] = max(d, 0.0)


@rare
def _whiten(p, s, L, z, m):  # type: ignore[no-untyped-def]
    """L^-1 z."""
    for j in range(1, m):
        for i in range(j):
            s[z + j] -= p[L + j * m + i] * s[z + i]


@rare
def _logarithm(s, product):  # type: ignore[no-untyped-def]
    """Take the logarithm of a product of variances that has become too small or too large."""
    s[LOGS] += math.log(min(product, BOUND)) if product > 0.0 else 0.0
    return 1.0


@rare
def _restore(p, s, H, rows, count):  # type: ignore[no-untyped-def]
    """Rows and variances as they are where all is observed."""
    for i in range(count):
        s[rows + i] = p[H + i]


@rare
def _settle(s, gains, before, m, w):  # type: ignore[no-untyped-def]
    """Look whether any gain has changed since the last look."""
    s[SINCE] = 0.0
    settled = True
    for j in range(m):
        if not unchanged(s, gains + j * w, before + j * w, w):
            settled = False
    s[STEADY] = 1.0 if settled else 0.0


@helper
def _gather(s, squares, counted, product):  # type: ignore[no-untyped-def]
    """What a sample adds to the likelihood."""
    s[SQUARES] += squares
    s[COUNTED] += counted
    s[DETERMINANT] = product


@helper
def _follow(s, rows, e, V, z, gains, m, w):  # type: ignore[no-untyped-def]
    """All the observations of a sample, with the gains that are kept."""
    squares = 0.0
    counted = 0.0
    product = s[DETERMINANT]
    for j in range(m):
        innovation = s[z + j] - dot(s, rows + j * w, s, X, w)
        s[e + j] = innovation
        if s[V + j] > 0.0:
            add_scaled(s, X, innovation, s, gains + j * w, w)
            squares += min(innovation * innovation / s[V + j], LARGEST)
            counted += 1.0
            product *= s[V + j]
            if not SMALL < product < LARGE:
                product = _logarithm(s, product)
    _gather(s, squares, counted, product)


@cache
def absorber(form: Form) -> Function:
    """A helper that takes in what there is of the observations of a sample, one by one."""
    observe, spread, diagonal = form.observe, form.spread, form.diagonal

    @rare
    def tells(s, P, h, n, w):  # type: ignore[no-untyped-def]
        """Whether an observation without noise tells anything, or what is expected of it is rounding."""
        largest = 0.0
        for i in range(n):
            largest += abs(s[h + i]) * math.sqrt(max(diagonal(s, P, i, n, w), 0.0))
        return spread(s, P, h, n, w) > KNOWN * largest * largest

    @helper
    def absorb(s, P, rows, R, e, V, z, x, gains, n, m, w):  # type: ignore[no-untyped-def]
        squares = 0.0
        counted = 0.0
        product = s[DETERMINANT]
        for j in range(m):
            s[e + j] = 0.0
            s[V + j] = 0.0
            if abs(s[z + j]) < LARGEST and (s[R + j] > 0.0 or tells(s, P, rows + j * w, n, w)):
                innovation = s[z + j] - dot(s, rows + j * w, s, x, w)
                variance = observe(s, P, s, rows + j * w, s[R + j], innovation, x, gains + j * w, n, w)
                if variance > 0.0:
                    s[e + j] = innovation
                    s[V + j] = variance
                    squares += min(innovation * innovation / variance, LARGEST)
                    counted += 1.0
                    product *= variance
                    if not SMALL < product < LARGE:
                        product = _logarithm(s, product)
        _gather(s, squares, counted, product)

    return absorb


class Steps(NamedTuple):
    """The kernels of a filter: one number a sample, and several."""

    step: Function
    vector_step: Function


@cache
def steps(form: Form, states: int) -> Steps:
    """The kernels for so many states, any number where 0."""
    move, magnitude, size_of, absorb = form.move, form.magnitude, form.size, absorber(form)

    @helper
    def go(p, s, n, m, k, covariance):  # type: ignore[no-untyped-def]
        w = (n + 3) // 4 * 4
        _, F, T, Q, _, H, _, L, whole_h, whole_r, B, _ = places_in_p(n, m, k)
        further, P, e, V, z, gains, before, rows, R, _, _ = places_in_s(n, m, k, covariance)
        known = 0
        for j in range(m):
            known += 1 if abs(s[z + j]) < LARGEST else 0
        for j in range(m, m + k):
            s[z + j] = s[z + j] if abs(s[z + j]) < LARGEST else 0.0
        if s[SEEN] > 0.0:
            row_times(s, further, s, X, n, p, T, w, w)
            plus_row_times(s, X, s, further, s, z + m, k, p, B, w, w)
        correlated = p[CORRELATED] > 0.0
        if correlated and known == m:
            _whiten(p, s, L, z, m)
        if known == m and s[STEADY] > 0.0:
            _follow(s, rows, e, V, z, gains, m, w)
            size = 0.0
        else:
            if s[SEEN] > 0.0 or s[STEADY] > 0.0:
                move(s, P, p, F, T, p, Q, n, w)
            s[STEADY] = 0.0
            if correlated and known < m:
                decorrelate(p, whole_r, s, p, whole_h, m, w, z, rows)
            absorb(s, P, rows, R, e, V, z, X, gains, n, m, w)
            if correlated and known < m:
                _restore(p, s, H, rows, m * w + m)
            s[SINCE] = s[SINCE] + 1.0 if known == m else 0.0
            if s[SINCE] >= EVERY:
                _settle(s, gains, before, m, w)
            size = magnitude(s, P, n, w)
        s[SEEN] += 1.0
        if not dot(s, X, s, X, w) + size < BOUND:
            _restart(p, s, n, m, k, covariance)
        for j in range(m):
            if not abs(s[z + j]) < LARGEST:
                s[z + j] = 0.0
        return dot(p, OUTPUT, s, X, w)

    @helper
    def sizes(p):  # type: ignore[no-untyped-def]
        n = states if states > 0 else int(p[STATES])
        return n, int(p[OBSERVATIONS]), int(p[CONTROLS]), size_of((n + 3) // 4 * 4)

    @kernel
    def step(p, s, x, d):  # type: ignore[no-untyped-def]
        n, m, k, covariance = sizes(p)
        _, _, _, _, z, _, _, _, _, _, _ = places_in_s(n, m, k, covariance)
        s[z] = x
        return go(p, s, n, 1, 0, covariance)

    @vector_kernel
    def vector_step(p, s, x, d):  # type: ignore[no-untyped-def]
        n, m, k, covariance = sizes(p)
        _, _, _, _, z, _, _, _, _, _, _ = places_in_s(n, m, k, covariance)
        for j in range(m + k):
            s[z + j] = x[j]
        return go(p, s, n, m, k, covariance)

    return Steps(step, vector_step)


@loop("void(i8,f8[::1],f8[:,::1],f8[::1],f8[:,::1])", allocates=False)
def traced(bound: int, s: Any, x: Any, y: Any, states: Any) -> None:
    """A block that keeps the whole state of every sample."""
    for t in range(y.size):
        y[t] = call_step(bound, x[t, 0], x[t, 0]) if x.shape[1] == 1 else call_vector_step(bound, x[t], math.nan)
        for i in range(states.shape[1]):
            states[t, i] = s[X + i]
