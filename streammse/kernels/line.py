"""The delay line of a transversal filter: its last samples, always side by side.

A sample of m inputs is a row. The line is a ring of rows written twice, so that the last ``taps`` of them lie in one
stretch, oldest first: the regressor u(n) of n = m taps numbers, whatever m is. What is learnt from it, weights for
instance, lies in the same order.

A member of the family writes its arithmetic once, as ``learn(p, s, u, n, d) -> y`` with ``s[u : u + n]`` for u(n), and
``steps`` makes both its kernels of it. Where it looks back further, the regressor of k samples ago begins at
``u - k m``, and ``reach`` says how many such samples there are.
"""

from __future__ import annotations

from functools import cache
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from .._jit import Function, helper, kernel, rare, vector_kernel
from .._jit.vectors import dot
from . import rising
from .constants import LARGEST, SMALLEST

# p: the parameters of a member stand behind
TAPS, REFERENCES = range(2)
OWN = 2
# s: the scalars of a member stand behind, up to the weights
POSITION, POWER, COUNT, UNLEARNT = range(4)
FREE = 4
RISING = 18  # those of ``rising.py``, the last before the weights
WEIGHTS = 24  # the state begins on a cache line, and the weights too

HORIZON = 100_000.0  # samples over which the input power is averaged
BURST = 100.0  # a sample counts for at most so many times the power so far: a spike must not stop learning for long


@helper
def finite(x: float) -> float:
    """A sample that is not finite, or as good as infinite, enters the delay line as silence; so does as good as none.

    Products with subnormal numbers take a processor a hundred times as long.
    """
    return x if SMALLEST < abs(x) < LARGEST else 0.0


@helper
def hear(square: float, power: float, count: float) -> tuple[float, float]:
    """The running power of the input with one more square, and over how many; silence at the start does not count."""
    if power == 0.0:
        return square, 1.0
    k = count + 1.0 if count < HORIZON else HORIZON
    square = min(square, BURST * power)
    return power + (square - power) * (1.0 / k), k


@helper
def listen(x: float, power: float, count: float) -> tuple[float, float]:
    """The same with one more sample."""
    heard: tuple[float, float] = hear(x * x, power, count)
    return heard


@helper
def as_if_full(energy: float, power: float, count: float, total: float) -> float:
    """At the start the empty places of the line count as average ones: else the first steps are n times too long."""
    if count < total:
        return energy + power * (total - count)
    return energy


@helper
def energy(s: Any, u: int, n: int) -> float:
    """The energy in the line, as if it were full: what a normalised step is divided by."""
    full: float = as_if_full(dot(s, u, s, u, n), s[POWER], s[COUNT], float(n))
    return full


@helper
def no_further(p: Any) -> int:
    """Only the regressor of now is asked for."""
    return 0


@helper
def _enter(s, at, rows, m, r, x):  # type: ignore[no-untyped-def]
    """Let the sample of input r into the line at ``s[at:]``."""
    x = finite(x)
    place = at + int(s[POSITION]) * m + r
    s[place] = x
    s[place + rows * m] = x
    s[POWER], s[COUNT] = listen(x, s[POWER], s[COUNT])


@helper
def _turn(s, at, rows, m, taps):  # type: ignore[no-untyped-def]
    """On to the next place; where the regressor begins, in the second copy as far as it can."""
    row = int(s[POSITION])
    s[POSITION] = row + 1 if row + 1 < rows else 0
    return at + (row + rows - taps + 1) * m


@rare
def begin_anew(s: Any, u: int, n: int, m: int, loudest: float) -> None:
    """The power of the input after a rise to so much, or, after a spike, from what is in the line: as at the start."""
    square = loudest * loudest if loudest > 0.0 else dot(s, u, s, u, n) / n
    s[POWER], s[COUNT] = square, float(m) if square > 0.0 else 0.0


@rare
def forget_weights(p: Any, s: Any, u: int, n: int, loudest: float) -> None:
    """They stand where they are; nothing waits."""
    if loudest == 0.0 or rising.forget(s, RISING, WEIGHTS, n, WEIGHTS, loudest, 0.0):
        begin_anew(s, u, n, int(p[REFERENCES]), loudest)


class Steps(NamedTuple):
    """The kernels of a member: for one reference, and for several."""

    step: Function
    vector_step: Function


@cache
def steps(learn: Function, reach: Function = no_further, forget: Function = forget_weights) -> Steps:
    """Both kernels of ``learn(p, s, u, n, d) -> y``.

    ``forget(p, s, u, n, loudest)`` is called when the input comes up to ``loudest``; with 0 when that was a spike.
    """

    @kernel
    def step(p, s, x, d):  # type: ignore[no-untyped-def]
        taps = int(p[TAPS])
        rows = taps + reach(p)
        at = WEIGHTS + taps
        loudest = abs(finite(x))
        rises = rising.come(s, RISING, taps, loudest, s[POWER], s[COUNT])
        _enter(s, at, rows, 1, 0, x)
        u = _turn(s, at, rows, 1, taps)
        if rises:
            forget(p, s, u, taps, loudest)
        elif s[RISING + rising.LEFT] > 0.0 and rising.was_spike(s, RISING, loudest):
            forget(p, s, u, taps, 0.0)
        y = learn(p, s, u, taps, d)
        rising.judge(s, RISING, d, y)
        return y

    @vector_kernel
    def vector_step(p, s, x, d):  # type: ignore[no-untyped-def]
        taps = int(p[TAPS])
        m = int(p[REFERENCES])
        rows = taps + reach(p)
        at = WEIGHTS + m * taps
        loudest = 0.0
        for r in range(m):
            loudest = max(loudest, abs(finite(x[r])))
        rises = rising.come(s, RISING, m * taps, loudest, s[POWER], s[COUNT] / m)
        for r in range(m):
            _enter(s, at, rows, m, r, x[r])
        u = _turn(s, at, rows, m, taps)
        if rises:
            forget(p, s, u, m * taps, loudest)
        elif s[RISING + rising.LEFT] > 0.0 and rising.was_spike(s, RISING, loudest):
            forget(p, s, u, m * taps, 0.0)
        y = learn(p, s, u, m * taps, d)
        rising.judge(s, RISING, d, y)
        return y

    return Steps(step, vector_step)


def size(taps: int, references: int, further: int = 0) -> int:
    """Scalars, weights and the line: where what a member keeps beside them begins."""
    return WEIGHTS + references * (taps + 2 * (taps + further))


def paired(values: NDArray[np.float64], references: int) -> NDArray[np.complex128]:
    """Complex weights, of which each part stands as a reference of its own, as the textbook writes them."""
    parts = newest_first(values, 2 * references)
    made = parts[0::2] + 1j * parts[1::2]
    return np.asarray(made[0] if references == 1 else made)


def in_pairs(values: NDArray[np.complex128], references: int) -> NDArray[np.float64]:
    """The way back."""
    rows = values.reshape(references, -1)
    return oldest_first(np.stack([rows.real, rows.imag], axis=1).reshape(2 * references, -1), 2 * references)


def newest_first(values: NDArray[np.float64], references: int) -> NDArray[np.float64]:
    """What lies in the order of the regressor, as the textbook writes it: (taps,), or (references, taps)."""
    rows = values.reshape(-1, references)[::-1]
    return np.ascontiguousarray(rows[:, 0] if references == 1 else rows.T)


def oldest_first(values: NDArray[np.float64], references: int) -> NDArray[np.float64]:
    """The way back."""
    return np.ascontiguousarray(values.reshape(references, -1).T[::-1]).ravel()
