"""Recursive least squares on the triangle of ``triangle.py``: the steps of `QRRLS`.

The rows, what they count for and how each reference begins are those of ``rls.py``; so is the solution.
"""

from __future__ import annotations

import math
from typing import Any

from .._jit import helper, rare
from . import hearing, line, triangle
from .constants import LARGEST

# p
FORGETTING, REGULARISER = range(line.OWN, line.OWN + 2)

FLOOR = 1e-12  # the least that is known of a direction, relative to the energy of its input


def start(taps: int, references: int) -> int:
    """Where the triangle begins."""
    return line.size(taps, references) + hearing.NUMBERS * references


def size(taps: int, references: int) -> int:
    """How many float64 the state takes."""
    return start(taps, references) + triangle.size(taps * references)


@helper
def begin(p, s, at, t, u, n, m):  # type: ignore[no-untyped-def]
    """D_i of the references that are heard for the first time."""
    long = (n + 3) // 4 * 4
    for r in range(m):
        x = s[u + n - m + r]
        if x != 0.0 and s[at + hearing.ENERGY * m + r] == 0.0:
            for i in range(r, n, m):
                s[t + triangle.D * long + i] = p[REGULARISER] * x * x


@helper
def known(s, delta, at, t, n, m):  # type: ignore[no-untyped-def]
    """D_i from the energies so far."""
    d = t + triangle.D * ((n + 3) // 4 * 4)
    for i in range(n):
        energy = s[at + hearing.ENERGY * m + i % m]
        if energy > 0.0:
            s[d + i] = delta * energy / s[at + hearing.COUNT * m + i % m]


@rare
def forget(p: Any, s: Any, u: int, n: int, loudest: float) -> None:
    """When the input comes up, or that was a spike (``rising.py``)."""
    m = int(p[line.REFERENCES])
    at = line.WEIGHTS + 3 * n
    t = at + hearing.NUMBERS * m
    if loudest == 0.0 or triangle.harmful(s, line.RISING, t, n, loudest):
        hearing.begin_anew(s, at, u, n, m, loudest)
        triangle.begin_anew(s, t, n)
        known(s, p[REGULARISER], at, t, n, m)


@helper
def learn(p, s, u, n, d):  # type: ignore[no-untyped-def]
    """The output for the regressor s[u:], which is learnt."""
    m = int(p[line.REFERENCES])
    at = line.WEIGHTS + 3 * n
    t = at + hearing.NUMBERS * m
    keep = p[FORGETTING]
    known = abs(d) < LARGEST
    omega = 1.0
    if known:
        begin(p, s, at, t, u, n, m)
        omega = hearing.weight(s, at, u, n, m, keep)
    else:
        s[line.UNLEARNT] += 1.0
    taught = known and omega > 0.0
    root = math.sqrt(omega) if taught else 1.0
    for i in range(n):
        s[t + i] = root * s[u + i]
    triangle.listen(s, t, n, keep, taught)
    return triangle.fold(s, t, n, keep, FLOOR, taught, root * d if taught else 0.0, 1.0) / root
