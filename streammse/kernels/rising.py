"""When the input comes up: what was learnt from a far quieter one is forgotten if it was good for nothing.

A reference that is switched on late is dither or quantisation noise at first, and a normalised filter learns from it as
from any other signal: the noise in d over that in x. These weights do no harm as long as x is as quiet, and make an
output of a thousand times d when it comes up.

So where a sample is ``RISE`` times all the peaks of late, and the errors so far were no smaller than d itself, the
weights begin anew from zero, and what is known of the input with them. With J the rise, the power of the error is about
J (E - E0) with the weights of before against J (D - E0) with none, for E and D the powers of error and d so far and E0
that of the noise: keeping them pays exactly if E < D. A filter that did explain d keeps them, whatever the rise.

It may have been a spike. If no more than ``SPIKE`` samples were as loud when they have left the line, what is known of
the input begins anew once more, from what is in the line then: else it would hold the weights for long.
"""

from __future__ import annotations

import math
from typing import Any

from .._jit import helper, rare
from .constants import LARGEST, SMALLEST

# s: numbers that stand together, wherever a family has them; the last three are of the first samples after a rise: how
# many are left of them, how far it rose (negative where the weights have not begun anew), and how many were as loud
PEAK, ERRORS, DESIRED, LEFT, RISEN, LOUD, NUMBERS = range(7)

RISE = 30.0  # relative to the peak of the input, which fades: so far down the usual regulariser holds the weights
SHARE = 0.9  # of the power of d: with no more error than that, weights are worth keeping
MORE = 3.0  # so much more within the first samples is a rise again
LEAST = 16.0  # samples at least, after which it is known whether the input is up or that was a spike
SPIKE = 3.0  # samples of a spike, at most
BEYOND = 10.0  # levels of the signals: an output of no more than that is no harm
EXACT = 1e-20  # of the power of d: what decays ends before the subnormal numbers
PEAKED = 4.0  # root mean squares
MEMORY = 1.0 / 512.0  # what is forgotten of the sums in a sample
FADE = 1.0 - 1e-5  # of a peak, from sample to sample
SURGE = 1e3  # how much a single sample can raise the level: one spike must not blind a detection for good


@helper
def follow(level: float, loudest: float) -> float:
    """The level of the signals: their peak, which fades, and which one sample cannot raise beyond measure."""
    most = SURGE * level if level > 0.0 else LARGEST
    return max(level * FADE, min(loudest, most))


@helper
def worthless(errors: float, desired: float, n: float, seen: float) -> bool:
    """Whether n weights did no better than none; of few samples it takes more to show that they did."""
    return errors * (seen + n) > SHARE * seen * desired


@helper
def above(loudest: float, power: float) -> bool:
    """Whether the input comes from so far below that no regulariser has held the weights."""
    return loudest * loudest > RISE * RISE * power


@helper
def beyond(length: float, loudest: float, level: float) -> bool:
    """Whether weights of that length, at this sample, put out what the signals never were."""
    return length * loudest > BEYOND * level


@helper
def come(s: Any, slots: int, n: int, loudest: float, power: float, seen: float) -> bool:
    """Before a sample is filtered, whose largest input this is: whether it is such a rise, and n weights worthless.

    ``power`` and ``seen`` are the power of the input before it, and of how many samples.
    """
    peak = s[slots + PEAK]
    s[slots + PEAK] = max(FADE * peak, loudest)
    if s[slots + LEFT] > 0.0 and loudest > MORE * abs(s[slots + RISEN]):  # that was a small sample of the new level
        return True
    if not loudest > RISE * peak:
        return False
    if not above(loudest, power) or not worthless(s[slots + ERRORS], s[slots + DESIRED], float(n), seen):
        return False
    s[slots + LEFT], s[slots + RISEN] = 1.0, loudest if seen <= n else -loudest  # so young, nothing can be lost
    return True


@helper
def level(s: Any, slots: int) -> float:
    """About the peak of d."""
    return PEAKED * math.sqrt(MEMORY * s[slots + DESIRED])


@helper
def begins(s: Any, slots: int, n: int, length: float, loudest: float) -> bool:
    """Whether n weights of that length begin anew after a rise, of which the first samples begin here."""
    anew: bool = s[slots + RISEN] > 0.0 or beyond(length, loudest, level(s, slots))
    s[slots + LEFT] = max(LEAST, float(n))
    s[slots + RISEN] = loudest if anew else -loudest
    s[slots + LOUD] = 1.0
    return anew


@rare
def forget(s: Any, slots: int, at: int, n: int, weights: int, loudest: float, waiting: float) -> bool:
    """Zeros in the place of the n numbers at ``s[at:]``, if those that stand at ``s[weights:]`` would be harmful now.

    ``waiting`` is how long what waits to be added to the weights may be.
    """
    length = 0.0
    for i in range(weights, weights + n):
        length += s[i] * s[i]
    harmful: bool = begins(s, slots, n, math.sqrt(length) + waiting, loudest)
    if harmful:
        for i in range(at, at + n):
            s[i] = 0.0
    return harmful


@rare
def was_spike(s: Any, slots: int, loudest: float) -> bool:
    """After a rise (``LEFT`` is above zero): whether it turns out that it was a spike."""
    s[slots + LEFT] -= 1.0
    if s[slots + RISEN] < 0.0:
        return False
    if loudest * RISE > s[slots + RISEN]:
        s[slots + LOUD] += 1.0
        if s[slots + LOUD] > SPIKE:
            s[slots + LEFT] = 0.0
    return bool(s[slots + LEFT] == 0.0 and s[slots + LOUD] <= SPIKE)


@helper
def judge(s: Any, slots: int, d: float, y: float) -> None:
    """After it was filtered: the powers of error and d of late."""
    if SMALLEST < abs(d) < LARGEST and abs(y) < LARGEST:  # of silence nothing is to be learnt
        e = d - y
        s[slots + ERRORS] += e * e + EXACT * (d * d) - MEMORY * s[slots + ERRORS]
        s[slots + DESIRED] += d * d - MEMORY * s[slots + DESIRED]
