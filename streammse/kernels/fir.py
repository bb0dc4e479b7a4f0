"""The adaptive transversal filter: one kernel that every member of the gradient family runs.

    y(n) = w(n)' x(n)
    e(n) = d(n) - y(n)
    w(n+1) = (1 - mu leak) w(n) + g(n) x(n),      g(n) = gain(score(e(n)), |x(n)|^2)

The update of sample n waits in the state as ``GAIN`` and ``KEEP`` until sample n + 2, and is carried out in the sweep
over the taps that filters that sample. So each weight is read and written once a sample instead of read twice and
written once. The output is that of the textbook all the same, since

    w(n)' x(n) = keep(n-1) w(n-1)' x(n) + g(n-1) x(n-1)' x(n)

with the inner product of the line and the line before. So no sweep waits for the error of the sample before: all that
one error waits for of the other is two operations, and a processor runs the sweeps of several samples at once. The
stream and the block run the very same sweep.

That product and the energy in the line are sums over the last ``taps`` samples, and cost a few operations each: the sum
of those in the present block of ``taps`` samples, and of what is still in the line of the block before (its sums from
each sample to its end, taken when it was full). Nothing is ever subtracted.

Whether it diverges is watched over some hundreds of samples at a time: sums of e^2 and d^2 that nothing waits for, and
a look at them and at the weights where a watch ends (``strayed``). An error of another order is noticed at once. What
was learnt from an input far quieter than what comes now is forgotten if it was good for nothing (``rising.py``).

Weights are kept oldest tap first, as the delay line lies in memory. The line of the stream is a ring of ``taps + 2``
written twice, so that the window and the two before it are always contiguous.

Look-ahead of this kind: K. K. Parhi, VLSI Digital Signal Processing Systems, 1999, ch. 10.
"""

from __future__ import annotations

import math
from functools import cache
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from .._jit import Function, helper, kernel, loop, rare, vector_kernel
from .._jit.instructions import Intrinsic, get, late_sweep, put, warn
from .constants import LARGEST
from .line import BURST, as_if_full, finite, listen
from .rising import RISE, above, beyond, follow, worthless

# p
TAPS, MU, LEAK, REGULARISER, REFERENCES, POLICY, A, B = range(8)
COMPLEX = 8  # 1 where a weight is two numbers: ``complex_fir.py`` shares what follows a divergence
P_SIZE = 9
# s
POSITION, GAIN, KEEP, POWER, COUNT, LEVEL, DIVERGED, HELD, UNLEARNT, LATE_GAIN, LATE_KEEP, PLACE, ENERGY, LAGGED = (
    range(14)
)
# of the present watch: squares, samples to go, UNLEARNT at its start; of the last one: whether it was bad, and |w|^2 at
# its end; and the peak of the input, which fades from watch to watch
ERRORS, DESIRED, LEFT, MISSED, BAD, LENGTH, PEAK = range(14, 21)
LAST_ERRORS, LAST_DESIRED = 22, 23  # of the last watch; 21 belongs to ``complex_fir.py``
WEIGHTS = 24  # the state begins on a cache line, and the weights too: vectors across two lines cost half as much again

RAISE, RESET = 0.0, 1.0  # the third choice holds
TRIAL = 3.0  # and this one holds but does not watch: to try steps at the edge of stability, with noise alone for d
GROWTH = 1e4  # an error so many times the level of the signals is divergence, or a burst
WATCH = 512  # samples of a watch, beside one for each weight; to look more often costs more
WORSE = 10.0  # an error of so many times the power of d is bad: it would be d itself with weights of zero
LONGER = 1.01  # growth of the square of the weights' length in a watch, beyond rounding
FADE = 0.7  # of the peak, from watch to watch
CHUNK = 1024
LASTING = 0.3  # what is left of the peak after a chunk, at least: it has two ends of a watch, or three


class Family(NamedTuple):
    """The compiled forms of one member."""

    step: Function
    vector_step: Function
    block: Function
    vector_block: Function


@helper
def state_size(taps: int, references: int) -> int:
    """Scalars, weights, the delay lines, and the sums over them."""
    return WEIGHTS + references * taps + references * 2 * (taps + 2) + 2 * taps


@helper
def plain_gain(f: float, e: float, mu: float, energy: float, floor: float) -> float:
    """LMS: the score itself."""
    return mu * f


