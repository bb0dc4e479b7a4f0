"""The partitioned-block frequency-domain adaptive filter: overlap-save, a block of samples at a time.

The impulse response is cut into P partitions of L taps. In the frequency domain (``fourier.py``, N >= L + B - 1)

    Y = sum_k W_k X_(m-k),    E = F (0, e),    W_k <- W_k + mu conj(X_(m-k)) E / norm

with X_m the transform of the last N samples at the end of block m: block LMS, exactly, once each gradient is
constrained to its L taps. Wrapped-around parts accumulate slowly, so one partition a block is constrained, in turns.

norm is, bin by bin, L / N (or B / N, where that is more) times the larger of sum_k |X_(m-k)|^2 and of its running
average, so that mu counts as in NLMS; what the record is still too short for counts as what is there.

A step by bin and a constraint do not agree on every input. The error is seen through a window of B samples, half as
long as that of the input, so that a line in it spreads over bins in which the input may be next to nothing, as beside a
sine that falls on a bin. Divided by the energy of such a bin, what is learnt there is large, the constraint spreads it
again, and back in the bin of the line the step is larger than any that is stable: it runs away by itself. So a bin
counts for at least a part of what leaks into it through the window of the error: the larger of mu and ``LEAK`` times
the energies of all bins, smoothed by the transform of the triangle of min(L, B) samples on either side. A flat spectrum
stays as it is, and so does any that falls no faster than that window, like that of speech.

With one step for all bins it is at most sum |E|^2 / sum (sum_k |X_(m-k)|^2) |E|^2, the best that there is: without
noise no input whatever then makes the sum of the squared weight errors grow, whatever is constrained, since a
constraint is a projection. That step is also taken by bin for as long as the error has more than ``WORSE`` times the
energy of d: a filter that is worse than none does not get worse still. With ``LOST`` times it begins anew.

One partition alone is filtered again with its new weights, and where the step went too far for the block that taught
it, it is shortened to ``LIMIT`` times the best: more samples than taps can overshoot in a single block. And where the
taps are fewer than the samples of a block, what wraps around is the larger part of a gradient: divided bin by bin and
cut, it can point uphill. There the gradient is cut before it is divided as well.

The output needs no block: of the taps from B on, all the input that they meet in the coming block has been heard, so
that their part is there when it begins, and the first B taps are a plain sum over the last B samples (``DIRECT``; then
L = B). Otherwise the output is B - 1 samples late.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from .._jit import helper, kernel, rare
from .._jit.lanes import elementwise, larger, multiply_add
from .._jit.vectors import dot
from . import fourier
from .constants import LARGEST, SMALLEST

# p; the factors of the transform stand behind, then the window of what leaks
TAPS, BLOCK, MU, REGULARISER, CONSTRAINT, BY_BIN, DIRECT, MEMORY, LENGTH, PARTITIONS, HALF = range(11)
P_SIZE = 16
ROUND_ROBIN, FULL, NONE = range(3)  # the constraint
# s
PLACE, NEWEST, TURN, HEARD, POWER, COUNT, KNOWN, UNLEARNT = range(8)
ERRORS, DESIRED, LOSSES = range(9, 12)  # energies over the last blocks, and how often all was lost
VECTORS = 16

HORIZON = 100_000.0  # samples over which the input power is averaged
BURST = 100.0  # a block counts for at most so many times the power so far
UNKNOWN = 1e300  # stands for a desired sample that is missing
LEAK = 0.5  # a bin counts for at least so much of what leaks into it
LIMIT = 1.5  # a step may be so many times the best; two times leaves the error as large as it was
RECENT = 0.8  # how much of the energies of error and desired signal a block keeps
WORSE, LOST = 2.0, 16.0  # an error with so many times the energy of d
DIGITS = 1e-24  # an energy of errors below this part of the desired one is rounding: no step is too large for it
TINY = 1e-190  # what is divided by at least: a bin in which nothing was ever heard learns nothing


class Layout(NamedTuple):
    """Where in the state the vectors begin."""

    window: int  # the last N samples
    error: int  # N: zeros, then the errors of the block
    out: int  # N: what the partitions make of the block, in its last B
    time: int  # N: scratch
    desired: int  # B
    head: int  # the first B taps, in the order of the window
    step: int  # a spectrum: what every partition multiplies
    sum: int  # a spectrum: of the block to come
    leak: int  # a spectrum: scratch
    energy: int  # M numbers: of the partitions that stay, bin by bin
    average: int  # M numbers
    inputs: int  # P spectra, a ring
    weights: int  # P spectra
    size: int


def layout(block: int, half: int, partitions: int) -> Layout:
    """The same in Python, for what is outside of kernels."""
    sizes = (*(2 * half,) * 4, block, block, *(2 * half,) * 3, half, half, *(2 * half * partitions,) * 2)
    at, places = VECTORS, []
    for size in sizes:
        places.append(at)
        at += size
    return Layout._make([*places, at])


def window(length: int, block: int, half: int) -> NDArray[np.float64]:
    """What the transform of the energies is multiplied by, so that each spreads as far as what leaks."""
    lag = np.minimum(np.arange(2 * half), 2 * half - np.arange(2 * half))
    return np.maximum(0.0, 1.0 - lag / min(length, block))


def sizes(taps: int, block: int, *, one: bool) -> tuple[int, int, int]:
    """(L, P, M): one partition for all taps, or as many as there are blocks in them."""
    if one:
        return taps, 1, max(1, (1 << (taps + block - 2).bit_length()) // 2)
    return block, -(-taps // block), block


def _add_product(y_re: Any, y_im: Any, x_re: Any, x_im: Any, w_re: Any, w_im: Any) -> Any:
    re, im = multiply_add(x_re, w_re, y_re), multiply_add(x_re, w_im, y_im)
    return multiply_add(-x_im, w_im, re), multiply_add(x_im, w_re, im)


def _learn(w_re: Any, w_im: Any, x_re: Any, x_im: Any, g_re: Any, g_im: Any) -> Any:
    re, im = multiply_add(x_re, g_re, w_re), multiply_add(x_re, g_im, w_im)
    return multiply_add(x_im, g_im, re), multiply_add(-x_im, g_re, im)


def _energy(z: Any, x_re: Any, x_im: Any) -> Any:
    return (multiply_add(x_re, x_re, multiply_add(x_im, x_im, z)),)


def _learn_and_add(
    w_re: Any, w_im: Any, y_re: Any, y_im: Any, z: Any,
    x_re: Any, x_im: Any, n_re: Any, n_im: Any, g_re: Any, g_im: Any,
) -> Any:  # fmt: skip
    w_re, w_im = _learn(w_re, w_im, x_re, x_im, g_re, g_im)
    y_re, y_im = _add_product(y_re, y_im, n_re, n_im, w_re, w_im)
    return w_re, w_im, y_re, y_im, *_energy(z, n_re, n_im)


def _levels(level: Any, average: Any, z: Any, scale: Any, keep: Any) -> Any:
    z = z * scale
    average = multiply_add(average, keep, z * (1.0 - keep))
    return larger(average, z), average


def _steps(e_re: Any, e_im: Any, level: Any, share: Any, regulariser: Any) -> Any:
    gain = share / (level + regulariser)
    return e_re * gain, e_im * gain


_add_product_ = elementwise(_add_product, 6)
_learn_ = elementwise(_learn, 6)
_add_energy_ = elementwise(_energy, 3)
_learn_and_add_ = elementwise(_learn_and_add, 11)
_levels_ = elementwise(_levels, 3, 2)
_steps_ = elementwise(_steps, 3, 2)
_larger_ = elementwise(lambda a, b: (larger(a, b),), 2)
_taper_ = elementwise(lambda x, window, part: (x * window * part,), 2, 1, 1)
_weigh_ = elementwise(lambda product, e, z, share: (e * (z * share),), 3, 1)


# Out of line, so that each is compiled once.


@rare
def add_product(s, y, x, w, half):  # type: ignore[no-untyped-def]
    """A spectrum plus the product of two."""
    _add_product_(s, y, y + half, x, x + half, w, w + half, half)


@rare
def add_energy(s, z, x, half):  # type: ignore[no-untyped-def]
    """The energy of each bin, and that of one spectrum more."""
    _add_energy_(s, z, x, x + half, half)


@rare
def learn(s, w, x, g, half):  # type: ignore[no-untyped-def]
    """Weights plus conj(X) G."""
    _learn_(s, w, w + half, x, x + half, g, g + half, half)


@rare
def learn_and_add(s, w, total, energy, old, new, g, half):  # type: ignore[no-untyped-def]
    """A partition learns, and gives its part of the block to come."""
    _learn_and_add_(
        s, w, w + half, total, total + half, energy, old, old + half, new, new + half, g, g + half, half
    )  # fmt: skip


@helper
def counted(p: Any) -> Any:
    """By how many samples of the input a step is divided."""
    return max(p[LENGTH], p[BLOCK]) * p[PARTITIONS]


@rare
def levels(p, s, level, average, energy, keep, half):  # type: ignore[no-untyped-def]
    """The energy of each bin that a step is divided by: the larger of that of now and of its running average."""
    _levels_(s, level, average, energy, counted(p) / (2.0 * half * s[HEARD]), keep, half)


@helper
def least(p: Any, s: Any) -> Any:
    """What is added to the energy of each bin."""
    return p[REGULARISER] * counted(p) * s[POWER] + TINY


@rare
def steps(p, s, e, level, half, mu):  # type: ignore[no-untyped-def]
    """The errors by bin become what every partition multiplies by its conj(X)."""
    _steps_(s, e, e + half, level, mu, least(p, s), half)


@rare
def flatten(s, to, energy, half):  # type: ignore[no-untyped-def]
    """The mean energy, in each bin."""
    mean = 0.0
    for i in range(half):
        mean += s[energy + i]
    for i in range(half):
        s[to + i] = mean / half


@helper
def narrow(p: Any) -> Any:
    """Whether the taps are fewer than the samples of a block, and each gradient is cut to them."""
    return p[LENGTH] < p[BLOCK] and p[CONSTRAINT] == FULL


@rare
def add_leak(p, s, level, leak, time, half):  # type: ignore[no-untyped-def]
    """A bin counts for at least a part of what leaks into it through the window of the error."""
    copy(s, leak, level, half)
    zero(s, leak + half, half)
    fourier.restore(p, P_SIZE, s, leak, time, half)
    _taper_(p, s, time, len(p) - 2 * half, max(LEAK, p[MU]), 2 * half)  # the window stands last in p
    fourier.transform(p, P_SIZE, s, time, leak, half)
    _larger_(s, level, leak, half)


@rare
def compare(p, s, desired, error, weights, head):  # type: ignore[no-untyped-def]
    """Whether the output has lately taken nothing from d, but added to it; if too much, the weights are as at first."""
    block = int(p[BLOCK])
    energy = 0.0
    for i in range(block):
        d = s[desired + i]
        if d < LARGEST:
            energy += d * d
    s[ERRORS] = s[ERRORS] * RECENT + dot(s, error, s, error, block)
    s[DESIRED] = s[DESIRED] * RECENT + energy
    if s[ERRORS] > LOST * s[DESIRED] and p[MU] > 0.0:
        zero(s, weights, 2 * int(p[HALF]) * int(p[PARTITIONS]))
        zero(s, head, block)
        for i in range(block):
            s[error + i] = s[desired + i] if s[desired + i] < LARGEST else 0.0
        s[ERRORS] = s[DESIRED]
        s[LOSSES] += 1.0
    return s[ERRORS] > WORSE * s[DESIRED]


@rare
def prepare(p, s, step, level, leak, average, energy, time, inputs, half, worse):  # type: ignore[no-untyped-def]
    """From the spectrum of the errors to the step, of a size that is stable."""
    n = 2 * half
    mu = p[MU]
    if p[BY_BIN] != 0.0:
        levels(p, s, level, average, energy, p[MEMORY], half)
        if worse:
            flatten(s, level, level, half)
        else:
            add_leak(p, s, level, leak, time, half)
    else:
        flatten(s, time, energy, half)
        levels(p, s, level, average, time, p[MEMORY], half)
    if worse or p[BY_BIN] == 0.0:
        share = 1.0 / (s[level] + least(p, s))
        _weigh_(s, leak, step, energy, share, half)
        _weigh_(s, leak + half, step + half, energy, share, half)
        mu = min(mu, dot(s, step, s, step, n) / (dot(s, step, s, leak, n) + TINY))
    if narrow(p):
        zero(s, leak, n)
        learn(s, leak, inputs, step, half)
        constrain(p, s, leak, time, half, int(p[LENGTH]))
        copy(s, step, leak, n)
    steps(p, s, step, level, half, mu)


@helper
def heard(x: float) -> float:
    """A sample that is not finite, or as good as infinite, is silence; one too small to be squared is, too."""
    return x if SMALLEST < abs(x) < LARGEST else 0.0


@rare
def zero(s, at, count):  # type: ignore[no-untyped-def]
    """Forget a stretch."""
    for i in range(count):
        s[at + i] = 0.0


@rare
def copy(s, to, at, count):  # type: ignore[no-untyped-def]
    """The same stretch elsewhere."""
    for i in range(count):
        s[to + i] = s[at + i]


@rare
def listen(s, window, half, block):  # type: ignore[no-untyped-def]
    """The running power of the input with one more block; silence at the start does not count."""
    first = window + 2 * half - block
    now = dot(s, first, s, first, block) / block
    if s[POWER] == 0.0:
        s[POWER] = now
        s[COUNT] = 1.0
        return
    now = min(now, BURST * s[POWER])
    s[COUNT] = min(s[COUNT] + 1.0, max(1.0, HORIZON / block))
    s[POWER] += (now - s[POWER]) / s[COUNT]


@rare
def constrain(p, s, at, time, half, keep):  # type: ignore[no-untyped-def]
    """A partition keeps its first taps only."""
    fourier.restore(p, P_SIZE, s, at, time, half)
    zero(s, time + keep, 2 * half - keep)
    fourier.transform(p, P_SIZE, s, time, at, half)


@helper
def behind(newest: int, k: int, partitions: int) -> int:
    """The place in the ring of the spectrum of k blocks ago."""
    return newest - k if newest >= k else newest - k + partitions


@rare
def excess(s, desired, error, again, block):  # type: ignore[no-untyped-def]
    """What a step is to be multiplied by, 1 or less, after the block was filtered again with what it taught."""
    before = along = square = energy = 0.0
    for i in range(block):
        d = s[desired + i]
        if d < LARGEST:
            e = s[error + i]
            change = s[again + i] - (d - e)
            before += e * e
            along += e * change
            square += change * change
            energy += d * d
    if LIMIT * along >= square or before <= DIGITS * energy:
        return 1.0
    return max(0.0, LIMIT * along / square)


@rare
def turn(p, s):  # type: ignore[no-untyped-def]
    """The end of a block: filter it if that is still to be done, learn, and be ready for the next."""
    block, half, partitions = int(p[BLOCK]), int(p[HALF]), int(p[PARTITIONS])
    direct = p[DIRECT] != 0.0
    n = 2 * half
    window = VECTORS
    error = window + n
    out = error + n
    time = out + n
    desired = time + n
    head = desired + block
    step = head + block
    total = step + n
    leak = total + n
    energy = leak + n
    average = energy + half
    inputs = average + half
    weights = inputs + n * partitions

    newest = behind(int(s[NEWEST]), partitions - 1, partitions)
    s[NEWEST] = newest
    now = inputs + n * newest
    fourier.transform(p, P_SIZE, s, window, now, half)
    listen(s, window, half, block)
    s[HEARD] = min(s[HEARD] + 1.0, float(partitions))
    last = n - block
    if not direct:
        add_product(s, total, now, weights, half)
        fourier.restore(p, P_SIZE, s, total, out, half)
        for i in range(block):
            known = s[desired + i] < LARGEST
            s[error + last + i] = s[desired + i] - s[out + last + i] if known else 0.0
    add_energy(s, energy, now, half)

    learns = s[KNOWN] > 0.0
    s[UNLEARNT] += block - s[KNOWN]
    s[KNOWN] = 0.0
    worse = compare(p, s, desired, error + last, weights, head)
    fourier.transform(p, P_SIZE, s, error, step, half)
    prepare(p, s, step, total, leak, average, energy, time, inputs, half, worse)

    turned = int(s[TURN])
    if learns:
        first = min(partitions - 1, 1) if direct else 0
        turned = turned + 1 if turned + 1 < partitions else first
        s[TURN] = turned
    constraint = int(p[CONSTRAINT])
    length = int(p[LENGTH])
    for attempt in range(2):
        zero(s, total, n)
        zero(s, energy, half)
        for k in range(partitions):
            at = weights + n * k
            old = inputs + n * behind(newest, k, partitions)
            new = inputs + n * behind(newest, k - 1, partitions) if k > 0 else old
            if learns and (constraint == FULL or (constraint == ROUND_ROBIN and k == turned) or (direct and k == 0)):
                if narrow(p):
                    for i in range(n):
                        s[at + i] += s[step + i]
                else:
                    learn(s, at, old, step, half)
                keep = min(length, int(p[TAPS]) - k * length)
                constrain(p, s, at, time, half, keep)
                if direct and k == 0:
                    for i in range(keep):
                        s[head + block - 1 - i] = s[time + i]
                if k > 0:
                    add_product(s, total, new, at, half)
                    add_energy(s, energy, new, half)
            elif k > 0:
                learn_and_add(s, at, total, energy, old, new, step, half)
            else:
                learn(s, at, old, step, half)
        if attempt == 1 or partitions > 1 or not learns:
            break
        add_product(s, total, now, weights, half)
        fourier.restore(p, P_SIZE, s, total, time, half)
        zero(s, total, n)
        shorter = excess(s, desired, error + last, time + last, block)
        if shorter == 1.0:
            break
        for i in range(n):  # once more, so that all in all it was a step of this length
            s[step + i] *= shorter - 1.0
    if direct:
        fourier.restore(p, P_SIZE, s, total, out, half)
    for i in range(last):
        s[window + i] = s[window + block + i]


@kernel
def step(p, s, x, d):  # type: ignore[no-untyped-def]
    """One sample; with the last of a block, the block."""
    block, n = int(p[BLOCK]), 2 * int(p[HALF])
    direct = p[DIRECT] != 0.0
    i = int(s[PLACE])
    now = VECTORS + n - block + i  # in the window; the other vectors of N numbers lie n apart
    s[now] = heard(x)
    desired = VECTORS + 4 * n
    y = 0.0
    if direct:
        y = s[now + 2 * n] + dot(s, desired + block, s, now - block + 1, block)
    elif i + 1 < block:
        y = s[now + 2 * n + 1]
    if abs(d) < LARGEST:
        s[desired + i] = d
        s[now + n] = d - y
        s[KNOWN] += 1.0
    else:
        s[desired + i] = UNKNOWN
        s[now + n] = 0.0
    if i + 1 < block:
        s[PLACE] = i + 1
    else:
        s[PLACE] = 0.0
        turn(p, s)
        if not direct:
            y = s[now + 2 * n + 1 - block]
    return y


def take(p: Any, s: Any, values: NDArray[np.float64]) -> None:
    """Set the weights from outside, newest tap first, and make what they give in the coming block."""
    block, half, partitions, length = int(p[BLOCK]), int(p[HALF]), int(p[PARTITIONS]), int(p[LENGTH])
    at, n, newest = layout(block, half, partitions), 2 * half, int(s[NEWEST])
    s[at.sum : at.sum + n] = 0.0
    for k in range(partitions):
        first, part = at.weights + n * k, values[k * length : (k + 1) * length]
        s[first : first + n] = fourier.spectrum(part, half)
        if k == 0:
            s[at.head : at.head + block] = 0.0
            if p[DIRECT] != 0.0:
                s[at.head + block - part.size : at.head + block] = part[::-1]
        else:
            new = at.inputs + n * behind(newest, k - 1, partitions)
            add_product(s, at.sum, new, first, half)
    if p[DIRECT] != 0.0:
        s[at.out : at.out + n] = fourier.samples(s[at.sum : at.sum + n], half)


def weights(p: Any, s: Any) -> NDArray[np.float64]:
    """The weights, newest tap first."""
    at = layout(int(p[BLOCK]), int(p[HALF]), int(p[PARTITIONS]))
    return in_time(s[at.weights : at.size], int(p[HALF]), int(p[LENGTH]))[: int(p[TAPS])]


def in_time(spectra: NDArray[np.float64], half: int, length: int) -> NDArray[np.float64]:
    """The taps of all partitions, one behind the other.

    One that is not constrained now may hold the first tap of the next as well, one place behind its own.
    """
    parts = [fourier.samples(one, half) for one in spectra.reshape(-1, 2 * half)]
    made = np.concatenate([one[:length] for one in parts])
    made[length::length] += [one[length] for one in parts[:-1]]
    return made


def check_block(block: int) -> None:
    """The transform takes powers of two."""
    if block & (block - 1):
        raise ValueError(f"block must be a power of two, got {block}")
