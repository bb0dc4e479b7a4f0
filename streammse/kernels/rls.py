r"""Recursive least squares: the inverse P of the weighted sums of squares, as a lower triangle.

With mu the product of all forgetting factors so far, mu(n) = lambda mu(n-1), :math:`\Phi = \sum_i \lambda^{n-i} u u'`
grows without a multiplication where the rows are given the weights 1 / mu instead. P is the inverse of that sum, and
P / mu the one that the textbook names P (Haykin, table 10.1):

    q = P u,     a = mu / omega + u' q,     e = d - w' u
    w = w + q e / a,     P = P - q q' / a

omega is the weight of the row. The last line waits: with h = q / sqrt(a), what is subtracted is h h', and that happens
in the pass in which the next sample multiplies P, so that the triangle goes through the memory once a sample
(``_jit/symmetric.py``). From time to time P and mu are multiplied by a power of two, which rounds nothing.

What keeps P positive and finite, whatever comes:

- It is symmetric by construction, so the one way in which the textbook's recursion grows an error is not there.
- Forgetting is bounded. A direction that the input does not excite would grow like 1 / lambda^n. One coordinate i is
  looked at each sample, in turn; where P_ii says that less is known of it than ``FLOOR`` times the energy of its input,
  a row e_i is taken in whose error is zero: the weights stay, P_ii falls. On input that excites all directions this
  never happens, and the solution is that of exponentially weighted least squares.
- A row counts for at most ``BURST`` times the average energy of a row within the memory: one spike would else leave
  nothing of the digits of P, and could not be forgotten for long.
- A row of zeros is no row: in silence nothing is forgotten.
- Every reference begins, at its first sample x0 that is not zero, with P_ii = 1 / (delta x0^2).
- Should u' P u be negative all the same, P begins anew from the energy of the input, and the weights stay.

S. Haykin, Adaptive Filter Theory, 5th ed., 2014, ch. 10.
M. H. Verhaegen, "Round-off error propagation in four generally-applicable, recursive, least-squares estimation schemes",
Automatica 25, 1989, pp. 437-444 (what symmetry does).
S. L. Gay, "Dynamically regularized fast RLS with application to echo cancellation", Proc. ICASSP 1996, pp. 957-960
(rows e_i without an error).
"""

from __future__ import annotations

import math

from .._jit import helper, rare
from .._jit.symmetric import ROWS, subtract_and_multiply
from .._jit.vectors import add_scaled, dot, set_scaled
from . import line
from .constants import LARGEST, SMALLEST
from .line import BURST

# p
FORGETTING, REGULARISER = range(line.OWN, line.OWN + 2)
# s: scalars; behind the line the energy and the number of samples of each reference, then vectors, then the triangle
NEXT, MU, RESTARTS = range(line.FREE, line.FREE + 3)
H, Q, UNIT, VECTORS = range(4)

FLOOR = 1e-8  # the least that is known of a coordinate, relative to the energy of its input
SMALL = 2.0**-40  # from here on mu begins anew


