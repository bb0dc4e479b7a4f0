"""Complex recursive least squares, as the real one with twice the weights and two rows a sample.

The real and the imaginary part of y = w^H x are the inner products of the same 2 n real numbers, the parts of w, with

    u  = (Re x_1, Im x_1, ...)       for the real part,
    u~ = (Im x_1, -Re x_1, ...)      for the imaginary part.

So the sum of |d - y|^2 that the complex filter makes least is that of a real filter with two rows of the same age, and
all that ``rls.py`` does to keep its triangle positive and finite holds here: P is symmetric by construction, no
direction is forgotten, spikes and pauses count for little. The parts of a reference are two references to it, next to
one another in the line; they are heard as one, so that the phase of the input does not matter.
"""

from __future__ import annotations

import math

from .._jit import complex_kernel, helper, rare
from .._jit.vectors import add_scaled, dot
from . import hearing, line, rising, rls
from .complex_line import known, modulus, sound, square
from .constants import SMALLEST
from .rls import GAIN, MU, SMALL
from .symmetric import padded

IN_COMPLEX = rls.P_SIZE  # in p: whether it is complex; the kernel is chosen by it
P_SIZE = rls.P_SIZE + 1

ABSURD = 1e200  # an error that is no number any more, or soon


def size(taps: int, references: int) -> int:
    """How many float64 the state takes; the other row stands at its end."""
    both: int = rls.size(taps, 2 * references) + padded(2 * taps * references)
    return both


@helper
def _begin_heard(p, s, u, n, m):  # type: ignore[no-untyped-def]
    """P_ii of the references that are heard for the first time, the same for both parts."""
    at, _, _ = rls._places(n, m)
    for r in range(0, m, 2):
        if s[at + hearing.ENERGY * m + r] == 0.0 and s[at + hearing.ENERGY * m + r + 1] == 0.0:
            power = square(s[u + n - m + r], s[u + n - m + r + 1])
            if power > 0.0:
                rls._begin(p, s, n, m, r, power)
                rls._begin(p, s, n, m, r + 1, power)


@helper
def _as_one(s, at, m):  # type: ignore[no-untyped-def]
    """What is known of the energy of a reference is known of both its parts."""
    for r in range(at + hearing.ENERGY * m, at + hearing.ENERGY * m + m, 2):
        s[r] = s[r + 1] = 0.5 * (s[r] + s[r + 1])
    for r in range(at + hearing.COUNT * m, at + hearing.COUNT * m + m, 2):
        s[r] = s[r + 1] = max(s[r], s[r + 1])


@helper
def _turn(s, u, n, turned):  # type: ignore[no-untyped-def]
    """The row of the imaginary part."""
    for k in range(0, n, 2):
        s[turned + k] = s[u + k + 1]
        s[turned + k + 1] = -s[u + k]


@rare
def _begin_anew(p, s, u, turned, row, n, m):  # type: ignore[no-untyped-def]
    """P as at the beginning, multiplied by a row."""
    rls._restart(p, s, n, m)
    _turn(s, u, n, turned)  # it went as well
    _, vectors, triangle = rls._places(n, m)
    return rls._multiply(s, n, triangle, vectors, row)


@helper
def _take_in(p, s, u, turned, row, n, m, omega, d):  # type: ignore[no-untyped-def]
    """One real row, with what is desired of it."""
    _, vectors, triangle = rls._places(n, m)
    q = rls._multiply(s, n, triangle, vectors, row)
    leverage = dot(s, q, s, row, n)
    if not leverage >= 0.0:
        q = _begin_anew(p, s, u, turned, row, n, m)
        leverage = dot(s, q, s, row, n)
    e = d - dot(s, line.WEIGHTS, s, row, n)
    gain = 1.0 / (s[MU] / omega + leverage)
    s[GAIN] = gain
    if SMALLEST < abs(e) < ABSURD:
        add_scaled(s, line.WEIGHTS, e * gain, s, q, n)


@rare
def _forget(p, s, u, n, m, loudest):  # type: ignore[no-untyped-def]
    """When the input comes up, as in ``rls.py``."""
    at, _, _ = rls._places(n, m)
    if loudest == 0.0 or rising.forget(s, line.RISING, line.WEIGHTS, n, line.WEIGHTS, loudest, 0.0):
        hearing.begin_anew(s, at, u, n, m, loudest)
        _as_one(s, at, m)
        rls._anew(p, s, n, m)


@complex_kernel
def step(p, s, x, d):  # type: ignore[no-untyped-def]
    """One sample: learn the rows of both parts."""
    taps = int(p[line.TAPS])
    m = 2 * int(p[line.REFERENCES])
    n = m * taps
    lines = line.WEIGHTS + n
    loudest = 0.0
    for r in range(m // 2):
        new = sound(x[r])
        loudest = max(loudest, square(new.real, new.imag))
    loudest = math.sqrt(loudest)
    rises = rising.come(s, line.RISING, n, loudest, s[line.POWER], s[line.COUNT] / m)
    for r in range(0, m, 2):
        new = sound(x[r // 2])
        line._enter(s, lines, taps, m, r, new.real)
        line._enter(s, lines, taps, m, r + 1, new.imag)
    u = line._turn(s, lines, taps, m, taps)
    turned = s.size - padded(n)
    if rises:
        _forget(p, s, u, n, m, loudest)
    elif s[line.RISING + rising.LEFT] > 0.0 and rising.was_spike(s, line.RISING, loudest):
        _forget(p, s, u, n, m, 0.0)
    _turn(s, u, n, turned)
    y = complex(dot(s, line.WEIGHTS, s, u, n), dot(s, line.WEIGHTS, s, turned, n))
    if not known(d):
        s[line.UNLEARNT] += 1.0
        return y
    size = modulus(d.real, d.imag)
    rising.judge(s, line.RISING, size, size - modulus(d.real - y.real, d.imag - y.imag))
    keep = p[rls.FORGETTING]
    at, _, _ = rls._places(n, m)
    _begin_heard(p, s, u, n, m)
    omega = hearing.weight(s, at, u, n, m, keep)
    if omega == 0.0:
        return y
    _as_one(s, at, m)
    for part in range(2):
        if keep < 1.0:
            rls._look(s, n, m)
        if part == 0:
            s[MU] *= keep
        row, desired = (u, d.real) if part == 0 else (turned, d.imag)
        _take_in(p, s, u, turned, row, n, m, omega, desired)
    if s[MU] < SMALL:
        rls._rescale(s, n, m)
    return y
