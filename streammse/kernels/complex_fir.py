"""The complex adaptive transversal filter: one kernel for LMS, NLMS and what makes its desired sample itself.

    y(n) = w(n)^H x(n)
    e(n) = t(n) - y(n),     t(n) = target(y(n), d(n)): d(n) itself, or what a blind filter holds it to be
    w(n+1) = w(n) + g(n) e*(n) x(n),     g(n) = gain(factor(e(n), y(n)), |x(n)|^2), a real number

The score of a loss is taken of |e| and given the phase of e: ``factor`` is score(|e|) / |e|.

The update of sample n waits in the state as ``GAIN`` and is carried out in the sweep that filters sample n + 1, so that
each weight is read and written once a sample. It is the update itself that waits, not what it rests on: the outputs are
those of the textbook.

Slots and what follows a divergence are those of ``fir.py``: with |e|, |d| and |w| in the place of the real ones, on
real data a complex filter does what the real one does.
"""

from __future__ import annotations

import math
from functools import cache
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from .._jit import Function, helper, rare
from .._jit.complex_vectors import learn_and_filter
from .._jit.instructions import fused, get, put
from . import complex_line, fir
from .complex_line import Slots, known, square
from .constants import LARGEST
from .fir import (
    COUNT,
    DESIRED,
    DIVERGED,
    ENERGY,
    ERRORS,
    GAIN,
    GROWTH,
    HELD,
    LATE_GAIN,
    LEFT,
    LEVEL,
    MISSED,
    MU,
    PEAK,
    PLACE,
    POLICY,
    POWER,
    REFERENCES,
    REGULARISER,
    RESET,
    TAPS,
    TRIAL,
    UNLEARNT,
    WATCH,
    WEIGHTS,
    A,
    B,
    plain_gain,
)
from .line import as_if_full
from .rising import RISE, beyond, follow

# The imaginary part of the gain stands where the real family keeps its second update that waits.
GAIN_REAL, GAIN_IMAG = GAIN, LATE_GAIN
STARTED = 21  # behind the slots of fir.py: whether a blind filter has the weights that it begins with


@helper
def one_back(p: Any) -> int:
    """The update that waits needs the regressor of the sample before."""
    return 1


@helper
def gather(s: Any, at: int, taps: int, new: float) -> float:
    """The sum over the last ``taps`` samples, with one more: as in ``fir.py``, nothing is ever subtracted.

    ``s[at:]`` holds the squares of the present block of ``taps`` samples before ``PLACE``, and from there on the sums
    of the block before to its end.
    """
    k = int(s[PLACE])
    whole = s[ENERGY] + new
    put(s, at + k, new)
    if k + 1 < taps:
        s[PLACE], s[ENERGY] = k + 1, whole
        return float(whole + get(s, at + k + 1))
    to_end = 0.0
    for i in range(at + taps - 1, at - 1, -1):
        to_end += get(s, i)
        put(s, i, to_end)
    s[PLACE], s[ENERGY] = 0.0, 0.0
    return float(whole)


@helper
def given(p: Any, yr: float, yi: float, d: complex) -> tuple[float, float]:
    """The desired sample is the one that was given."""
    return d.real, d.imag


@helper
def plain_factor(p: Any, squared_e: float, yr: float, yi: float) -> float:
    """The squared error: its score is the error itself."""
    return 1.0


@helper
def any_time(p: Any, s: Any, n: int) -> bool:
    """A filter that is told what to aim at learns from the first sample on."""
    return True


@cache
def scored(score: Function, unit: float) -> Function:
    """The factor of any even loss: its score at |e|, by |e|."""

    @helper
    def factor(p, squared_e, yr, yi):  # type: ignore[no-untyped-def]
        e = math.sqrt(squared_e)
        return unit * score(e, p[A], p[B]) / e if e > 0.0 else 0.0

    return factor


class Forms(NamedTuple):
    """The compiled forms of one member."""

    step: Function
    block: Function


