"""What the filters of a state share: several observations a sample, control inputs, and the state behind the output."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from .. import drive
from .._jit import Function
from ..kernels import covariance, kalman
from ..kernels.covariance import Form
from ..kernels.settling import EVERY
from ..node import Array, Denoiser, Index, _row, _Update, same_length, signal
from ..snapshot import COUNTABLE


class _Observe(_Update):
    """``update``: the C-level call for one number a sample, else a Python function that checks the row."""

    def __get__(self, node: Any, owner: type) -> Any:
        if node is None or node._inputs() == 1:
            return super().__get__(node, owner)
        call = drive.calling(drive.vector_update.compiled, node._bound, keeps=(node._p, node._s))
        m, k = node._observations(), node._controls()

        def observed(z: ArrayLike) -> Any:
            return call(_row(z, m), math.nan)

        def steered(z: ArrayLike, control: ArrayLike) -> Any:
            x = np.empty(m + k)
            x[:m], x[m:] = _numbers(z, "z", m), _numbers(control, "control", k)
            return call(x, math.nan)

        update = steered if k else observed
        node.__dict__["update"] = update
        return update


def _numbers(values: ArrayLike, name: str, count: int) -> Array:
    array = np.atleast_1d(np.asarray(values, dtype=float))
    if array.shape != (count,):
        raise ValueError(f"{name} must have shape ({count},) in a sample, got {array.shape}")
    return array


class Observer(Denoiser):
    """A filter of a hidden state that m observations a sample tell of, beside k known control inputs."""

    update: Callable[..., float] = _Observe(  # type: ignore[assignment]
        "``update(z) -> output``, or ``update(z, control)``; z is a number or a row of m, NaN: not observed."
    )

    def _observations(self) -> int:
        raise NotImplementedError

    def _controls(self) -> int:
        return 0

    def _states(self) -> int:
        raise NotImplementedError

    def _steps(self) -> kalman.Steps:
        raise NotImplementedError

    def _kernel(self) -> Function:
        return self._steps().step if self._inputs() == 1 else self._steps().vector_step

    @property
    def _form(self) -> Form:
        return covariance.factors if self._values["square_root"] else covariance.plain

    def _sizes(self) -> tuple[int, int, int, int]:
        """States, observations, control inputs, numbers that P takes."""
        n = self._states()
        return n, self._observations(), self._controls(), self._form.size(-(-n // 4) * 4)

    def _places(self) -> kalman.InS:
        """Where things are in the state."""
        return kalman.InS(*kalman.places_in_s(*self._sizes()))

    def _size(self) -> int:
        return self._places().end

    def _inputs(self) -> int:
        return self._observations() + self._controls()

    def _indices(self) -> list[Index]:
        counters: list[Index] = [(slot, 0, COUNTABLE) for slot in (kalman.SEEN, kalman.COUNTED, kalman.RESTARTS)]
        return [*counters, (kalman.STEADY, 0, 1), (kalman.SINCE, 0, EVERY)]

    def run(self, z: ArrayLike, control: ArrayLike | None = None, *, states: bool = False) -> Array:
        """Filter a block: exactly the samples that ``update`` would give one by one.

        Parameters
        ----------
        z : array, shape (T,), or (T, m) for m observations
            NaN: this number was not observed.
        control : array, shape (T, k), or (T,) for one
            Only for a model with control inputs: what acted between the sample before and this one.
        states : bool
            True: give the whole filtered state of every sample, shape (T, n), instead of the output.

        Returns
        -------
        y : ndarray, shape (T,)
            The output row times the filtered state, this sample's observations included.
        """
        x, d = self._arrange(z, control)
        if not states:
            return self._through(x, d)
        y, found, before = np.empty(d.size), np.empty((d.size, self._states())), self._s.copy()
        try:
            drive.call(kalman.traced, self._bound, self._s, x.reshape(d.size, self._inputs()), y, found)
        except BaseException:  # a user's function
            self._s[:] = before
            raise
        return found

    def _arrange(
        self, z: ArrayLike, control: ArrayLike | None = None, *, rows: int | None = None
    ) -> tuple[Array, Array]:
        m, k = self._observations(), self._controls()
        seen = signal(z, "z", m, rows)
        if k == 0:
            if control is not None:
                raise TypeError(f"this {type(self).__name__} takes no control input")
            return seen, seen if m == 1 else np.full(seen.shape[:-1], np.nan)
        if control is None:
            raise TypeError(f"this {type(self).__name__} needs the control input beside z")
        steering = signal(control, "control", k, rows)
        same_length(seen, steering, "z", "control", rows)
        both = [one[..., None] if inputs == 1 else one for one, inputs in ((seen, m), (steering, k))]
        return np.concatenate(both, axis=-1), np.full(both[0].shape[:-1], np.nan)

    @property
    def state(self) -> Array:
        """The filtered state, all that was observed so far included: a copy, (n,)."""
        return self._s[kalman.X : kalman.X + self._states()].copy()

    @property
    def covariance(self) -> Array:
        """The covariance P of the error of ``state``: (n, n)."""
        n = self._states()
        return self._form.read(self._s, self._places().P, n, -(-n // 4) * 4)

    @property
    def gain(self) -> Array:
        """What each observation of the last sample moves the state by, one by one: (n, m), zeros where missing."""
        n, m, at = self._states(), self._observations(), self._places()
        there = self._s[at.V : at.V + m] > 0.0
        gains = self._s[at.gains : at.gains + m * (-(-n // 4) * 4)].reshape(m, -1)[:, :n]
        return np.where(there, gains.T, 0.0)

    @property
    def log_likelihood(self) -> float:
        """The logarithm of the likelihood of all that was observed since the start or the last reset."""
        s = self._s
        logs = s[kalman.LOGS] + math.log(s[kalman.DETERMINANT])
        return -0.5 * float(s[kalman.COUNTED] * math.log(2.0 * math.pi) + logs + s[kalman.SQUARES])

    @property
    def normalised_innovation_squared(self) -> float:
        """What the last sample was beside its prediction, squared and relative to what was expected.

        In a model that is right it is chi-squared with as many degrees of freedom as numbers were observed.
        """
        at, m = self._places(), self._observations()
        e, V = self._s[at.e : at.e + m], self._s[at.V : at.V + m]
        return float(np.sum(e[V > 0.0] ** 2 / V[V > 0.0]))

    @property
    def observed(self) -> int:
        """How many numbers were observed since the start or the last reset."""
        return int(self._s[kalman.COUNTED])

    @property
    def restarts(self) -> int:
        """How often the state outgrew all bounds, and the filter began anew."""
        return int(self._s[kalman.RESTARTS])