def padded(n: int) -> int:
    """The length of the vectors."""
    return -(-n // ROWS) * ROWS


def size(taps: int, references: int) -> int:
    """How many float64 the state takes."""
    n = padded(taps * references)
    behind = padded(line.size(taps, references)) + padded(2 * references)
    return behind + VECTORS * n + n * (n + ROWS) // 2


@helper
def _up(n):  # type: ignore[no-untyped-def]
    return (n + ROWS - 1) // ROWS * ROWS


@helper
def _places(n, m):  # type: ignore[no-untyped-def]
    """Where the energies begin, the vectors, and the triangle."""
    at = _up(line.WEIGHTS + 3 * n)
    vectors = at + _up(2 * m)
    return at, vectors, vectors + VECTORS * _up(n)


@helper
def _diagonal(i):  # type: ignore[no-untyped-def]
    """Where in the triangle P_ii is."""
    b = i // ROWS
    return ROWS * ROWS // 2 * b * (b + 1) + i % ROWS * ROWS * (b + 1) + i


@helper
def _begin(p, s, triangle, n, m, r, square):  # type: ignore[no-untyped-def]
    """P_ii of reference r, before anything is known but the square of a sample."""
    for i in range(r, n, m):
        s[triangle + _diagonal(i)] = s[MU] / (p[REGULARISER] * square)


@helper
def _listen(p, s, u, n, m, keep):  # type: ignore[no-untyped-def]
    """How much of the row's weight is left when it counts for BURST average rows at most; 0 where the row is silent."""
    at, _, triangle = _places(n, m)
    total = 0.0
    for r in range(m):
        x = s[u + n - m + r]
        square = x * x
        energy = s[at + r]
        count = s[at + m + r]
        if x != 0.0:
            if energy == 0.0:
                _begin(p, s, triangle, n, m, r, square)
                s[at + r] = square
                s[at + m + r] = 1.0
            else:
                s[at + r] = keep * energy + min(square, BURST * energy / count)
                s[at + m + r] = keep * count + 1.0
        energy = s[at + r]
        if energy > 0.0:
            row = 0.0
            if m == 1:
                row = dot(s, u, s, u, n)
            else:
                for i in range(u + r, u + n, m):
                    row += s[i] * s[i]
            total += row * (s[at + m + r] / energy)
    limit = BURST * n
    if total > limit:
        return limit / total
    return 1.0 if total > 0.0 else 0.0


@rare
def _restart(p, s, n, m):  # type: ignore[no-untyped-def]
    """P as at the beginning, by the energy of the input so far."""
    at, vectors, triangle = _places(n, m)
    for k in range(vectors, s.size):
        s[k] = 0.0
    s[MU] = 1.0
    s[RESTARTS] += 1.0
    for r in range(m):
        if s[at + r] > 0.0:
            _begin(p, s, triangle, n, m, r, s[at + r] / s[at + m + r])


@rare
def _rescale(s, n, m):  # type: ignore[no-untyped-def]
    """P, h h' and mu by the same power of two."""
    _, vectors, triangle = _places(n, m)
    up = 1.0 / SMALL
    for k in range(triangle, s.size):
        s[k] *= up
    for k in range(vectors, vectors + n):
        s[k] *= math.sqrt(up)
    s[MU] *= up


@helper
def _look(s, n, m):  # type: ignore[no-untyped-def]
    """Where too little is known of the next coordinate, a row e_i without an error."""
    at, vectors, triangle = _places(n, m)
    long = _up(n)
    i = int(s[NEXT])
    s[NEXT] = i + 1 if i + 1 < n else 0
    h = s[vectors + i]
    variance = s[triangle + _diagonal(i)] - h * h
    known = FLOOR * s[at + i % m]
    if variance * known > s[MU]:
        unit = vectors + UNIT * long
        s[unit + i] = 1.0
        subtract_and_multiply(s, triangle, vectors + H * long, unit, vectors + Q * long, long // ROWS)
        s[unit + i] = 0.0
        variance = s[vectors + Q * long + i]
        gain = math.sqrt(max(variance - 0.5 * s[MU] / known, 0.0)) / variance
        set_scaled(s, vectors + H * long, gain, s, vectors + Q * long, n)


@helper
def learn(p, s, u, n, d):  # type: ignore[no-untyped-def]
    """The output for the regressor s[u:], which is learnt."""
    y = dot(s, line.WEIGHTS, s, u, n)
    if not abs(d) < LARGEST:
        s[line.UNLEARNT] += 1.0
        return y
    m = int(p[line.REFERENCES])
    keep = p[FORGETTING]
    omega = _listen(p, s, u, n, m, keep)
    if omega == 0.0:
        return y
    s[MU] *= keep
    if s[MU] < SMALL:
        _rescale(s, n, m)
    if keep < 1.0:
        _look(s, n, m)
    _, vectors, triangle = _places(n, m)
    long = _up(n)
    q = vectors + Q * long
    subtract_and_multiply(s, triangle, vectors + H * long, u, q, long // ROWS)
    leverage = dot(s, q, s, u, n)
    if not leverage >= 0.0:
        _restart(p, s, n, m)
        subtract_and_multiply(s, triangle, vectors + H * long, u, q, long // ROWS)
        leverage = dot(s, q, s, u, n)
    e = d - y
    over = 1.0 / (s[MU] / omega + leverage)
    if abs(e) > SMALLEST:
        add_scaled(s, line.WEIGHTS, e * over, s, q, n)
    set_scaled(s, vectors + H * long, math.sqrt(over), s, q, n)
    return y
