r"""The covariance P of a Gaussian state: moved on, and lessened by one number that is observed, in two forms.

``plain`` holds P, row by row, and mirrors it whenever it is moved on, so that it stays symmetric:

    m = P h,   V = h' m + r,   K = m / V,   P = P - K m';        P = F P F' + Q

``factors`` holds P = U D U' with U upper triangular of unit diagonal and D >= 0 diagonal. Nothing is subtracted from
D, so P cannot become indefinite, and the numbers have twice the digits of P. An observation (Bierman), with f = U'h,
g = D f, a = r at first and b = 0, is for j = 1 .. n

    a' = a + f_j g_j,   D_j = D_j a / a',   b' = b + g_j U_j,   U_j = U_j - (f_j / a) b,     then a = a', b = b'

with U_j the column j; at the end V = a and K = b / a. To move on (Thornton), with Q = G E G' factored likewise, the
rows of [F U, G] are made orthogonal in the weights (D, E), the last one first.

Every vector has ``w`` numbers, the ``n`` states padded with zeros to a multiple of four. A form is told the array ``A``
in which h, or F row by row and its transpose, stand.

G. J. Bierman, Factorization Methods for Discrete Sequential Estimation, 1977, ch. V (observation) and VI (time).
C. L. Thornton, Triangular covariance factorizations for Kalman filtering, JPL Technical Memorandum 33-798, 1976.
M. Verhaegen and P. Van Dooren, "Numerical aspects of different Kalman filter implementations", IEEE Trans. Automatic
Control 31, 1986, pp. 907-917.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from .._jit import Function, helper
from .._jit.matrices import mirror, plus_row_times, row_times
from .._jit.vectors import add_scaled, dot

Array = NDArray[np.float64]


class Form(NamedTuple):
    """A form of P: kernels, and how it is written."""

    #: move(s, c, A, F, T, p, Q, n, w): P at ``s[c:]`` by the rows of F and of its transpose T, with Q in ``p``
    move: Function
    #: observe(s, c, A, h, r, e, x, gain, n, w) -> V: with the innovation e; the state at ``s[x:]`` follows
    observe: Function
    #: magnitude(s, c, n, w): a number that is finite and not too large as long as P is
    magnitude: Function
    #: spread(s, c, h, n, w): h' P h, with h in the state
    spread: Function
    #: diagonal(s, c, i, n, w): the variance of one state
    diagonal: Function
    #: size(w): how many float64 it takes, with the room to work in
    size: Function
    #: written(P, w): the first of these
    written: Callable[[Array, int], Array]
    #: noise(Q, w): Q as ``move`` wants it
    noise: Callable[[Array, int], Array]
    #: read(s, c, n, w): P
    read: Callable[[Array, int, int, int], Array]


@helper
def _move(s, c, A, F, T, p, Q, n, w):  # type: ignore[no-untyped-def]
    work = c + w * w
    for i in range(n):
        row_times(s, work + i * w, A, F + i * w, n, s, c, w, w)
    for i in range(n):
        plus_row_times(s, c + i * w, p, Q + i * w, s, work + i * w, n, A, T, w, w)
    mirror(s, c, w)


@helper
def _observe(s, c, A, h, r, e, x, gain, n, w):  # type: ignore[no-untyped-def]
    m = c + 2 * w * w
    row_times(s, m, A, h, n, s, c, w, w)
    V = dot(A, h, s, m, w) + r
    over = 1.0 / V if V > 0.0 else 0.0
    add_scaled(s, x, e * over, s, m, w)
    for i in range(n):
        add_scaled(s, c + i * w, -(over * s[m + i]), s, m, w)
    for i in range(w):
        s[gain + i] = over * s[m + i]
    return V


@helper
def _trace(s, c, n, w):  # type: ignore[no-untyped-def]
    sum_ = 0.0
    for i in range(n):
        sum_ += s[c + i * w + i]
    return sum_


@helper
def _spread(s, c, h, n, w):  # type: ignore[no-untyped-def]
    sum_ = 0.0
    for i in range(n):
        sum_ += s[h + i] * dot(s, c + i * w, s, h, w)
    return sum_


@helper
def _diagonal(s, c, i, n, w):  # type: ignore[no-untyped-def]
    return s[c + i * w + i]


def padded(values: Array, w: int) -> Array:
    """Rows with zeros behind, to w numbers each."""
    full = np.zeros((len(values), w))
    full[:, : values.shape[1]] = values
    return full


def _square(P: Array, w: int) -> Array:
    return np.concatenate([padded(P, w).ravel(), np.zeros((w - len(P)) * w + w)])


def _read(s: Array, c: int, n: int, w: int) -> Array:
    P = s[c : c + w * w].reshape(w, w)[:n, :n]
    made: Array = 0.5 * (P + P.T)  # what was observed since it was moved on leaves a rounding between the two
    return made


@helper
def _size(w):  # type: ignore[no-untyped-def]
    return 2 * w * w + w


plain = Form(
    _move,
    _observe,
    _trace,
    _spread,
    _diagonal,
    _size,
    _square,
    _square,
    _read,
)

# Of the factors: the columns of U as rows, D; the columns of [F U, G] as rows, one of its rows weighted; then vectors
G, B, OTHER, FACTOR, VECTORS = range(5)


@helper
def _move_factors(s, c, A, F, T, p, Q, n, w):  # type: ignore[no-untyped-def]
    D = c + w * w
    W = D + w  # the columns of [F U, G] as rows
    C = W + 2 * w * w
    kept = C + 2 * w
    u = kept + w
    weights = Q + w * w
    for k in range(n):
        row_times(s, W + k * w, s, c + k * w, n, A, T, w, w)
        plus_row_times(s, W + (n + k) * w, p, Q + k * w, s, c, 0, s, c, w, w)
    for j in range(n - 1, -1, -1):
        for k in range(n):
            s[C + k] = s[D + k] * s[W + k * w + j]
            s[C + n + k] = p[weights + k] * s[W + (n + k) * w + j]
        part = (j + 4) // 4 * 4  # the rows up to j
        row_times(s, u, s, C, 2 * n, s, W, w, part)
        d = s[u + j]
        over = 1.0 / d if d > 0.0 else 0.0
        s[kept + j] = d  # the old ones are needed for the other rows
        for i in range(part):
            s[u + i] = over * s[u + i] if i < j else 0.0
            s[c + j * w + i] = s[u + i]
        s[c + j * w + j] = 1.0
        for k in range(2 * n):
            add_scaled(s, W + k * w, -s[W + k * w + j], s, u, part)
    for j in range(n):
        s[D + j] = s[kept + j]


@helper
def _observe_factors(s, c, A, h, r, e, x, gain, n, w):  # type: ignore[no-untyped-def]
    D = c + w * w
    vectors = D + w + 2 * w * w + 2 * w
    g = vectors + G * w
    factor = vectors + FACTOR * w
    a = r
    over = 1.0 / r if r > 0.0 else 0.0
    for j in range(n):
        f = dot(A, h, s, c + j * w, w)
        d = s[D + j]
        more = a + f * (d * f)
        s[factor + j] = -f * over
        s[g + j] = d * f
        over = 1.0 / more if more > 0.0 else 0.0
        s[D + j] = d * (a * over) if more > 0.0 else d
        a = more
    b = vectors + B * w
    other = vectors + OTHER * w
    for i in range(w):
        s[b + i] = 0.0
    for j in range(n):
        column = c + j * w
        plus_row_times(s, other, s, b, s, g + j, 1, s, column, w, w)
        add_scaled(s, column, s[factor + j], s, b, w)
        b, other = other, b
    add_scaled(s, x, e * over, s, b, w)
    for i in range(w):
        s[gain + i] = over * s[b + i]
    return a


@helper
def _magnitude_of_factors(s, c, n, w):  # type: ignore[no-untyped-def]
    return dot(s, c, s, c, w * w + w)


@helper
def _spread_of_factors(s, c, h, n, w):  # type: ignore[no-untyped-def]
    sum_ = 0.0
    for j in range(n):
        f = dot(s, h, s, c + j * w, w)
        sum_ += f * f * s[c + w * w + j]
    return sum_


@helper
def _diagonal_of_factors(s, c, i, n, w):  # type: ignore[no-untyped-def]
    sum_ = 0.0
    for k in range(i, n):
        u = s[c + k * w + i]
        sum_ += u * u * s[c + w * w + k]
    return sum_


def factored(P: Array) -> tuple[Array, Array]:
    """U and D of a matrix of variances, which may be singular."""
    n, rest = len(P), P.copy()
    U, D = np.eye(n), np.zeros(n)
    for j in range(n - 1, -1, -1):
        D[j] = max(rest[j, j], 0.0)
        if D[j] > 1e-15 * P[j, j]:
            U[:j, j] = rest[:j, j] / D[j]
        else:
            D[j] = 0.0
        rest[:j, :j] -= D[j] * np.outer(U[:j, j], U[:j, j])
    return U, D


def _columns(P: Array, w: int) -> Array:
    U, D = factored(P)
    return np.concatenate([_square(U.T, w)[: w * w], padded(D[None], w)[0]])


def _product(s: Array, c: int, n: int, w: int) -> Array:
    U = s[c : c + w * w].reshape(w, w)[:n, :n].T
    made: Array = (U * s[c + w * w : c + w * w + n]) @ U.T
    return made


@helper
def _size_of_factors(w):  # type: ignore[no-untyped-def]
    return w * w + w + 2 * w * w + 2 * w + VECTORS * w


factors = Form(
    _move_factors,
    _observe_factors,
    _magnitude_of_factors,
    _spread_of_factors,
    _diagonal_of_factors,
    _size_of_factors,
    _columns,
    _columns,
    _product,
)