@helper
def normalised_gain(f: float, e: float, mu: float, energy: float, floor: float) -> float:
    """NLMS: by the energy in the line. The division waits for no error, so a processor does it ahead of time."""
    below = energy + floor
    return mu / below * f if below > 0.0 else 0.0


@helper
def fourth_gain(f: float, e: float, mu: float, energy: float, floor: float) -> float:
    """NLMF: of fourth order in the input and second in the error, so that the update is at most that of NLMS."""
    below = (energy + floor) * (energy + floor + e * e)
    return mu * f / below if below > 0.0 else 0.0


@helper
def steady(
    p: Any, s: Any, e: float, d: float, energy: float, lagged: float, mu: float, floor: float
) -> tuple[float, float]:
    """The step and the regulariser are what they are; other rules are in ``step_rules.py``."""
    return mu, floor


@helper
def itself(x: float) -> float:
    """The regressor is the input."""
    return x


@helper
def sign(x: float) -> float:
    """The regressor is the sign of the input."""
    return 1.0 if x > 0.0 else (-1.0 if x < 0.0 else 0.0)


@helper
def enter(s: Any, at: int, taps: int, k: int, energy: float, lagged: float, e: float, c: float) -> Any:
    """Let a sample's square e and product c into the sums: (the next k, sums of this block, sums over the line).

    ``s[at:]`` holds e and c of this block before k, and from k on the sums of the block before to its end.
    """
    whole_e, whole_c = e + energy, c + lagged
    put(s, at + k, e)
    put(s, at + taps + k, c)
    if k + 1 < taps:
        return k + 1, whole_e, whole_c, whole_e + get(s, at + k + 1), whole_c + get(s, at + taps + k + 1)
    to_e = to_c = 0.0
    for i in range(taps - 1, -1, -1):
        to_e += get(s, at + i)
        to_c += get(s, at + taps + i)
        put(s, at + i, to_e)
        put(s, at + taps + i, to_c)
    return 0, 0.0, 0.0, whole_e, whole_c


