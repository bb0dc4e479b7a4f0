"""Aggregation of experts: the mean of what they forecast, with weights that follow their regrets.

The regret of an expert is how much more than the expert the ensemble has lost, summed over the samples at which the
expert had something to say. A rule turns regrets into weights; everything else is common to all rules.
"""

from __future__ import annotations

import math
from functools import cache
from typing import Any

from .._jit import Function, helper, kernel
from .._jit.instructions import fused
from .._jit.parts import MAGIC, WORDS, call_part, part, power_of_two
from .._jit.vectors import dot, highest, loudest, total
from .constants import LARGEST, SMALLEST

# p: what the rules have; how many experts; a row for each: the words of ``_jit/parts.py``, and whether it is a filter,
# whose input is the sample before. Their own parameters follow.
ETA, GRADIENT, A, B, TRIM, EXPERTS, TABLE = range(7)
ROW = WORDS + 1
FILTER = WORDS

# s: the sample before (NaN where it was missing), the largest regret of one sample so far, the sum of the mixability
# gaps; then lists with an element for each expert: forecasts, weights, what the sample taught, and what a rule sums up.
# The states of the experts follow.
SEEN, LAST, SCALE, GAP, LISTS = range(5)
LANES = 16  # what a list that is searched is padded to
LAST_OF_ALL = 1e300  # with this, and so is who sleeps


@helper
def _exp(x):  # type: ignore[no-untyped-def]
    """e^x for x <= 0, to the last digit; 0 below -708. It has no branch, so that a loop of it fills the lanes."""
    t = fused(x, 1.4426950408889634, MAGIC)
    n = t - MAGIC
    r = fused(n, -1.90821492927058770002e-10, fused(n, -0.693147180369123816490, x))
    # 1 + r + r^2 P(r), with P by interpolation at Chebyshev's points: within 2e-17 of e^r for |r| < ln 2 / 2
    q = fused(r, 2.510038549551032e-08, 2.7620088445409746e-07)
    q = fused(r, q, 2.7557268459997064e-06)
    q = fused(r, q, 2.4801521295954376e-05)
    q = fused(r, q, 0.00019841269863053618)
    q = fused(r, q, 0.0013888888917213717)
    q = fused(r, q, 0.008333333333330062)
    q = fused(r, q, 0.04166666666662413)
    q = fused(r, q, 0.16666666666666669)
    q = fused(r, q, 0.5)
    q = fused(r, q, 1.0)
    q = fused(r, q, 1.0)
    return q * power_of_two(t) if x > -708.0 else 0.0


@helper
def _largest(v, K):  # type: ignore[no-untyped-def]
    """The largest magnitude; infinite where one is no number."""
    return loudest(v, 0, K) if math.isfinite(total(v, 0, K)) else math.inf


@helper
def _normalise(w, K):  # type: ignore[no-untyped-def]
    """Weights that sum to one; all alike where there is nothing to choose by."""
    whole = total(w, 0, K)
    if whole > 0.0:
        g = 1.0 / whole
        for k in range(K):
            w[k] *= g
    else:
        for k in range(K):
            w[k] = 1.0 / K


@helper
def exponential(p, s, K, f, w, r, R, V, top):  # type: ignore[no-untyped-def]
    """w ~ exp(eta R); without an eta that of AdaHedge, ln K over the sum of the mixability gaps so far."""
    eta = p[ETA]
    L = math.log(K)
    if eta != eta:  # noqa: PLR0124
        gap = s[GAP]
        for k in range(K):
            V[k] = r[k] if w[k] > 0.0 else -LARGEST
        high = highest(V, 0, K)
        delta = high
        if gap > 0.0:
            eta = L / gap
            for k in range(K):
                V[k] = w[k] * _exp(eta * (V[k] - high))
            delta += math.log(total(V, 0, K)) / eta
        gap += max(delta, 0.0)
        s[GAP] = gap
        eta = L / gap if gap > 0.0 else math.inf
    for k in range(K):
        R[k] += r[k]
    high = highest(R, 0, K)
    if eta < LARGEST:
        for k in range(K):
            w[k] = _exp(eta * (R[k] - high))
    else:  # nothing went wrong so far, or next to nothing: the leaders alone
        for k in range(K):
            w[k] = 1.0 if R[k] == high else 0.0
    _normalise(w, K)


@helper
def polynomial(p, s, K, f, w, r, R, V, top):  # type: ignore[no-untyped-def]
    """w ~ R+ / (E^2 + sum r^2), with E the largest of all r and each r shrunk to what was the largest before it."""
    E = s[SCALE]
    if top > SMALLEST:
        s[SCALE] = max(E, top)
        c = E / s[SCALE]
        E = s[SCALE]
        for k in range(K):
            q = c * r[k]
            R[k] += q
            V[k] += q * q
            w[k] = max(R[k], 0.0) / (E * E + V[k])
        _normalise(w, K)


