"""The adaptive canceller: three step sizes side by side, weighted by who leaves least behind.

    e_j(n)   = d(n) - w_j(n)' x(n)                                       j = 0, 1, 2
    w_j(n+1) = w_j(n) + mu_j psi(e_j(n)) x(n) / (|x(n)|^2 + delta)       mu_j = mu, mu / 10, mu / 100
    y(n)     = sum_j v_j(n) w_j(n)' x(n),     e(n) = d(n) - y(n)
    v_j(n)   ~ E_j(n)^(-128)                                             E_j = running mean square of A e_j

What a canceller gives out is its error, so the wanted signal is the disturbance of its own learning: a large step
follows a path that moves, a small one lets little of the wanted signal leak into the weights (the excess error is
about mu / 2 of its power), and which is right depends on the recording. So three run over one delay line, and the
shares v are the likelihoods of Gaussian errors with unknown variance over 256 samples.

psi is Huber's score at a multiple of the error's running scale: a burst of the wanted signal moves the weights no
further than its usual size would.

A = 1 - a_1 z^-1 - ... - a_8 z^-8 whitens the output. Without it the comparison is biased: a fast filter lowers the
power of its error below that of the wanted signal by predicting the wanted signal from its own past through x. The
innovation of the wanted signal is uncorrelated with all that the weights have seen.

Sensors have offsets, which would outweigh all else in |x|^2 and in e. So x is taken without its running mean, as far as
that stands out of its own uncertainty, and e without its running centre, which the output keeps: it is d(n) - y(n) all
the same. The centre is nearly a median, since a mean would lie beside the rest line of a signal of bursts.

In a hurry, a slower filter that is far behind a faster one takes over its weights and averages on from there: right
where the reference excites all weights alike, wrong for lines, where the noise in the weights that they do not excite
would stay.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .._jit import helper, rare
from .._jit.instructions import sweep
from . import rising
from .constants import LARGEST, SMALLEST, SPREAD

# p
TAPS, MU, MEMORY, REGULARISER, HUBER, REFERENCES, DELAY, KEEP = range(8)
P_SIZE = 8
FILTERS = 3
ORDER = 8  # of the whitener
STREAMS = FILTERS + 1  # that it whitens: the errors of the filters, and the output last
# s: scalars, one number a filter for each quantity, the weights, the delay lines
POSITION, SEEN, LEARNT, SINCE, LOOKS, POWER, SCALE, CENTRE, AWAY, ESTIMATE, HEAD = range(11)
OUT, GAIN, SQUARE, SHARE, FORETOLD = range(11, 11 + 5 * FILTERS, FILTERS)
R = FORETOLD + STREAMS
A = R + ORDER + 1  # the whitener, from running correlations R of the output
B = A + ORDER
PAST = B + ORDER  # the last errors and outputs, newest first, twice over so that they always lie together
WEIGHTS = PAST + 2 * ORDER * STREAMS
MEAN, VARIANCE, HEARD, ODD, EACH = range(5)  # behind the delay lines, of each reference

RATIO = 0.1  # of one step size to the next
HORIZON = 2000.0  # samples over which powers and the scale of the error are averaged
LONG = 10_000.0  # samples over which means and the centre are taken
FIRST = 16.0  # samples of which the centre is the mean, and before which nothing counts as odd
YOUNG = 4.0  # in the beginning averages reach back over a fourth of the record: a start unlike the rest is forgotten
OLD = 400.0  # a mean no longer after so many samples, since it must be exact
SMALL, UNSURE = 0.01, 400.0  # a mean counts beyond variance * (SMALL + UNSURE / samples) in its square
NEAR = 0.25  # the centre is a mean within so many times the scale: nearly the median
JUMP = 10.0  # one sample counts in scales and means for at most so many times the scale
FLOOR = 1e-6  # white noise that the whitener assumes, relative to the power of the output
ROOT = 0.99999  # the largest reflection coefficient of the whitener
PERIOD = 16.0  # samples between two comparisons
CAREFUL = 256.0  # but in the beginning one a sample
PATIENCE = 16.0  # comparisons between two looks at whether a filter is far behind
BEHIND = 0.3
SQUARINGS = 7  # the shares go with the mean squares to the power of -2**7


@helper
def before_rising(taps: int, references: int) -> int:
    """Where the numbers of ``rising.py`` begin, the last ones."""
    return WEIGHTS + references * (FILTERS * taps + 2 * (taps + 1) + EACH)


def size(taps: int, references: int) -> int:
    """Length of the state: scalars, weights and delay lines."""
    whole: int = before_rising(taps, references) + rising.NUMBERS
    return whole


def start(s: NDArray[np.float64]) -> None:
    """Equal shares."""
    s[SHARE : SHARE + FILTERS] = 1.0 / FILTERS


def indices(taps: int) -> list[tuple[int | slice, float, float]]:
    """The slots in which whole numbers stand, as ``Node._indices`` has them."""
    return [(POSITION, 0, taps), (HEAD, 0, ORDER - 1)]


def from_first(s: NDArray[np.float64], taps: int, references: int, behind: int) -> NDArray[np.float64]:
    """A state of the first layout as today's: offsets had one count for all references, and no count of odd samples.

    ``behind`` so many numbers stand at the end that are not the canceller's.
    """
    made = np.zeros(size(taps, references) + behind)
    tail = s.size - behind - 2 * references
    made[:POWER], made[POWER] = s[:POWER], s[POWER]
    heard, made[SCALE], made[CENTRE], made[ESTIMATE], made[HEAD] = s[6], s[7], s[8], s[9], s[10]
    made[OUT:tail] = s[OUT:tail]
    own = made[tail : tail + EACH * references].reshape(references, EACH)
    own[:, MEAN : VARIANCE + 1] = s[tail : tail + 2 * references].reshape(references, 2)
    own[:, HEARD] = heard
    made[made.size - behind :] = s[s.size - behind :]
    return made


def from_second(s: NDArray[np.float64], behind: int) -> NDArray[np.float64]:
    """A state of the second layout, which knew of no rise."""
    end = s.size - behind
    return np.concatenate([s[:end], np.zeros(rising.NUMBERS), s[end:]])


def weights(s: NDArray[np.float64], taps: int, references: int) -> NDArray[np.float64]:
    """Weights of the mixture, newest tap first: shape (references, taps)."""
    end = WEIGHTS + FILTERS * references * taps
    w = s[WEIGHTS:end].reshape(FILTERS, references, taps)
    ring = taps + 1
    newest = int(s[POSITION]) + taps  # in the second copy, where the taps before it are contiguous
    lines = s[end : end + references * 2 * ring].reshape(references, 2 * ring)[:, newest - taps + 1 : newest + 1]
    waiting = s[GAIN : GAIN + FILTERS]
    share = s[SHARE : SHARE + FILTERS]
    return np.ascontiguousarray((np.tensordot(share, w, 1) + (share @ waiting) * lines)[:, ::-1])


@helper
def bounded(x: float, limit: float) -> float:
    """Huber's score: x within the limit."""
    return min(max(x, -limit), limit)