@cache
def family(
    score: Function,
    gain: Function = plain_gain,
    sweep: Intrinsic = late_sweep,
    regressor: Function = itself,
    unit: float = 0.5,
    rule: Function = steady,
) -> Family:
    """The kernels for one score, one normalisation, one regressor and one rule for the step.

    ``unit`` makes the textbook's error of the score, so that ``mu`` is the textbook's step: a half for the square,
    whose score is 2 e.
    """

    @helper
    def learn(p, s, y, energy, lagged, floor, kept, d, power, level, loudest):  # type: ignore[no-untyped-def]
        """From the error to the gain that waits for the next sweep: (gain, keep, level, whether it diverged).

        The rare cases count themselves: a branch that stores is never turned into a select on the path of the error.
        The watch over the errors lies in memory, not in registers, and nothing waits for it.
        """
        put(s, PEAK, max(get(s, PEAK), loudest))
        if not abs(d) < LARGEST or s[HELD] != 0.0:
            s[UNLEARNT] += 1.0
            return 0.0, 1.0, follow(level, loudest), False
        level = follow(level, max(loudest, abs(d)))
        e = d - y
        if not abs(e) <= GROWTH * level:
            s[UNLEARNT] += 1.0  # nothing is learnt from a burst in d or in the line, but it is no divergence
            burst = abs(e) <= GROWTH * (abs(d) + math.sqrt(energy))
            return 0.0, 1.0, level, level > 0.0 and not burst
        mu, least = rule(p, s, e, d, energy, lagged, p[MU], floor * power)
        g = gain(score(e, p[A], p[B]), e, unit * mu, energy, least)
        if not abs(g) < LARGEST:
            s[UNLEARNT] += 1.0
            return 0.0, 1.0, level, False
        put(s, ERRORS, get(s, ERRORS) + e * e)
        put(s, DESIRED, get(s, DESIRED) + d * d)
        return g, kept, level, False

    @rare
    def look(p, s, trouble, say):  # type: ignore[no-untyped-def]
        """After a divergence, or at the end of a watch, which is so many samples that taught."""
        total = int(p[TAPS]) * int(p[REFERENCES])
        if not trouble:
            s[LEFT] = min(s[UNLEARNT] - s[MISSED], WATCH + total)
            s[MISSED] = s[UNLEARNT]
            if s[LEFT] > 0.0:
                return
            typical = math.sqrt(s[ERRORS] / (WATCH + total))
            up, down = abs(score(typical, p[A], p[B])), abs(score(-typical, p[A], p[B]))
            if not strayed(p, s, up, down) or p[POLICY] == TRIAL:
                return
            s[UNLEARNT] += 1.0
        diverged(p, s, say)

    @rare
    def rise(p, s, loudest):  # type: ignore[no-untyped-def]
        """Before a sample that is far above all of late (``rising.py``)."""
        total = p[TAPS] * p[REFERENCES]
        if not outgrown(p, s, loudest, total):
            return
        peak = s[PEAK]
        waiting = abs(s[GAIN]) + abs(s[LATE_GAIN])
        length = math.sqrt(squared_length(p, s)) + waiting * math.sqrt(total) * max(peak, abs(regressor(peak)))
        if beyond(length, loudest, s[LEVEL]):
            forget(p, s)

    @kernel
    def step(p, s, x, d):  # type: ignore[no-untyped-def]
        taps = int(p[TAPS])
        ring = taps + 2
        i = int(s[POSITION])
        line = s[WEIGHTS + taps :]
        x = finite(x)
        if abs(x) > RISE * s[PEAK]:
            rise(p, s, abs(x))
        line[i] = x
        line[i + ring] = x
        s[POSITION] = i + 1 if i + 1 < ring else 0
        s[POWER], s[COUNT] = listen(x, s[POWER], s[COUNT])
        end = WEIGHTS + taps + 2 * ring
        c = regressor(line[i + ring - 1]) * x
        k, s[ENERGY], s[LAGGED], energy, lagged = enter(s, end, taps, int(s[PLACE]), s[ENERGY], s[LAGGED], x * x, c)
        s[PLACE] = k
        y = sweep(s, WEIGHTS, line, i + 3, taps, s[LATE_GAIN], s[LATE_KEEP])
        y = s[KEEP] * y + s[GAIN] * lagged
        s[LATE_GAIN], s[LATE_KEEP] = s[GAIN], s[KEEP]
        energy = as_if_full(energy, s[POWER], s[COUNT], float(taps))
        s[GAIN], s[KEEP], s[LEVEL], trouble = learn(
            p, s, y, energy, lagged, p[REGULARISER] * taps, 1.0 - p[MU] * p[LEAK], d, s[POWER], s[LEVEL], abs(x)
        )
        s[LEFT] -= 1.0
        if trouble or s[LEFT] <= 0.0:
            look(p, s, trouble, True)
        return y

    @vector_kernel
    def vector_step(p, s, x, d):  # type: ignore[no-untyped-def]
        taps = int(p[TAPS])
        m = int(p[REFERENCES])
        ring = taps + 2
        i = int(s[POSITION])
        s[POSITION] = i + 1 if i + 1 < ring else 0
        y = 0.0
        e = 0.0
        c = 0.0
        loudest = 0.0
        for r in range(m):
            loudest = max(loudest, abs(finite(x[r])))
        if loudest > RISE * s[PEAK]:
            rise(p, s, loudest)
        for r in range(m):
            line = s[WEIGHTS + m * taps + 2 * r * ring :]
            xr = finite(x[r])
            line[i] = xr
            line[i + ring] = xr
            s[POWER], s[COUNT] = listen(xr, s[POWER], s[COUNT])
            e += xr * xr
            c += regressor(line[i + ring - 1]) * xr
            y += sweep(s, WEIGHTS + r * taps, line, i + 3, taps, s[LATE_GAIN], s[LATE_KEEP])
        end = WEIGHTS + m * taps + 2 * m * ring
        k, s[ENERGY], s[LAGGED], energy, lagged = enter(s, end, taps, int(s[PLACE]), s[ENERGY], s[LAGGED], e, c)
        s[PLACE] = k
        y = s[KEEP] * y + s[GAIN] * lagged
        s[LATE_GAIN], s[LATE_KEEP] = s[GAIN], s[KEEP]
        total = float(m * taps)
        energy = as_if_full(energy, s[POWER], s[COUNT], total)
        s[GAIN], s[KEEP], s[LEVEL], trouble = learn(
            p, s, y, energy, lagged, p[REGULARISER] * total, 1.0 - p[MU] * p[LEAK], d, s[POWER], s[LEVEL], loudest
        )
        s[LEFT] -= 1.0
        if trouble or s[LEFT] <= 0.0:
            look(p, s, trouble, True)
        return y

    blocks = (block_of(learn, look, rise, sweep, regressor, one=one) for one in (True, False))
    return Family(step, vector_step, *blocks)