@cache
def forms(
    gain: Function = plain_gain,
    factor: Function = plain_factor,
    target: Function = given,
    begun: Function = any_time,
) -> Forms:
    """The kernels for one normalisation, one loss and one way to know what is desired."""

    @rare
    def look(p, s, trouble, n):  # type: ignore[no-untyped-def]
        """After a divergence, or at the end of a watch, as in ``fir.py``."""
        if not trouble:
            s[LEFT] = min(s[UNLEARNT] - s[MISSED], WATCH + n)
            s[MISSED] = s[UNLEARNT]
            if s[LEFT] > 0.0:
                return
            if not fir.strayed(p, s, 1.0, 1.0) or p[POLICY] == TRIAL:
                return
            s[UNLEARNT] += 1.0
        s[GAIN_IMAG] = 0.0
        fir.diverged(p, s, s[DIVERGED] == 0.0)  # it warns once, until reset: a kernel of one sample knows no block
        if p[POLICY] == RESET:
            s[STARTED] = 0.0

    @rare
    def rise(p, s, n, loudest):  # type: ignore[no-untyped-def]
        """When the input comes up, as in ``fir.py``."""
        if not fir.outgrown(p, s, loudest, float(n)):
            return
        waiting = (abs(s[GAIN_REAL]) + abs(s[GAIN_IMAG])) * math.sqrt(float(n)) * s[PEAK]
        if beyond(math.sqrt(fir.squared_length(p, s)) + waiting, loudest, s[LEVEL]):
            for i in range(WEIGHTS, WEIGHTS + 2 * n):
                s[i] = 0.0
            s[GAIN_REAL] = s[GAIN_IMAG] = 0.0
            s[STARTED] = 0.0

    @helper
    def learn(p, s, line, u, ui, n, m, d):  # type: ignore[no-untyped-def]
        loudest = new = 0.0
        for k in range(n - m, n):
            one = square(get(line, u + k), get(line, ui + k))
            new += one
            loudest = max(loudest, one)
        loudest = math.sqrt(loudest)
        if loudest > RISE * s[PEAK]:
            rise(p, s, n, loudest)
        yr, yi = learn_and_filter(s, WEIGHTS, WEIGHTS + n, line, u, ui, m, n, s[GAIN_REAL], s[GAIN_IMAG])
        s[GAIN_REAL] = s[GAIN_IMAG] = 0.0
        taps = int(p[TAPS])
        energy = as_if_full(gather(s, s.size - taps, taps, new), s[POWER], s[COUNT], float(n))
        s[PEAK] = max(s[PEAK], loudest)
        trouble = False
        if not known(d) or s[HELD] != 0.0 or not begun(p, s, n):
            s[UNLEARNT] += 1.0
            s[LEVEL] = follow(s[LEVEL], loudest)
        else:
            tr, ti = target(p, yr, yi, d)
            er, ei = tr - yr, ti - yi
            squared_e, squared_t = square(er, ei), square(tr, ti)
            level = follow(s[LEVEL], max(loudest, math.sqrt(squared_t)))
            s[LEVEL] = level
            g = gain(factor(p, squared_e, yr, yi), 0.0, p[MU], energy, p[REGULARISER] * n * s[POWER])
            # g e* by two operations instead of three: the next sample waits for them
            gr, gi = fused(-g, yr, g * tr), fused(g, yi, -(g * ti))
            if not squared_e <= (GROWTH * level) * (GROWTH * level):
                s[UNLEARNT] += 1.0  # nothing is learnt from a burst in d or in the line, but it is no divergence
                burst = math.sqrt(squared_e) <= GROWTH * (math.sqrt(squared_t) + math.sqrt(energy))
                trouble = level > 0.0 and not burst
            elif not (abs(gr) < LARGEST and abs(gi) < LARGEST):
                s[UNLEARNT] += 1.0
            else:
                s[GAIN_REAL], s[GAIN_IMAG] = gr, gi
                s[ERRORS] += squared_e
                s[DESIRED] += squared_t
        s[LEFT] -= 1.0
        if trouble or s[LEFT] <= 0.0:
            look(p, s, trouble, n)
        return complex(yr, yi)

    slots = Slots(REFERENCES, POWER, COUNT)
    return Forms(complex_line.step_of(learn, one_back, slots), complex_line.block_of(learn, one_back, slots))


def size(taps: int, references: int) -> int:
    """How many float64 the state holds."""
    return complex_line.size(taps, references, 1) + taps


def weights(s: NDArray[np.float64], taps: int, references: int) -> NDArray[np.complex128]:
    """The weights of a state, newest tap first, with the update that waits for the next sample."""
    n, rows = taps * references, taps + 1
    now = complex_line.newest_first(s[WEIGHTS : WEIGHTS + 2 * n], references)
    row = int(s[fir.POSITION]) + rows - 1  # the newest, in the second copy
    lines = s[WEIGHTS + 2 * n : -taps].reshape(2, 2 * rows, references)
    last = complex_line.newest_first(lines[:, row - taps + 1 : row + 1], references)
    return np.asarray(now + complex(s[GAIN_REAL], s[GAIN_IMAG]) * last)


def set_weights(
    p: NDArray[np.float64], s: NDArray[np.float64], values: NDArray[np.complex128], references: int
) -> None:
    """Put weights, newest tap first, in the place of those of a state and of the update that waits."""
    s[WEIGHTS : WEIGHTS + 2 * values.size] = complex_line.oldest_first(values, references)
    s[GAIN_REAL] = s[GAIN_IMAG] = s[HELD] = 0.0
    s[STARTED] = 1.0
    fir.watch_afresh(p, s)
