"""The echo canceller: two partitioned filters over one far end, of which the careful one is heard.

The fast filter V is a PBFDAF with a fixed step: it follows a path that moves, and any talk at the near end throws it
off. The careful one W is a Kalman filter in each bin, for a path that wanders slowly (drift q) in noise whose power
Psi(f) it measures as it goes,

    R = 1/2 sum_k |X_k|^2 U_k,    Psi <- beta Psi + (1 - beta) |E|^2,    S = R + Psi,
    W_k <- W_k + U_k conj(X_k) E / S,    U_k <- (1 - q) U_k (1 - |X_k|^2 U_k / (2 S)) + q |W_k|^2,

U being the uncertainty of the weights, which in a pause of the far end stay as they are. So the steps fall as the echo
is learnt, and at once in every bin in which somebody talks, or anything else sounds. What it cannot tell by itself is
talk from a path that moved: both are errors. The fast filter can. Talk makes it worse than the careful one, a path that
moved makes it better. Where it leaves less than half of the energy over the last blocks, the careful filter takes its
weights, and the squares of what they differ by for its uncertainty; where it leaves four times as much, it takes those
of the careful one. The careful filter begins with no uncertainty at all, and so in the scale of the path, whatever that
is; until it has taken weights for the first time, the energy of the fast ones feeds its uncertainty too, so that it
learns under noise louder than the echo as well.

The spectra, the turns of the constraint and the sum that leaves no latency are those of ``partitions.py``.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from .._jit import kernel, rare
from .._jit.lanes import elementwise, larger, multiply_add
from .._jit.vectors import dot
from . import fourier, partitions
from .constants import LARGEST
from .partitions import (
    BLOCK,
    HALF,
    HEARD,
    KNOWN,
    MU,
    NEWEST,
    P_SIZE,
    PARTITIONS,
    PLACE,
    TAPS,
    TINY,
    TURN,
    UNKNOWN,
    UNLEARNT,
    VECTORS,
    add_energy,
    add_product,
    behind,
    constrain,
    heard,
    listen,
    zero,
)

# p behind that of partitions
DRIFT, KEEP = range(11, 13)
# s behind that of partitions
CAREFUL, FAST, MICROPHONE, OUTPUT, RESIDUAL, TAKEN = range(9, 15)

MEMORY = 2560.0  # samples over which the two filters are compared
NOISE = 0.6  # beta: how much of the measured noise a block keeps
BETTER, WORSE = 0.5, 4.0  # the energies that the fast filter leaves, relative to the careful one
LOUDER = 4.0  # an output with so many times the energy of the microphone is worse than none


class Layout(NamedTuple):
    """Where in the state the vectors begin."""

    window: int  # the last N samples of the far end
    error: int  # N: zeros, then the output of the block
    out: int  # N: what the partitions make of the block, in its last B
    time: int  # N: scratch
    desired: int  # B: the microphone
    head: int  # the first B taps, in the order of the window
    fast_error: int  # N
    step: int  # a spectrum: E / S
    sum: int  # a spectrum: of the block to come
    fast_step: int
    fast_sum: int
    energy: int  # M numbers, bin by bin: of the far end
    average: int  # M numbers: the same over time
    doubt: int  # M numbers: 2 R
    factor: int  # M numbers: 1 / (2 S)
    noise: int  # M numbers: Psi
    inputs: int  # P spectra, a ring
    weights: int  # P spectra: W
    fast: int  # P spectra: V
    uncertainty: int  # P times M numbers: U
    size: int


def layout(block: int, count: int) -> Layout:
    """The same in Python, for what is outside of kernels."""
    n = 2 * block
    sizes = (*(n,) * 4, block, block, n, *(n,) * 4, *(block,) * 5, *(n * count,) * 3, block * count)
    at, places = VECTORS, []
    for size in sizes:
        places.append(at)
        at += size
    return Layout._make([*places, at])


def _learn(
    w_re: Any, w_im: Any, u: Any, v_re: Any, v_im: Any,
    x_re: Any, x_im: Any, g_re: Any, g_im: Any, h_re: Any, h_im: Any, factor: Any,
    drift: Any, guess: Any,
) -> Any:  # fmt: skip
    re, im = x_re * u, x_im * u
    w_re = multiply_add(im, g_im, multiply_add(re, g_re, w_re))
    w_im = multiply_add(-im, g_re, multiply_add(re, g_im, w_im))
    share = multiply_add(re, x_re, im * x_im) * factor
    u = multiply_add(u * (1.0 - drift), larger(1.0 - share, 0.0 * share), drift * multiply_add(w_re, w_re, w_im * w_im))
    v_re = multiply_add(x_im, h_im, multiply_add(x_re, h_re, v_re))
    v_im = multiply_add(-x_im, h_re, multiply_add(x_re, h_im, v_im))
    u = multiply_add(guess, multiply_add(v_re, v_re, v_im * v_im), u)
    return w_re, w_im, u, v_re, v_im


def _add(
    y_re: Any, y_im: Any, q_re: Any, q_im: Any, energy: Any, doubt: Any,
    w_re: Any, w_im: Any, v_re: Any, v_im: Any, u: Any, x_re: Any, x_im: Any,
) -> Any:  # fmt: skip
    square = multiply_add(x_re, x_re, x_im * x_im)
    return (
        multiply_add(-x_im, w_im, multiply_add(x_re, w_re, y_re)),
        multiply_add(x_im, w_re, multiply_add(x_re, w_im, y_im)),
        multiply_add(-x_im, v_im, multiply_add(x_re, v_re, q_re)),
        multiply_add(x_im, v_re, multiply_add(x_re, v_im, q_im)),
        energy + square,
        multiply_add(square, u, doubt),
    )


def _gains(e_re: Any, e_im: Any, noise: Any, factor: Any, doubt: Any, keep: Any) -> Any:
    power = multiply_add(e_re, e_re, e_im * e_im)
    noise = multiply_add(noise, keep, power * (1.0 - keep))
    one = 1.0 / (doubt * 0.5 + noise + TINY)
    return e_re * one, e_im * one, noise, one * 0.5


def _differ(u: Any, w_re: Any, w_im: Any, v_re: Any, v_im: Any) -> Any:
    re, im = v_re - w_re, v_im - w_im
    return larger(u, multiply_add(re, re, im * im)), v_re, v_im


_learn_ = elementwise(_learn, 12, 2)
_add_ = elementwise(_add, 13)
_gains_ = elementwise(_gains, 5, 1)
_differ_ = elementwise(_differ, 5)
_doubt_ = elementwise(lambda r, u, re, im: (multiply_add(u, multiply_add(re, re, im * im), r),), 4)
_noise_ = elementwise(lambda noise, re, im: (multiply_add(re, re, im * im),), 3)


@rare
def _measure(s, desired, error, fast_error, fast_out, block, keep):  # type: ignore[no-untyped-def]
    """What either filter leaves of the block, and what the microphone heard: into the running energies."""
    careful = fast = microphone = 0.0
    for i in range(block):
        d = s[desired + i]
        f = d - s[fast_out + i] if d < LARGEST else 0.0
        s[fast_error + i] = f
        if d < LARGEST:
            careful += s[error + i] * s[error + i]
            fast += f * f
            microphone += d * d
    s[CAREFUL] = s[CAREFUL] * keep + careful
    s[FAST] = s[FAST] * keep + fast
    s[MICROPHONE] = s[MICROPHONE] * keep + microphone
    s[OUTPUT] = s[OUTPUT] * keep + careful


@rare
def _learn_all(p, s, inputs, weights, fast, uncertainty, step, fast_step, factor):  # type: ignore[no-untyped-def]
    """All partitions of both filters."""
    half, count, newest = int(p[HALF]), int(p[PARTITIONS]), int(s[NEWEST])
    n = 2 * half
    guess = p[DRIFT] if s[TAKEN] == 0.0 else 0.0
    for k in range(count):
        w, v, x = weights + n * k, fast + n * k, inputs + n * behind(newest, k, count)
        _learn_(
            s, w, w + half, uncertainty + half * k, v, v + half, x, x + half, step, step + half,
            fast_step, fast_step + half, factor, p[DRIFT], guess, half,
        )  # fmt: skip


@rare
def _add_all(p, s, inputs, weights, fast, uncertainty, total, fast_total, energy, doubt):  # type: ignore[no-untyped-def]
    """What all partitions but the first give in the block to come."""
    half, count, newest = int(p[HALF]), int(p[PARTITIONS]), int(s[NEWEST])
    n = 2 * half
    for k in range(1, count):
        w, v, x = weights + n * k, fast + n * k, inputs + n * behind(newest, k - 1, count)
        _add_(
            s, total, total + half, fast_total, fast_total + half, energy, doubt,
            w, w + half, v, v + half, uncertainty + half * k, x, x + half, half,
        )  # fmt: skip


@rare
def _choose(p, s, weights, fast, uncertainty, fast_error, scratch, noise):  # type: ignore[no-untyped-def]
    """Whether one filter takes the weights of the other."""
    half, count = int(p[HALF]), int(p[PARTITIONS])
    n = 2 * half
    if s[FAST] < BETTER * s[CAREFUL]:
        for k in range(count):
            w, v = weights + n * k, fast + n * k
            _differ_(s, uncertainty + half * k, w, w + half, v, v + half, half)
        fourier.transform(p, P_SIZE, s, fast_error, scratch, half)
        _noise_(s, noise, scratch, scratch + half, half)
        s[CAREFUL] = s[FAST]
        s[TAKEN] += 1.0
    elif s[FAST] > WORSE * s[CAREFUL]:
        for i in range(n * count):
            s[fast + i] = s[weights + i]
        s[FAST] = s[CAREFUL]
    if s[CAREFUL] > LOUDER * s[MICROPHONE]:
        zero(s, weights, n * count)
        zero(s, fast, n * count)
        zero(s, uncertainty, half * count)
        s[CAREFUL] = s[FAST] = s[MICROPHONE]


@rare
def turn(p, s):  # type: ignore[no-untyped-def]
    """The end of a block: both filters learn, and are ready for the next."""
    block, count = int(p[BLOCK]), int(p[PARTITIONS])
    half = block
    n = 2 * block
    window = VECTORS
    error = window + n
    out = error + n
    time = out + n
    desired = time + n
    head = desired + block
    fast_error = head + block
    step = fast_error + n
    total = step + n
    fast_step = total + n
    fast_total = fast_step + n
    energy = fast_total + n
    average = energy + half
    doubt = average + half
    factor = doubt + half
    noise = factor + half
    inputs = noise + half
    weights = inputs + n * count
    fast = weights + n * count
    uncertainty = fast + n * count

    newest = behind(int(s[NEWEST]), count - 1, count)
    s[NEWEST] = newest
    now = inputs + n * newest
    fourier.transform(p, P_SIZE, s, window, now, half)
    listen(s, window, half, block)
    s[HEARD] = min(s[HEARD] + 1.0, float(count))
    add_product(s, fast_total, now, fast, half)
    fourier.restore(p, P_SIZE, s, fast_total, time, half)
    add_energy(s, energy, now, half)
    _doubt_(s, doubt, uncertainty, now, now + half, half)
    sum_of_doubt = 0.0
    for i in range(half):
        sum_of_doubt += s[doubt + i]
    s[RESIDUAL] = 0.5 * sum_of_doubt / (half * block)

    learns = 2.0 * s[KNOWN] > block
    s[UNLEARNT] += block - s[KNOWN] if learns else block
    s[KNOWN] = 0.0
    if learns:
        _measure(s, desired, error + block, fast_error + block, time + block, block, p[KEEP])
        fourier.transform(p, P_SIZE, s, error, step, half)
        fourier.transform(p, P_SIZE, s, fast_error, fast_step, half)
        _gains_(s, step, step + half, noise, factor, doubt, NOISE, half)
        partitions.levels(p, s, total, average, energy, p[partitions.MEMORY], half)
        partitions.add_leak(p, s, total, fast_total, time, half)
        partitions.steps(p, s, fast_step, total, half, p[MU])
        _learn_all(p, s, inputs, weights, fast, uncertainty, step, fast_step, factor)
        _choose(p, s, weights, fast, uncertainty, fast_error, total, noise)
        k = int(s[TURN]) + 1 if s[TURN] + 1.0 < count else 0
        s[TURN] = k
        keep = min(block, int(p[TAPS]) - k * block)
        constrain(p, s, fast + n * k, time, half, keep)
        if k > 0:
            constrain(p, s, weights + n * k, time, half, keep)
            keep = block
        constrain(p, s, weights, time, half, keep)
        for i in range(block):
            s[head + block - 1 - i] = s[time + i]
    zero(s, total, n)
    zero(s, fast_total, n)
    zero(s, energy, half)
    zero(s, doubt, half)
    _add_all(p, s, inputs, weights, fast, uncertainty, total, fast_total, energy, doubt)
    fourier.restore(p, P_SIZE, s, total, out, half)
    for i in range(block):
        s[window + i] = s[window + block + i]


@kernel
def step(p, s, x, d):  # type: ignore[no-untyped-def]
    """One sample of the far end and of the microphone; with the last of a block, the block."""
    block = int(p[BLOCK])
    n = 2 * block
    i = int(s[PLACE])
    now = VECTORS + block + i  # in the window; the other vectors of N numbers lie n apart
    desired = VECTORS + 4 * n
    s[now] = heard(x)
    clean = 0.0
    if abs(d) < LARGEST:
        clean = d - (s[now + 2 * n] + dot(s, desired + block, s, now - block + 1, block))
        s[desired + i] = d
        s[KNOWN] += 1.0
    else:
        s[desired + i] = UNKNOWN
    s[now + n] = clean
    if i + 1 < block:
        s[PLACE] = i + 1
    else:
        s[PLACE] = 0.0
        turn(p, s)
    return clean