@rare
def before_rise(lines: Any, bound: float, size: int, m: int, reach: int) -> int:
    """How many of so many new samples come before the first whose inputs are louder."""
    for i in range(size):
        for r in range(m):
            if abs(get(lines, (r + 1) * reach - CHUNK + i)) > bound:
                return i
    return size


def block_of(
    learn: Function, look: Function, rise: Function, sweep: Intrinsic, regressor: Function, *, one: bool
) -> Function:
    """The block kernel; that for one reference is the same, but a compiler sees that it need not count them."""

    @loop("void(f8[::1],f8[::1],f8[:,::1],f8[::1],f8[::1])")
    def block(p, s, x, d, y):  # type: ignore[no-untyped-def]
        """The same over a block: the windows lie in one contiguous stretch of input, and the scalars in registers."""
        taps = int(p[TAPS])
        m = 1 if one else int(p[REFERENCES])
        ring = taps + 2
        reach = ring + CHUNK
        lines = np.empty(m * reach)  # flat: a row taken out of two dimensions would count references in the loop
        position = int(s[POSITION])
        for r in range(m):
            for i in range(ring):  # oldest first: the ring begins at the slot that the next sample would take
                lines[r * reach + i] = s[WEIGHTS + m * taps + 2 * r * ring + position + i]
        g, keep, power, count, level = s[GAIN], s[KEEP], s[POWER], s[COUNT], s[LEVEL]
        late_g, late_keep, k, block_e, block_c = s[LATE_GAIN], s[LATE_KEEP], int(s[PLACE]), s[ENERGY], s[LAGGED]
        end = WEIGHTS + m * taps + 2 * m * ring
        before = s[DIVERGED]
        total = float(m * taps)
        floor, kept = p[REGULARISER] * total, 1.0 - p[MU] * p[LEAK]
        done = 0
        while done < y.size:
            size = min(CHUNK, y.size - done)
            first = 0.0
            for r in range(m):
                first = max(first, abs(finite(x[done, r])))
            if first > RISE * s[PEAK]:
                s[GAIN], s[KEEP], s[LATE_GAIN], s[LATE_KEEP] = g, keep, late_g, late_keep
                s[POWER], s[COUNT], s[LEVEL] = power, count, level
                rise(p, s, first)
                g, keep, late_g, late_keep = s[GAIN], s[KEEP], s[LATE_GAIN], s[LATE_KEEP]
            bound, louder = LASTING * RISE * max(s[PEAK], first), 0
            for r in range(m):
                for i in range(size):
                    lines[r * reach + ring + i] = finite(x[done + i, r])
                for i in range(r * reach + ring, r * reach + ring + size):  # a loop of its own becomes one of vectors
                    louder += 1 if abs(get(lines, i)) > bound else 0
            if louder > 0:  # what may be a rise begins the next chunk
                size = before_rise(lines, bound, size, m, reach)
            t = 0
            while t < size:
                trouble = False
                begin, end_of_watch = t, min(size, t + int(s[LEFT]))
                while t < end_of_watch and not trouble:  # no call in here: it would cost the registers
                    out = 0.0
                    e = 0.0
                    c = 0.0
                    loudest = 0.0
                    for r in range(m):
                        xr = get(lines, r * reach + ring + t)
                        power, count = listen(xr, power, count)
                        loudest = max(loudest, abs(xr))
                        e += xr * xr
                        c += regressor(get(lines, r * reach + ring + t - 1)) * xr
                        out += sweep(s, WEIGHTS + r * taps, lines, r * reach + t + 3, taps, late_g, late_keep)
                    k, block_e, block_c, energy, lagged = enter(s, end, taps, k, block_e, block_c, e, c)
                    out = keep * out + g * lagged
                    late_g, late_keep = g, keep
                    energy = as_if_full(energy, power, count, total)
                    g, keep, level, trouble = learn(
                        p, s, out, energy, lagged, floor, kept, get(d, done + t), power, level, loudest
                    )
                    put(y, done + t, out)
                    t += 1
                s[LEFT] -= float(t - begin)
                if trouble or s[LEFT] <= 0.0:
                    s[GAIN], s[KEEP], s[LATE_GAIN], s[LATE_KEEP] = g, keep, late_g, late_keep
                    s[POWER], s[LEVEL] = power, level
                    look(p, s, trouble, s[DIVERGED] == before)
                    g, keep, late_g, late_keep = s[GAIN], s[KEEP], s[LATE_GAIN], s[LATE_KEEP]
            done += size
            for r in range(m):
                for i in range(ring):
                    lines[r * reach + i] = lines[r * reach + size + i]
        s[GAIN], s[KEEP], s[POWER], s[COUNT], s[LEVEL] = g, keep, power, count, level
        s[LATE_GAIN], s[LATE_KEEP], s[PLACE], s[ENERGY], s[LAGGED] = late_g, late_keep, k, block_e, block_c
        newest = (position + y.size) % ring
        s[POSITION] = newest
        for r in range(m):
            for i in range(ring):
                slot = newest + i if newest + i < ring else newest + i - ring
                s[WEIGHTS + m * taps + 2 * r * ring + slot] = lines[r * reach + i]
                s[WEIGHTS + m * taps + 2 * r * ring + slot + ring] = lines[r * reach + i]

    return block


