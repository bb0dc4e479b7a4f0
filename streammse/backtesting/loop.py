"""The pass over a series: forecast before learning, wait for the truth, score. Compiled once for all models.

At each origin (so many samples known) the model gives its next values; they wait in a ring, in the row of the sample
that they are for. When that sample arrives its row is scored, and only then is the sample learnt. So nothing can look
ahead, memory does not grow with the series, and the live form and the batch are one function.
"""

from __future__ import annotations

import math
from typing import Any

from .._jit import helper, loop, rare
from .._jit.instructions import call_ahead, call_step, call_vector_step
from .._jit.tiles import ABSOLUTE, COUNT, LANES, PERCENT, SIGNED, SQUARED, SYMMETRIC, add_errors, lay

#: how a model is driven: by its own ``ahead`` kernel; by its step over missing samples; as a filter whose input is the
#: sample before; as a model with a row of inputs beside each sample; not at all, because its forecasts are given
OWN, ROLLED, FILTER, VECTOR, GIVEN = range(5)

#: c, the settings: all integers, some of them addresses
(
    KIND,
    HORIZON,
    START,
    STRIDE,
    GAP,
    WINDOW,
    SEASON,
    KNOWN,  # whether the inputs beside samples to come are known
    COMPLETE,
    METRICS,
    INTERVALS,
    KEEP,
    FRESH,  # begin each row anew; else go on where ``b`` says
    LIVE,  # no end in sight
    BASE,  # which sample y[edges[row]] is
    UNTIL,
    BOUND,
    ASIDE,
    AHEAD,
    SETTINGS,
) = range(20)

#: b, the pass itself: samples seen, what a filter gets next; then the last season, then the last WINDOW samples
SEEN, NEWEST, HEAD = range(3)

#: sums of each horizon, in tiles of LANES horizons so that neighbours add up side by side: behind those of
#: ``_jit/tiles.py`` the number of truths that were zero
ZEROS = PERCENT + 1
SUMS = ZEROS + 1

#: what an interval did: pairs that had one, pairs inside, sum of finite widths and their number
ASKED, COVERED, WIDTH, BOUNDED, COVERS = range(5)

#: the naive seasonal differences before START: number, sum of absolute values, sum of squares
DIFFERENCES, ABSOLUTE_DIFFERENCES, SQUARED_DIFFERENCES, SCALES = range(4)


@helper
def _add(totals, row, tile, i, d, f, percent):  # type: ignore[no-untyped-def]
    e = d - f
    a = abs(e)
    below = abs(d) + abs(f)
    totals[row, tile, COUNT, i] += 1.0
    totals[row, tile, SQUARED, i] += e * e
    totals[row, tile, ABSOLUTE, i] += a
    totals[row, tile, SIGNED, i] += e
    totals[row, tile, SYMMETRIC, i] += 200.0 * a / (below if below != 0.0 else 1.0)
    totals[row, tile, PERCENT, i] += a * percent


@rare
def _copy(one, other):  # type: ignore[no-untyped-def]
    """Spelt out: an assignment of slices takes a tenth of a second to compile, each."""
    for i in range(one.size):
        other[i] = one[i]


