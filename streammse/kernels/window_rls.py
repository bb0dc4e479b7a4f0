"""Least squares over the last W rows, on two triangles of ``triangle.py``: the steps of `SlidingWindowRLS`.

Into the first every row is folded, and out of it the row that is W rows old. What rounding leaves behind of rows
that have gone would stay for ever. So the second triangle takes in the new rows alone; after W rows it holds those
of the window and no other, and takes the place of the first, which begins anew.

A triangle begins with theta = w, the weights of now, and the regulariser for D: that prior never leaves it. So what the
window does not excite stays as it is, and rows can be taken out down to the last one.
"""

from __future__ import annotations

import math
from typing import Any

from .._jit import helper, rare
from . import hearing, line, triangle
from .constants import LARGEST
from .qr_rls import known as set_known

# p
WINDOW, REGULARISER = range(line.OWN, line.OWN + 2)
# s
PLACE, SIDE, FULL = range(line.FREE, line.FREE + 3)

FLOOR = 1e-12


def start(taps: int, references: int, window: int) -> int:
    """Where the two triangles begin."""
    return line.size(taps, references) + hearing.NUMBERS * references + window * (taps * references + 1)


def size(taps: int, references: int, window: int) -> int:
    """How many float64 the state takes."""
    return start(taps, references, window) + 2 * triangle.size(taps * references)


@helper
def _length(n):  # type: ignore[no-untyped-def]
    """Of a triangle."""
    blocks = (n + 3) // 4
    return triangle.VECTORS * 4 * blocks + 8 * blocks * (blocks + 1)


@rare
def _begin(p, s, at, t, n, m):  # type: ignore[no-untyped-def]
    """The other triangle has the window's rows, and this one begins anew from the weights of that one."""
    long = (n + 3) // 4 * 4
    other = t[1 - int(s[SIDE])]
    mine = t[int(s[SIDE])]
    triangle.solve(s, other, n)
    for k in range(mine, mine + _length(n)):
        s[k] = 0.0
    for i in range(n):
        s[mine + triangle.THETA * long + i] = s[other + triangle.WEIGHTS * long + i]
    set_known(s, p[REGULARISER], at, mine, n, m)
    triangle.wipe(s, other, n)
    s[SIDE] = 1.0 - s[SIDE]


@helper
def _heard_first(p, s, at, t, u, n, m):  # type: ignore[no-untyped-def]
    """D_i of the references that are heard for the first time, in both."""
    long = (n + 3) // 4 * 4
    for r in range(m):
        x = s[u + n - m + r]
        if x != 0.0 and s[at + hearing.ENERGY * m + r] == 0.0:
            for i in range(r, n, m):
                for one in t:
                    s[one + triangle.D * long + i] = p[REGULARISER] * x * x


@rare
def _fold(s, t, row, n, keep, root, learn, d, weight):  # type: ignore[no-untyped-def]
    """A row into a triangle or out of it; the output. It is long, and called three times a sample."""
    for i in range(n):
        s[t + i] = root * s[row + i]
    if learn and weight > 0.0:
        triangle.listen(s, t, n, keep, True)
    return triangle.fold(s, t, n, 1.0, FLOOR, learn, root * d if learn else 0.0, weight) / root


@rare
def forget(p: Any, s: Any, u: int, n: int, loudest: float) -> None:
    """When the input comes up, or that was a spike (``rising.py``): both triangles, and the rows that are to leave."""
    m = int(p[line.REFERENCES])
    at = line.WEIGHTS + 3 * n
    rows = at + hearing.NUMBERS * m
    first = rows + int(p[WINDOW]) * (n + 1)
    now, other = first + int(s[SIDE]) * _length(n), first + (1 - int(s[SIDE])) * _length(n)
    if loudest == 0.0 or triangle.harmful(s, line.RISING, now, n, loudest):
        hearing.begin_anew(s, at, u, n, m, loudest)
        triangle.begin_anew(s, now, n)
        set_known(s, p[REGULARISER], at, now, n, m)
        for i in range(_length(n)):
            s[other + i] = s[now + i]
        for i in range(rows, first):
            s[i] = 0.0


@helper
def learn(p, s, u, n, d):  # type: ignore[no-untyped-def]
    """The output for the regressor s[u:], which is learnt, while that of W rows ago is taken out."""
    m = int(p[line.REFERENCES])
    window = int(p[WINDOW])
    at = line.WEIGHTS + 3 * n
    rows = at + hearing.NUMBERS * m
    first = rows + window * (n + 1)
    t = (first, first + _length(n))
    now = t[int(s[SIDE])]
    known = abs(d) < LARGEST
    omega = 0.0
    keep = max(0.0, 1.0 - 4.0 / window)  # what has left the window is soon forgotten in the power, too
    if known:
        _heard_first(p, s, at, t, u, n, m)
        omega = hearing.weight(s, at, u, n, m, keep)
    else:
        s[line.UNLEARNT] += 1.0
    if omega == 0.0:
        return _fold(s, now, u, n, keep, 1.0, False, d, 1.0)
    root = math.sqrt(omega)
    y = _fold(s, now, u, n, keep, root, True, d, 1.0)
    place = int(s[PLACE])
    row = rows + place * (n + 1)
    if s[FULL] > 0.0:
        _fold(s, now, row, n, keep, 1.0, True, s[row + n], -1.0)
    for i in range(n):
        s[row + i] = root * s[u + i]
    s[row + n] = root * d
    _fold(s, t[1 - int(s[SIDE])], u, n, keep, root, True, d, 1.0)
    if place + 1 < window:
        s[PLACE] = place + 1
    else:
        s[PLACE] = 0.0
        s[FULL] = 1.0
        _begin(p, s, at, t, n, m)
    return y
