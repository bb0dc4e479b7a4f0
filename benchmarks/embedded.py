"""A step inside of somebody else's loop: ours in a loop of Numba's and called from C, and the same written by hand.

"The same arithmetic" does what ours does: a missing sample teaches nothing, levels are bounded, a window never
subtracts; state that can be kept in local variables is. "As in the textbook" leaves all that out.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from math import isfinite
from typing import Any

import numba
import numpy as np

import streammse as sm

from .rival_c import library
from .timing import Call
from .workloads import MU, Array, identification, pairs, seasonal

TAPS, WINDOW = 32, 1000
RATES = (0.3, 0.05, 0.1)
LIMIT = 1e100

njit = numba.njit(nogil=True, error_model="numpy")


def _case(what: str, samples: int, season: int) -> tuple[Any, Array, Array]:
    """A node with its x and d."""
    if what == "nlms":
        data = identification(TAPS, samples)
        return sm.NLMS(TAPS, MU), data.x, data.d
    if what == "mse":
        truth, prediction = pairs(samples)
        return sm.MSE(window=WINDOW), prediction, truth
    y = seasonal(1, samples, season)[0]
    alpha, beta, gamma = RATES
    return sm.HoltWinters(season, alpha=alpha, beta=beta, gamma=gamma), y, y


def in_a_loop(what: str, samples: int, season: int = 12) -> dict[str, Call]:
    """``node.compiled()`` in a loop of the user's."""
    node, x, d = _case(what, samples, season)
    step, y = node.compiled(), np.empty(samples)

    @njit
    def loop(p: Array, s: Array, x: Array, d: Array, y: Array) -> Array:
        for t in range(x.size):
            y[t] = step(p, s, x[t], d[t])
        return y

    return {"": Call(lambda: loop(node.p, node.s, x, d, y), samples)}


@numba.njit(nogil=True, error_model="numpy", fastmath={"reassoc", "contract"})
def _nlms(w: Array, line: Array, at: int, x: Array, d: Array, y: Array) -> int:
    n = w.size
    for t in range(x.size):
        line[at] = x[t]
        line[at + n] = x[t]
        at = at + 1 if at + 1 < n else 0
        out = 0.0
        energy = 1e-3 * n
        for i in range(n):
            out += w[i] * line[at + i]
            energy += line[at + i] * line[at + i]
        y[t] = out
        if abs(d[t]) <= LIMIT:
            g = MU * (d[t] - out) / energy
            for i in range(n):
                w[i] += g * line[at + i]
    return at


@njit
def _textbook(season: Array, held: Array, x: Array, y: Array) -> None:
    level, slope, phase, m = held[0], held[1], int(held[2]), season.size
    alpha, beta, gamma = RATES
    for t in range(x.size):
        q = level + slope
        c = season[phase]
        y[t] = q + c
        e = x[t] - (q + c)
        level = q + alpha * e
        slope += beta * e
        season[phase] = c + gamma * e
        phase = phase + 1 if phase + 1 < m else 0
    held[0], held[1], held[2] = level, slope, phase


@njit
def _holt_winters(season: Array, held: Array, x: Array, y: Array) -> None:
    level, slope, phase, phi, seen, m = held[0], held[1], int(held[2]), held[3], held[4], season.size
    alpha, beta, gamma = RATES
    for t in range(x.size):
        b = phi * slope
        q = level + b
        c = season[phase]
        y[t] = q + c
        if abs(x[t]) <= LIMIT:
            seen += 1.0
            e = x[t] - (q + c)
            season[phase] = c + gamma * e
            q += alpha * e
            b += beta * e
        phase = phase + 1 if phase + 1 < m else 0
        level = min(max(q, -LIMIT), LIMIT)
        slope = min(max(b, -LIMIT), LIMIT)
    held[0], held[1], held[2], held[4] = level, slope, phase, seen


@njit
def _mse(sums: Array, counts: Array, held: Array, x: Array, d: Array, y: Array) -> None:
    i, left, n, w = int(held[0]), held[1], held[2], sums.size - 1
    for t in range(x.size):
        if i == w:
            for j in range(w - 2, -1, -1):
                sums[j] += sums[j + 1]
                counts[j] += counts[j + 1]
            i, left, n = 0, 0.0, 0.0
        e = d[t] - x[t]
        square = e * e
        one = 1.0
        if not isfinite(e):
            square = one = 0.0
        left += square
        n += one
        sums[i] = square
        counts[i] = one
        i += 1
        y[t] = (sums[i] + left) / (counts[i] + n)
    held[0], held[1], held[2] = i, left, n


def by_hand(what: str, samples: int, season: int = 12, textbook: bool = False) -> dict[str, Call]:
    """The same loop with the arithmetic written into it."""
    _, x, d = _case(what, samples, season)
    y = np.empty(samples)

    def call(function: Callable[..., Any], *state: Any) -> dict[str, Call]:
        def run() -> Array:
            function(*state, y)
            return y

        return {"": Call(run, samples)}

    if what == "nlms":
        return call(_nlms, np.zeros(TAPS), np.zeros(2 * TAPS), 0, x, d)
    if what == "mse":
        return call(_mse, np.zeros(WINDOW + 1), np.zeros(WINDOW + 1), np.zeros(3), x, d)
    held = np.array([x[:season].mean(), 0.0, 0.0, 1.0, 0.0])
    return call(_textbook if textbook else _holt_winters, x[:season] - held[0], held, x)


