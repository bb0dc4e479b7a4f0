"""Forecaster: a predictor whose only input is the series itself (and, for some, regressors known beside it).

A missing sample (NaN) moves the state on by what the model believes. So the forecasts of the next h values are what the
step gives over h missing samples; a family for which that costs too much has an ``ahead`` kernel of its own, and a law
holds the two together.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import ArrayLike

from .. import drive
from .._jit import Function
from ..node import Array, Predictor, _row, _Update, same_length, signal

#: s[0] of every forecaster: how many samples it has seen that were not missing
SEEN = 0


class _Observe(_Update):
    """``forecaster.update``: the C-level call, or with regressors a Python function that checks their row."""

    def __get__(self, node: Any, owner: type) -> Any:
        if node is None or not node._exogenous():
            return super().__get__(node, owner)
        call: Any = partial(drive.vector_measure.compiled, node._bound.ctypes.data)
        m = node._exogenous()

        def update(y: float, x: ArrayLike) -> float:
            return float(call(y, _row(x, m)))

        node.__dict__["update"] = update
        update.__dict__["keeps"] = (node._bound, node._p, node._s)  # alive as long as the call is
        return update


class Forecaster(Predictor):
    """A model of one series: ``update`` gives the forecast that stood for a sample, then learns it."""

    #: the parameters that ``fit`` estimates where they were not given
    _estimated: ClassVar[tuple[str, ...]] = ()

    update: Callable[..., float] = _Observe(  # type: ignore[assignment]
        "``update(y) -> forecast`` that stood for y, then learns y; with regressors ``update(y, x)``. NaN: missing."
    )

    # What a model defines beside its kernel.

    def _ahead(self) -> Function | None:
        """A kernel ``ahead(p, s, out)`` of its own, where it beats the step over missing samples."""
        return None

    def _exogenous(self) -> int:
        """How many regressors stand beside every sample; with any, the kernel is a vector kernel."""
        return 0

    @property
    def needs(self) -> int:
        """How many samples it must have seen before it can forecast."""
        return 1

    @property
    def lookback(self) -> float:
        """How many samples back a forecast depends on; infinity for a recursion over all of them."""
        return float("inf")

    # What follows.

    def _inputs(self) -> int:
        return max(1, self._exogenous())

    def _entry(self) -> Function:
        return drive.observe

    def run(self, y: ArrayLike, x: ArrayLike | None = None) -> Array:  # type: ignore[override]
        """One-step-ahead forecasts: exactly ``[update(y[t]) for t in range(T)]``.

        Parameters
        ----------
        y : array, shape (T,)
            The series; NaN marks a missing sample.
        x : array, shape (T, m)
            The regressors beside each sample, for a model that has them.

        Returns
        -------
        forecast : ndarray, shape (T,)
            What stood for y[t] before y[t] was known; NaN as long as there was nothing to forecast from.
        """
        return self._through(*self._arrange(y, x))

    def _arrange(  # type: ignore[override]
        self, y: ArrayLike, x: ArrayLike | None = None, *, rows: int | None = None
    ) -> tuple[Array, Array]:
        series = signal(y, "y", rows=rows)
        if not self._exogenous():
            if x is not None:
                raise TypeError(f"{self!r} takes no regressors")
            return series, series
        regressors = self._regressors(x, rows)
        same_length(series, regressors, "y", "x", rows)
        return regressors, series

    def _regressors(self, x: ArrayLike | None, rows: int | None = None) -> Array:
        """The regressors in their checked form, (T, m) even for one."""
        m = self._exogenous()
        if x is None:
            raise TypeError(f"{self!r} needs x, {m} regressor{'s' * (m > 1)} beside every sample")
        xs = np.asarray(x)
        if m == 1 and xs.shape[-1:] == (1,) and xs.ndim > 1:
            xs = xs[..., 0]
        checked = signal(xs, "x", m, rows)
        return checked[..., None] if m == 1 else checked

    def forecast(self, horizon: int, x: ArrayLike | None = None) -> Array:
        """The next values; the state stays as it is.

        Parameters
        ----------
        horizon : int
            How many, at least 1.
        x : array, shape (horizon, m)
            The regressors of the samples to come, for a model that has them.

        Returns
        -------
        forecast : ndarray, shape (horizon,)

        Raises
        ------
        ValueError
            When fewer samples were seen than the model needs.
        """
        if isinstance(horizon, bool) or int(horizon) != horizon or horizon < 1:
            raise ValueError(f"horizon must be a positive integer, got {horizon!r}")
        if self._s[SEEN] < self.needs:
            raise ValueError(f"{self!r} needs {self.needs} samples before it can forecast, got {int(self._s[SEEN])}")
        out = np.empty(int(horizon))
        own = self._ahead()
        if self._exogenous():
            future = self._regressors(x)
            same_length(out, future, "the horizon", "x")
            scratch, bound = self._aside()
            drive.vector_roll.compiled(bound.ctypes.data, self._s, scratch, future, out)
        elif x is not None:
            raise TypeError(f"{self!r} takes no regressors")
        elif own is not None:
            drive.ahead.compiled(drive.bind(own, self._p, self._s).ctypes.data, out)
        else:
            scratch, bound = self._aside()
            drive.roll.compiled(bound.ctypes.data, self._s, scratch, out)
        return out

    def _aside(self) -> tuple[Array, np.ndarray[Any, Any]]:
        """A second state, and the kernel bound to it."""
        scratch = np.empty_like(self._s)
        return scratch, drive.bind(self._kernel(), self._p, scratch)

    def fit(self, y: ArrayLike, x: ArrayLike | None = None) -> Self:
        """Estimate what is to be estimated from history and learn it: afterwards ``forecast`` goes on from its end.

        Parameters
        ----------
        y : array, shape (T,)
        x : array, shape (T, m)
            For a model with regressors.

        Returns
        -------
        self

        Raises
        ------
        ValueError
            When the series is too short for the model; the node is then as it was.
        """
        arranged = self._arrange(y, x)
        self._long_enough(arranged[1])
        self.reset()
        self._through(*arranged)
        return self

    def _long_enough(self, y: Array) -> None:
        known = int(np.isfinite(y).sum())
        if known < self.needs:
            raise ValueError(f"{self!r} needs a series of at least {self.needs} samples, got {known}")