@helper
def audible(x: float) -> float:
    """x, or silence for what is too small to square."""
    return x if abs(x) > SMALLEST else 0.0


@helper
def grown(count: float) -> float:
    """How many of ``count`` samples a mean is over."""
    return max(count / YOUNG, count - OLD)


@helper
def hear(p: Any, s: Any, m: int, r: int, x: float) -> float:
    """The sample x of reference r of m without its offset, and the power of all references with it.

    A sensor that warms up gives the same value again and again, or runs up to its offset: what stands still from the
    start on is no signal yet, and a level that stays away for long is a new one.
    """
    at = WEIGHTS + m * (FILTERS * int(p[TAPS]) + 2 * (int(p[TAPS]) + 1)) + EACH * r
    if not abs(x) < LARGEST:
        return 0.0
    x = audible(x)
    off = x - s[at + MEAN]
    if s[at + HEARD] < 2.0:  # the first sample, or as the first
        s[at + HEARD] = 1.0 if s[at + HEARD] == 0.0 or off == 0.0 else 2.0
        s[at + MEAN] = x
        return 0.0
    if s[at + HEARD] > FIRST and off * off > JUMP * JUMP * s[at + VARIANCE]:
        s[at + ODD] += 1.0
        if s[at + ODD] > FIRST:
            s[at + MEAN], s[at + VARIANCE], s[at + HEARD], s[at + ODD] = x, 0.0, 2.0, 0.0
            return 0.0
        off = math.copysign(JUMP * math.sqrt(s[at + VARIANCE]), off)  # a spike counts as a large sample
    else:
        s[at + ODD] = 0.0
    count = s[at + HEARD]
    s[at + HEARD] += 1.0
    young = YOUNG / (count + YOUNG - 1.0)
    solid = grown(count)
    s[at + MEAN] += off * max(min(1.0 / solid, young), 1.0 / LONG)
    fast = max(young, 1.0 / HORIZON)
    s[at + VARIANCE] += (off * off * (1.0 - young) - s[at + VARIANCE]) * fast
    # the mean as far as it stands out: what is left of it does no harm, and a mean that is none would
    square, doubt = s[at + MEAN] * s[at + MEAN], s[at + VARIANCE] * (SMALL + UNSURE / solid)
    if square > doubt:
        x -= s[at + MEAN] * (1.0 - doubt / square)
    s[POWER] += (min(x * x, JUMP * JUMP * s[at + VARIANCE]) - s[POWER]) * fast / m
    return x


