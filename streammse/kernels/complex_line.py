"""The delay line of a complex filter: as in ``line.py``, real and imaginary parts each in a ring of their own.

The inner product of complex vectors whose parts lie apart is four real ones (``_jit/complex_vectors.py``); with the
parts side by side every vector would have to be shuffled. So the state stays flat float64, as every other: scalars, the
real parts of the weights, the imaginary ones, the line of the real parts, the line of the imaginary ones.

A member writes its arithmetic once, as ``learn(p, s, line, u, ui, n, m, d) -> y``: the real parts of the regressor u(n)
of m references are ``line[u : u + n]``, the imaginary ones ``line[ui : ui + n]``, oldest row first, inputs interleaved.
In the stream the line is the state itself. ``block_of`` makes a block in which it is a stretch of the input with its
parts apart: a vector that is read right after one of its numbers was written waits until all before it is done.
"""

from __future__ import annotations

import math
from functools import cache
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from .._jit import Function, complex_kernel, helper, loop
from .._jit.instructions import get, put
from .._jit.vectors import dot
from . import line
from .constants import LARGEST
from .line import POSITION, WEIGHTS, finite, hear, no_further

CHUNK = 256  # samples whose parts are taken apart at a time


class Slots(NamedTuple):
    """Where a family keeps what the line needs: the references in p; in s the input's power, and over how many."""

    references: int = line.REFERENCES
    power: int = line.POWER
    seen: int = line.COUNT


@helper
def known(d: complex) -> bool:
    """Whether a desired sample can be learnt: both of its parts are there."""
    return abs(d.real) < LARGEST and abs(d.imag) < LARGEST


@helper
def square(re: float, im: float) -> float:
    """The square of the modulus."""
    return re * re + im * im


@helper
def modulus(re: float, im: float) -> float:
    """The modulus of a complex number far from the ends of float64."""
    return math.sqrt(re * re + im * im)


@helper
def energy(line: Any, u: int, ui: int, n: int) -> float:
    """The energy in the line."""
    return float(dot(line, u, line, u, n) + dot(line, ui, line, ui, n))


@helper
def sound(x: complex) -> complex:
    """A sample of which a part is not finite enters the line as silence, and so does a part that is next to none."""
    return complex(finite(x.real), finite(x.imag)) if known(x) else 0j


@cache
def step_of(learn: Function, reach: Function = no_further, slots: Slots = Slots()) -> Function:  # noqa: B008  a constant
    """The kernel of ``learn(p, s, line, u, ui, n, m, d) -> y``, for any number of references."""
    references, power, count = slots

    @complex_kernel
    def step(p, s, x, d):  # type: ignore[no-untyped-def]
        taps = int(p[line.TAPS])
        m = int(p[references])
        rows = taps + reach(p)
        ring = rows * m
        at = WEIGHTS + 2 * m * taps
        row = int(s[POSITION])
        for r in range(m):
            new = sound(x[r])
            place = at + row * m + r
            s[place] = s[place + ring] = new.real
            s[place + 2 * ring] = s[place + 3 * ring] = new.imag
            s[power], s[count] = hear(square(new.real, new.imag), s[power], s[count])
        s[POSITION] = row + 1 if row + 1 < rows else 0
        u = at + (row + rows - taps + 1) * m
        return learn(p, s, s, u, u + 2 * ring, m * taps, m, d)

    return step


@cache
def block_of(learn: Function, reach: Function = no_further, slots: Slots = Slots()) -> Function:  # noqa: B008
    """The same over a block, for one reference."""
    _, power, count = slots

    @loop("void(f8[::1],f8[::1],c16[:,::1],c16[::1],c16[::1])")
    def block(p, s, x, d, y):  # type: ignore[no-untyped-def]
        taps = int(p[line.TAPS])
        rows = taps + reach(p)
        at = WEIGHTS + 2 * taps
        row = int(s[POSITION])
        stretch = rows + CHUNK
        lines = np.empty(2 * stretch)
        for i in range(rows):  # oldest first: the ring begins at the place that the next sample would take
            lines[i] = s[at + row + i]
            lines[stretch + i] = s[at + 2 * rows + row + i]
        done = 0
        while done < y.size:
            size = min(CHUNK, y.size - done)
            for t in range(size):
                new = sound(x[done + t, 0])
                put(lines, rows + t, new.real)
                put(lines, stretch + rows + t, new.imag)
            for t in range(size):
                re, im = get(lines, rows + t), get(lines, stretch + rows + t)
                s[power], s[count] = hear(square(re, im), s[power], s[count])
                u = t + rows - taps + 1
                y[done + t] = learn(p, s, lines, u, u + stretch, taps, 1, d[done + t])
            for i in range(rows):
                lines[i] = lines[size + i]
                lines[stretch + i] = lines[stretch + size + i]
            done += size
        newest = (row + y.size) % rows
        s[POSITION] = newest
        for i in range(rows):
            place = at + (newest + i) % rows
            s[place] = s[place + rows] = lines[i]
            s[place + 2 * rows] = s[place + 3 * rows] = lines[stretch + i]

    return block


def size(taps: int, references: int, further: int = 0) -> int:
    """Scalars, weights and lines: where what a member keeps beside them begins."""
    return WEIGHTS + 2 * references * (taps + 2 * (taps + further))


def newest_first(values: NDArray[np.float64], references: int) -> NDArray[np.complex128]:
    """What lies in the order of the regressor, all real parts first, as the textbook writes it."""
    re, im = values.reshape(2, -1, references)[:, ::-1]
    both = re + 1j * im
    return np.ascontiguousarray(both[:, 0] if references == 1 else both.T)


def oldest_first(values: NDArray[np.complex128], references: int) -> NDArray[np.float64]:
    """The way back."""
    rows = values.reshape(references, -1).T[::-1]
    return np.concatenate([rows.real.ravel(), rows.imag.ravel()])
