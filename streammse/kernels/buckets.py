"""Values counted in buckets of equal relative width, so that the largest can be left out in constant memory.

Between 2^-128 and 2^128 every octave is cut into 16 buckets; a bucket has the weight and the sum of its values, and so
has every octave as a whole. What lies beyond counts in the last bucket on its side. Leaving the largest out is exact
but for the bucket in which the cut falls: of that one, the mean stands for what is kept. It is at least the mean of
what it stands for, and too large by no more than a quarter of the bucket's width times its share of the kept weight.

To let all fade, a new pair weighs more instead: UNIT grows. An exact power of two is taken out before it overflows.
"""

from __future__ import annotations

import math
from functools import cache
from typing import Any

from .._jit import Function, helper, rare
from .window import HEAD, SKIPPED
from .window_time import arrive

# The state from base on: stamp of the newest pair, weight of one pair now, weight of all, the octaves that may hold
# something; then (weight, sum) of each octave and of each bucket.
NEWEST, UNIT, TOTAL, LOW, HIGH, OCTAVES = range(6)
OCTAVE = 256
PARTS = 16
BUCKETS = OCTAVES + 2 * OCTAVE
SIZE = BUCKETS + 2 * OCTAVE * PARTS

LEAST = 2.0**-128
LARGE = 2.0**512  # of the unit
LONGEST = 500.0  # half-lives in one step after which what was before is nothing
SHORTEST = 2.0**-LONGEST
SLACK = 1e-12  # 0.29 of 100 is 29, though 0.29 * 100 is less


@helper
def place(value):  # type: ignore[no-untyped-def]
    """The bucket of a value that is not negative, counted through all octaves."""
    if value < LEAST:
        return 0
    m, e = math.frexp(value)
    if e > 128:
        return OCTAVE * PARTS - 1
    return (e + 127) * PARTS + int((m - 0.5) * (2 * PARTS))


@rare
def _clear(s, base):  # type: ignore[no-untyped-def]
    """Forget all pairs."""
    for octave in range(int(s[base + LOW]), int(s[base + HIGH]) + 1):
        s[base + OCTAVES + 2 * octave] = s[base + OCTAVES + 2 * octave + 1] = 0.0
        for i in range(2 * PARTS):
            s[base + BUCKETS + 2 * PARTS * octave + i] = 0.0
    s[base + UNIT], s[base + TOTAL] = 1.0, 0.0
    s[base + LOW], s[base + HIGH] = OCTAVE, -1


@rare
def _rescale(s, base, unit):  # type: ignore[no-untyped-def]
    """Take the power of two out of a unit that has grown too large, and out of all weights with it."""
    by = math.ldexp(1.0, 1 - math.frexp(unit)[1])
    low, high = OCTAVE, -1
    for octave in range(int(s[base + LOW]), int(s[base + HIGH]) + 1):
        s[base + OCTAVES + 2 * octave] *= by
        s[base + OCTAVES + 2 * octave + 1] *= by
        for i in range(2 * PARTS):
            s[base + BUCKETS + 2 * PARTS * octave + i] *= by
        if s[base + OCTAVES + 2 * octave] > 0.0:
            low, high = min(low, octave), octave
        else:  # faded away, but perhaps for less than all of its sum
            s[base + OCTAVES + 2 * octave + 1] = 0.0
            for i in range(2 * PARTS):
                s[base + BUCKETS + 2 * PARTS * octave + i] = 0.0
    s[base + UNIT] *= by
    s[base + TOTAL] *= by
    s[base + LOW], s[base + HIGH] = low, high


