r"""The filtered-x filter: a transversal filter whose output is heard only through a path of its own.

With m references x_r, error microphones e_k and for each of these a model s_k of the path from the output to it,

    y(n)     = w(n)' x(n)
    x'_k(n)  = sum_j s_kj x(n-j)                          each reference as its output would be heard
    w(n+1)   = (1 - mu leak) w(n) - g(n) sum_k e_k(n) x'_k(n)

g is mu, or mu by the energy in all filtered lines. The regressor x(n) and the lines x'_k(n) lie as in ``line.py``; a
ring of each reference alone, as long as the model, is what the model is laid over.

A sample of e that is more than 10 times its running root mean square counts as that much: a bang on the microphone
must not become a bang from the loudspeaker. Where an output has a ``LIMIT``, the weights shrink until it is kept (Qiu
and Hansen 2001).
"""

from __future__ import annotations

import math

from .._jit import helper, kernel, vector_kernel
from .._jit.vectors import add_scaled, dot
from .constants import LARGEST, SMALLEST
from .line import (
    COUNT,
    FREE,
    OWN,
    POSITION,
    POWER,
    REFERENCES,
    TAPS,
    UNLEARNT,
    WEIGHTS,
    as_if_full,
    finite,
    listen,
)
from .outliers import SHORT, within

# p
MU, NORMALISED, LEAK, REGULARISER, LIMIT, ERRORS, LENGTH = range(OWN, OWN + 7)
P_SIZE = OWN + 7
# s: the place in the rings of the references alone, over how many samples the errors were heard, and how often the
# weights were given up
WHERE, HEARD, DIVERGED = range(FREE, FREE + 3)
SCALARS = FREE + 3


@helper
def alone(p, m):  # type: ignore[no-untyped-def]
    """Where the rings of the references alone begin."""
    return WEIGHTS + 3 * m * int(p[TAPS])


@helper
def filtered(p, m):  # type: ignore[no-untyped-def]
    """Where the filtered lines begin, those of each microphone behind those of the one before."""
    return alone(p, m) + 2 * m * int(p[LENGTH])


@helper
def model(p, m):  # type: ignore[no-untyped-def]
    """Where the models begin, the last coefficient first."""
    return filtered(p, m) + 2 * m * int(p[TAPS]) * int(p[ERRORS])


@helper
def powers(p, m):  # type: ignore[no-untyped-def]
    """Where the powers of the errors begin."""
    return model(p, m) + int(p[LENGTH]) * int(p[ERRORS])


@helper
def hear(p, s, m, r, x):  # type: ignore[no-untyped-def]
    """Let the sample of reference r into its lines."""
    n = m * int(p[TAPS])
    length = int(p[LENGTH])
    row = int(s[POSITION]) * m + r
    x = finite(x)
    s[WEIGHTS + n + row] = x
    s[WEIGHTS + 2 * n + row] = x
    at = alone(p, m) + 2 * length * r + int(s[WHERE])
    s[at] = x
    s[at + length] = x
    into = filtered(p, m) + row
    of = model(p, m)
    for _ in range(int(p[ERRORS])):
        f = finite(dot(s, of, s, at + 1, length))
        s[into] = f
        s[into + n] = f
        s[POWER], s[COUNT] = listen(f, s[POWER], s[COUNT])
        into += 2 * n
        of += length


@helper
def emit(p, s, m):  # type: ignore[no-untyped-def]
    """The output, within its limit."""
    n = m * int(p[TAPS])
    y = dot(s, WEIGHTS, s, WEIGHTS + n + (int(s[POSITION]) + 1) * m, n)
    if abs(y) > p[LIMIT] or not abs(y) < LARGEST:
        keep = p[LIMIT] / abs(y) if abs(y) < LARGEST else 0.0
        if keep == 0.0:
            s[DIVERGED] += 1.0
        for i in range(WEIGHTS, WEIGHTS + n):
            s[i] = keep * s[i] if keep > 0.0 else 0.0
        y = math.copysign(p[LIMIT], y) if keep > 0.0 else 0.0
    return y


@helper
def gain(p, s, m):  # type: ignore[no-untyped-def]
    """The step: mu, or mu by the energy in the filtered lines; and the leakage of the weights, once a sample."""
    n = m * int(p[TAPS])
    errors = int(p[ERRORS])
    if p[LEAK] > 0.0:
        keep = max(0.0, 1.0 - p[MU] * p[LEAK])
        for i in range(WEIGHTS, WEIGHTS + n):
            s[i] = keep * s[i] if abs(s[i]) > SMALLEST else 0.0
    if p[NORMALISED] == 0.0:
        return p[MU]
    at = filtered(p, m) + (int(s[POSITION]) + 1) * m
    total = 0.0
    for k in range(errors):
        total += dot(s, at + 2 * n * k, s, at + 2 * n * k, n)
    most = float(errors * n)
    total = as_if_full(total, s[POWER], s[COUNT], most) + p[REGULARISER] * most * s[POWER]
    return p[MU] / total if total > 0.0 else 0.0


@helper
def unlearn(p, s, m, k, g, e):  # type: ignore[no-untyped-def]
    """Descend the square of the error at microphone k."""
    n = m * int(p[TAPS])
    e = within(s, powers(p, m) + k, s[HEARD], e)
    at = filtered(p, m) + 2 * n * k + (int(s[POSITION]) + 1) * m
    add_scaled(s, WEIGHTS, -g * e, s, at, n)


@helper
def turn(p, s):  # type: ignore[no-untyped-def]
    """On to the next places."""
    s[POSITION] = s[POSITION] + 1.0 if s[POSITION] + 1.0 < p[TAPS] else 0.0
    s[WHERE] = s[WHERE] + 1.0 if s[WHERE] + 1.0 < p[LENGTH] else 0.0


@kernel
def step(p, s, x, d):  # type: ignore[no-untyped-def]
    """One reference, one microphone."""
    hear(p, s, 1, 0, x)
    y = emit(p, s, 1)
    if abs(d) < LARGEST:
        unlearn(p, s, 1, 0, gain(p, s, 1), d)
        s[HEARD] = min(s[HEARD] + 1.0, SHORT)
    else:
        s[UNLEARNT] += 1.0
    turn(p, s)
    return y


@vector_kernel
def vector_step(p, s, x, d):  # type: ignore[no-untyped-def]
    """Several: behind the references stand the errors of all microphones but the first, which is d."""
    m = int(p[REFERENCES])
    for r in range(m):
        hear(p, s, m, r, x[r])
    y = emit(p, s, m)
    if abs(d) < LARGEST:
        g = gain(p, s, m)
        unlearn(p, s, m, 0, g, d)
        for k in range(1, int(p[ERRORS])):
            unlearn(p, s, m, k, g, x[m + k - 1])
        s[HEARD] = min(s[HEARD] + 1.0, SHORT)
    else:
        s[UNLEARNT] += 1.0
    turn(p, s)
    return y
