r"""The Kalman filter of weights that walk at random: recursive least squares whose P is added to instead of divided.

    P = P + q I,   h = P u,   a = r + u' h,   e = d - w' u
    w = w + h e / a,   P = P - h h' / a

P is held as a lower triangle, symmetric by construction; as in ``rls.py`` the last step waits for the pass in which the
next sample multiplies P (``_jit/symmetric.py``), so that the triangle goes through the memory once a sample. What is
added to the diagonal is added before.

Should u' P u be negative by rounding all the same, P begins anew and the weights stay.

S. Haykin, Adaptive Filter Theory, 5th ed., 2014, sections 14.9 and 10.8 (random walk, and its kinship with RLS).
"""

from __future__ import annotations

from .._jit import helper, rare
from .._jit.symmetric import subtract_and_multiply
from .._jit.vectors import add_scaled, dot
from . import line
from .constants import LARGEST
from .symmetric import diagonal, padded, triangle_size

# p
PROCESS, NOISE, INITIAL = range(line.OWN, line.OWN + 3)
# s: scalars; behind the line two vectors, of which one waits, then the triangle
GAIN, SIDE, RESTARTS = range(line.FREE, line.FREE + 3)

BOUND = 1e150  # of P: what is added to for ever ends somewhere


def size(taps: int, references: int) -> int:
    """How many float64 the state takes."""
    n = padded(taps * references)
    whole: int = padded(line.size(taps, references)) + 2 * n + triangle_size(n)
    return whole


@helper
def places(n):  # type: ignore[no-untyped-def]
    """Where the two vectors and the triangle begin."""
    vectors = padded(line.WEIGHTS + 3 * n)
    return vectors, vectors + 2 * padded(n)


@rare
def begin(p, s, n):  # type: ignore[no-untyped-def]
    """P as before the first sample."""
    vectors, triangle = places(n)
    for k in range(vectors, s.size):
        s[k] = 0.0
    s[GAIN] = 0.0
    for i in range(n):
        s[triangle + diagonal(i)] = p[INITIAL]


@helper
def _multiply(s, n, u):  # type: ignore[no-untyped-def]
    """Subtract what waits from P; where its product with s[u:] lies."""
    vectors, triangle = places(n)
    long = padded(n)
    side = int(s[SIDE])
    h = vectors + (1 - side) * long
    subtract_and_multiply(s, triangle, s[GAIN], vectors + side * long, u, h, long // 8)
    s[SIDE] = 1 - side
    return h


@helper
def learn(p, s, u, n, d):  # type: ignore[no-untyped-def]
    """The output for the regressor s[u:], which is learnt; the weights walk on in any case."""
    y = dot(s, line.WEIGHTS, s, u, n)
    _, triangle = places(n)
    q = p[PROCESS]
    if s[triangle] < BOUND:
        for i in range(n):
            s[triangle + diagonal(i)] += q
    if not abs(d) < LARGEST:
        s[line.UNLEARNT] += 1.0
        return y
    h = _multiply(s, n, u)
    spread = dot(s, h, s, u, n)
    if not spread >= 0.0:
        begin(p, s, n)
        s[RESTARTS] += 1.0
        h = _multiply(s, n, u)
        spread = dot(s, h, s, u, n)
    a = p[NOISE] + spread
    gain = 1.0 / a if a > 0.0 else 0.0
    s[GAIN] = gain
    add_scaled(s, line.WEIGHTS, (d - y) * gain, s, h, n)
    return y
