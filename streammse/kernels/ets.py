"""Exponential smoothing in innovations form: one kernel for the whole family, its kinds among the parameters.

With the slope carried on by q = l + phi b (additive) or q = l b^phi (multiplicative), the season by m = q + c or
m = q c, and the error e = y - m, every member of tables 2.2 and 2.3 moves its state by the same words:

    l = q + alpha f        f = e, or e / c where the season multiplies
    b = phi b + beta f     or b^phi + beta f / l_before
    c = c + gamma e        or c + gamma e / q

The error being additive or multiplicative changes nothing here: e in one is m times the error of the other. It tells in
what ``fit`` makes least.

What multiplies knows positive values alone: where a part does, a sample that is not positive counts as missing, so that
a positive start stays positive, and growth and the factors of the season stay within limits that no series needs.

R. J. Hyndman, A. B. Koehler, J. K. Ord and R. D. Snyder, Forecasting with Exponential Smoothing, 2008, section 2.5.
"""

from __future__ import annotations

import math
from typing import Any

from .._jit import ahead_kernel, helper, kernel, rare
from .._jit.instructions import fused
from .constants import LARGEST, SMALLEST

# p: the kernel does not look at the two ratios, they are what a search moves (beta = alpha ratio, gamma = (1 - alpha)
# ratio, so that limits on each alone keep the model stable); NaN: this one is given. BY_NEW: a factor of the season is
# learnt by e over the new level instead of q, as statsmodels has it
ALPHA, BETA, GAMMA, PHI, SEASON, TREND, SEASONAL, NEEDS, BETA_RATIO, GAMMA_RATIO, BY_NEW, P_SIZE = range(12)

# s: how many samples were seen; the phase of the season (before there is a level and no season: samples since the last
# one); level, slope, and the season phase by phase
SEEN, PHASE, LEVEL, SLOPE, CYCLE = range(5)

NONE, ADDITIVE, MULTIPLICATIVE = 0.0, 1.0, 2.0

FACTORS = 1e-3, 1e3  # a factor of the season stays within
GROWTH = 0.1, 10.0  # and one of growth, a sample


@helper
def _over(e: float, q: float) -> float:
    """e / q, nothing where q is silence."""
    return e / q if abs(q) > SMALLEST else 0.0


@helper
def _within(value: float, low: float, high: float) -> float:
    """Kept between the limits."""
    return min(max(value, low), high)


@helper
def _known(p: Any, d: float) -> bool:
    """Whether a sample is there to learn from."""
    return abs(d) <= LARGEST and (d > 0.0 or (p[TREND] != MULTIPLICATIVE and p[SEASONAL] != MULTIPLICATIVE))


@rare
def _warm_up(p: Any, s: Any, d: float) -> float:
    """Before there is anything to forecast from: the first sample, two for a slope, or a season of them."""
    known = _known(p, d)
    if p[SEASONAL] == NONE:
        s[PHASE] += 1.0
        if known:
            if s[SEEN] > 0.0:
                if p[TREND] == ADDITIVE:
                    s[SLOPE] = (d - s[LEVEL]) / s[PHASE]
                else:
                    ratio = _over(d, s[LEVEL])
                    s[SLOPE] = _within(ratio ** (1.0 / s[PHASE]), GROWTH[0], GROWTH[1]) if ratio > 0.0 else 1.0
            elif p[TREND] == MULTIPLICATIVE:
                s[SLOPE] = 1.0
            s[LEVEL] = d
            s[PHASE] = 0.0
            s[SEEN] += 1.0
        return math.nan
    m = int(p[SEASON])
    phase = int(s[PHASE])
    s[PHASE] = phase + 1.0 if phase + 1 < m else 0.0
    if known:
        s[CYCLE + phase] = d
        s[SEEN] += 1.0
    if s[SEEN] >= p[NEEDS]:
        n, mean = 0.0, 0.0
        for k in range(m):
            if math.isfinite(s[CYCLE + k]):
                n += 1.0
                mean += (s[CYCLE + k] - mean) / n
        s[LEVEL] = mean
        s[SLOPE] = 1.0 if p[TREND] == MULTIPLICATIVE else 0.0
        for k in range(m):
            held = s[CYCLE + k]
            if p[SEASONAL] == ADDITIVE:
                s[CYCLE + k] = held - mean if math.isfinite(held) else 0.0
            else:
                ratio = _over(held, mean)
                s[CYCLE + k] = _within(ratio, FACTORS[0], FACTORS[1]) if ratio == ratio else 1.0  # noqa: PLR0124
    return math.nan


