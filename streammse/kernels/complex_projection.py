"""Complex affine projection: one update meets the last ``order`` desired samples at once.

    w(n+1) = w(n) + mu X(n) g(n),    (X(n)^H X(n) + delta I) g(n) = conj(e(n)),    e(n) = d(n) - (w(n)^H X(n))

The columns of X(n) are the regressors u(n), u(n-1), ... Of the Gram matrix only the row of the newest regressor is
computed, the others move on; it is Hermitian, and its lower triangle alone is kept. Nor is any error but the newest
computed anew: as g solves the equations, w(n+1) leaves conj(e) - mu (conj(e) - delta g) of the errors.

Parts lie apart, as in the line. A sample without d is left out of the projection: its row and column are.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .._jit import Function, helper, rare
from .._jit.complex_vectors import add_product, conjugate_dot
from .._jit.instructions import get, put
from . import complex_line, line, projection, rising
from .complex_line import known, modulus, square
from .constants import LARGEST
from .fir import GROWTH
from .line import COUNT, POWER, UNLEARNT, WEIGHTS, as_if_full
from .projection import LEAST, LEVEL, MU, ORDER, REGULARISER, SILENT
from .rising import follow

IN_COMPLEX = projection.P_SIZE  # in p: whether it is complex; the kernel is chosen by it
P_SIZE = projection.P_SIZE + 1
# behind the lines: rows of ``order`` numbers, then matrices: real and imaginary parts of the Gram matrix and of the
# factor of it
ERRORS, ERRORS_I, ADDED, GAINS, GAINS_I, INVERSE, KNOWN, ROWS = range(8)


@helper
def further(p: Any) -> int:
    """How many samples beyond the regressor the line reaches back."""
    return int(p[ORDER]) - 1


def size(order: int) -> int:
    """What is kept behind the lines."""
    return order * (ROWS + 4 * order)


@helper
def _move_on(s: Any, at: int, order: int, u: int, ui: int, n: int, m: int) -> float:
    """The Gram matrix of one sample later, the oldest regressor first; the energy of the newest."""
    gram = at + ROWS * order
    imag = gram + order * order
    for a in range(order - 1):
        for row in range(ERRORS, ROWS):
            put(s, at + row * order + a, get(s, at + row * order + a + 1))
        for b in range(a + 1):
            put(s, gram + a * order + b, get(s, gram + (a + 1) * order + b + 1))
            put(s, imag + a * order + b, get(s, imag + (a + 1) * order + b + 1))
    last = order - 1
    for b in range(order):
        back = (last - b) * m
        re, im = conjugate_dot(s, u, ui, s, u - back, ui - back, n)
        put(s, gram + last * order + b, re)
        put(s, imag + last * order + b, im)
    return float(get(s, gram + last * order + last))


@helper
def _factorise(s: Any, at: int, order: int) -> None:
    """L D L^H of the Gram matrix and what is added to its diagonal; a row that is not known is left out."""
    gram = at + ROWS * order
    imag = gram + order * order
    low, low_i = imag + order * order, imag + 2 * order * order
    added, inverse = at + ADDED * order, at + INVERSE * order
    for a in range(order):
        row = a * order
        for b in range(a):
            re, im = get(s, gram + row + b), get(s, imag + row + b)
            for c in range(b):  # less (l_ac d_c) conj(l_bc)
                lr, li = get(s, low + row + c), get(s, low_i + row + c)
                br, bi = get(s, low + b * order + c), get(s, low_i + b * order + c)
                re -= lr * br + li * bi
                im -= li * br - lr * bi
            put(s, low + row + b, re)
            put(s, low_i + row + b, im)
        pivot = get(s, gram + row + a) + get(s, added + a)
        least = LEAST * pivot
        for b in range(a):
            re, im, over = get(s, low + row + b), get(s, low_i + row + b), get(s, inverse + b)
            pivot -= square(re, im) * over
            put(s, low + row + b, re * over)
            put(s, low_i + row + b, im * over)
        if not pivot > least:  # it depends on the others: regularised by what lacks
            put(s, added + a, get(s, added + a) + (least - pivot))
            pivot = least
        there = pivot > SILENT and get(s, at + KNOWN * order + a) > 0.0
        put(s, inverse + a, 1.0 / pivot if there else 0.0)


@helper
def _solve(s: Any, at: int, order: int) -> float:
    """The gains; the sum of their sizes."""
    low = at + ROWS * order + 2 * order * order
    low_i = low + order * order
    gains, gains_i = at + GAINS * order, at + GAINS_I * order
    for a in range(order):
        re, im = get(s, at + ERRORS * order + a), get(s, at + ERRORS_I * order + a)
        for c in range(a):
            lr, li = get(s, low + a * order + c), get(s, low_i + a * order + c)
            gr, gi = get(s, gains + c), get(s, gains_i + c)
            re -= lr * gr - li * gi
            im -= lr * gi + li * gr
        put(s, gains + a, re)
        put(s, gains_i + a, im)
    for a in range(order):
        over = get(s, at + INVERSE * order + a)
        put(s, gains + a, get(s, gains + a) * over)
        put(s, gains_i + a, get(s, gains_i + a) * over)
    total = 0.0
    for a in range(order - 1, -1, -1):
        gr, gi = get(s, gains + a), get(s, gains_i + a)
        total += abs(gr) + abs(gi)
        for c in range(a):  # by the conjugate of the factor
            lr, li = get(s, low + a * order + c), get(s, low_i + a * order + c)
            put(s, gains + c, get(s, gains + c) - (lr * gr + li * gi))
            put(s, gains_i + c, get(s, gains_i + c) - (lr * gi - li * gr))
    return total


@helper
def _heard(s: Any, loudest: float, d: complex, er: float, ei: float, energy: float) -> bool:
    """Whether a sample is to be learnt: it has a d, and is no burst in d or in the line."""
    there = known(d) and abs(er) < LARGEST and abs(ei) < LARGEST
    size_of_d = modulus(d.real, d.imag) if there else 0.0
    s[LEVEL] = follow(s[LEVEL], max(loudest, size_of_d))
    if not there:
        return False
    e = modulus(er, ei)
    rising.judge(s, line.RISING, size_of_d, size_of_d - e)
    return bool(e <= GROWTH * s[LEVEL] or e > GROWTH * (size_of_d + math.sqrt(energy)))


@rare
def _forget(s: Any, x: Any, u: int, ui: int, n: int, m: int, at: int, order: int, loudest: float) -> None:
    """When the input comes up, or, with 0, when that was a spike (``rising.py``)."""
    if loudest > 0.0:
        if not rising.forget(s, line.RISING, WEIGHTS, 2 * n, WEIGHTS, loudest, 0.0):
            return
        for a in range(order):
            s[at + ERRORS * order + a] = s[at + ERRORS_I * order + a] = s[at + KNOWN * order + a] = 0.0
    power = loudest * loudest if loudest > 0.0 else complex_line.energy(x, u, ui, n) / n
    s[POWER], s[COUNT] = power, float(m) if power > 0.0 else 0.0


@helper
def learn(p, s, x, u, ui, n, m, d):  # type: ignore[no-untyped-def]
    """The output for the regressor x[u:], x[ui:], which is learnt."""
    order = int(p[ORDER])
    taps = int(p[line.TAPS])
    at = WEIGHTS + 2 * m * (taps + 2 * (taps + order - 1))
    loudest = 0.0
    for k in range(n - m, n):
        loudest = max(loudest, modulus(get(x, u + k), get(x, ui + k)))
    if rising.come(s, line.RISING, n, loudest, s[POWER], s[COUNT] / m):
        _forget(s, x, u, ui, n, m, at, order, loudest)
    elif s[line.RISING + rising.LEFT] > 0.0 and rising.was_spike(s, line.RISING, loudest):
        _forget(s, x, u, ui, n, m, at, order, 0.0)
    yr, yi = conjugate_dot(s, WEIGHTS, WEIGHTS + n, x, u, ui, n)
    energy = _move_on(s, at, order, u, ui, n, m)
    last = order - 1
    lacking = as_if_full(energy, s[POWER], s[COUNT], float(n)) - energy
    put(s, at + ADDED * order + last, lacking + p[REGULARISER] * n * s[POWER])
    er, ei = d.real - yr, d.imag - yi
    heard = _heard(s, loudest, d, er, ei, energy)
    put(s, at + KNOWN * order + last, 1.0 if heard else 0.0)
    put(s, at + ERRORS * order + last, er if heard else 0.0)
    put(s, at + ERRORS_I * order + last, -ei if heard else 0.0)  # of the conjugate
    _factorise(s, at, order)
    if not heard:
        s[UNLEARNT] += 1.0
        return complex(yr, yi)
    if not _solve(s, at, order) < LARGEST:
        s[UNLEARNT] += 1.0
        put(s, at + KNOWN * order + last, 0.0)
        return complex(yr, yi)
    mu = p[MU]
    for a in range(order):
        gr, gi = get(s, at + GAINS * order + a), get(s, at + GAINS_I * order + a)
        back = (last - a) * m
        add_product(s, WEIGHTS, WEIGHTS + n, mu * gr, mu * gi, x, u - back, ui - back, n)
        errors, errors_i, added = at + ERRORS * order + a, at + ERRORS_I * order + a, get(s, at + ADDED * order + a)
        put(s, errors, get(s, errors) - mu * (get(s, errors) - added * gr))
        put(s, errors_i, get(s, errors_i) - mu * (get(s, errors_i) - added * gi))
    return complex(yr, yi)


def step() -> Function:
    """The kernel."""
    return complex_line.step_of(learn, further)


def weights(s: NDArray[np.float64], n: int, m: int) -> NDArray[np.complex128]:
    """The weights, newest tap first."""
    return complex_line.newest_first(s[WEIGHTS : WEIGHTS + 2 * n], m)


def set_weights(s: NDArray[np.float64], values: NDArray[np.complex128], m: int, order: int) -> None:
    """Put others in their place; the errors of the last samples become what these make of them."""
    n = values.size
    taps = n // m
    change = weights(s, n, m) - values
    rows = taps + order - 1
    at = WEIGHTS + 2 * n + 4 * rows * m
    re, im = s[WEIGHTS + 2 * n : at].reshape(2, 2 * rows, m)
    newest = int(s[line.POSITION]) + rows - 1  # in the second copy
    for a in range(order):
        end = newest - (order - 1 - a) + 1
        window = complex_line.newest_first(np.stack([re[end - taps : end], im[end - taps : end]]), m)
        more = np.vdot(window, change) * s[at + KNOWN * order + a]
        s[at + ERRORS * order + a] += more.real
        s[at + ERRORS_I * order + a] += more.imag
    s[WEIGHTS : WEIGHTS + 2 * n] = complex_line.oldest_first(values, m)
