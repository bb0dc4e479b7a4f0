"""Affine projection: one update meets the last ``order`` desired samples at once.

    w(n+1) = w(n) + mu X(n) g(n),    (X(n)' X(n) + D(n)) g(n) = b(n)

X(n) has the regressors u(n), u(n-1), ... for its columns, D(n) the regularisers on its diagonal, and b is what the
errors e = d - X' w exceed a threshold by: with none the errors themselves.

No column is added to the weights more than once. u(n-k) is in the updates of ``order`` samples; what they add to it
gathers in ``WAITING`` until it is complete, and one more sample, so that the sweep over the weights waits for nothing
that this sample computes. The output is that of the textbook all the same, for what waits counts by the inner products
of the line with those before it:

    w(n)' u(n) = w'(n)' u(n) + sum_k waiting_k u(n-k)' u(n)

These products, of which the Gram matrix X'X has its new row too, are sums over the last ``taps`` samples, taken as in
``fir.py``: of the present block of ``taps`` samples, and of what is still in the line of the block before. Nothing is
ever subtracted, so there is no drift and a spike is gone when it leaves the line. Nor is any error but the newest
computed anew: X' w(n+1) = X' w(n) + mu X'X g, and X'X g = b - D g.

So a sample costs 2 n for n weights, order times the number of references and some order^3 / 6 + 2 order^2 more, where
the textbook has 3 n order. S. L. Gay and S. Tavathia, "The fast affine projection algorithm", ICASSP 1995, delay the
weights so; their errors are approximate where there is a regulariser, these are not.

Rows are in the order of the line, the oldest first. So the newest error comes last in the elimination: what waits for
it is one row. A sample without d is no row.
"""

from __future__ import annotations

import math
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .._jit import helper, rare
from .._jit.instructions import get, put
from .._jit.passes import add_then_dot
from . import line, rising
from .bursts import worth_learning
from .constants import LARGEST, SMALLEST
from .line import COUNT, FREE, POWER, REFERENCES, TAPS, UNLEARNT, WEIGHTS, as_if_full, listen

# p
MU, REGULARISER, ORDER, THRESHOLD = range(line.OWN, line.OWN + 4)
P_SIZE = line.OWN + 4
# s
PLACE, LEVEL, DESIRED, HEARD, UPDATES = range(FREE, FREE + 5)
# behind the line: rows of ``order + 1`` numbers, two matrices of ``order + 1`` rows, and the sums
WAITING, PRODUCTS, RUNNING, ERRORS, ADDED, INVERSE, ABOVE, GAINS, KNOWN = range(9)
ROWS = 9

LEAST = 1e-12  # of a row so much is left at least when those before it are taken out: rounding makes less
SILENT = SMALLEST * SMALLEST  # a row of no more energy teaches nothing: the inverse would overflow
UNROLLED = 8  # up to this order a kernel is made for it: its loops unrolled it takes half of the time


def size(taps: int, order: int) -> int:
    """What is kept behind the line; the sums have a row of zeros behind their last."""
    width = order + 1
    return width * (ROWS + 2 * width + taps + 1)


@helper
def further(p: Any) -> int:
    """How many samples beyond the regressor the line reaches back."""
    return int(p[ORDER]) + 1


@helper
def correlate(s: Any, at: int, newest: int, m: int, taps: int, width: int) -> None:
    """The inner products of the line with those of the samples before, the oldest first, and at last with itself."""
    products, running = at + PRODUCTS * width, at + RUNNING * width
    sums = at + ROWS * width + 2 * width * width
    k = int(s[PLACE])
    here = sums + k * width
    for j in range(width):
        before = newest - (width - 1 - j) * m
        one = get(s, newest) * get(s, before)
        for r in range(1, m):
            one += get(s, newest + r) * get(s, before + r)
        whole = one + get(s, running + j)
        put(s, running + j, whole)
        put(s, here + j, one)
        put(s, products + j, whole + get(s, here + width + j))
    k += 1
    if k == taps:
        k = 0
        for place in range(sums + (taps - 2) * width, sums - 1, -width):
            for j in range(width):
                put(s, place + j, get(s, place + j) + get(s, place + width + j))
        for j in range(width):
            put(s, running + j, 0.0)
    s[PLACE] = k


@helper
def factorise(s: Any, at: int, order: int, width: int) -> None:
    """L D L' of the Gram matrix, moved on by a row and a column; a row that is not known is left out."""
    gram = at + ROWS * width
    low = gram + width * width
    added, inverse, known = at + ADDED * width, at + INVERSE * width, at + KNOWN * width
    for a in range(order):
        row, to = low + a * width, gram + a * width
        old = to + width + 1 if a + 1 < order else at + PRODUCTS * width + 1
        for b in range(a + 1):
            put(s, to + b, get(s, old + b))
        for b in range(a):
            value = get(s, to + b)
            for c in range(b):
                value -= get(s, row + c) * get(s, low + b * width + c)
            put(s, row + b, value)
        pivot = get(s, to + a) + get(s, added + a)
        least = LEAST * pivot
        for b in range(a):
            value = get(s, row + b)
            factor = value * get(s, inverse + b)
            pivot -= value * factor
            put(s, row + b, factor)
        if not pivot > least:  # it depends on the others: regularised by what lacks
            put(s, added + a, get(s, added + a) + (least - pivot))
            pivot = least
        put(s, inverse + a, 1.0 / pivot if pivot > SILENT and get(s, known + a) > 0.0 else 0.0)