@helper
def squared_length(p: Any, s: Any) -> float:
    """|w|^2, without what waits."""
    length = 0.0
    for i in range(int(p[TAPS]) * int(p[REFERENCES]) * (1 + int(p[COMPLEX]))):
        length += s[WEIGHTS + i] * s[WEIGHTS + i]
    return length


@helper
def forget(p: Any, s: Any) -> None:
    """Weights of zero, and none that wait."""
    for i in range(int(p[TAPS]) * int(p[REFERENCES]) * (1 + int(p[COMPLEX]))):
        s[WEIGHTS + i] = 0.0
    s[GAIN], s[KEEP], s[LATE_GAIN], s[LATE_KEEP] = 0.0, 1.0, 0.0, 1.0


@helper
def outgrown(p: Any, s: Any, loudest: float, total: float) -> bool:
    """Whether the input comes up from so far below that the weights are of no use any more."""
    errors, desired = s[ERRORS] + s[LAST_ERRORS], s[DESIRED] + s[LAST_DESIRED]
    if not (p[MU] > 0.0 and s[HELD] == 0.0 and above(loudest, s[POWER])):
        return False
    useless: bool = worthless(errors, desired, total, s[COUNT] / p[REFERENCES])
    return useless


@helper
def strayed(p: Any, s: Any, up: float, down: float) -> bool:
    """At the end of a watch: whether the weights stray, away from where errors are small.

    An error far above d is the output, and learning from it makes the weights shorter, sample by sample, as long as
    the filter is stable: after a path that changed, after a spike, from weights that somebody set. So it is divergence
    if the error is bad in two watches on end and the weights grew in the second. And it is if one bad watch has more
    error than the weights at its start make of the input, |y|^2 <= |w|^2 |x|^2: a step that is a little too long makes
    such bursts. Spikes make them too, when they throw the weights.

    A spike in the input excuses so much more error, for a while. ``up`` and ``down`` are the scores of an error and its
    opposite: a lopsided loss may want an output far off the mean, but a quantile q lies at most sqrt(q / (1 - q))
    standard deviations off (Cantelli).
    """
    total = int(p[TAPS]) * int(p[REFERENCES])
    lopsided = max(up, down) / min(up, down) if up > 0.0 and down > 0.0 else 1.0
    errors, desired = s[ERRORS] / (WATCH + total), s[DESIRED] / (WATCH + total)
    bad_before, before, peak, power = s[BAD] != 0.0, s[LENGTH], s[PEAK], s[POWER]
    spiky = peak * peak > BURST * power
    length = squared_length(p, s)
    last_errors, last_desired = s[ERRORS], s[DESIRED]
    watch_afresh(p, s)
    s[LAST_ERRORS], s[LAST_DESIRED] = last_errors, last_desired
    s[LENGTH] = length
    s[PEAK] = FADE * peak
    if not errors * power > WORSE * lopsided * desired * (peak * peak if spiky else power):
        return False
    s[BAD] = 1.0
    if before == 0.0:  # the first watch from weights of zero: nothing to compare with
        return False
    if bad_before and length > LONGER * before:
        return True
    spike_in_d = s[LEVEL] > 2.0 * peak and s[LEVEL] * s[LEVEL] > errors
    return errors > WORSE * before * total * power and not (spiky or spike_in_d)