def _drive(step: Any, node: Any, x: Array, d: Array) -> dict[str, Call]:
    """The loop in C that calls a step through its address."""
    drive, y = library("embedded", STRICT).drive, np.empty(x.size)
    drive.restype = ctypes.c_double
    arrays = [ctypes.c_void_p(a.ctypes.data) for a in (x, d, y)]

    def run() -> Array:
        drive(step, node, ctypes.c_int64(x.size), *arrays)
        return y

    return {"": Call(run, x.size)}


#: as somebody compiles it who wants his NaN; the sums of the filter alone are quicker with -ffast-math
STRICT = ("-O3", "-march=native")


def from_c(what: str, samples: int, season: int = 12) -> dict[str, Call]:
    """``node.c_function()``, called from C."""
    node, x, d = _case(what, samples, season)
    c = node.c_function()
    (one,) = _drive(ctypes.c_void_p(c.address), ctypes.c_void_p(c.node), x, d).values()
    return {"": Call(lambda keep=c: one.call(), samples)}  # type: ignore[misc]


class _Struct(ctypes.Structure):
    """A state in C, which keeps the arrays that it points to."""

    def __init__(self, *values: Any) -> None:
        self.arrays = [one for one in values if isinstance(one, np.ndarray)]
        super().__init__(*(one.ctypes.data if isinstance(one, np.ndarray) else one for one in values))


def _struct(integers: int, reals: int, pointers: int) -> type[_Struct]:
    kinds = [ctypes.c_int64] * integers + [ctypes.c_double] * reals + [ctypes.c_void_p] * pointers
    return type("State", (_Struct,), {"_fields_": [(f"f{k}", kind) for k, kind in enumerate(kinds)]})


def plain_c(what: str, samples: int, season: int = 12) -> dict[str, Call]:
    """The same written in C, called in the same way."""
    _, x, d = _case(what, samples, season)
    if what == "nlms":
        state = _struct(2, 2, 2)(TAPS, 0, MU, 1e-3 * TAPS, np.zeros(TAPS), np.zeros(2 * TAPS))
        builds = {"": STRICT, "-ffast-math": (*STRICT, "-ffast-math")}
    elif what == "mse":
        state = _struct(2, 2, 2)(WINDOW, 0, 0.0, 0.0, np.zeros(WINDOW + 1), np.zeros(WINDOW + 1))
        builds = {"": STRICT}
    else:
        level = x[:season].mean()
        state = _struct(2, 6, 1)(season, 0, *RATES, 1.0, level, 0.0, x[:season] - level)
        builds = {"": STRICT}
    found = {}
    for variant, flags in builds.items():
        code = library("embedded", flags)
        name = {"nlms": "nlms_step", "mse": "mse_step"}.get(what, "holt_winters_step")
        (one,) = _drive(ctypes.cast(getattr(code, name), ctypes.c_void_p), ctypes.byref(state), x, d).values()
        found[variant] = Call(lambda keep=state, one=one: one.call(), samples)  # type: ignore[misc]
    return found


def update(what: str, calls: int) -> dict[str, Call]:
    """One by one from Python."""
    node, x, d = _case(what, calls, 12)
    rows = [(y,) for y in x.tolist()] if x is d else list(zip(*((d, x) if what == "mse" else (x, d)), strict=True))
    rows = [tuple(map(float, row)) for row in rows]

    def alone() -> Any:
        update = node.update
        for (y,) in rows:
            value = update(y)
        return value

    def two() -> Any:
        update = node.update
        for a, b in rows:
            value = update(a, b)
        return value

    return {"": Call(alone if x is d else two, calls)}


def bare_njit(what: str, calls: int) -> dict[str, Call]:
    """The compiled step itself: ``step(p, s, x, d)``."""
    node, x, d = _case(what, calls, 12)
    rows = list(zip(x.tolist(), d.tolist(), strict=True))
    step, p, s = node._kernel().compiled, node.p, node.s

    def call() -> Any:
        for a, b in rows:
            value = step(p, s, a, b)
        return value

    return {"": Call(call, calls)}


def empty_njit(what: str, calls: int) -> dict[str, Call]:
    """A compiled function of two floats that does nothing: what a call into machine code costs at the least."""
    _, x, d = _case(what, calls, 12)
    rows = list(zip(x.tolist(), d.tolist(), strict=True))
    nothing = numba.njit("f8(f8,f8)", nogil=True)(lambda x, d: x)

    def call() -> Any:
        for a, b in rows:
            value = nothing(a, b)
        return value

    return {"": Call(call, calls)}


def two_blocks(samples: int, threads: int) -> dict[str, Call]:
    """Two filters, a block each, in so many threads."""
    data = identification(128, samples, 2)
    filters = [sm.NLMS(128, MU) for _ in range(2)]
    pool = ThreadPoolExecutor(threads)

    def call() -> Any:
        return list(pool.map(lambda k: filters[k].run(data.x[k], data.d[k]), range(2)))

    return {"": Call(call, 2 * samples)}
