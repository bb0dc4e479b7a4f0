r"""The extended Kalman filter: the Kalman filter of what a user's functions are near the estimate.

    x(t) = f(x(t-1), u(t)) + w(t),      z(t) = h(x(t), u(t)) + v(t)

At every sample F is the Jacobian of f where the state was, and H that of h where it is predicted. Where the user gives
none they are differences, in the middle, over 1e-5 of the state or of its standard deviation.

The observations of a sample are taken in one by one, as in ``kalman.py``, at one point of linearisation: what they
change is gathered beside the state, and added when all are in.

A. H. Jazwinski, Stochastic Processes and Filtering Theory, 1970, section 8.3.
B. D. O. Anderson and J. B. Moore, Optimal Filtering, 1979, section 8.2.
"""

from __future__ import annotations

import math
from functools import cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from .._jit import Function, helper, kernel, rare, vector_kernel
from .._jit.vectors import add_scaled, dot
from . import kalman
from .constants import LARGEST
from .covariance import Form
from .kalman import BOUND, CONTROLS, CORRELATED, DETERMINANT, OBSERVATIONS, OUTPUT, RESTARTS, SEEN, STATES, Steps, X

Array = NDArray[np.float64]

#: p: the number of constants, behind those of ``kalman.py``
CONSTANTS = 5
STEP = 6e-6  # of a difference in the middle: the cube root of the rounding


class InP(NamedTuple):
    """Where things begin: first mean, Q, first P, R and its diagonal, which observations are angles, constants."""

    mean: int
    Q: int
    P: int
    R: int
    variances: int
    angles: int
    constants: int
    end: int


@helper
def places_in_p(n, m, constants):  # type: ignore[no-untyped-def]
    """See ``InP``."""
    w = (n + 3) // 4 * 4
    mean = OUTPUT + w
    Q = mean + w
    P = Q + w * w + w
    R = P + w * w + w
    variances = R + m * m
    angles = variances + m
    return mean, Q, P, R, variances, angles, angles + m, angles + m + constants


class InS(NamedTuple):
    """Where things begin behind those of ``kalman.py``: F and its transpose, H, and vectors to work in."""

    F: int
    T: int
    H: int
    J: int
    change: int
    point: int
    one: int
    other: int
    end: int


@helper
def places_in_s(n, m, k, covariance):  # type: ignore[no-untyped-def]
    """See ``InS``."""
    w = (n + 3) // 4 * 4
    long = max(m, w)
    _, _, _, _, _, _, _, _, _, _, F = kalman.places_in_s(n, m, k, covariance)
    T = F + w * w
    H = T + w * w
    J = H + m * w
    change = J + long * n
    point = change + w
    one = point + w
    other = one + long
    return F, T, H, J, change, point, one, other, other + long


