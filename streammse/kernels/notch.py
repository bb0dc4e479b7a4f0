r"""Adaptive notches of second order, one for each tone, one behind the other.

The lattice (Regalia 1991) is an allpass A of two rotations in the middle of its input and itself: e = (u + A u) / 2.

    f     = cos(t2) u - sin(t2) x2              sin(t2) = (1 - tan(B / 2)) / (1 + tan(B / 2)), B the bandwidth
    e     = (u + sin(t2) u + cos(t2) x2) / 2    the notch: zero at the frequency t1 + pi / 2, one at 0 and at pi
    x1(+) = cos(t1) f - sin(t1) x1
    x2(+) = sin(t1) f + cos(t1) x1
    t1(+) = t1 - mu e x1 / P                    P the running mean of x1^2

x1 is no gradient; the mean of e x1 has one zero only, at the tone, so that t1 gets there from everywhere. What goes
round are rotations, so it is stable however t1 moves.

The direct form (Nehorai 1985) has zeros on the circle and poles at rho behind them, and descends the gradient of e^2:

    w     = u - rho a w1 - rho^2 w2             a = -2 cos(frequency), rho = 1 - B / 2
    e     = w + a w1 + w2
    psi   = w1 - rho f1,    f = e - rho a f1 - rho^2 f2
    a(+)  = a - mu e psi / P                    P the running mean of psi^2

It settles more closely, but it must begin near the tone: far away its gradient is none.

What is far out of the signal's running root mean square enters the notches as so much only. In a gap the tones go on:
the input is what would leave e = 0.
"""

from __future__ import annotations

import math
from functools import cache

from .._jit import Function, helper, kernel
from .constants import LARGEST, SMALLEST
from .line import BURST
from .outliers import QUIET, SHORT, within

# p
TONES, MU = range(2)
# s: the last clean sample, samples heard, the power of the signal, two numbers that say the bandwidth, the memory of P
CLEAN, HEARD, LOUD, FIRST, SECOND, MEMORY, SECTIONS = range(7)
# and for each tone: where it is (t1, or a), the state (of the direct form w and f), P
WHERE, X1, X2, F1, F2, POWER, EACH = range(7)

SHALLOW = 0.2  # of a square, what a step is divided by at least
EDGE = 1e-6  # from 0 and from half the rate, in radians


@helper
def kept(x):  # type: ignore[no-untyped-def]
    """What fades away becomes silence before its digits go."""
    return x if SMALLEST < abs(x) < LARGEST else 0.0


@helper
def along(p, s, o, e, psi, learn):  # type: ignore[no-untyped-def]
    """The step mu e psi / P."""
    if not learn:
        return 0.0
    square = psi * psi
    old = s[o + POWER]
    s[o + POWER] = old + (min(square, BURST * old) - old) / min(s[HEARD] + 1.0, s[MEMORY]) if old > QUIET else square
    below = max(s[o + POWER], SHALLOW * square)
    return p[MU] * e * psi / below if below > QUIET else 0.0


@helper
def lattice(p, s, o, u, known):  # type: ignore[no-untyped-def]
    """One notch: what it leaves of u."""
    sine, cosine = s[FIRST], s[SECOND]
    x1, x2 = s[o + X1], s[o + X2]
    if not known:
        u = -cosine * x2 / (1.0 + sine)
    f = cosine * u - sine * x2
    e = 0.5 * (u + sine * u + cosine * x2)
    one, other = math.cos(s[o + WHERE]), math.sin(s[o + WHERE])
    s[o + X1] = kept(one * f - other * x1)
    s[o + X2] = kept(other * f + one * x1)
    widest = 0.5 * math.pi - EDGE
    s[o + WHERE] = min(widest, max(-widest, s[o + WHERE] - along(p, s, o, e, x1, known)))
    return e


@helper
def direct(p, s, o, u, known):  # type: ignore[no-untyped-def]
    """One notch: what it leaves of u."""
    rho = s[FIRST]
    a, w1, w2 = s[o + WHERE], s[o + X1], s[o + X2]
    w = u - rho * a * w1 - rho * rho * w2 if known else -a * w1 - w2
    e = w + a * w1 + w2
    psi = w1 - rho * s[o + F1]
    f = e - rho * a * s[o + F1] - rho * rho * s[o + F2]
    s[o + X2], s[o + X1] = w1, kept(w)
    s[o + F2], s[o + F1] = s[o + F1], kept(f)
    widest = 2.0 - EDGE * EDGE
    most = p[MU] * 2.0 * (1.0 - rho)  # a bandwidth's part: at an onset psi is not there yet, and the valley is narrow
    s[o + WHERE] = min(widest, max(-widest, a - min(most, max(-most, along(p, s, o, e, psi, known)))))
    return e


@cache
def steps(section: Function) -> Function:
    """The kernel of all tones."""

    @kernel
    def step(p, s, x, d):  # type: ignore[no-untyped-def]
        known = abs(x) < LARGEST
        entered = within(s, LOUD, s[HEARD], x) if known else 0.0
        e = entered
        for o in range(SECTIONS, s.size, EACH):
            e = section(p, s, o, e, known)
        if known:
            s[HEARD] = min(s[HEARD] + 1.0, SHORT)
            s[CLEAN] = x - (entered - e)
        return s[CLEAN]

    return step
