r"""The filtered-x filter that learns the secondary path while it works, by a noise of its own.

A white probe v(n) goes out with the output, and two filters share out what is heard: the model s of the path sees the
probe, h sees the references (Zhang, Lan and Ser 2001),

    f(n)   = e(n) - s(n)' v(n)                 without the probe: what the control filter is to make small
    eps(n) = f(n) - h(n)' x(n)                 without what the references explain of that
    s(n+1) = s(n) + nu / |v|^2 eps(n) v(n),    h(n+1) = h(n) + nu / |x|^2 eps(n) x(n)

So neither does the model take the noise for the path, nor the control filter the probe for noise.
"""

from __future__ import annotations

import math

from .._jit import helper, kernel, vector_kernel
from .._jit.vectors import add_scaled, dot
from .constants import LARGEST
from .filtered_x import (
    HEARD,
    P_SIZE,
    REGULARISER,
    SCALARS,
    SHORT,
    WHERE,
    emit,
    gain,
    hear,
    model,
    powers,
    turn,
    unlearn,
    within,
)
from .filtered_x import LENGTH as PATH
from .line import POSITION, REFERENCES, TAPS, UNLEARNT, WEIGHTS, as_if_full, finite, listen

# p
PROBE, STEP, SETTLE, SEED = range(P_SIZE, P_SIZE + 4)
SIZE = P_SIZE + 4
# s: the last number drawn, the samples learnt from as long as the control filter waits, and the power of the references
DRAWN, SETTLED, LOUD, OVER = range(SCALARS, SCALARS + 4)

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
def learn(p, s, m, e):  # type: ignore[no-untyped-def]
    """From an error that is a number: the model, h, and the control filter."""
    n = m * int(p[TAPS])
    length = int(p[PATH])
    of = model(p, m)
    probe = more(p, m) + 2 + int(s[WHERE])
    h = more(p, m) + 1 + 2 * length
    u = WEIGHTS + n + (int(s[POSITION]) + 1) * m
    f = e - dot(s, of, s, probe, length)
    eps = within(s, more(p, m), f - dot(s, h, s, u, n))
    heard = dot(s, probe, s, probe, length)
    full = p[PROBE] * p[PROBE] * length  # while its line fills, the probe counts as if it were full
    add_scaled(s, of, p[STEP] / max(heard, full) * eps if full > 0.0 else 0.0, s, probe, length)
    energy = as_if_full(dot(s, u, s, u, n), s[LOUD], s[OVER], float(n)) + p[REGULARISER] * n * s[LOUD]
    add_scaled(s, h, p[STEP] / energy * eps if energy > 0.0 else 0.0, s, u, n)
    if s[SETTLED] < p[SETTLE]:
        s[SETTLED] += 1.0
    else:
        unlearn(p, s, m, 0, gain(p, s, m), f)
    s[HEARD] = min(s[HEARD] + 1.0, SHORT)


@kernel
def step(p, s, x, d):  # type: ignore[no-untyped-def]
    """One reference."""
    hear(p, s, 1, 0, x)
    s[LOUD], s[OVER] = listen(finite(x), s[LOUD], s[OVER])
    y = emit(p, s, 1) + sound(p, s, 1)
    if abs(d) < LARGEST:
        learn(p, s, 1, d)
    else:
        s[UNLEARNT] += 1.0
    turn(p, s)
    return y


@vector_kernel
def vector_step(p, s, x, d):  # type: ignore[no-untyped-def]
    """Several references."""
    m = int(p[REFERENCES])
    for r in range(m):
        hear(p, s, m, r, x[r])
        s[LOUD], s[OVER] = listen(finite(x[r]), s[LOUD], s[OVER])
    y = emit(p, s, m) + sound(p, s, m)
    if abs(d) < LARGEST:
        learn(p, s, m, d)
    else:
        s[UNLEARNT] += 1.0
    turn(p, s)
    return y