class Model(NamedTuple):
    """A model's numbers; its functions are part of the kernel."""

    Q: Array  # (n, n)
    R: Array  # (m, m)
    mean: Array  # (n,)
    P: Array  # (n, n)
    output: Array  # (n,)
    angles: Array  # (m,): 1 where the observation is an angle
    constants: Array

    def parameters(self, form: Form, controls: int) -> Array:
        """The model as the kernel reads it in ``p``."""
        n, m = len(self.Q), len(self.R)
        w = -(-n // 4) * 4
        at = InP(*places_in_p(n, m, self.constants.size))
        p = np.zeros(at.end)
        p[[STATES, OBSERVATIONS, CONTROLS, CONSTANTS]] = n, m, controls, self.constants.size
        p[CORRELATED] = (np.abs(self.R - np.diag(self.R.diagonal())) > 0.0).any()
        parts = (
            (OUTPUT, self.output), (at.mean, self.mean), (at.Q, form.noise(self.Q, w)), (at.P, form.written(self.P, w)),
            (at.R, self.R), (at.variances, self.R.diagonal()), (at.angles, self.angles), (at.constants, self.constants),
        )  # fmt: skip
        for begin, part in parts:
            p[begin : begin + part.size] = part.ravel()
        return p


@rare
def begin(p, s, n, m, k, covariance):  # type: ignore[no-untyped-def]
    """A state of zeros as before the first sample."""
    w = (n + 3) // 4 * 4
    mean, _, P, _, _, _, _, _ = places_in_p(n, m, int(p[CONSTANTS]))
    _, to, _, _, _, _, _, _, _, _, _ = kalman.places_in_s(n, m, k, covariance)
    for i in range(w):
        s[X + i] = p[mean + i]
    for i in range(w * w + w):
        s[to + i] = p[P + i]
    s[DETERMINANT] = 1.0


@rare
def _restart(p, s, n, m, k, covariance):  # type: ignore[no-untyped-def]
    """Everything as before the first sample."""
    times = s[RESTARTS]
    for i in range(s.size):
        s[i] = 0.0
    begin(p, s, n, m, k, covariance)
    s[RESTARTS] = times + 1.0


@cache
def differences(function: Function, diagonal: Function) -> Function:
    """A helper that writes the Jacobian of a function of the state, row by row, by differences."""

    def jacobian(s, P, J, rows, point, one, other, u, a, n, w):  # type: ignore[no-untyped-def]
        for j in range(n):
            x = s[point + j]
            size = max(abs(x), math.sqrt(max(diagonal(s, P, j, n, w), 0.0)))
            step = STEP * (size if size > 0.0 else 1.0)
            s[point + j] = x + step
            function(s[point : point + n], s[one : one + rows], u, a)
            above = s[point + j]
            s[point + j] = x - step
            function(s[point : point + n], s[other : other + rows], u, a)
            over = 1.0 / (above - s[point + j])
            s[point + j] = x
            for i in range(rows):
                s[J + i * n + j] = over * (s[one + i] - s[other + i])

    return Function(jacobian, forceinline=True)


@cache
def given(function: Function) -> Function:
    """A helper that writes the Jacobian that the user gives."""

    def jacobian(s, P, J, rows, point, one, other, u, a, n, w):  # type: ignore[no-untyped-def]
        function(s[point : point + n], s[J : J + rows * n].reshape((rows, n)), u, a)

    return Function(jacobian, forceinline=True)


@cache
def steps(form: Form, f: Function, h: Function, f_jacobian: Function | None, h_jacobian: Function | None) -> Steps:
    """The kernels of a model's functions; of Jacobians that are None differences are taken."""
    move, magnitude, size_of, absorb = form.move, form.magnitude, form.size, kalman.absorber(form)
    slope_of_f = differences(f, form.diagonal) if f_jacobian is None else given(f_jacobian)
    slope_of_h = differences(h, form.diagonal) if h_jacobian is None else given(h_jacobian)

    def go(p, s, n, m, k, covariance):  # type: ignore[no-untyped-def]
        w = (n + 3) // 4 * 4
        constants = int(p[CONSTANTS])
        _, Q, _, noise, variances, angles, a, end = places_in_p(n, m, constants)
        _, P, e, V, z, gains, _, rows, R, _, _ = kalman.places_in_s(n, m, k, covariance)
        F, T, H, J, change, point, one, other, _ = places_in_s(n, m, k, covariance)
        for j in range(m, m + k):
            s[z + j] = s[z + j] if abs(s[z + j]) < LARGEST else 0.0
        known = p[a:end]
        u = s[z + m : z + m + k]
        if s[SEEN] > 0.0:
            for i in range(n):
                s[point + i] = s[X + i]
            slope_of_f(s, P, J, n, point, one, other, u, known, n, w)
            for i in range(n):
                for j in range(n):
                    s[F + i * w + j] = s[J + i * n + j]
                    s[T + j * w + i] = s[J + i * n + j]
            for i in range(n):
                s[point + i] = s[X + i]
            f(s[point : point + n], s[one : one + n], u, known)
            for i in range(n):
                s[X + i] = s[one + i]
            move(s, P, s, F, T, p, Q, n, w)
        s[SEEN] += 1.0
        if not dot(s, X, s, X, w) + magnitude(s, P, n, w) < BOUND:
            _restart(p, s, n, m, k, covariance)
            return dot(p, OUTPUT, s, X, w)
        for i in range(n):
            s[point + i] = s[X + i]
        slope_of_h(s, P, J, m, point, one, other, u, known, n, w)
        for i in range(n):
            s[point + i] = s[X + i]
        h(s[point : point + n], s[one : one + m], u, known)
        for j in range(m):
            there = abs(s[z + j]) < LARGEST
            off = s[z + j] - s[one + j]
            if p[angles + j] > 0.0:
                off -= 2.0 * math.pi * math.floor(off / (2.0 * math.pi) + 0.5)
            size = 0.0
            for i in range(n):
                s[H + j * w + i] = s[J + j * n + i]
                size += abs(s[J + j * n + i])
            there = there and abs(off) < LARGEST and size < LARGEST
            s[z + j] = off if there else math.nan
        for j in range(m):
            s[R + j] = p[variances + j]
            for i in range(w):
                s[rows + j * w + i] = s[H + j * w + i] if abs(s[z + j]) < LARGEST else 0.0
        if p[CORRELATED] > 0.0:
            kalman.decorrelate(p, noise, s, s, H, m, w, z, rows)
        for i in range(w):
            s[change + i] = 0.0
        absorb(s, P, rows, R, e, V, z, change, gains, n, m, w)
        add_scaled(s, X, 1.0, s, change, w)
        for j in range(m):
            s[z + j] = 0.0
        if not dot(s, X, s, X, w) + magnitude(s, P, n, w) < BOUND:
            _restart(p, s, n, m, k, covariance)
        return dot(p, OUTPUT, s, X, w)

    inner = Function(go, forceinline=True)

    @helper
    def sizes(p):  # type: ignore[no-untyped-def]
        n = int(p[STATES])
        return n, int(p[OBSERVATIONS]), int(p[CONTROLS]), size_of((n + 3) // 4 * 4)

    def step(p, s, x, d):  # type: ignore[no-untyped-def]
        n, m, k, covariance = sizes(p)
        _, _, _, _, z, _, _, _, _, _, _ = kalman.places_in_s(n, m, k, covariance)
        s[z] = x
        return inner(p, s, n, 1, 0, covariance)

    def vector_step(p, s, x, d):  # type: ignore[no-untyped-def]
        n, m, k, covariance = sizes(p)
        _, _, _, _, z, _, _, _, _, _, _ = kalman.places_in_s(n, m, k, covariance)
        for j in range(m + k):
            s[z + j] = x[j]
        return inner(p, s, n, m, k, covariance)

    return Steps(kernel(step, allocates=True), vector_kernel(vector_step, allocates=True))