@rare
def diverged(p: Any, s: Any, say: bool) -> None:
    """Do what the user chose when the error has outgrown the signal; a block says so the first time only."""
    s[DIVERGED] += 1.0
    s[GAIN], s[KEEP] = 0.0, 1.0  # of this sample nothing is learnt
    watch_afresh(p, s)
    if p[POLICY] == RAISE:
        raise FloatingPointError("the adaptive filter diverged: its error outgrew the signal; lower mu")
    if p[POLICY] == RESET:
        forget(p, s)
        if say:
            warn("the adaptive filter diverged: its error outgrew the signal; weights set to zero; lower mu")
    else:
        s[HELD] = 1.0
        warn("the adaptive filter diverged: its error outgrew the signal; learning stopped until reset; lower mu")


@helper
def watch_afresh(p: Any, s: Any) -> None:
    """Begin another watch, and know nothing of the one before."""
    s[ERRORS] = s[DESIRED] = s[LAST_ERRORS] = s[LAST_DESIRED] = s[BAD] = s[LENGTH] = 0.0
    s[LEFT] = WATCH + p[TAPS] * p[REFERENCES]
    s[MISSED] = s[UNLEARNT]


def start(p: NDArray[np.float64], s: NDArray[np.float64]) -> None:
    """No update waits, and a watch begins."""
    watch_afresh(p, s)
    s[KEEP] = s[LATE_KEEP] = 1.0


def weights(s: NDArray[np.float64], taps: int, references: int, *, sign: bool = False) -> NDArray[np.float64]:
    """The weights of a state, newest tap first, with the updates that wait for the next samples."""
    end = WEIGHTS + references * taps
    now = s[WEIGHTS:end].reshape(references, taps)
    ring = taps + 2
    newest = int(s[POSITION]) + ring - 1  # in the second copy, where those before it are contiguous
    lines = s[end : end + references * 2 * ring].reshape(references, 2 * ring)
    for gain, keep, last in ((s[LATE_GAIN], s[LATE_KEEP], newest - 1), (s[GAIN], s[KEEP], newest)):
        line = lines[:, last - taps + 1 : last + 1]
        now = keep * now + gain * (np.sign(line) if sign else line)
    return np.ascontiguousarray(now[0, ::-1] if references == 1 else now[:, ::-1])


def set_weights(p: NDArray[np.float64], s: NDArray[np.float64], values: NDArray[np.float64], references: int) -> None:
    """Put weights, newest tap first, in the place of those of a state and of the updates that wait."""
    s[WEIGHTS : WEIGHTS + values.size] = values.reshape(references, -1)[:, ::-1].ravel()
    s[GAIN] = s[LATE_GAIN] = s[HELD] = 0.0
    start(p, s)


#: where the weights began in the first layout
FIRST_WEIGHTS = 16


def size_at_first(taps: int, references: int) -> int:
    """How large the state was when updates waited for one sample, not two."""
    return FIRST_WEIGHTS + references * (taps + 2 * (taps + 1))


def from_first(
    p: NDArray[np.float64], s: NDArray[np.float64], taps: int, references: int, *, sign: bool = False
) -> NDArray[np.float64]:
    """Such a state in today's layout: one line shorter, and without sums over it."""
    n, m, ring = taps, references, taps + 2
    made = np.zeros(state_size(n, m))
    start(p, made)
    made[:LATE_GAIN] = s[:LATE_GAIN]
    made[MISSED] = made[UNLEARNT]
    made[WEIGHTS : WEIGHTS + m * n] = s[FIRST_WEIGHTS : FIRST_WEIGHTS + m * n]
    lines = s[FIRST_WEIGHTS + m * n :].reshape(m, 2, n + 1)[:, 0]
    lines = np.roll(lines, -int(s[POSITION]), axis=1)  # oldest first
    made[POSITION] = 0.0
    end = WEIGHTS + m * (n + 2 * ring)
    made[WEIGHTS + m * n : end] = np.tile(np.pad(lines, ((0, 0), (1, 0))), 2).ravel()
    before = np.sign(lines[:, :-1]) if sign else lines[:, :-1]
    for k, terms in enumerate(((lines[:, 1:] ** 2).sum(axis=0), (before * lines[:, 1:]).sum(axis=0))):
        made[end + k * n : end + (k + 1) * n] = np.cumsum(terms[::-1])[::-1]
    return made