@helper
def push(p: Any, s: Any, m: int, r: int, x: float) -> None:
    """Let the sample x enter the delay line of reference r of m."""
    ring = int(p[TAPS]) + 1
    at = WEIGHTS + m * (FILTERS * int(p[TAPS])) + 2 * r * ring + int(s[POSITION])
    x = hear(p, s, m, r, x)
    s[at] = x
    s[at + ring] = x


@rare
def levinson(s: Any) -> None:
    """Set the whitener: Durbin's recursion, so that the predictor is stable whatever the running correlations are."""
    left = s[R] * (1.0 + FLOOR)
    for i in range(ORDER):
        k = s[R + i + 1]
        for j in range(i):
            k -= s[A + j] * s[R + i - j]
            s[B + j] = s[A + j]
        k = bounded(k / left, ROOT) if left > 0.0 else 0.0
        for j in range(i):
            s[A + j] = s[B + j] - k * s[B + i - 1 - j]
        s[A + i] = k
        left *= 1.0 - k * k


@helper
def foretell(s: Any) -> None:
    """Set what the past of each stream foretells of it."""
    past = PAST + STREAMS * int(s[HEAD])
    y0 = y1 = y2 = y3 = 0.0
    for i in range(ORDER):
        a = s[A + i]
        y0 += a * s[past + STREAMS * i]
        y1 += a * s[past + STREAMS * i + 1]
        y2 += a * s[past + STREAMS * i + 2]
        y3 += a * s[past + STREAMS * i + 3]
    s[FORETOLD], s[FORETOLD + 1], s[FORETOLD + 2], s[FORETOLD + 3] = y0, y1, y2, y3


@helper
def remember(s: Any, j: int, x: float) -> None:
    """Put x into the past of stream j, in the place that ``turn`` made."""
    at = PAST + STREAMS * int(s[HEAD]) + j
    s[at] = x
    s[at + STREAMS * ORDER] = x


@helper
def turn(s: Any) -> None:
    """Make the oldest place the newest."""
    s[HEAD] = s[HEAD] - 1.0 if s[HEAD] > 0.0 else ORDER - 1.0


@rare
def compare(p: Any, s: Any, m: int, hurry: bool) -> None:
    """Look anew at the whitener and the shares; in a hurry, a slower filter that is far behind catches up."""
    levinson(s)

    best = 0
    for j in range(1, FILTERS):
        if s[SQUARE + j] < s[SQUARE + best]:
            best = j
    total = 0.0
    for j in range(FILTERS):
        v = s[SQUARE + best] / s[SQUARE + j] if s[SQUARE + j] > 0.0 else 1.0
        for _ in range(SQUARINGS):
            v *= v
        s[SHARE + j] = v
        total += v
    for j in range(FILTERS):
        s[SHARE + j] /= total

    s[SINCE] = 0.0
    s[LOOKS] += 1.0
    if not hurry or s[LOOKS] < PATIENCE:
        return
    s[LOOKS] = 0.0
    count = m * int(p[TAPS])
    for j in range(best + 1, FILTERS):
        if s[SHARE + j] < BEHIND * s[SHARE + best]:
            s[GAIN + j] = s[GAIN + best]
            s[SQUARE + j] = s[SQUARE + best]
            for i in range(2 * ORDER):
                s[PAST + i * STREAMS + j] = s[PAST + i * STREAMS + best]
            for i in range(count):
                s[WEIGHTS + j * count + i] = s[WEIGHTS + best * count + i]


@rare
def forget(p: Any, s: Any, m: int, lines: int, loudest: float) -> None:
    """When the input comes up, or, with 0, when that was a spike (``rising.py``)."""
    taps = int(p[TAPS])
    slots, count = before_rising(taps, m), FILTERS * m * taps
    if loudest > 0.0:
        waiting = 0.0
        for j in range(FILTERS):
            waiting += abs(s[GAIN + j])
        waiting *= math.sqrt(m * taps * s[POWER])
        if not rising.forget(s, slots, WEIGHTS, count, WEIGHTS, loudest, waiting):
            return
        for j in range(FILTERS):
            s[GAIN + j] = 0.0
        s[POWER] = loudest * loudest
        return
    squares = 0.0
    for r in range(m):
        for i in range(lines + 2 * r * (taps + 1), lines + 2 * r * (taps + 1) + taps):
            squares += s[i] * s[i]
    s[POWER] = squares / (m * taps)