@kernel
def ets(p: Any, s: Any, x: float, d: float) -> Any:
    """The forecast that stood for a sample, then what it teaches."""
    if s[SEEN] < p[NEEDS]:
        return _warm_up(p, s, d)
    trend, seasonal = p[TREND], p[SEASONAL]
    before, b = s[LEVEL], s[SLOPE]
    q = before
    if trend == ADDITIVE:
        b = p[PHI] * b
        q = before + b
    elif trend == MULTIPLICATIVE:
        if p[PHI] != 1.0:
            b = b ** p[PHI]
        q = before * b
    y = q
    at = CYCLE
    c = 1.0
    if seasonal != NONE:
        phase = s[PHASE]
        at = CYCLE + int(phase)
        s[PHASE] = phase + 1.0 if phase + 1.0 < p[SEASON] else 0.0
        c = s[at]
        y = q + c if seasonal == ADDITIVE else q * c
    if _known(p, d):
        s[SEEN] += 1.0
        e = d - y
        f = e
        if seasonal == ADDITIVE:
            s[at] = fused(p[GAMMA], e, c)
        elif seasonal == MULTIPLICATIVE:
            f = _over(e, c)
            by = q if p[BY_NEW] == 0.0 else q + p[ALPHA] * f
            if by > 0.0:  # a slope that adds may have led below zero, of which nothing is a multiple
                s[at] = _within(c + p[GAMMA] * _over(e, by), FACTORS[0], max(c, p[SEASON]))  # of m of mean 1
        q = fused(p[ALPHA], f, q)
        if trend == ADDITIVE:
            b = fused(p[BETA], f, b)
        elif trend == MULTIPLICATIVE:
            b = _within(b + p[BETA] * _over(f, before), GROWTH[0], GROWTH[1])
    s[LEVEL] = q
    if not abs(q) <= LARGEST:  # a branch that stores: the next sample does not wait for two comparisons
        s[LEVEL] = min(max(q, -LARGEST), LARGEST)
    if trend != NONE:
        s[SLOPE] = b
        if not abs(b) <= LARGEST:
            s[SLOPE] = min(max(b, -LARGEST), LARGEST)
    return y


@ahead_kernel
def ets_ahead(p: Any, s: Any, out: Any) -> None:
    """The next values, O(1) each: the line of the trend, then the season on it."""
    trend, seasonal, phi = p[TREND], p[SEASONAL], p[PHI]
    q, b = s[LEVEL], s[SLOPE] if trend != NONE else 0.0
    if trend != MULTIPLICATIVE and phi == 1.0:
        for k in range(out.size):  # no value waits for the one before
            out[k] = q + (k + 1.0) * b
    else:
        for k in range(out.size):
            if trend == MULTIPLICATIVE:
                if phi != 1.0:
                    b = b**phi
                q = min(max(q * b, -LARGEST), LARGEST)
            else:
                b *= phi
                q += b
            out[k] = q
    if seasonal == NONE:
        return
    at, last = CYCLE + int(s[PHASE]), CYCLE + int(p[SEASON]) - 1
    for k in range(out.size):
        c = s[at]
        out[k] = out[k] + c if seasonal == ADDITIVE else out[k] * c
        at = at + 1 if at < last else CYCLE


@ahead_kernel
def ets_decode(p: Any, s: Any, theta: Any) -> None:
    """The slopes' and the season's weights from their ratios."""
    if not math.isnan(p[BETA_RATIO]):
        p[BETA] = p[ALPHA] * p[BETA_RATIO]
    if not math.isnan(p[GAMMA_RATIO]):
        p[GAMMA] = (1.0 - p[ALPHA]) * p[GAMMA_RATIO]


@helper
def _mean(y: Any, first: int, last: int) -> float:
    """Of the samples that are known, NaN if none is."""
    n, mean = 0.0, 0.0
    for t in range(first, last):
        if abs(y[t]) <= LARGEST:
            n += 1.0
            mean += (y[t] - mean) / n
    return mean if n > 0.0 else math.nan


@ahead_kernel
def ets_begin(p: Any, s: Any, y: Any) -> None:
    """The state before the first sample, by backcasting: where the model comes to, run from the end to the start."""
    m = int(p[SEASON]) if p[SEASONAL] != NONE else 1
    trend = p[TREND]
    for k in range(s.size):
        s[k] = math.nan if k >= CYCLE else 0.0
    first = y.size
    while first > 0 and s[SEEN] < p[NEEDS]:
        first -= 1
        ets(p, s, y[first], y[first])
    if trend != NONE:  # at the end the slope between the means of two stretches
        w = min(max(m, 4), y.size // 2)
        late, early = _mean(y, y.size - w, y.size), _mean(y, y.size - 2 * w, y.size - w)
        if trend == ADDITIVE:
            s[SLOPE] = (early - late) / w if math.isfinite(early - late) else 0.0
        else:
            ratio = _over(early, late)
            s[SLOPE] = _within(ratio ** (1.0 / w), GROWTH[0], GROWTH[1]) if ratio > 0.0 else 1.0
    for t in range(first - 1, -1, -1):
        ets(p, s, y[t], y[t])
    q, b = s[LEVEL], s[SLOPE]
    if trend == ADDITIVE:
        s[LEVEL] = q + p[PHI] * b
        s[SLOPE] = -b
    elif trend == MULTIPLICATIVE:
        s[LEVEL] = q * b ** p[PHI]
        s[SLOPE] = 1.0 / b
    if p[SEASONAL] != NONE:
        # the phases run the other way now, and the last one met comes first
        last = int(s[PHASE]) - 1
        for k in range(m // 2):
            i, j = CYCLE + k, CYCLE + m - 1 - k
            held = s[i]
            s[i] = s[j]
            s[j] = held
        _rotate(s, m, m - 1 - (last if last >= 0 else m - 1))
    s[PHASE] = 0.0
    s[SEEN] = p[NEEDS]


@rare
def _rotate(s: Any, m: int, by: int) -> None:
    """Turn the cycle so that phase ``by`` comes first."""
    for _ in range(by):
        held = s[CYCLE]
        for k in range(m - 1):
            s[CYCLE + k] = s[CYCLE + k + 1]
        s[CYCLE + m - 1] = held
