r"""Recursive least squares: the inverse P of the weighted sums of squares, as a lower triangle.

With mu the product of all forgetting factors so far, mu(n) = lambda mu(n-1), :math:`\Phi = \sum_i \lambda^{n-i} u u'`
grows without a multiplication where the rows are given the weights 1 / mu instead. P is the inverse of that sum, and
P / mu the one that the textbook names P (Haykin, table 10.1):

    q = P u,     a = mu / omega + u' q,     e = d - w' u
    w = w + q e / a,     P = P - q q' / a

omega is the weight of the row. The last step waits: it happens in the pass in which the next sample multiplies P, so
that the triangle goes through the memory once a sample (``_jit/symmetric.py``). From time to time P and mu are
multiplied by a power of two, which rounds nothing.

What keeps P positive and finite, whatever comes:

- It is symmetric by construction, so the one way in which the textbook's recursion grows an error is not there.
- Forgetting is bounded. A direction that the input does not excite would grow like 1 / lambda^n. One coordinate i is
  looked at each sample, in turn; where P_ii says that less is known of it than ``FLOOR`` times the energy of its input,
  a row e_i is taken in whose error is zero: the weights stay, P_ii falls. On input that excites all directions this
  never happens, and the solution is that of exponentially weighted least squares.
- No row counts for much more than the others, and silent ones for nothing (``hearing.py``): one spike would else leave
  nothing of the digits of P, and could not be forgotten for long.
- Every reference begins, at its first sample x0 that is not zero, with P_ii = 1 / (delta x0^2); and anew when the
  input comes up from far below and all that was learnt is worthless (``rising.py``).
- Should u' P u be negative all the same, P begins anew from the energy of the input, and the weights stay.

S. Haykin, Adaptive Filter Theory, 5th ed., 2014, ch. 10.
M. H. Verhaegen, "Round-off error propagation in four generally-applicable, recursive, least-squares estimation
schemes", Automatica 25, 1989, pp. 437-444 (what symmetry does).
S. L. Gay, "Dynamically regularized fast RLS with application to echo cancellation", Proc. ICASSP 1996, pp. 957-960
(rows e_i without an error).
"""

from __future__ import annotations

import math
from typing import Any

from .._jit import helper, rare
from .._jit.symmetric import ROWS, subtract_and_multiply
from .._jit.vectors import add_scaled, dot
from . import hearing, line, rising
from .constants import LARGEST, SMALLEST
from .symmetric import diagonal, padded, triangle_size

# p
FORGETTING, REGULARISER, THRESHOLD, SHARE, MEMORY, SHORT, LONG, MARGIN = range(line.OWN, line.OWN + 8)
P_SIZE = line.OWN + 8
# s: scalars; behind the line the numbers of each reference, then vectors, then the triangle
NEXT, MU, RESTARTS, GAIN, SIDE, LAMBDA, SCALE, SIZE, JUDGED, RECENT, LASTING, SPENT, BEGUN = range(
    line.FREE, line.FREE + 13
)
ONE, OTHER, UNIT, VECTORS = range(4)

FLOOR = 1e-8  # the least that is known of a coordinate, relative to the energy of its input
FAITH = 1e-8  # errors are not taken to be smaller than this share of the power of d
SURPRISE = 10.0  # an error counts in the noise for at most so many times its power
DEEPEST = 1e-6  # the noise is not taken to be smaller than this share of the error of late
FIRST = 3.0  # samples after which errors have a scale
SPAN = 9.0  # n samples are never forgotten by more than exp(-SPAN): what FLOOR bounds is looked at once in so many
ABSURD = 1e200  # an error that is no number any more, or soon
LEAST = 1e-200  # what decays ends before the subnormal numbers
SMALL = 2.0**-40  # from here on mu begins anew


def size(taps: int, references: int) -> int:
    """How many float64 the state takes."""
    n = padded(taps * references)
    behind = padded(line.size(taps, references)) + padded(hearing.NUMBERS * references)
    whole: int = behind + VECTORS * n + triangle_size(n)
    return whole


@helper
def _places(n, m):  # type: ignore[no-untyped-def]
    """Where the energies begin, the vectors, and the triangle."""
    at = padded(line.WEIGHTS + 3 * n)
    vectors = at + padded(hearing.NUMBERS * m)
    return at, vectors, vectors + VECTORS * padded(n)


