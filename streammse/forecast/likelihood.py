"""What a fit of a linear Gaussian model makes least: minus its likelihood, or the mean loss of its innovations.

A class says which innovations (of the series and, since the filter is linear, of each regressor) its free numbers make.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from .. import drive
from ..fit import scoring
from ..kernels.constants import LARGEST
from ..kernels.losses import Loss
from ..node import Array
from .state_space import regressed, small

HOPELESS = 1e10  # the value where there is no model
ROUNDS, TRIES = 60, 10  # of the search, and of one round to find a step that gains
STEP = 1e-6  # of a finite difference
FARTHEST = 2.0  # of one step
ENOUGH = 1e-9  # a gain below ends it: this is a log likelihood by the sample


class Likelihood:
    """The search over the free numbers of one model for one series."""

    #: whether all variances have a factor of their own, which is then the best one
    scalable = True
    #: innovations of the first samples for which the model gives no forecast yet
    unsaid = 0
    #: whether every number makes a model, so that slopes lead somewhere
    smooth = True

    def __init__(self, y: Array, x: Array, linear: tuple[float | None, ...], loss: Loss | None) -> None:
        known = (np.abs(y) < LARGEST) & (np.abs(x) < LARGEST).all(axis=1)
        self.x = np.where(known[:, None], x, np.nan)
        self.y = np.where(known, y, np.nan)
        self.known = known
        self.small = small(self.y)
        self.criterion = loss
        self.given = np.array([0.0 if one is None else one for one in linear])
        self.free: NDArray[np.bool_] = np.array([one is None for one in linear], dtype=bool)

    def innovations(self, free: Array) -> tuple[Array, Array, Array] | None:
        """Of the series (T,) and of each column (T, k), and their variances; without those of the diffuse start.

        None where these numbers make no model.
        """
        raise NotImplementedError

    def whitened(self, free: Array) -> tuple[Array, Array, Array] | None:
        """Innovations over their deviations, the logarithms of the variances, and the best linear coefficients."""
        found = self.innovations(free)
        if found is None:
            return None
        e, X, F = found
        size = np.sqrt(F)
        if self.given.size:
            e, linear = regressed(e / size, X / size[:, None], self.given, self.free)
            return e, np.log(F), linear
        return e / size, np.log(F), self.given

    def value(self, u: Array, logs: Array) -> float:
        """-2 / n times the log likelihood, but for constants, with the best scale of all variances.

        A series without noise has no finite likelihood: no error counts as smaller than the floor.
        """
        if not u.size:
            return 0.0
        squares = float(u @ u) / u.size
        told = math.log(squares + self.small**2) if self.scalable else squares
        return told + float(logs.sum()) / u.size

    def loss(self, free: Array) -> float:
        """What is least at the largest likelihood."""
        found = self.whitened(free)
        return HOPELESS if found is None else self.value(*found[:2])

    def linear(self, free: Array) -> Array:
        """The best linear coefficients."""
        found = self.whitened(free)
        return self.given if found is None else found[2]

    def descend(self, starts: list[Array], descents: int) -> Array:
        """From so many of the best starting points to the least value."""
        if not starts[0].size:
            return starts[0]
        if len(starts) > descents:
            starts = sorted(starts, key=self.loss)[:descents]
        if not self.smooth:
            return min(map(self.tumbled, starts), key=self.loss)
        if len(starts) > 1:  # the last digits are for the best of them alone
            starts = [min((self.slid(start, 1e-4) for start in starts), key=self.loss)]
        return self.slid(starts[0], ENOUGH)

    def tumbled(self, start: Array) -> Array:
        """By the simplex of Nelder and Mead."""
        from scipy.optimize import minimize

        return np.asarray(minimize(self.loss, start, method="Nelder-Mead").x)

    def slopes(self, theta: Array, u: Array, logs: Array) -> tuple[Array, Array]:
        """Of the whitened errors and of log F, a row for each number."""
        U, L = np.empty((theta.size, u.size)), np.empty((theta.size, u.size))
        for k in range(theta.size):
            near = theta.copy()
            near[k] += STEP * max(1.0, abs(theta[k]))
            there = self.whitened(near)
            assert there is not None  # every number makes a model
            U[k], L[k] = there[0] - u, there[1] - logs
            U[k], L[k] = U[k] / (near[k] - theta[k]), L[k] / (near[k] - theta[k])
        return U, L

    def slid(self, theta: Array, enough: float) -> Array:
        """By quasi-Newton steps (Nocedal and Wright 2006, procedure 18.2) from the expected curvature on.

        With errors v and variances F that is 2/n sum(v' v'^T / F) / scale + 1/n sum(l' l'^T) - m m^T for l = log F,
        their slopes ' and the mean m of l', where the scale has taken the last term's share (Harvey 1989, 3.4.6).
        """
        now = self.whitened(theta)
        if now is None or not now[0].size:
            return theta
        value, B, g, step, idle = self.value(*now[:2]), None, np.zeros(0), theta, 0
        for _ in range(ROUNDS):
            u, logs, _ = now
            U, L = self.slopes(theta, u, logs)
            scale = float(u @ u) / u.size + self.small**2 if self.scalable else 1.0
            drift = L.mean(axis=1)
            before, g = g, 2.0 / u.size * (U @ u) / scale + drift
            if B is None:
                V = U + 0.5 * u * L
                B = 2.0 / u.size * (V @ V.T) / scale + (L @ L.T) / u.size
                if self.scalable:
                    B -= np.outer(drift, drift)
                B += np.diag(1e-2 * np.diag(B) + 1e-3 * B.trace() + 1e-12)
            else:  # damped, so that it stays positive definite
                y, Bs = g - before, B @ step
                bend, expected = float(step @ y), float(step @ Bs)
                if bend < 0.2 * expected:
                    share = 0.8 * expected / (expected - bend)
                    y, bend = share * y + (1.0 - share) * Bs, 0.2 * expected
                B = B - np.outer(Bs, Bs) / expected + np.outer(y, y) / bend
            step = -np.linalg.solve(B, g)
            if 0.5 * float(-g @ step) <= enough:
                break
            step *= min(1.0, FARTHEST / float(np.abs(step).max()))
            came, new = None, math.inf
            for _ in range(TRIES):
                came = self.whitened(theta + step)
                new = math.inf if came is None else self.value(*came[:2])
                if new < value:
                    break
                step = 0.25 * step
            if came is None or not new < value:
                break
            idle = idle + 1 if value - new <= enough else 0
            theta, value, now = theta + step, new, came
            if idle == 2:
                break
        return theta

    def by_loss(self, free: Array) -> tuple[Array, Array]:
        """The free numbers and linear coefficients of the least mean loss, from those of the largest likelihood on."""
        from scipy.optimize import minimize

        assert self.criterion is not None
        linear = self.linear(free)
        found = self.innovations(free)
        if found is None or not (free.size or self.free.any()):
            return free, linear
        mean = _mean(self.criterion)
        e, X, _ = found
        spread = np.maximum(np.sqrt(np.mean(X[:, self.free] ** 2, axis=0)), 1e-300)
        unit = 0.1 * np.sqrt(np.mean((e - X @ linear) ** 2)) / spread

        def parts(theta: Array) -> tuple[Array, Array]:
            coefficients = linear.copy()
            coefficients[self.free] += unit * theta[free.size :]
            return theta[: free.size], coefficients

        def value(theta: Array) -> float:
            numbers, coefficients = parts(theta)
            told = self.innovations(numbers)
            return HOPELESS if told is None else mean((told[0] - told[1] @ coefficients)[self.unsaid :])

        start = np.concatenate([free, np.zeros(unit.size)])
        corners = np.vstack([start, start + np.diag(np.concatenate([0.1 * np.maximum(1.0, np.abs(free)), unit > 0.0]))])
        best = start
        for _ in range(2):  # from new corners once more: a simplex can fall flat too early
            options = {"initial_simplex": corners + best - start, "xatol": 1e-5, "fatol": 1e-9 * max(value(best), 0.0)}
            best = np.asarray(minimize(value, best, method="Nelder-Mead", options=options).x)
        return parts(best)


def _mean(loss: Loss) -> Callable[[Array], float]:
    """The mean of a loss over errors, compiled."""
    kernel, p, s = scoring(loss.value, loss.score), np.array([loss.a, loss.b]), np.zeros(1)
    bound = drive.bind(kernel, p, s)

    def mean(e: Array) -> float:
        values = np.empty(e.size)
        drive.call(drive.block, bound, e, e, values)
        total = float(values.mean()) if values.size else 0.0
        return total if np.isfinite(total) else HOPELESS

    mean.__dict__["keeps"] = (bound, p, s)
    return mean
