"""Forecaster: a predictor whose only input is the series itself (and, for some, regressors known beside it).

A missing sample (NaN) moves the state on by what the model believes. So the forecasts of the next h values are what the
step gives over h missing samples; a family for which that costs too much has an ``ahead`` kernel of its own, and a law
holds the two together.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import ArrayLike

from .. import drive
from .._jit import Function
from ..fit import Found, Problem, minimise
from ..kernels.constants import LARGEST
from ..kernels.losses import Loss
from ..node import Array, Index, Predictor, _row, _Update, named_update, same_length, signal
from ..param import Param, param
from ..scalar import counted, whole
from ..snapshot import COUNTABLE


def not_counted(y: Array) -> str:
    """A remark for an error where finite values are too large to count as known."""
    beyond = np.isfinite(y) & (np.abs(y) > LARGEST)
    return f" (values beyond {LARGEST:g} count as missing)" if beyond.any() else ""


def _counted(x: Array, y: Array) -> tuple[Array, Array]:
    """Without the values that are too large to count: NaN in their place."""
    beyond = np.abs(y) > LARGEST
    if not beyond.any():
        return x, y
    known = np.where(beyond, np.nan, y)
    return known if x is y else x, known


#: s[0] of every forecaster: how many samples it has seen that were not missing
SEEN = 0


class Estimated(Param):
    """A parameter that ``fit`` estimates where it is None; reading it gives the number in use."""

    def __get__(self, node: Any, owner: type) -> Any:
        value = super().__get__(node, owner)
        return float(node._p[node._slots[self.name]]) if value is None else value


def estimated(until: float, doc: str, *, low: float = 0.0, high: float = 1.0, slot: int | None = None) -> Any:
    """Declare a parameter that ``fit`` estimates unless it is given; ``until`` then a default stands in."""

    def encode(value: float | None) -> float:
        return until if value is None else float(value)

    return Estimated(
        None, doc, low, high, None, None, None,
        fixed=False, optional=True, kw_only=False, check=None, encode=encode, slot=slot,
    )  # fmt: skip


def _numbers(name: str, value: Any) -> tuple[float, ...] | None:
    if value is None:
        return None
    try:
        numbers = tuple(float(one) for one in value)
    except (TypeError, ValueError):
        raise TypeError(f"{name} must be what fit found, a tuple of numbers, got {value!r}") from None
    if not np.isfinite(numbers).all():
        raise ValueError(f"{name} must hold finite numbers, got {value!r}")
    return numbers


def what_fit_found() -> Any:
    """Declare ``fitted``, the last parameter of every class that estimates some: what ``fit`` found, or None.

    It makes a fitted model one that clones, resets, pickles and snapshots as any other.
    """
    return param(None, "what fit found", optional=True, kw_only=True, fixed=True, check=_numbers, encode=lambda _: ())


class _Observe(_Update):
    """``forecaster.update``: the C-level call, or with regressors a Python function that checks their row."""

    def __get__(self, node: Any, owner: type) -> Any:
        if node is None or not node._exogenous():
            return super().__get__(node, owner)
        call = drive.calling(drive.vector_measure.compiled, node._bound, keeps=(node._p, node._s))
        m = node._exogenous()

        def update(y: float, x: ArrayLike) -> float:
            return float(call(y, _row(x, m)))

        node.__dict__["update"] = named_update(update)
        return update

    def _call(self, node: Any) -> Any:
        return drive.entry(node._entry(), "y")


class Forecaster(Predictor):
    """A model of one series: ``update`` gives the forecast that stood for a sample, then learns it."""

    #: the parameters that ``fit`` estimates where they were not given
    _estimated: ClassVar[tuple[str, ...]] = ()
    #: whether it finds the state before the first sample as well, which then is right for that sample alone
    _finds_start: ClassVar[bool] = False

    update: Callable[..., float] = _Observe(  # type: ignore[assignment]
        "``update(y) -> forecast`` that stood for y, then learns y; with regressors ``update(y, x)``. NaN: missing."
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if self._values.get("fitted") is not None:
            self._settle()

    def __repr__(self) -> str:
        default = {name: one.default for name, one in self._params.items() if name != "fitted"}
        told = [
            f"{name}={self._values[name]!r}"
            for name in default
            if self._values[name] is not default[name] and self._values[name] != default[name]
        ]
        return f"{type(self).__name__}({', '.join(told)})"

    # What a model defines beside its kernel.

    def _ahead(self) -> Function | None:
        """A kernel ``ahead(p, s, out)`` of its own, where it beats the step over missing samples."""
        return None

    def _exogenous(self) -> int:
        """How many regressors stand beside every sample; with any, the kernel is a vector kernel."""
        return 0

    def _idle(self) -> Mapping[str, str]:
        """The estimated parameters that it has no use for, and the part that each belongs to and that is not there."""
        return {}

    @property
    def needs(self) -> int:
        """How many samples it must have seen before it can forecast."""
        return 1

    @property
    def needs_to_fit(self) -> int:
        """How many samples that are not missing ``fit`` asks for."""
        return self.needs

    def _what_counts(self) -> str:
        """A remark for somebody whose samples were all taken for missing ones."""
        return ""

    @property
    def lookback(self) -> float:
        """How many samples back a forecast depends on; infinity for a recursion over all of them."""
        return float("inf")

    # What follows.

    def _inputs(self) -> int:
        return max(1, self._exogenous())

    def _indices(self) -> list[Index]:
        return [(SEEN, 0, COUNTABLE)]

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
        horizon = whole("horizon", horizon)
        if self._s[SEEN] < self.needs:
            raise ValueError(
                f"{self!r} needs {counted(self.needs, 'sample')} before it can forecast, got {int(self._s[SEEN])}"
                + self._what_counts()
            )
        out = np.empty(horizon)
        own = self._ahead()
        if self._exogenous():
            future = self._regressors(x)
            same_length(out, future, "the horizon", "x")
            scratch, bound = self._aside()
            drive.call(drive.vector_roll, bound, self._s, scratch, future, out)
        elif x is not None:
            raise TypeError(f"{self!r} takes no regressors")
        elif own is not None:
            drive.call(drive.ahead, drive.bind(own, self._p, self._s), out)
        else:
            scratch, bound = self._aside()
            drive.call(drive.roll, bound, self._s, scratch, out)
        return out

    def _aside(self) -> tuple[Array, np.ndarray[Any, Any]]:
        """A second state, and the kernel bound to it."""
        scratch = np.empty_like(self._s)
        return scratch, drive.bind(self._kernel(), self._p, scratch)

    def fit(self, y: ArrayLike, x: ArrayLike | None = None, *, loss: Loss | None = None) -> Self:
        """Estimate what is to be estimated from history and learn it: afterwards ``forecast`` goes on from its end.

        Fitting again starts from what was found before. ``reset`` goes back to the start that was found.

        Parameters
        ----------
        y : array, shape (T,)
            NaN marks a missing sample.
        x : array, shape (T, m)
            For a model with regressors.
        loss : Loss, optional
            Whose mean over the one-step errors is to be least, such as ``sm.losses.huber(1.5)``; the squared error if
            it is not given. A model with nothing to estimate has no use for it.

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
        if type(self._values) is not dict:
            raise TypeError("the parameters of a row are those of its bank: fit the node before it becomes a bank")
        found = self._estimate(*_counted(*arranged), loss)
        if found is not None:
            self._values["fitted"] = found
            self._settle()
        self.reset()
        self._through(*arranged)
        return self

    def _long_enough(self, y: Array) -> None:
        known, least = int((np.abs(y) <= LARGEST).sum()), self.needs_to_fit
        if known < least:
            fitted = " to be fitted" if least > self.needs else ""
            raise ValueError(
                f"{self!r} needs a series of at least {counted(least, 'sample')}{fitted}, got {known}{not_counted(y)}"
            )

    # A model with parameters to estimate names them in ``_estimated``, declares them by ``estimated``, ends its fields
    # with ``fitted = what_fit_found()`` and defines ``_problem``. What follows carries what was found.

    def _problem(self, x: Array, y: Array) -> Problem | None:  # noqa: ARG002
        """What ``fit`` searches for in this series; None: nothing."""
        return None

    def _open(self) -> bool:
        """Whether a parameter is still to be estimated."""
        unknown = any(self._values[name] is None for name in self._estimated)
        return unknown and self._values.get("fitted") is None

    def _estimate(self, x: Array, y: Array, loss: Loss | None) -> tuple[float, ...] | None:
        """The numbers to keep in ``fitted``; None where there is nothing to estimate."""
        problem = self._problem(x, y)
        if problem is None:
            return None
        found = minimise(problem, x, y, loss)
        if found is None and problem.relative:  # forecasts of zero have no relative error
            found = minimise(problem._replace(relative=False), x, y, loss)
        if found is None:
            raise ValueError(f"{self!r} cannot be fitted: the errors of this series are not finite")
        return self._pack(found)

    def _pack(self, found: Found) -> tuple[float, ...]:
        """What is kept of it: the estimated parameters and the state before the first sample."""
        return (*(float(found.p[self._slots[name]]) for name in self._estimated), *found.s.tolist())

    def _settle(self) -> None:
        """Put what was found into ``p``, except for parameters that are given."""
        found = self._values["fitted"]
        for name, value in zip(self._estimated, found, strict=False):
            if self._values[name] is None:
                self._p[self._slots[name]] = value

    def _start(self, s: Array) -> None:
        found = self._values.get("fitted")
        if found is None:
            self._fresh(s)
            return
        if len(found) != self._found_size():
            raise ValueError(f"fitted must hold {self._found_size()} numbers for {self!r}, got {len(found)}")
        self._begin(s, found)
        self._inspect(s[None])

    def _found_size(self) -> int:
        """How many numbers ``fitted`` holds."""
        return len(self._estimated) + self._size()

    def _begin(self, s: Array, found: tuple[float, ...]) -> None:
        """Fill a zeroed state with the start that was found."""
        s[:] = found[len(self._estimated) :]

    def _fresh(self, s: Array) -> None:
        """Fill a zeroed state with what it holds where nothing was fitted."""
