r"""Recursive least squares with forgetting, in square-root form: the triangle of a QR decomposition, row by row.

The weighted sums of squares are held as :math:`\Phi = U' D U` with U of unit diagonal, and beside it
:math:`\bar\theta = U w`. A row (x, d) is folded in by rotations without square roots (Gentleman), for i = 1 .. n:

    D_i  = max(lambda D_i, floor)
    z    = x_i                       what the rows above have left of it
    a'   = a + z^2 / D_i             a = 1 at first
    g    = z / (D_i a')
    D_i  = D_i + z^2 / a,            a = a'
    x_k  = x_k - z U_ik,             U_ik = U_ik + g x_k       for k > i
    y    = y + z theta_i,            theta_i = theta_i + g (d - y)

The sum y is x'w for the w before this row, so no system is ever solved for a forecast: 2 n^2 operations a row.

Nothing is subtracted from D, so it stays positive. Where forgetting has nothing new to put in the place of the old, D_i
falls no further than to a tiny share of the energy of the signal (``floor``), and U and theta stay what they were: poor
excitation makes no weight grow. That floor is the whole prior too: the solution is ordinary least squares as soon as
the rows determine it.

A row that is in there is taken out by the same steps, with a = -1 at first; what is left of a then is -(1 - x'inv(Phi)
x), which is negative as long as the other rows determine the solution without it.

Four rows are taken together: x is loaded once for the four.

W. M. Gentleman, "Least squares computations by Givens transformations without square roots", J. Inst. Maths Applics 12,
1973, pp. 329-336.
A. J. Miller, "Algorithm AS 274: Least squares routines to supplement those of Gentleman", Applied Statistics 41, 1992.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from .._jit import helper
from .._jit.rows import four_rows
from .._jit.vectors import dot
from . import rising

Array = NDArray[np.float64]

# vectors of N = n rounded up to a multiple of four, one after another, then the rows of U, each from its block on
X, D, THETA, ENERGY, WEIGHTS, VECTORS = range(6)

GUARD = 1e-9  # what is left of the weight of a row that is taken out is no less
TINY = 1e-280  # keeps what decays out of the range of denormal numbers, which take a hundred times as long


def padded(n: int) -> int:
    """The length of the vectors."""
    return -(-n // 4) * 4


def size(n: int) -> int:
    """How many float64 the triangle takes."""
    blocks = padded(n) // 4
    return VECTORS * padded(n) + 8 * blocks * (blocks + 1)


@helper
def listen(s, at, n, keep, learn):  # type: ignore[no-untyped-def]
    """Add a row, x, to the energy of each of its n columns."""
    size = (n + 3) // 4 * 4
    energy = at + ENERGY * size
    for i in range(n):
        x = s[at + i]
        old = s[energy + i]
        s[energy + i] = keep * old + x * x + TINY if learn else old


@helper
def _stage(s, i, size, z, keep, floor, learn, d, y, a, over, weight):  # type: ignore[no-untyped-def]
    """One rotation: (y, a, 1 / a, g)."""
    known = s[i + D * size]
    least = floor * s[i + ENERGY * size] + TINY
    information = max(keep * known, least)
    q = z / information
    more = a + z * q if weight > 0.0 else min(a + z * q, -GUARD)
    under = 1.0 / more
    g = q * under if learn else 0.0
    theta = s[i + THETA * size]
    y += z * theta
    theta += g * (d - y)
    s[i + THETA * size] = theta if abs(theta) > TINY else 0.0
    s[i + D * size] = max(information + z * z * over, least) if learn else known
    return y, more, under, g


@helper
def fold(s, at, n, keep, floor, learn, d, weight):  # type: ignore[no-untyped-def]
    """The output for the row x, and the row and its d (a number, whatever it is, where it is not to be learnt).

    The weight is 1, or -1 to take out again a row that is in there.
    """
    size = (n + 3) // 4 * 4
    y = 0.0
    a = weight
    o = weight
    i = at
    width = size
    r = at + VECTORS * size
    while width > 0:
        z0 = s[i]
        y, a, o, g0 = _stage(s, i, size, z0, keep, floor, learn, d, y, a, o, weight)
        z1 = s[i + 1] - z0 * s[r + 1]
        z2 = s[i + 2] - z0 * s[r + 2]
        z3 = s[i + 3] - z0 * s[r + 3]
        s[r + 1] += g0 * z1
        s[r + 2] += g0 * z2
        s[r + 3] += g0 * z3
        y, a, o, g1 = _stage(s, i + 1, size, z1, keep, floor, learn, d, y, a, o, weight)
        z2 -= z1 * s[r + width + 2]
        z3 -= z1 * s[r + width + 3]
        s[r + width + 2] += g1 * z2
        s[r + width + 3] += g1 * z3
        y, a, o, g2 = _stage(s, i + 2, size, z2, keep, floor, learn, d, y, a, o, weight)
        z3 -= z2 * s[r + 2 * width + 3]
        s[r + 2 * width + 3] += g2 * z3
        y, a, o, g3 = _stage(s, i + 3, size, z3, keep, floor, learn, d, y, a, o, weight)
        four_rows(s, i + 4, r + 4, width, width - 4, z0, z1, z2, z3, g0, g1, g2, g3)
        i += 4
        r += 4 * width
        width -= 4
    return y


@helper
def solve(s, at, n):  # type: ignore[no-untyped-def]
    """Write the weights w of U w = theta to their place; whoever may not change the state wipes it afterwards.

    Four rows at a time, from the last, so that no sum waits for the one before: a quarter of the time.
    """
    size = (n + 3) // 4 * 4
    w, theta = at + WEIGHTS * size, at + THETA * size
    r = at + VECTORS * size + 8 * (size // 4) * (size // 4 + 1)
    for i in range(size - 4, -1, -4):
        width = size - i
        r -= 4 * width
        one, two, three, rest = r + width, r + 2 * width, r + 3 * width, width - 4
        w0 = s[theta + i] - dot(s, r + 4, s, w + i + 4, rest)
        w1 = s[theta + i + 1] - dot(s, one + 4, s, w + i + 4, rest)
        w2 = s[theta + i + 2] - dot(s, two + 4, s, w + i + 4, rest)
        w3 = s[theta + i + 3] - dot(s, three + 4, s, w + i + 4, rest)
        w2 -= s[two + 3] * w3
        w1 -= s[one + 2] * w2 + s[one + 3] * w3
        w0 -= s[r + 1] * w1 + s[r + 2] * w2 + s[r + 3] * w3
        s[w + i], s[w + i + 1], s[w + i + 2], s[w + i + 3] = w0, w1, w2, w3


@helper
def wipe(s, at, n):  # type: ignore[no-untyped-def]
    """Zeros in the place of the weights, as they were."""
    size = (n + 3) // 4 * 4
    for i in range(size):
        s[at + WEIGHTS * size + i] = 0.0


@helper
def harmful(s, slots, at, n, loudest):  # type: ignore[no-untyped-def]
    """Zeros in the place of what makes the weights, if they are harmful when the input comes up (``rising.py``)."""
    size = (n + 3) // 4 * 4
    solve(s, at, n)
    forgotten = rising.forget(s, slots, at + THETA * size, size, at + WEIGHTS * size, loudest, 0.0)
    wipe(s, at, n)
    return forgotten


@helper
def begin_anew(s, at, n):  # type: ignore[no-untyped-def]
    """The weights stay, and nothing is known of them; the caller sets D."""
    size = (n + 3) // 4 * 4
    solve(s, at, n)
    for i in range(size):
        s[at + THETA * size + i] = s[at + WEIGHTS * size + i]
        s[at + D * size + i] = s[at + ENERGY * size + i] = 0.0
    for k in range(at + VECTORS * size, at + VECTORS * size + 8 * (size // 4) * (size // 4 + 1)):
        s[k] = 0.0
    wipe(s, at, n)


def _unpacked(s: Array, at: int, n: int) -> Array:
    """The triangle U of a state, padded."""
    long = padded(n)
    triangle, r = np.eye(long), at + VECTORS * long
    for i in range(long):
        first = i // 4 * 4
        width = long - first
        triangle[i, i + 1 :] = s[r + i + 1 - first : r + width]
        r += width
    return triangle


def weights(s: Array, at: int, n: int) -> Array:
    """The weights w of a state."""
    long = padded(n)
    triangle = _unpacked(s, at, n)
    w = s[at + THETA * long : at + (THETA + 1) * long].copy()
    for i in range(long - 1, -1, -1):
        w[i] -= triangle[i, i + 1 :] @ w[i + 1 :]
    return w[:n]


def set_weights(s: Array, at: int, w: Array) -> None:
    """Let the state have these weights, and know of them what it knew of the old ones."""
    long = padded(w.size)
    s[at + THETA * long : at + THETA * long + w.size] = _unpacked(s, at, w.size)[: w.size, : w.size] @ w


def information(s: Array, at: int, n: int) -> Array:
    """The diagonal D of a state."""
    return s[at + D * padded(n) :][:n]