@helper
def solve(s: Any, at: int, order: int, width: int, threshold: float) -> float:
    """The gains for what the errors exceed the threshold by; the sum of their sizes."""
    low = at + (ROWS + width) * width
    errors, inverse = at + ERRORS * width, at + INVERSE * width
    above, gains = at + ABOVE * width, at + GAINS * width
    for a in range(order):
        one = get(s, errors + a)
        one -= max(-threshold, min(threshold, one))
        put(s, above + a, one)
        for c in range(a):
            one -= get(s, low + a * width + c) * get(s, gains + c)
        put(s, gains + a, one)
    for a in range(order):
        put(s, gains + a, get(s, gains + a) * get(s, inverse + a))
    total = 0.0
    for a in range(order - 1, -1, -1):
        one = get(s, gains + a)
        total += abs(one)
        for c in range(a):
            put(s, gains + c, get(s, gains + c) - get(s, low + a * width + c) * one)
    return total


@rare
def forget(p: Any, s: Any, u: int, n: int, loudest: float) -> None:
    """When the input comes up (``rising.py``): the weights, what waits for them, and the errors that they left."""
    m, width = int(p[REFERENCES]), int(p[ORDER]) + 1
    at = WEIGHTS + n + 2 * (n + m * width)
    waiting = 0.0
    for i in range(at + WAITING * width, at + WAITING * width + width):
        waiting += abs(s[i])
    waiting *= math.sqrt(n * s[POWER])
    if loudest > 0.0 and not rising.forget(s, line.RISING, WEIGHTS, n, WEIGHTS, loudest, waiting):
        return
    line.begin_anew(s, u, n, m, loudest)
    if loudest > 0.0:
        for i in range(width):
            s[at + WAITING * width + i] = s[at + ERRORS * width + i] = s[at + KNOWN * width + i] = 0.0


@cache
def learning(order: int) -> Any:
    """``learn(p, s, u, n, d) -> y`` for an order; beyond ``UNROLLED``, and for 1, one for all."""
    given = order if 1 < order <= UNROLLED else 0

    @helper
    def learn(p, s, u, n, d):  # type: ignore[no-untyped-def]
        order = given if given > 0 else int(p[ORDER])
        m, taps, width = int(p[REFERENCES]), int(p[TAPS]), order + 1
        at = WEIGHTS + n + 2 * m * (taps + width)
        waiting, products, errors = at + WAITING * width, at + PRODUCTS * width, at + ERRORS * width
        added, above, gains = at + ADDED * width, at + ABOVE * width, at + GAINS * width
        known = at + KNOWN * width
        newest = u + n - m
        correlate(s, at, newest, m, taps, width)
        y = add_then_dot(s, WEIGHTS, get(s, waiting), u - width * m, u, n)
        for j in range(order):
            y += get(s, waiting + 1 + j) * get(s, products + j)
        e = d - y
        energy = get(s, products + order)
        heard = worth_learning(s, LEVEL, newest, m, d, e, energy)
        threshold = 0.0
        if heard and p[THRESHOLD] > 0.0:
            s[DESIRED], s[HEARD] = listen(d, s[DESIRED], s[HEARD])
            threshold = p[THRESHOLD] * math.sqrt(s[DESIRED])
        lacking = as_if_full(energy, s[POWER], s[COUNT], float(n)) - energy
        floor = lacking + p[REGULARISER] * n * s[POWER]
        for j in range(order):  # on to the next sample
            put(s, waiting + j, get(s, waiting + 1 + j))
        put(s, waiting + order, 0.0)
        for j in range(order - 1):
            put(s, errors + j, get(s, errors + 1 + j))
            put(s, added + j, get(s, added + 1 + j))
            put(s, known + j, get(s, known + 1 + j))
        put(s, added + order - 1, floor)
        put(s, known + order - 1, 1.0 if heard else 0.0)
        put(s, errors + order - 1, e if heard and abs(e) > SMALLEST else 0.0)
        factorise(s, at, order, width)
        if not heard:
            s[UNLEARNT] += 1.0
            return y
        if abs(e) < threshold:
            return y
        if not solve(s, at, order, width, threshold) < LARGEST:
            s[UNLEARNT] += 1.0
            put(s, known + order - 1, 0.0)
            return y
        mu = p[MU]
        for a in range(order):
            gain = get(s, gains + a)
            put(s, waiting + 1 + a, get(s, waiting + 1 + a) + mu * gain)
            put(s, errors + a, get(s, errors + a) - mu * (get(s, above + a) - get(s, added + a) * gain))
        s[UPDATES] += 1.0
        return y

    return learn


def _regressors(s: NDArray[np.float64], n: int, m: int, order: int) -> NDArray[np.float64]:
    """Those that weights wait for, a row each, the oldest first."""
    rows = n // m + order + 1
    end = WEIGHTS + n + (int(s[line.POSITION]) + rows) * m  # of the newest, in the second copy
    return np.stack([s[end - k * m - n : end - k * m] for k in range(order, -1, -1)])


def weights(s: NDArray[np.float64], n: int, m: int, order: int, at: int) -> NDArray[np.float64]:
    """The weights in the order of the line, with what waits to be added to them."""
    return s[WEIGHTS : WEIGHTS + n] + s[at : at + order + 1] @ _regressors(s, n, m, order)


def set_weights(s: NDArray[np.float64], values: NDArray[np.float64], m: int, order: int, at: int) -> None:
    """Put others in their place; the errors of the last samples become what these make of them."""
    n, width = values.size, order + 1
    change = weights(s, n, m, order, at) - values
    errors = s[at + ERRORS * width : at + ERRORS * width + order]
    errors += _regressors(s, n, m, order)[1:] @ change
    s[WEIGHTS : WEIGHTS + n] = values
    s[at : at + width] = 0.0