@rare
def _begin(p, s, n, m, r, square):  # type: ignore[no-untyped-def]
    """P_ii of reference r, of which nothing is known but the square of a sample."""
    _, _, triangle = _places(n, m)
    for i in range(r, n, m):
        s[triangle + diagonal(i)] = s[MU] / (p[REGULARISER] * square)


@rare
def _begin_heard(p, s, u, n, m):  # type: ignore[no-untyped-def]
    """P_ii of the references that are heard for the first time; BEGUN says how many were."""
    at, _, _ = _places(n, m)
    for r in range(m):
        x = s[u + n - m + r]
        if x != 0.0 and s[at + hearing.ENERGY * m + r] == 0.0:
            _begin(p, s, n, m, r, x * x)
            s[BEGUN] += 1.0


@rare
def _anew(p, s, n, m):  # type: ignore[no-untyped-def]
    """P as at the beginning, by the energy of the input so far."""
    at, vectors, _ = _places(n, m)
    for k in range(vectors, s.size):
        s[k] = 0.0
    s[MU] = 1.0
    s[GAIN] = 0.0
    for r in range(m):
        if s[at + hearing.ENERGY * m + r] > 0.0:
            _begin(p, s, n, m, r, s[at + hearing.ENERGY * m + r] / s[at + hearing.COUNT * m + r])


@rare
def _restart(p, s, n, m):  # type: ignore[no-untyped-def]
    """The same where rounding is to blame."""
    s[RESTARTS] += 1.0
    _anew(p, s, n, m)


@rare
def forget(p: Any, s: Any, u: int, n: int, loudest: float) -> None:
    """When the input comes up, or that was a spike (``rising.py``)."""
    m = int(p[line.REFERENCES])
    at, _, _ = _places(n, m)
    if loudest == 0.0 or rising.forget(s, line.RISING, line.WEIGHTS, n, line.WEIGHTS, loudest, 0.0):
        hearing.begin_anew(s, at, u, n, m, loudest)
        _anew(p, s, n, m)
        s[JUDGED] = s[JUDGED] if loudest == 0.0 else 0.0


@rare
def _rescale(s, n, m):  # type: ignore[no-untyped-def]
    """P, what is to be subtracted, and mu by the same power of two."""
    _, vectors, triangle = _places(n, m)
    up = 1.0 / SMALL
    for k in range(triangle, s.size):
        s[k] *= up
    for k in range(vectors, vectors + 2 * padded(n)):
        s[k] *= up
    s[GAIN] *= SMALL
    s[MU] *= up