@loop(
    "void(i8[::1],f8[::1],f8[::1],f8[::1],f8[::1],f8[:,::1],f8[:,::1],f8[::1],f8[:,:,:,::1],f8[:,:,::1],f8[:,::1],"
    "i8[::1],f8[::1],f8[::1],f8[:,::1],i8[::1],f8[::1],f8[::1],f8[::1],i8[::1],f8[:,::1],f8[:,:,::1],f8[:,:,::1],i8,i8)",
    allocates=False,
)
def rows(
    c: Any,  # the settings
    s: Any,  # the model's state, the state before the first sample, a second one to roll ahead on
    s0: Any,
    aside: Any,
    b: Any,  # the pass
    ring: Any,  # forecasts that wait, a row a sample to come, and the half-widths of their intervals
    halves: Any,
    out: Any,
    totals: Any,  # (rows, tiles, SUMS, LANES)
    covers: Any,  # (rows, COVERS, horizon)
    scales: Any,  # (rows, SCALES)
    metrics: Any,  # bound metrics, one a horizon each, their states and fresh states, their values
    ms: Any,
    ms0: Any,
    values: Any,
    intervals: Any,  # bound intervals, one a horizon, their states and fresh states
    vs: Any,
    vs0: Any,
    y: Any,  # all series one after another, and where each begins
    edges: Any,
    x: Any,  # a row of inputs beside each sample
    given: Any,  # (rows, origins, horizon), or of each only the last ones, in a ring
    kept: Any,  # (rows, origins, horizon), where forecasts are kept
    first: int,
    last: int,
) -> None:
    """Rows first to last - 1, each from its beginning or from where ``b`` says, to its end or to c[UNTIL]."""
    kind, H, start, stride, gap, W, season = c[KIND], c[HORIZON], c[START], c[STRIDE], c[GAP], c[WINDOW], c[SEASON]
    n_metrics, has_intervals, keep, live = c[METRICS], c[INTERVALS] != 0, c[KEEP] != 0, c[LIVE] != 0
    base, bound, beside, m = c[BASE], c[BOUND], c[ASIDE], x.shape[1]
    R = gap + H
    history = HEAD + season
    plain = stride == 1 and not has_intervals and n_metrics == 0
    for row in range(first, last):
        a = edges[row]
        end = edges[row + 1] - a + base
        beyond = x.shape[0] if live else edges[row + 1]  # where the inputs that are known end
        if c[FRESH] != 0:
            _copy(s0, s)
            _copy(ms0, ms)
            _copy(vs0, vs)
            for i in range(b.size):
                b[i] = math.nan if HEAD <= i < HEAD + season else 0.0
        latest = end - gap - (H if c[COMPLETE] != 0 else 1)  # the last origin of which anything will be scored
        if live:
            latest = 1 << 60
        seen = int(b[SEEN])
        # counted rather than divided: t % R, t % season, and samples since the last origin
        slot, place, since = seen % R, HEAD + seen % season, (seen - start) % stride
        for t in range(seen, min(end, c[UNTIL])):
            d = y[a + t - base]
            known = math.isfinite(d)

            # the forecasts for this sample are due
            most = min(H, t - gap - start + 1)
            if most > 0 and known:
                percent = 100.0 / abs(d) if d != 0.0 else 0.0
                if plain and most == H and t - gap <= latest:
                    add_errors(totals, row, ring, slot, d, percent)  # what lies behind H is never read
                    if d == 0.0:
                        for j in range(H):
                            totals[row, j // LANES, ZEROS, j % LANES] += 1.0
                else:
                    j = (t - gap - start) % stride
                    while t - gap - j > latest:
                        j += stride
                    while j < most:
                        f = ring[slot, j]
                        _add(totals, row, j // LANES, j % LANES, d, f, percent)
                        if d == 0.0:
                            totals[row, j // LANES, ZEROS, j % LANES] += 1.0
                        for q in range(n_metrics):
                            values[row, q * H + j] = call_step(metrics[q * H + j], f, d)
                        if has_intervals:
                            half = halves[slot, j]
                            if half == half:  # noqa: PLR0124
                                covers[row, ASKED, j] += 1.0
                                covers[row, COVERED, j] += 1.0 if abs(d - f) <= half else 0.0
                                if half < math.inf:
                                    covers[row, WIDTH, j] += 2.0 * max(half, 0.0)
                                    covers[row, BOUNDED, j] += 1.0
                            call_step(intervals[j], half, d - f)
                        j += stride

            # only now is it learnt
            if t < start:  # what the scaled errors are measured by
                before = b[place]
                if known and before == before:  # noqa: PLR0124
                    scales[row, DIFFERENCES] += 1.0
                    scales[row, ABSOLUTE_DIFFERENCES] += abs(d - before)
                    scales[row, SQUARED_DIFFERENCES] += (d - before) * (d - before)
                b[place] = d if known else math.nan
            if W > 0:
                b[history + t % W] = d
                for k in range(m):
                    b[history + W + (t % W) * m + k] = x[a + t - base, k]
            elif kind in (OWN, ROLLED):
                call_step(bound, d, d)
            elif kind == FILTER:
                f = call_step(bound, b[NEWEST], d)
                if known:
                    b[NEWEST] = d
                elif math.isfinite(f):
                    b[NEWEST] = f
            elif kind == VECTOR:
                call_vector_step(bound, x[a + t - base], d)
            b[SEEN] = t + 1.0
            slot = slot + 1 if slot + 1 < R else 0
            place = place + 1 if place + 1 < HEAD + season else HEAD
            since = since + 1 if since + 1 < stride else 0

            # an origin: k samples are known
            k = t + 1
            if k < start or k > latest or since != 0:
                continue
            if W > 0 and kind != GIVEN:  # a fresh model over the last samples alone
                _copy(s0, s)
                b[NEWEST] = 0.0
                for u in range(max(0, k - W), k):
                    v = b[history + u % W]
                    if kind == VECTOR:
                        at = history + W + (u % W) * m
                        call_vector_step(bound, b[at : at + m], v)
                    elif kind == FILTER:
                        f = call_step(bound, b[NEWEST], v)
                        if math.isfinite(v):
                            b[NEWEST] = v
                        elif math.isfinite(f):
                            b[NEWEST] = f
                    else:
                        call_step(bound, v, v)
            if kind == OWN:
                call_ahead(c[AHEAD], out)
            elif kind == ROLLED:
                _copy(s, aside)
                for q in range(R):
                    out[q] = call_step(beside, math.nan, math.nan)
            elif kind == FILTER:
                _copy(s, aside)
                f = b[NEWEST]
                for q in range(R):
                    f = call_step(beside, f, math.nan)
                    out[q] = f
            elif kind == VECTOR:
                _copy(s, aside)
                for q in range(R):
                    at = a + k - base + q if c[KNOWN] != 0 else a + t - base
                    out[q] = call_vector_step(beside, x[at], math.nan) if at < beyond else math.nan
            else:
                for j in range(H):
                    out[gap + j] = given[row % given.shape[0], (k - start) // stride % given.shape[1], j]
            to = slot + gap if slot + gap < R else slot + gap - R
            lay(out, gap, ring, to, H)
            if keep:
                i = (k - start) // stride
                for j in range(H):
                    kept[row, i, j] = out[gap + j]
            if has_intervals:
                for j in range(H):
                    halves[to, j] = call_step(intervals[j], math.nan, math.nan)
                    to = to + 1 if to + 1 < R else 0
