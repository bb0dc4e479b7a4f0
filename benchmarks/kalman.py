"""Filters of a state: ours, plain C and numpy as one writes it, on a target in the plane (4 states, 2 observations)."""

from __future__ import annotations

import ctypes
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

import streammse as sm

from .rival_c import FLAGS, _at, library
from .timing import Call

Array = NDArray[np.float64]

EVERY = 20  # samples, of which one is not observed, so that the gain never settles
C_FLAGS = (*FLAGS, "-fno-finite-math-only")  # a NaN is a missing observation


class Target(NamedTuple):
    """Positions and speeds in the plane; the positions are observed."""

    F: Array
    H: Array
    Q: Array
    R: Array
    z: Array


@lru_cache(maxsize=4)
def target(samples: int, gaps: bool) -> Target:
    """A track, with gaps or without."""
    rng = np.random.default_rng([samples, gaps])
    F = np.eye(4)
    F[0, 2] = F[1, 3] = 1.0
    H, Q, R = np.eye(4)[:2], np.diag([0.0, 0.0, 0.01, 0.01]), np.array([4.0, 9.0])
    z = np.cumsum(np.cumsum(0.1 * rng.standard_normal((samples, 2)), axis=0), axis=0)
    z += np.sqrt(R) * rng.standard_normal((samples, 2))
    if gaps:
        z[::EVERY, 0] = np.nan
    return Target(F, H, Q, R, z)


def ours(samples: int, gaps: bool, square_root: bool = False) -> dict[str, Call]:
    """The block."""
    one = target(samples, gaps)
    f = sm.KalmanFilter(*one[:4], initial_covariance=100.0, square_root=square_root)
    return {"": Call(lambda: f.reset().run(one.z), samples)}


def one_by_one(samples: int) -> dict[str, Call]:
    """A call of Python for each sample, with a settled gain."""
    one = target(samples, False)
    f, rows = sm.KalmanFilter(*one[:4], steady=True), list(one.z)

    def call() -> Any:
        update = f.reset().update
        for z in rows:
            y = update(z)
        return y

    return {"": Call(call, samples)}


def plain_c(samples: int, gaps: bool) -> dict[str, Call]:
    """The full recursion, its sizes known to the compiler or not."""
    one, code = target(samples, gaps), library("kalman", C_FLAGS)
    n, m = 4, 2

    def caller(function: Any, *sizes: ctypes.c_size_t) -> Any:
        def call() -> Any:
            y, x, p, work = np.empty(samples), np.zeros(n), 100.0 * np.eye(n), np.empty(n * n + 2 * n)
            parts = (_at(a) for a in (one.F, one.H, one.Q, one.R, x, p, work))
            function(_at(one.z), _at(y), ctypes.c_size_t(samples), *parts, *sizes)
            return y

        return call

    return {
        "any size": Call(caller(code.kalman_any, ctypes.c_size_t(n), ctypes.c_size_t(m)), samples),
        "size known": Call(caller(code.kalman_4_2), samples),
        "size known, P whole": Call(caller(code.kalman_4_2_whole), samples),
    }


def steady_c(samples: int) -> dict[str, Call]:
    """With the gain that is right from some moment on, given from the first sample."""
    one, code = target(samples, False), library("kalman", C_FLAGS)
    f = sm.KalmanFilter(*one[:4], steady=True)
    gains = np.ascontiguousarray(f.gain.T)

    def call() -> Any:
        y, x = np.empty(samples), np.zeros(4)
        parts = (_at(a) for a in (one.F, one.H, gains, x))
        code.kalman_steady_4_2(_at(one.z), _at(y), ctypes.c_size_t(samples), *parts)
        return y

    return {"": Call(call, samples)}


def numpy_loop(samples: int, gaps: bool) -> dict[str, Call]:
    """As filterpy and the textbooks have it: matrices, in a loop of Python."""
    one = target(samples, gaps)
    F, H, Q, R, z = one

    def call() -> Any:
        x, P, y = np.zeros(4), 100.0 * np.eye(4), np.empty(samples)
        for t in range(samples):
            if t:
                x, P = F @ x, F @ P @ F.T + Q
            there = ~np.isnan(z[t])
            h = H[there]
            S = h @ P @ h.T + np.diag(R[there])
            K = P @ h.T @ np.linalg.inv(S)
            x = x + K @ (z[t][there] - h @ x)
            P = P - K @ h @ P
            y[t] = H[0] @ x
        return y

    return {"": Call(call, samples)}