@helper
def _multiply(s, n, triangle, vectors, u):  # type: ignore[no-untyped-def]
    """Subtract what waits from P; where its product with s[u:] lies, which is what waits next."""
    long = padded(n)
    side = int(s[SIDE])
    q = vectors + (1 - side) * long
    subtract_and_multiply(s, triangle, s[GAIN], vectors + side * long, u, q, long // ROWS)
    s[SIDE] = 1 - side
    return q


@rare
def _multiply_seldom(s, n, triangle, vectors, u):  # type: ignore[no-untyped-def]
    """The same once more, where the common path does not need its place."""
    return _multiply(s, n, triangle, vectors, u)


@rare
def _hold(s, n, triangle, vectors, i, known):  # type: ignore[no-untyped-def]
    """A row e_i without an error: half the bound is left of P_ii."""
    unit = vectors + UNIT * padded(n)
    s[unit + i] = 1.0
    q = _multiply_seldom(s, n, triangle, vectors, unit)
    s[unit + i] = 0.0
    variance = s[q + i]
    s[GAIN] = max(variance - 0.5 * s[MU] / known, 0.0) / (variance * variance)


@helper
def _look(s, n, m):  # type: ignore[no-untyped-def]
    """Too little may be known of the next coordinate."""
    at, vectors, triangle = _places(n, m)
    i = int(s[NEXT])
    s[NEXT] = i + 1 if i + 1 < n else 0
    h = s[vectors + int(s[SIDE]) * padded(n) + i]
    variance = s[triangle + diagonal(i)] - s[GAIN] * (h * h)
    known = FLOOR * s[at + hearing.ENERGY * m + (0 if m == 1 else i % m)]
    if variance * known > s[MU]:
        _hold(s, n, triangle, vectors, i, known)


@rare
def _first(s, square):  # type: ignore[no-untyped-def]
    """The squares of the first three d, of which the middle one is the size: the first may be the outlier."""
    s[JUDGED] += 1.0
    low, high = min(s[SIZE], square), max(s[SIZE], square)
    if s[JUDGED] == 1.0:
        s[SIZE] = square
    elif s[JUDGED] == 2.0:
        s[SIZE], s[SCALE] = low, high
    else:
        s[SIZE] = s[SCALE] = min(high, s[SCALE])


@helper
def _tempered(p, s, d, e):  # type: ignore[no-untyped-def]
    """The weight of Huber's loss for the error e, at the scale of the errors: his proposal 2, one sample at a time.

    Nothing is learnt before there is a scale.
    """
    share = p[SHARE]
    square = p[THRESHOLD] * p[THRESHOLD]
    if s[JUDGED] < FIRST:
        if d * d > LEAST:
            _first(s, d * d)
        return 0.0
    k = min(s[JUDGED] + 1.0, p[MEMORY])
    size = s[SIZE]
    size += (min(d * d, square * size) / share - size) / k
    scale = s[SCALE]
    floor = FAITH * size
    limit = square * max(scale, floor)
    scale += (min(e * e, limit) / share - scale) / k
    s[JUDGED] = k
    s[SIZE] = max(size, LEAST)
    s[SCALE] = max(scale, LEAST)
    limit = square * max(scale, floor)
    return math.sqrt(limit / (e * e)) if e * e > limit else 1.0


@helper
def _varied(p, s, n, e, leverage):  # type: ignore[no-untyped-def]
    """The forgetting factor of this sample, from what the error has been of late and before that."""
    recent = s[RECENT]
    lasting = s[LASTING]
    spent = s[SPENT]
    quick = 1.0 / (p[SHORT] * n)
    slow = 1.0 / (p[LONG] * n)
    square = max(e * e, LEAST)
    recent += quick * (square - recent)
    spent += quick * (leverage * leverage - spent)
    lasting = max(lasting, DEEPEST * recent)
    lasting += slow * (min(square, SURPRISE * lasting) - lasting)  # what a change of the path does to it comes slowly
    s[RECENT] = recent
    s[LASTING] = lasting
    s[SPENT] = spent
    if recent <= p[MARGIN] * p[MARGIN] * lasting:
        return p[FORGETTING]
    noise = math.sqrt(lasting)
    wanted = math.sqrt(spent) * noise / (math.sqrt(recent) - noise)
    return max(min(wanted, p[FORGETTING]), math.exp(-SPAN / n))


@helper
def learn(p, s, u, n, d):  # type: ignore[no-untyped-def]
    """The output for the regressor s[u:], which is learnt."""
    y = dot(s, line.WEIGHTS, s, u, n)
    if not abs(d) < LARGEST:
        s[line.UNLEARNT] += 1.0
        return y
    m = int(p[line.REFERENCES])
    keep = p[FORGETTING]
    variable = p[MARGIN] > 0.0
    at, vectors, triangle = _places(n, m)
    if s[BEGUN] < m:
        _begin_heard(p, s, u, n, m)
    omega = hearing.weight(s, at, u, n, m, s[LAMBDA] if variable else keep)
    if omega == 0.0:
        return y
    if keep < 1.0 or variable:
        _look(s, n, m)
    q = _multiply(s, n, triangle, vectors, u)
    leverage = dot(s, q, s, u, n)
    if not leverage >= 0.0:
        _restart(p, s, n, m)
        q = _multiply_seldom(s, n, triangle, vectors, u)
        leverage = dot(s, q, s, u, n)
    e = d - y
    tempered = _tempered(p, s, d, e) if p[THRESHOLD] > 0.0 else 1.0
    if variable:
        keep = _varied(p, s, n, e, leverage / s[MU])
        s[LAMBDA] = keep
    s[MU] *= keep
    # as if the error were no larger than its bound, and not only its row of less weight: with a P of which little is
    # known yet, that would be fitted all the same
    gain = tempered / ((s[MU] if omega == 1.0 else s[MU] / omega) + leverage)
    s[GAIN] = gain
    if SMALLEST < abs(e) < ABSURD:
        add_scaled(s, line.WEIGHTS, e * gain, s, q, n)
    if s[MU] < SMALL:
        _rescale(s, n, m)
    return y
