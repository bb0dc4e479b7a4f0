"""How much a row of samples counts in recursive least squares: less where it is a burst, nothing where it is silent.

- A row counts for at most ``BURST`` times the average energy of a row within the memory: with weights that fade like
  lambda^n a spike in the input is then forgotten within a few memories, and leaves the other rows their digits.
- A row that lies 80 dB below the level of the last 100,000 samples is silent: nothing is learnt from it and nothing
  forgotten, so that in a pause the noise does not drive the weights away. After a step down to so low a level it takes
  some 60,000 samples for every 10 dB below these 80, until that is the level.

Each reference has a size of its own. What is remembered of them lies in vectors of m numbers, one after another.
"""

from __future__ import annotations

from .._jit import helper, rare
from .._jit.vectors import dot
from .line import BURST, HORIZON

ENERGY, COUNT, LEVEL, HEARD, NUMBERS = range(5)

QUIET = 1e-8  # a row of so little energy, relative to the level, is silent
PACE = 4.0  # by how much the logarithm of the level goes up or down, times the number of samples that it rests on


@helper
def _hear(s, at, m, r, x, keep):  # type: ignore[no-untyped-def]
    """The energy of reference r within the memory and over how many samples, after one more."""
    energy = s[at + ENERGY * m + r]
    count = s[at + COUNT * m + r]
    if x != 0.0:
        square = x * x
        if energy > 0.0 and square * count > BURST * energy:  # a division is dear
            square = BURST * energy / count
        energy = keep * energy + square
        count = keep * count + 1.0
        s[at + ENERGY * m + r] = energy
        s[at + COUNT * m + r] = count
    return energy, count


@helper
def level(s, at, m, r, x):  # type: ignore[no-untyped-def]
    """The median of the squares of reference r, without its zeros: no click and no burst moves it far."""
    median = s[at + LEVEL * m + r]
    if x != 0.0:
        square = x * x
        heard = min(s[at + HEARD * m + r] + 1.0, HORIZON)
        step = min(0.5, PACE / heard)
        median = square if median == 0.0 else median * (1.0 + step if square > median else 1.0 - step)
        s[at + LEVEL * m + r] = median
        s[at + HEARD * m + r] = heard
    return median


@rare
def begin_anew(s, at, u, n, m, loudest):  # type: ignore[no-untyped-def]
    """The energies after a rise of the input, or, with 0, after a spike (``rising.py``): from the row of now."""
    for r in range(m):
        new = s[u + n - m + r] * s[u + n - m + r]
        if loudest == 0.0:
            row = 0.0
            for i in range(u + r, u + n, m):
                row += s[i] * s[i]
            new = row * m / n
        elif not new * s[at + COUNT * m + r] > s[at + ENERGY * m + r]:
            continue
        if new > 0.0:
            s[at + ENERGY * m + r] = new
            s[at + COUNT * m + r] = 1.0


@rare
def _several(s, at, u, n, m, keep):  # type: ignore[no-untyped-def]
    """The energy of the row in average rows, that of each reference relative to its own; 0 where it is silent."""
    loud = False
    for r in range(m):
        median = level(s, at, m, r, s[u + n - m + r])
        for i in range(u + r, u + n, m):
            loud = loud or s[i] * s[i] > QUIET * median
    total = 0.0
    if loud:
        for r in range(m):
            row = 0.0
            for i in range(u + r, u + n, m):
                row += s[i] * s[i]
            energy, count = _hear(s, at, m, r, s[u + n - m + r], keep)
            if energy > 0.0:
                total += row * count / energy
    return total


@helper
def weight(s, at, u, n, m, keep):  # type: ignore[no-untyped-def]
    """What a row counts for, so that it is no more than BURST average ones; 0 where it is silent."""
    limit = BURST * n
    if m == 1:
        x = s[u + n - 1]
        row = dot(s, u, s, u, n)
        if not row > QUIET * n * level(s, at, 1, 0, x):
            return 0.0
        energy, count = _hear(s, at, 1, 0, x, keep)
        row *= count
        limit *= energy
    else:
        row = _several(s, at, u, n, m, keep)
        if row == 0.0:
            return 0.0
    return limit / row if row > limit else 1.0
