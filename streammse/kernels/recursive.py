r"""The adaptive recursive (IIR) filter, for every rule by which its poles learn.

    y(n) = sum_i a_i y(n-i) + sum_j b_j x(n-j)

A rule is which signals stand in the regressor psi(n), and whether they went through 1 / A(z) = 1 / (1 - sum a_i z^-i):

                      as they are                        filtered by 1 / A
    past d, and x     equation error                     Steiglitz and McBride
    past y, and x     pseudolinear regression (SHARF)    output error, its gradient

    eps(n) = d(n) - y(n) + sum_k c_k (d - y)(n-k)        past y: the output error, smoothed by c
    eps(n) = D(n) - theta' psi(n)                        past d: the equation error (D: d, filtered as psi is)

and theta = (a, b) goes along psi by eps: by a normalised step for a and for b (``gradient``), or by the inverse of the
covariance of psi, in square-root form (``gauss_newton``, ``triangle.py``).

The c may follow the filter: c_k = -a_k NEAR^k. Then C / A of the plant comes near 1 as the poles are found.

A step that would carry a pole out of the circle of ``RADIUS`` is halved until it does not; whether it would is what
the step-down recursion says (Schur and Cohn: all reflection coefficients below 1), with a_i / radius^i for a_i.

Poles inside the circle do not keep the output bounded while they move, and psi is not what y is made of: a step along
psi that is normalised by psi may throw y by many times its error, and the next by more. So no step of ``gradient``
changes the y of its own sample by more than its error. What runs away all the same is noticed (``stray``), and begins
again.

Several filters from several starts may lie behind one another in the state, each as long as the one before; the
output is that of the one with the least running square of d - y.

Within one, vectors lie oldest first; a before b.
"""

from __future__ import annotations

import math
from functools import cache

from .._jit import Function, helper, kernel, rare
from .._jit.instructions import warn
from .._jit.vectors import dot
from . import triangle
from .constants import LARGEST, SMALLEST
from .line import BURST, HORIZON
from .outliers import QUIET, SHORT, within

# p
TAPS, POLES, OWN, FILTERED, RADIUS, STARTS, MU, POLICY, SMOOTHING = range(9)
FORGETTING = MU
P_SIZE = 9  # and behind SMOOTHING, how many c, these
FOLLOWING = -1.0  # instead of how many c: they are those of A
RAISE, RESET = 0.0, 1.0  # the third choice holds
# s, of each filter: running powers (of eps, of the energies of both parts of psi), the running square of the error,
# over how many samples, samples that taught nothing, steps that were shortened for a pole, divergences, the running
# square of d over a short and a long time, the share of samples whose error outgrew it, whether learning stopped, and
# the running square of x and a peak of it
POWER, POLE_ENERGY, ZERO_ENERGY, SCORE, HEARD, UNLEARNT, SHORTENED, DIVERGED, DESIRED, USUAL, STRAYED, HELD = range(12)
INPUT, PEAK = range(12, 14)
WEIGHTS, WEIGHTS_AT_FIRST = 14, 8

SHORTEST = 10  # halvings, then the poles stay
FLOOR = 1e-12  # of the information that there was, what forgetting leaves
ROWS, GROWTH = 10.0, 0.1  # memory at the start: rows for each weight, and this share of the samples so far
WORSE = 4.0  # times the power of d, an error that is no longer one of learning
LOUD = 1e6  # times the power of d, what the square of no output exceeds
FADE = 1.0 - 1.0 / HORIZON  # of the peak, what is left after a sample
AGAIN = 50.0  # samples that a filter that begins again is held to have heard
DRAWN = 0.5  # and how far from the centre its poles lie, of where they were
NEAR = 0.9  # the same of the zeros of C that follow the poles: as far out as these they raise the noise


@helper
def outputs(p, o):  # type: ignore[no-untyped-def]
    """Past outputs."""
    return o + WEIGHTS + int(p[POLES]) + int(p[TAPS])


@helper
def inputs(p, o):  # type: ignore[no-untyped-def]
    """The inputs."""
    return outputs(p, o) + int(p[POLES])


