r"""The filtered-x filter that learns the secondary path while it works, by a noise of its own.

A white probe v(n) goes out with the output, and two filters share out what is heard: the model s of the path sees the
probe, h sees the references (Zhang, Lan and Ser 2001),

    f(n)   = e(n) - s(n)' v(n)                 without the probe: what the control filter is to make small
    eps(n) = f(n) - h(n)' x(n)                 without what the references explain of that
    s(n+1) = s(n) + nu / |v|^2 eps(n) v(n),    h(n+1) = h(n) + nu / |x|^2 eps(n) x(n)

So neither does the model take the noise for the path, nor the control filter the probe for noise. Where so much is
heard beside the probe that the model would be mostly noise, as after a change of the path, the control filter waits:
then h soon explains what is heard, the model is learnt, and the control filter goes on (``trust``). Where it has run
into its limit all the same, or diverges, it is given up and begins anew (``speak``, ``learn``).
"""

from __future__ import annotations

import math

from .._jit import helper, kernel, vector_kernel
from .._jit.vectors import add_scaled, dot
from .filtered_x import (
    HEARD,
    LIMIT,
    P_SIZE,
    REGULARISER,
    SCALARS,
    WHERE,
    emit,
    gain,
    hear,
    learns,
    model,
    powers,
    turn,
    unlearn,
    watched,
)
from .filtered_x import LENGTH as PATH
from .line import POSITION, REFERENCES, TAPS, WEIGHTS, as_if_full, finite, listen
from .outliers import SHORT, within

# p
PROBE, STEP, SETTLE, SEED = range(P_SIZE, P_SIZE + 4)
SIZE = P_SIZE + 4
# s: the last number drawn, the samples learnt from as long as the control filter waits, the power of the references
# and over how many samples, how often the limit was met of late, and how often the control was given up for it
DRAWN, SETTLED, LOUD, OVER, PUSHED, RETREATS = range(SCALARS, SCALARS + 6)

SHARE = 0.1  # of the model's square that noise may be: beyond it steps shrink, first of all that of the control filter
QUICK = 0.3  # the step of h
PUSHES = 10.0  # of the limit within SHORT samples: the control does harm
FORGOTTEN = 1e-6  # of a push
SLOWEST = 0.05  # of its step the model keeps, whatever is heard
MODULUS = 2147483647  # Park and Miller 1988


@helper
def more(p, m):  # type: ignore[no-untyped-def]
    """Where, behind the power of the error, that of eps stands, then the ring of the probe, then h."""
    return powers(p, m) + 1


@helper
def draw(p, s):  # type: ignore[no-untyped-def]
    """The next sample of the probe: uniform, so that it is bounded."""
    product = 16807 * int(s[DRAWN])
    s[DRAWN] = float(product % MODULUS)
    return p[PROBE] * math.sqrt(3.0) * (2.0 * s[DRAWN] / MODULUS - 1.0)


@helper
def sound(p, s, m):  # type: ignore[no-untyped-def]
    """Enter the next sample of the probe, which goes out with the output."""
    v = draw(p, s)
    at = more(p, m) + 1 + int(s[WHERE])
    s[at] = v
    s[at + int(p[PATH])] = v
    return v


@helper
def trust(p, power, square):  # type: ignore[no-untyped-def]
    """How far the model can be trusted, 0 to 1: its square over that of the noise that eps of this power puts into it.

    In the steady state of NLMS that is nu / (2 - nu) times the power of eps by that of the probe.
    """
    noise = p[STEP] * power
    share = SHARE * (2.0 - p[STEP]) * p[PROBE] * p[PROBE] * square
    return share / noise if noise > share else 1.0


@helper
def speak(p, s, m):  # type: ignore[no-untyped-def]
    """The output; where it stays at its limit, the control is given up and begins anew when the path is learnt."""
    y = emit(p, s, m)
    s[PUSHED] += abs(y) >= p[LIMIT]
    if s[PUSHED] > PUSHES:
        s[PUSHED] = 0.0
        s[SETTLED] = 0.0
        s[RETREATS] += 1.0
        for i in range(WEIGHTS, WEIGHTS + m * int(p[TAPS])):
            s[i] = 0.0
    s[PUSHED] = s[PUSHED] * (1.0 - 1.0 / SHORT) if s[PUSHED] > FORGOTTEN else 0.0
    return y + sound(p, s, m)


@helper
def learn(p, s, m, e):  # type: ignore[no-untyped-def]
    """From an error that is a number: the model, h, and the control filter."""
    n = m * int(p[TAPS])
    length = int(p[PATH])
    of = model(p, m)
    probe = more(p, m) + 2 + int(s[WHERE])
    h = more(p, m) + 1 + 2 * length
    u = WEIGHTS + n + (int(s[POSITION]) + 1) * m
    f = e - dot(s, of, s, probe, length)
    eps = within(s, more(p, m), s[HEARD], f - dot(s, h, s, u, n))
    heard = dot(s, probe, s, probe, length)
    full = p[PROBE] * p[PROBE] * length  # while its line fills, the probe counts as if it were full
    sure = 1.0
    if s[SETTLED] >= p[SETTLE]:
        sure = trust(p, s[more(p, m)], dot(s, of, s, of, length))
    add_scaled(s, of, max(sure, SLOWEST) * p[STEP] / max(heard, full) * eps, s, probe, length)
    energy = as_if_full(dot(s, u, s, u, n), s[LOUD], s[OVER], float(n)) + p[REGULARISER] * n * s[LOUD]
    add_scaled(s, h, QUICK / energy * eps if energy > 0.0 else 0.0, s, u, n)
    if s[SETTLED] < p[SETTLE]:
        s[SETTLED] += 1.0
    else:
        unlearn(p, s, m, 0, sure * sure * gain(p, s, m), f)
        if watched(p, s, m):
            s[SETTLED] = 0.0
    s[HEARD] = min(s[HEARD] + 1.0, SHORT)


@kernel
def step(p, s, x, d):  # type: ignore[no-untyped-def]
    """One reference."""
    hear(p, s, 1, 0, x)
    s[LOUD], s[OVER] = listen(finite(x), s[LOUD], s[OVER])
    y = speak(p, s, 1)
    if learns(s, d):
        learn(p, s, 1, d)
    turn(p, s)
    return y


@vector_kernel
def vector_step(p, s, x, d):  # type: ignore[no-untyped-def]
    """Several references."""
    m = int(p[REFERENCES])
    for r in range(m):
        hear(p, s, m, r, x[r])
        s[LOUD], s[OVER] = listen(finite(x[r]), s[LOUD], s[OVER])
    y = speak(p, s, m)
    if learns(s, d):
        learn(p, s, m, d)
    turn(p, s)
    return y