@helper
def cancel(p: Any, s: Any, m: int, d: float, hurry: bool) -> Any:
    """One sample after its references were pushed: the wanted signal, and the gains that wait for the next."""
    taps = int(p[TAPS])
    position = int(s[POSITION])
    s[POSITION] = position + 1 if position < taps else 0
    lines, stride = WEIGHTS + FILTERS * m * taps + position + 2, 2 * (taps + 1)  # the last ``taps`` samples of each
    slots = before_rising(taps, m)
    loudest = 0.0
    for r in range(m):
        loudest = max(loudest, abs(s[lines + r * stride + taps - 1]))
    if rising.come(s, slots, m * taps, loudest, s[POWER], s[SEEN]):
        forget(p, s, m, lines, loudest)
    elif s[slots + rising.LEFT] > 0.0 and rising.was_spike(s, slots, loudest):
        forget(p, s, m, lines, 0.0)
    energy = 0.0
    for j in range(FILTERS):
        y = 0.0
        energy = 0.0
        for r in range(m):
            part, more = sweep(s, WEIGHTS + (j * m + r) * taps, s, lines + r * stride, taps, s[GAIN + j], 1.0)
            y += part
            energy += more
        s[OUT + j] = y
    estimate = 0.0
    for j in range(FILTERS):
        estimate += s[SHARE + j] * s[OUT + j]
    s[ESTIMATE] = estimate
    s[SEEN] += 1.0
    foretell(s)
    if not abs(d) < LARGEST:  # the wanted signal as its own past foretells it
        believed = s[FORETOLD + FILTERS]
        turn(s)
        for j in range(STREAMS):
            remember(s, j, believed)
        for j in range(FILTERS):
            s[GAIN + j] = 0.0
        return s[CENTRE] + believed if s[LEARNT] > 0.0 else math.nan

    d = audible(d)
    jump = JUMP * s[SCALE] if s[SCALE] > 0.0 else LARGEST
    off = d - estimate - s[CENTRE]
    # as in ``hear``: what stands still from the start on is no signal yet, and a level that stays away is a new one
    s[AWAY] = 0.0 if abs(off) <= jump else s[AWAY] + math.copysign(1.0, off)
    if s[LEARNT] < 2.0:
        s[LEARNT] = 1.0 if s[LEARNT] == 0.0 or off == 0.0 else 2.0
        s[CENTRE] = d - estimate
    elif abs(s[AWAY]) > p[TAPS] + 2.0 * FIRST:  # the line, too, has it throughout
        s[AWAY] = 0.0
        s[CENTRE] += off
    else:
        s[LEARNT] += 1.0
        near = bounded(off, NEAR * s[SCALE] if s[LEARNT] > FIRST else LARGEST)
        s[CENTRE] += near * (1.0 / max(min(s[LEARNT], FIRST), NEAR * min(grown(s[LEARNT]), LONG)))
    d -= s[CENTRE]
    e = d - estimate
    rising.judge(s, slots, d, estimate)
    # the limit stands before this error is known: no wait for it on the way from one sample's error to the next one's
    limit = p[HUBER] * SPREAD * s[SCALE] if s[SCALE] > 0.0 else LARGEST
    s[SCALE] += (min(abs(e), jump) - s[SCALE]) * max(YOUNG / (s[LEARNT] + YOUNG - 1.0), 1.0 / HORIZON)
    rate = 1.0 / min(s[LEARNT], p[MEMORY])
    f = bounded(e, limit)
    s[R] += (f * f - s[R]) * rate
    past = PAST + STREAMS * int(s[HEAD]) + FILTERS
    for i in range(ORDER):
        s[R + 1 + i] += (f * s[past + STREAMS * i] - s[R + 1 + i]) * rate
    turn(s)
    remember(s, FILTERS, f)

    below = energy + p[REGULARISER] * m * taps * s[POWER]
    mu = p[MU] / below if below > SMALLEST * SMALLEST else 0.0
    for j in range(FILTERS):
        f = bounded(d - s[OUT + j], limit)
        s[GAIN + j] = mu * f
        mu *= RATIO
        white = f - s[FORETOLD + j]
        remember(s, j, f)
        s[SQUARE + j] += (white * white - s[SQUARE + j]) * rate
    s[SINCE] += 1.0
    if s[SINCE] >= PERIOD or s[LEARNT] <= CAREFUL:
        compare(p, s, m, hurry)
    return s[CENTRE] + e