@helper
def before(p, o):  # type: ignore[no-untyped-def]
    """The part of psi that a is multiplied with."""
    return inputs(p, o) + int(p[TAPS])


@helper
def beside(p, o):  # type: ignore[no-untyped-def]
    """The inputs as psi has them, as many as either part needs."""
    return before(p, o) + int(p[POLES])


@helper
def scratch(p, o):  # type: ignore[no-untyped-def]
    """Room for the step-down recursion and for a step of the poles; behind it the errors that SHARF smooths."""
    return beside(p, o) + max(int(p[POLES]), int(p[TAPS]))


@helper
def errors(p, o):  # type: ignore[no-untyped-def]
    """Past errors."""
    return scratch(p, o) + 2 * int(p[POLES])


@helper
def push(s, at, n, x):  # type: ignore[no-untyped-def]
    """Let a sample into a line of n, which moves on by one."""
    for i in range(at, at + n - 1):
        s[i] = s[i + 1]
    if n > 0:
        s[at + n - 1] = x


@helper
def bounded(x):  # type: ignore[no-untyped-def]
    """A number, whatever comes; what fades away becomes silence before its digits go."""
    return x if SMALLEST < abs(x) < LARGEST else 0.0


@helper
def inside(s, a, n, radius, work, step, share):  # type: ignore[no-untyped-def]
    """Whether all roots of z^n - a_1 z^(n-1) - .. - a_n are within the radius, for a as it is with a share of the step.

    ``s[a:]`` and ``s[step:]`` hold those of a_n first.
    """
    scale = 1.0
    for i in range(n):
        scale /= radius
        s[work + i] = -(s[a + n - 1 - i] + share * s[step + n - 1 - i]) * scale
    for m in range(n, 0, -1):
        k = s[work + m - 1]
        if not abs(k) < 1.0:
            return False
        under = 1.0 / (1.0 - k * k)
        for i in range(m // 2):
            j = m - 2 - i
            left, right = s[work + i], s[work + j]
            s[work + i] = (left - k * right) * under
            s[work + j] = (right - k * left) * under
    return True


@helper
def move(p, s, o):  # type: ignore[no-untyped-def]
    """Add to a the step that lies behind the scratch, as much of it as leaves all poles inside: that share."""
    n = int(p[POLES])
    a = o + WEIGHTS
    work = scratch(p, o)
    step = work + n
    share = 1.0
    for _ in range(SHORTEST):
        if inside(s, a, n, p[RADIUS], work, step, share):
            for i in range(n):
                s[a + i] += share * s[step + i]
            return share
        if share == 1.0:
            s[SHORTENED + o] += 1.0
        share *= 0.5
    return 0.0


@helper
def average(s, at, heard, square, memory):  # type: ignore[no-untyped-def]
    """A running mean that one sample cannot raise beyond measure."""
    old = s[at]
    s[at] = old + (min(square, BURST * old) - old) / min(heard + 1.0, memory) if old > QUIET else square
    return s[at]


@helper
def normalised(p, s, o, at, energy, least, n):  # type: ignore[no-untyped-def]
    """mu by the usual energy of n numbers, not by that of now: so the steps cancel where the gradient does on average.

    At the start the line is not full; and what is above the usual must not make a leap.
    """
    heard = s[o + HEARD]
    usual = average(s, o + at, heard, max(energy, least), HORIZON) * max(1.0, n / (heard + 1.0))
    below = max(usual, energy)
    return p[MU] / below if below > QUIET else 0.0


@helper
def gradient(p, s, o, eps, d, y):  # type: ignore[no-untyped-def]
    """A step along psi, normalised for the poles and for the zeros.

    As long as the output is small beside d the energy is that of d: the poles must not race about before b is there.
    """
    n, taps = int(p[POLES]), int(p[TAPS])
    past, x = before(p, o), beside(p, o) + max(n, taps) - taps
    of_a = normalised(p, s, o, POLE_ENERGY, dot(s, past, s, past, n), n * d * d, n)
    of_b = normalised(p, s, o, ZERO_ENERGY, dot(s, x, s, x, taps), 0.0, taps)
    change = of_a * abs(dot(s, past, s, outputs(p, o), n)) + of_b * abs(dot(s, x, s, inputs(p, o), taps))
    most = abs(d - y)
    if change * abs(eps) > most:
        eps = math.copysign(most / change, eps)
    step = scratch(p, o) + n
    for i in range(n):
        s[step + i] = bounded(eps * of_a * s[past + i])
    move(p, s, o)
    b = o + WEIGHTS + n
    for i in range(taps):
        s[b + i] = bounded(s[b + i] + eps * of_b * s[x + i])


@helper
def gauss_newton(p, s, o, eps, d, y):  # type: ignore[no-untyped-def]
    """The solution of least squares with this row in it, linear about the weights of now.

    Rows that went through other poles are wrong: where they are filtered the first ones are forgotten sooner.
    """
    n, taps = int(p[POLES]), int(p[TAPS])
    total = n + taps
    at = errors(p, o)
    past, x = before(p, o), beside(p, o) + max(n, taps) - taps
    energy = 0.0
    for i in range(n):
        s[at + i] = s[past + i]
    for i in range(taps):
        s[at + n + i] = s[x + i]
    energy = dot(s, at, s, at, total)
    usual = s[o + POLE_ENERGY]
    average(s, o + POLE_ENERGY, s[o + HEARD], energy, SHORT)
    if s[o + HEARD] >= SHORT and energy > BURST * usual:
        s[o + UNLEARNT] += 1.0  # it would outweigh all others for long
        return
    keep = p[FORGETTING]
    if p[FILTERED] != 0.0:
        keep = min(keep, 1.0 - 1.0 / (ROWS * total + GROWTH * s[o + HEARD]))
    target = dot(s, o + WEIGHTS, s, at, total) + eps
    triangle.listen(s, at, total, keep, True)
    triangle.fold(s, at, total, keep, FLOOR, True, target, 1.0)
    triangle.solve(s, at, total)
    w = at + triangle.WEIGHTS * ((total + 3) // 4 * 4)
    step = scratch(p, o) + n
    for i in range(n):
        s[step + i] = bounded(s[w + i] - s[o + WEIGHTS + i])
    share = move(p, s, o)
    for i in range(n, total):
        s[o + WEIGHTS + i] = bounded(s[o + WEIGHTS + i] + share * (s[w + i] - s[o + WEIGHTS + i]))


@helper
def level(s, o):  # type: ignore[no-untyped-def]
    """The power of d, as much more as the peak of x is above what is usual: what fell is remembered long."""
    spike = s[o + PEAK] * s[o + PEAK]
    usual = BURST * s[o + INPUT]
    return max(s[o + DESIRED], s[o + USUAL]) * (spike / usual if spike > usual > QUIET else 1.0)


@helper
def limited(s, o, x, y):  # type: ignore[no-untyped-def]
    """The output, no louder than an output can be: so what the poles feed back cannot grow without end."""
    s[o + PEAK] = max(abs(x), FADE * s[o + PEAK])
    most = LOUD * level(s, o)
    return math.copysign(math.sqrt(most), y) if y * y > most > LOUD * QUIET else y


@helper
def stray(s, o, e, d, x):  # type: ignore[no-untyped-def]
    """Whether the error has outgrown d, in more than half of the last samples or so, or by far on their average."""
    heard = s[o + HEARD]
    average(s, o + DESIRED, heard, d * d, SHORT)
    average(s, o + USUAL, heard, d * d, HORIZON)
    average(s, o + INPUT, heard, x * x, HORIZON)
    most = WORSE * level(s, o)
    bad = max(e * e, s[o + SCORE] / BURST) > most > WORSE * QUIET
    s[o + STRAYED] += ((1.0 if bad else 0.0) - s[o + STRAYED]) * (1.0 / SHORT)
    return s[o + STRAYED] > 0.5


@rare
def diverged(p, s, o):  # type: ignore[no-untyped-def]
    """Do what the user chose; one of several starts begins again without a word. It warns once, until reset."""
    n = int(p[POLES])
    first = s[o + DIVERGED] == 0.0
    s[o + DIVERGED] += 1.0
    s[o + STRAYED] = 0.0
    alone = int(p[STARTS]) <= 1
    if alone and p[POLICY] == RAISE:
        raise FloatingPointError("the adaptive filter diverged: its error outgrew the signal")
    if not alone or p[POLICY] == RESET:
        drawn = 1.0
        for i in range(n):
            drawn *= DRAWN
            s[o + WEIGHTS + n - 1 - i] *= drawn
        for i in range(o + WEIGHTS + n, o + s.size // max(1, int(p[STARTS]))):
            s[i] = 0.0
        power = s[o + DESIRED]
        s[o + POWER] = s[o + SCORE] = power  # which is what weights of zero leave
        s[o + POLE_ENERGY] = n * power
        s[o + HEARD] = min(AGAIN, s[o + HEARD])
        if first and alone:
            warn("the adaptive filter diverged: its error outgrew the signal; it begins again")
    else:
        s[o + HELD] = 1.0
        warn("the adaptive filter diverged: its error outgrew the signal; learning stopped until reset")


@cache
def steps(gain: Function) -> Function:
    """The kernel of all rules that learn by this gain."""

    @helper
    def one(p, s, o, x, d):  # type: ignore[no-untyped-def]
        n, taps = int(p[POLES]), int(p[TAPS])
        longer = max(n, taps)
        a, b = o + WEIGHTS, o + WEIGHTS + n
        past, psi = before(p, o), beside(p, o)
        x = bounded(x)
        push(s, inputs(p, o), taps, x)
        y = bounded(dot(s, a, s, outputs(p, o), n) + dot(s, b, s, inputs(p, o), taps))
        y = limited(s, o, x, y)
        if p[FILTERED] != 0.0:
            x = bounded(x + dot(s, a, s, psi + longer - n, n))
        push(s, psi, longer, x)
        known = abs(d) < LARGEST
        value = d if known and p[OWN] == 0.0 else y
        if p[FILTERED] != 0.0:
            value = bounded(value + dot(s, a, s, past, n))
        following = p[SMOOTHING] == FOLLOWING
        smoothed = n if following else int(p[SMOOTHING])
        if known and s[o + HELD] == 0.0:
            average(s, o + SCORE, s[o + HEARD], (d - y) * (d - y), SHORT)
            if p[OWN] != 0.0:
                eps = d - y
                late = errors(p, o) + smoothed - 1
                near = 1.0
                for k in range(smoothed):
                    near *= NEAR
                    eps += (-near * s[a + n - 1 - k] if following else p[SMOOTHING + 1 + k]) * s[late - k]
                push(s, errors(p, o), smoothed, d - y)
                gain(p, s, o, within(s, o + POWER, s[o + HEARD], eps), d, y)
            else:
                eps = value - dot(s, a, s, past, n) - dot(s, b, s, psi + longer - taps, taps)
                counted = within(s, o + POWER, s[o + HEARD], eps)
                gain(p, s, o, counted, d, y)
                value -= eps - counted  # nor does what is far out stand in psi
            astray = stray(s, o, d - y, d, s[inputs(p, o) + taps - 1])
            s[o + HEARD] = min(s[o + HEARD] + 1.0, HORIZON)
        else:
            astray = False
            s[o + UNLEARNT] += 1.0
            push(s, errors(p, o), smoothed, 0.0)
        push(s, past, n, value)
        push(s, outputs(p, o), n, y)
        if astray:
            diverged(p, s, o)
        return y

    @kernel
    def step(p, s, x, d):  # type: ignore[no-untyped-def]
        size = s.size // max(1, int(p[STARTS]))
        best = 0
        for o in range(size, s.size, size):
            if s[o + SCORE] < s[best + SCORE]:
                best = o
        y = 0.0
        for o in range(0, s.size, size):
            heard = one(p, s, o, x, d)
            if o == best:
                y = heard
        return y

    return step