@helper
def bernstein(p, s, K, f, w, r, R, V, top):  # type: ignore[no-untyped-def]
    """w ~ eta exp(eta sum(r - eta r^2)), eta^2 = ln K / (4 ln K E^2 + sum r^2), with an E for each expert.

    A sample's r are shrunk until none exceeds its E before. No r yet: then the eta of the largest E of all stands in.
    """
    if top > SMALLEST:
        E = part(s, LISTS + 5 * K, K)
        L = math.log(K)
        s[SCALE] = max(s[SCALE], top)
        most = s[SCALE]
        for k in range(K):
            a = abs(r[k])
            r[k] = r[k] if a > SMALLEST else 0.0
            w[k] = -E[k] / a if a > max(E[k], SMALLEST) else -1.0
        c = -highest(w, 0, K)
        for k in range(K):
            e = E[k]
            q = c * r[k]
            R[k] += q - math.sqrt(L / (4.0 * L * e * e + V[k] if e > 0.0 else 1.0)) * q * q  # e = 0: q = 0
            V[k] += q * q
            e = max(e, abs(r[k]))
            E[k] = e
            e = e if e > 0.0 else most
            eta = math.sqrt(L / (4.0 * L * e * e + V[k]))
            r[k] = eta
            w[k] = eta * R[k]
        high = highest(w, 0, K)
        for k in range(K):
            w[k] = r[k] * _exp(w[k] - high)
        _normalise(w, K)


@helper
def leader(p, s, K, f, w, r, R, V, top):  # type: ignore[no-untyped-def]
    """All weight on the largest mean regret: the smallest mean loss, where all were awake all the time."""
    high = -math.inf
    for k in range(K):
        if abs(f[k]) < LARGEST:
            R[k] += r[k]
            V[k] += 1.0
        if V[k] > 0.0:
            high = max(high, R[k] / V[k])
    for k in range(K):
        w[k] = 1.0 if V[k] > 0.0 and R[k] / V[k] == high else 0.0
    _normalise(w, K)


@helper
def _ask(p, s, d, K, f):  # type: ignore[no-untyped-def]
    """Every expert's forecast of d, which it then learns."""
    last = s[LAST]
    for k in range(K):
        at = TABLE + k * ROW
        x = d
        if p[at + FILTER] != 0.0:
            x = last if last == last else f[k]  # noqa: PLR0124  missing: what it forecast itself
        f[k] = call_part(p, s, at, x, d)
    known = math.isfinite(d)
    if known:
        s[SEEN] += 1.0
    s[LAST] = d if known else math.nan


@cache
def weighted(rule: Function, value: Function, score: Function) -> Function:
    """The step of an ensemble with this rule and this loss."""

    @helper
    def learn(p, s, d, y, K, f, w):  # type: ignore[no-untyped-def]
        r, R, V = part(s, LISTS + 2 * K, K), part(s, LISTS + 3 * K, K), part(s, LISTS + 4 * K, K)
        a, b = p[A], p[B]
        if p[GRADIENT] != 0.0:
            g = score(d - y, a, b)
            for k in range(K):
                r[k] = g * (f[k] - y) if abs(f[k]) < LARGEST else 0.0
        else:
            mine = value(d - y, a, b)
            for k in range(K):
                r[k] = mine - value(d - f[k], a, b) if abs(f[k]) < LARGEST else 0.0
        top = _largest(r, K)
        if top < LARGEST:
            rule(p, s, K, f, w, r, R, V, top)

    @kernel
    def step(p: Any, s: Any, x: float, d: float) -> Any:
        K = int(p[EXPERTS])
        f, w = part(s, LISTS, K), part(s, LISTS + K, K)
        _ask(p, s, d, K, f)
        if _largest(f, K) < LARGEST:  # nobody sleeps
            y = dot(w, 0, f, 0, K) / total(w, 0, K)
        else:
            above = below = plain = awake = 0.0
            for k in range(K):
                if abs(f[k]) < LARGEST:
                    above += w[k] * f[k]
                    below += w[k]
                    plain += f[k]
                    awake += 1.0
            if awake == 0.0:
                return math.nan
            y = above / below if below > 0.0 else plain / awake
        if abs(d) < LARGEST and K > 1:
            learn(p, s, d, y, K, f, w)
        return y

    return step


@kernel
def trimmed(p: Any, s: Any, x: float, d: float) -> Any:
    """The mean of those in the middle."""
    K = int(p[EXPERTS])
    P = -(-K // LANES) * LANES
    f, key = part(s, LISTS, K), part(s, LISTS + K, P)
    _ask(p, s, d, K, f)
    n = 0
    for k in range(K):
        awake = abs(f[k]) < LARGEST
        key[k] = f[k] if awake else LAST_OF_ALL
        n += awake
    if n == 0:
        return math.nan
    cut = min(int(p[TRIM] * n), (n - 1) // 2)
    total = 0.0
    low, high = -math.inf, math.inf  # these lie outside of the middle, and all beyond them
    for k in range(K):
        v = key[k]
        if not low < v < high:
            continue
        below = among = 0
        for j in range(P):  # counting has no branch to guess wrong, as sorting has
            below += key[j] < v
            among += key[j] <= v
        if among <= cut:
            low = v
        elif below >= n - cut:
            high = v
        else:  # of those equal to v, how many lie in the middle
            total += v * (min(among, n - cut) - max(below, cut)) / (among - below)
    return total / (n - 2 * cut)
