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

Nobody says what would be heard without the control, so divergence is told by its growth: error, relative to the
filtered references, and weights that grow together from watch to watch, until the error is what the output makes there
(``watch``). What becomes louder of itself, or at once, is not.
"""

from __future__ import annotations

import math

from .._jit import helper, kernel, rare, vector_kernel
from .._jit.instructions import warn
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
MU, NORMALISED, LEAK, REGULARISER, LIMIT, ERRORS, LENGTH, POLICY = range(OWN, OWN + 8)
P_SIZE = OWN + 8
# s: the place in the rings of the references alone, over how many samples the errors were heard, and how often the
# weights were given up
WHERE, HEARD, DIVERGED = range(FREE, FREE + 3)
SCALARS = FREE + 3
# the last ones before the weights: samples of this watch, and squares in it of the output, of the references, of the
# filtered references and of the errors; the loudest that these references were of late; of the last watch the error
# relative to that, and |w|^2 at its end; how many watches both have leapt, the error where the present growth began,
# and whether learning has stopped
WATCHED, PUT, REFERRED, FILTERED, SQUARES, LOUDEST, RATIO, SPAN, RUN, BEGAN, HELD = range(WEIGHTS - 11, WEIGHTS)

RAISE, RESET = 0.0, 1.0  # the third choice holds
WATCH = 256.0  # samples of a watch, beside one for each weight
BRIEF = 32.0  # samples of a watch in which the error has already come so far
FURTHER = 100.0  # times the ratio where the growth began: 20 dB
LEAP = 3.0  # times the ratio of the watch before
RUNS = 4.0  # leaps one after the other: a disturbance that is louder from now on makes two
SUDDEN = 10.0  # times the ratio of the watch before: no growth can begin before that
OWN_LEAST, OWN_MOST = 0.25, 4.0  # of the error's power to what the model makes of the output: beyond it is noise,
OWN_LEAPING = 100.0  # unless it leaps: then the model is too quiet
FADE = 0.9  # of the loudest references, from watch to watch: those that fade out make no error larger
STEADY = 0.8  # times the ratio of the watch before: what falls below does not grow


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
    s[REFERRED] += x * x
    into = filtered(p, m) + row
    of = model(p, m)
    for _ in range(int(p[ERRORS])):
        f = finite(dot(s, of, s, at + 1, length))
        s[into] = f
        s[into + n] = f
        s[FILTERED] += f * f
        s[POWER], s[COUNT] = listen(f, s[POWER], s[COUNT])
        into += 2 * n
        of += length


@rare
def give_up(p, s, m):  # type: ignore[no-untyped-def]
    """Do what the user chose for a control that diverges."""
    n = m * int(p[TAPS])
    s[DIVERGED] += 1.0
    for i in range(WATCHED, HELD):
        s[i] = 0.0
    s[HEARD] = 0.0
    s[WATCHED] = -p[LENGTH] - BRIEF  # what was put out before is still on its way
    for k in range(int(p[ERRORS])):
        s[powers(p, m) + k] = 0.0
    if p[POLICY] == RAISE:
        raise FloatingPointError(
            "the adaptive filter diverged: its error and its weights grew together; check secondary, lower mu"
        )
    for i in range(WEIGHTS, WEIGHTS + n):
        s[i] = 0.0
    if p[POLICY] == RESET:
        warn(
            "the adaptive filter diverged: its error and its weights grew together; weights set to zero; check "
            "secondary, lower mu"
        )
    else:
        s[HELD] = 1.0
        warn(
            "the adaptive filter diverged: its error and its weights grew together; weights set to zero and learning "
            "stopped until reset; check secondary, lower mu"
        )


@helper
def emit(p, s, m):  # type: ignore[no-untyped-def]
    """The output, within its limit."""
    n = m * int(p[TAPS])
    y = dot(s, WEIGHTS, s, WEIGHTS + n + (int(s[POSITION]) + 1) * m, n)
    if abs(y) > p[LIMIT] or not abs(y) < LARGEST:
        keep = p[LIMIT] / abs(y) if abs(y) < LARGEST else 0.0
        if keep == 0.0:
            give_up(p, s, m)
        for i in range(WEIGHTS, WEIGHTS + n):
            s[i] = keep * s[i] if keep > 0.0 else 0.0
        y = math.copysign(p[LIMIT], y) if keep > 0.0 else 0.0
    s[PUT] += y * y
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
    s[SQUARES] += e * e if abs(e) < LARGEST else 0.0
    e = within(s, powers(p, m) + k, s[HEARD], e)
    at = filtered(p, m) + 2 * n * k + (int(s[POSITION]) + 1) * m
    add_scaled(s, WEIGHTS, -g * e, s, at, n)


@rare
def watch(p, s, m):  # type: ignore[no-untyped-def]
    """At the end of a watch: whether error and weights have grown together so long that the control diverges."""
    n = m * int(p[TAPS])
    span = 0.0
    for i in range(WEIGHTS, WEIGHTS + n):
        span += s[i] * s[i]
    s[LOUDEST] = max(s[FILTERED] / s[WATCHED], FADE * s[LOUDEST])
    ratio = s[SQUARES] / (s[WATCHED] * s[LOUDEST]) if s[LOUDEST] > 0.0 else 0.0
    own = s[PUT] * s[FILTERED] / s[REFERRED] if s[REFERRED] > 0.0 else 0.0
    squares = s[SQUARES]
    before, longer = s[RATIO], span > s[SPAN] > 0.0
    s[RATIO] = ratio if s[WATCHED] >= WATCH + n else LEAP * ratio  # of a few samples it is not sure
    s[WATCHED] = s[PUT] = s[REFERRED] = s[FILTERED] = s[SQUARES] = 0.0
    s[SPAN] = span
    s[RUN] = s[RUN] + 1.0 if longer and before > 0.0 and ratio > LEAP * before else 0.0
    if not longer or not STEADY * before < ratio < SUDDEN * before:
        s[BEGAN] = s[RATIO]
    leaping = s[RUN] >= RUNS
    if not (leaping or ratio > FURTHER * s[BEGAN] > 0.0):
        return False
    if not OWN_LEAST * own < squares < (OWN_LEAPING if leaping else OWN_MOST) * own:
        return False
    give_up(p, s, m)
    return True


@helper
def learns(s, d):  # type: ignore[no-untyped-def]
    """Whether this sample teaches: not without an error, nor in silence, nor before that is heard."""
    if abs(d) < LARGEST and s[HELD] == 0.0 and s[WATCHED] >= 0.0:
        return True
    s[UNLEARNT] += 1.0
    if s[WATCHED] < 0.0:
        s[WATCHED] = min(s[WATCHED] + 1.0, 0.0)
    return False


@helper
def watched(p, s, m):  # type: ignore[no-untyped-def]
    """One more sample that taught; whether the control has turned out to diverge."""
    s[WATCHED] += 1.0
    early = s[WATCHED] >= BRIEF and not s[SQUARES] < FURTHER * s[RATIO] * s[WATCHED] * s[LOUDEST]
    return watch(p, s, m) if early or s[WATCHED] >= WATCH + m * p[TAPS] else False


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
    if learns(s, d):
        unlearn(p, s, 1, 0, gain(p, s, 1), d)
        s[HEARD] = min(s[HEARD] + 1.0, SHORT)
        watched(p, s, 1)
    turn(p, s)
    return y


@vector_kernel
def vector_step(p, s, x, d):  # type: ignore[no-untyped-def]
    """Several: behind the references stand the errors of all microphones but the first, which is d."""
    m = int(p[REFERENCES])
    for r in range(m):
        hear(p, s, m, r, x[r])
    y = emit(p, s, m)
    if learns(s, d):
        g = gain(p, s, m)
        unlearn(p, s, m, 0, g, d)
        for k in range(1, int(p[ERRORS])):
            unlearn(p, s, m, k, g, x[m + k - 1])
        s[HEARD] = min(s[HEARD] + 1.0, SHORT)
        watched(p, s, m)
    turn(p, s)
    return y