@helper
def _learn(s, base, weight, value, growth):  # type: ignore[no-untyped-def]
    """Take a pair in, ``growth`` times as heavy as one before (inf: those are forgotten); tell whether it could be."""
    if not math.isfinite(weight * value):
        s[SKIPPED] += 1.0
        return False
    unit = s[base + UNIT] * growth
    if growth == math.inf:
        _clear(s, base)
        unit = 1.0
    elif unit > LARGE or not math.isfinite(unit * weight * value):
        _rescale(s, base, unit)
        unit = s[base + UNIT] * growth
    i = place(value)
    octave, bucket = base + OCTAVES + 2 * (i // PARTS), base + BUCKETS + 2 * i
    w = unit * weight
    if not math.isfinite(s[octave + 1] + w * value):
        s[SKIPPED] += 1.0
        return False
    s[base + UNIT] = unit
    s[base + TOTAL] += w
    s[octave] += w
    s[octave + 1] += w * value
    s[bucket] += w
    s[bucket + 1] += w * value
    s[base + LOW] = min(s[base + LOW], i // PARTS)
    s[base + HIGH] = max(s[base + HIGH], i // PARTS)
    return True


@helper
def running(s, base, weight, value, length, time):  # type: ignore[no-untyped-def]
    """All pairs; a weight of zero is a missing one."""
    if weight > 0.0:
        _learn(s, base, weight, value, 1.0)


@helper
def decaying(s, base, weight, value, length, time):  # type: ignore[no-untyped-def]
    """The same; a pair weighs ``length`` times as much as the one after it."""
    if weight > 0.0:
        _learn(s, base, weight, value, 1.0 / length if length > SHORTEST else math.inf)


@helper
def fading(s, base, weight, value, length, time):  # type: ignore[no-untyped-def]
    """The same; a pair weighs half as much ``length`` seconds later."""
    if weight > 0.0:
        if s[base + TOTAL] == 0.0:
            s[base + NEWEST] = time  # the first
        newest = s[base + NEWEST]
        halvings = (arrive(s, base, time) - newest) / length
        if not _learn(s, base, weight, value, 2.0**halvings if halvings <= LONGEST else math.inf):
            s[base + NEWEST] = newest


@cache
def cut(whole: bool) -> Function:
    """``cut(s, base, trim)``: (weight of all, mean of what is left without the largest).

    ``whole``: the pairs have no weights, and a whole number of them is left out; else exactly the share ``trim``.
    """

    @rare
    def cut(s, base, trim):  # type: ignore[no-untyped-def]
        total = s[base + TOTAL]
        if total == 0.0:
            return 0.0, math.nan
        slack = SLACK * total
        out = trim * total
        if whole:
            out = min(math.floor(out + slack), total - 1.0)
        keep = total - out
        low, octave = int(s[base + LOW]), int(s[base + HIGH])
        while octave > low and s[base + OCTAVES + 2 * octave] <= out + slack:
            out -= s[base + OCTAVES + 2 * octave]
            octave -= 1
        bucket = base + BUCKETS + 2 * PARTS * octave
        i = PARTS - 1
        while i > 0 and s[bucket + 2 * i] <= out + slack:
            out -= s[bucket + 2 * i]
            i -= 1
        # of the bucket of the cut, what is kept has the mean of all
        w = s[bucket + 2 * i]
        kept = s[bucket + 2 * i + 1] * min((w - out) / w, 1.0) if w > out + slack else 0.0
        for j in range(i):
            kept += s[bucket + 2 * j + 1]
        for j in range(low, octave):
            kept += s[base + OCTAVES + 2 * j + 1]
        return total / s[base + UNIT], kept / keep

    return cut


def start(s: Any, base: int) -> None:
    """Fill what is not zero in a fresh state."""
    s[base + UNIT], s[base + LOW], s[base + HIGH] = 1.0, OCTAVE, -1


def indices(base: int) -> list[tuple[int | slice, float, float]]:
    """The slots in which whole numbers stand, as ``Node._indices`` has them."""
    return [(base + LOW, 0, OCTAVE), (base + HIGH, -1, OCTAVE - 1)]


def weights(s: Any, base: int) -> str:
    """What is wrong with the weights of a stored state; nothing, where they are numbers that can be rounded."""
    return "" if math.isfinite(s[base + UNIT] + s[base + TOTAL]) else "its weights are no numbers"


def join(s: Any, other: Any) -> None:
    """Take in the state of other pairs, where none has faded."""
    mine, theirs = s[HEAD:], other[HEAD:]
    mine[TOTAL] += theirs[TOTAL]
    mine[LOW], mine[HIGH] = min(mine[LOW], theirs[LOW]), max(mine[HIGH], theirs[HIGH])
    mine[OCTAVES:SIZE] += theirs[OCTAVES:SIZE]
