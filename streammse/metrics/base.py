"""What is measured of pairs (truth, prediction) over a window. The window is an argument, never a class.

``Windowed`` has the window's arguments and takes the pairs, whatever holds them; a ``Metric`` holds an associative
statistic in one of the windows of ``kernels``, a ``MeanMetric`` plain sums.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import cache, cached_property
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .. import drive
from .._jit import Function, kernel, loop, vector_kernel
from .._jit.instructions import call_vector_step
from ..kernels import statistics, window_steady, window_time
from ..kernels import window as windows
from ..kernels.statistics import Statistic
from ..kernels.window import DROPPED, HEAD, LATE, SKIPPED, Window
from ..node import Estimator, Index, _Update, same_length, signal
from ..param import param
from ..scalar import whole
from ..snapshot import COUNTABLE

#: where the parameters of a metric's own begin in ``p``, behind those that all metrics have
OWN = 8


def length(name: str, value: Any) -> int | None:
    """The check of a window's length: a positive integer or None."""
    return None if value is None else whole(name, value, "an integer of at least 1 or None")


def same_kind(one: Estimator, other: Estimator) -> None:
    """Whether two can merge: the same class and the same parameters."""
    if type(other) is not type(one):
        raise TypeError(f"expected a {type(one).__name__}, got a {type(other).__name__}")
    if other.params != one.params:
        raise ValueError(f"expected the same parameters as {one!r}, got {other!r}")


def _fade(halflife: float | None) -> float:
    """The factor of one sample, so that no power has to be taken while the samples come in."""
    return math.nan if halflife is None else 0.5 ** (1.0 / halflife)


class _RowUpdate(_Update):
    """``metric.update``: the C-level call where a pair is all there is; with weight and time a Python function."""

    def __get__(self, node: Any, owner: type) -> Any:
        if node is None or node._inputs() == 1:
            return super().__get__(node, owner)
        return node._update_row


class Windowed(Estimator):
    """A value of the pairs in a window; ``metrics/__init__.py`` says what the parameters mean."""

    window: int | None = param(None, "the last W samples", kw_only=True, fixed=True, check=length, slot=windows.WINDOW)
    halflife: float | None = param(
        None,
        "samples after which a pair weighs half",
        above=0.0,
        optional=True,
        kw_only=True,
        fixed=True,
        encode=_fade,
        slot=windows.HALFLIFE,
    )
    seconds: float | None = param(
        None, "the last T seconds", above=0.0, optional=True, kw_only=True, fixed=True, slot=windows.SECONDS
    )
    halflife_seconds: float | None = param(
        None,
        "seconds after which a pair weighs half",
        above=0.0,
        optional=True,
        kw_only=True,
        fixed=True,
        slot=windows.HALFLIFE_SECONDS,
    )
    weighted: bool = param(False, "whether every pair comes with a weight", kw_only=True, fixed=True, slot=4)
    capacity: int = param(4096, "for how many pairs seconds has room", low=1, kw_only=True, fixed=True, slot=6)

    _p_size = OWN + 2
    _worst = "capacity if seconds else sqrt(window) if steady else window if window else 1"
    _probes = {
        "window": {"window": 40},
        "halflife": {"halflife": 30.0},
        "seconds": {"seconds": 3.0},
        "halflife_seconds": {"halflife_seconds": 3.0},
        "weighted": {"weighted": True},
        "capacity": {"capacity": 16, "seconds": 5.0},
    }

    update = _RowUpdate()

    # What a class defines.

    def _total(self) -> tuple[Any, ...]:
        """What is held now, its weight first."""
        raise NotImplementedError

    def _lower(self, total: tuple[Any, ...]) -> Any:
        """The value of what is held."""
        return total[1]

    def _join(self) -> Callable[[Any, Any], None] | None:
        """``join(s, other)`` takes in the state of the pairs that follow; None where that cannot be."""
        return None

    # What follows.

    def _check(self) -> None:
        kinds = [
            name for name in ("window", "halflife", "seconds", "halflife_seconds") if self._values[name] is not None
        ]
        if len(kinds) > 1:
            raise ValueError(f"{' and '.join(kinds)} exclude each other: expected one of them")

    @cached_property
    def _length_slot(self) -> int:
        """Which parameter is the length of the window."""
        given = [slot for name, slot in self._slots.items() if slot <= windows.HALFLIFE_SECONDS and self._values[name]]
        return given[0] if given else windows.WINDOW

    def _timed(self) -> bool:
        return self.seconds is not None or self.halflife_seconds is not None

    def _extras(self) -> tuple[str, ...]:
        """What ``update`` and ``run`` take beside the pair."""
        return ("weight",) * self.weighted + ("time",) * self._timed()

    @cached_property
    def _channels(self) -> int:
        return 3 if self._extras() else 1  # the prediction alone, or with weight and time

    def _inputs(self) -> int:
        return self._channels

    def _places(self) -> int:
        """For how many pairs there must be room."""
        return self.capacity if self.seconds is not None else self.window or 0

    @property
    def _fallible(self) -> bool:  # type: ignore[override]
        """A pair that leaves the last seconds for want of room is warned of, and a warning may be an error."""
        return self.seconds is not None

    def _entry(self) -> Function:
        return drive.measure if self._inputs() == 1 else drive.vector_measure

    def _indices(self) -> list[Index]:
        return [(slice(SKIPPED, HEAD), 0, COUNTABLE)]

    @property
    def value(self) -> float:
        """The value over the window; NaN before the first pair."""
        with np.errstate(all="ignore"):
            return float(self._lower(self._total()))

    @property
    def count(self) -> float:
        """How many pairs the value rests on: the sum of their weights, where they have weights or fade."""
        n = float(self._total()[0])
        return int(n) if n == math.floor(n) else n

    @property
    def skipped(self) -> int:
        """How many pairs were not learnt because they were not finite, or had no meaning for this metric."""
        return int(self._s[SKIPPED])

    @property
    def late(self) -> int:
        """How many stamps were older than the newest one."""
        return int(self._s[LATE])

    @property
    def dropped(self) -> int:
        """How many pairs left the last seconds early for want of ``capacity``: see `streammse.metrics`."""
        return int(self._s[DROPPED])

    def _update_row(self, y_true: float, y_pred: float, weight: Any = None, time: Any = None) -> float:
        if self._given("weight", weight):
            weight = float(weight)
            if not 0.0 <= weight < math.inf:
                raise ValueError(f"weight must be finite and not negative, got {weight}")
        else:
            weight = 1.0
        if self._given("time", time):
            time = float(time)
            if not math.isfinite(time):
                raise ValueError(f"time must be finite, in seconds, got {time}")
        else:
            time = 0.0
        return self._row_call(y_true, y_pred, weight, time)

    _update_row.__name__, _update_row.__qualname__ = "update", "Windowed.update"  # as a complaint of Python's names it

    @cached_property
    def _row_call(self) -> Callable[..., float]:
        call: Callable[..., float] = drive.calling(_update_row.compiled, self._bound, keeps=(self._p, self._s))
        return call

    def run(
        self,
        y_true: ArrayLike,
        y_pred: ArrayLike,
        weight: ArrayLike | None = None,
        time: ArrayLike | None = None,
        *,
        curve: bool = True,
    ) -> Any:
        """The value after each pair: exactly ``[update(y_true[t], y_pred[t]) for t in range(T)]``.

        Parameters
        ----------
        y_true, y_pred : array, shape (T,)
            NaN in the truth marks a missing pair.
        weight : array, shape (T,)
            With ``weighted=True``: what each pair weighs, finite and not negative.
        time : array, shape (T,), in seconds
            With ``seconds`` or ``halflife_seconds``: the stamp of each pair.
        curve : bool
            False: only the last value, which for a running mean takes no longer than reading the arrays.

        Returns
        -------
        value : ndarray, shape (T,), or with ``curve=False`` a float
        """
        x, d = self._arrange(y_true, y_pred, weight, time)
        if curve:
            return self._through(x, d)
        return self._last(x, d)

    def _last(self, x: NDArray[np.float64], d: NDArray[np.float64]) -> float:
        """The value after a block."""
        self._through(x, d)
        return self.value

    def _arrange(
        self,
        y_true: ArrayLike,
        y_pred: ArrayLike,
        weight: ArrayLike | None = None,
        time: ArrayLike | None = None,
        *,
        rows: int | None = None,
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        truth, prediction = signal(y_true, "y_true", rows=rows), signal(y_pred, "y_pred", rows=rows)
        same_length(truth, prediction, "y_true", "y_pred", rows)
        if weight is None and time is None and self._channels == 1:
            return prediction, truth
        weighted, timed = self._given("weight", weight), self._given("time", time)
        x = np.zeros((*truth.shape, 3))
        x[..., 0], x[..., 1] = prediction, 1.0
        if weighted:
            weights = signal(weight, "weight", rows=rows)  # type: ignore[arg-type]
            same_length(truth, weights, "y_true", "weight", rows)
            x[..., 1] = _sound(weights, 0.0, "weight must be finite and not negative")
        if timed:
            times = signal(time, "time", rows=rows)  # type: ignore[arg-type]
            same_length(truth, times, "y_true", "time", rows)
            x[..., 2] = _sound(times, -math.inf, "time must be finite, in seconds")
        return x, truth

    def _given(self, name: str, value: Any) -> bool:
        """Whether an argument belongs here; an error when it lacks or is too much."""
        wanted = name in self._extras()
        how = "weighted=True" if name == "weight" else "seconds or halflife_seconds"
        if wanted and value is None:
            raise TypeError(f"a {type(self).__name__} with {how} needs {name} beside every pair")
        if not wanted and value is not None:
            raise TypeError(f"{type(self).__name__} takes {name} only when it is built with {how}")
        return wanted

    def merge(self, other: Self) -> Self:
        """Take in what another metric of the same parameters has seen, its pairs after this one's. Returns self.

        Raises
        ------
        TypeError, ValueError
            When the other is another metric, or has other parameters; or for any window: what is in it depends on the
            order of the pairs.
        """
        same_kind(self, other)
        join = self._join()
        if join is None:
            raise ValueError(f"only running sums merge: what {self!r} holds depends on the order of the pairs")
        join(self._s, other._s)
        self._s[SKIPPED] += other._s[SKIPPED]
        return self


class Metric(Windowed):
    """An associative statistic of the pairs in a window."""

    steady: bool = param(False, "whether the worst update of a window is bounded", kw_only=True, fixed=True, slot=5)

    #: every window: under the laws for one kind of statistic, for each in `make soak`; one window for the others
    _all_windows = (
        {"window": 16},
        {"halflife": 10.0},
        {"seconds": 2.0},
        {"halflife_seconds": 1.0},
        {"window": 16, "steady": True, "weighted": True},
    )
    _variants: ClassVar[tuple[dict[str, Any], ...]] = ({"window": 16},)
    _probes = {**Windowed._probes, "steady": {"steady": True, "window": 100}}

    # What a metric defines.

    def _statistic(self) -> Statistic:
        """What it adds up."""
        raise NotImplementedError

    def _memory(self) -> int:
        """How many numbers a lift keeps of its own, at the end of the state."""
        return 0

    # What follows.

    def _check(self) -> None:
        super()._check()
        if self.steady and self.window is None:
            raise ValueError("steady=True bounds the updates of a window of samples: give window as well")

    def _widened(self) -> Statistic:
        """The statistic as the window holds it."""
        return self._statistic()

    @cached_property
    def _held(self) -> Statistic:
        return self._widened()

    def _window(self, held: Statistic) -> Window:
        """The window that the parameters ask for, around a statistic."""
        if self.window is not None:
            return window_steady.steady(held) if self.steady else windows.sliding(held)
        if self.halflife is not None:
            return windows.decaying(held)
        if self.seconds is not None:
            return window_time.lasting(held)
        if self.halflife_seconds is not None:
            return window_time.fading(held)
        return windows.lanes(held) if held.term is not None and not self.weighted else windows.running(held)

    @cached_property
    def _over(self) -> Window:
        return self._window(self._held)

    def _kernel(self) -> Function:
        return (_step if self._inputs() == 1 else _row_step)(self._held, self._over, self._length_slot)

    def _block(self) -> Function | None:
        return self._over.block if self._inputs() == 1 else None

    def _size(self) -> int:
        return HEAD + self._over.size(self._places()) + self._memory()

    def _start(self, s: NDArray[np.float64]) -> None:
        start = self._over.start
        if start is not None:
            start(s, HEAD, self._places())

    def _indices(self) -> list[Index]:
        return super()._indices() + self._over.indices(HEAD, self._places())

    def _total(self) -> Any:
        with np.errstate(all="ignore"):
            return self._over.total(self._s, HEAD, self._p[self._length_slot])

    def _lower(self, total: tuple[Any, ...]) -> Any:
        return self._held.lower(self._p, total)

    def _last(self, x: NDArray[np.float64], d: NDArray[np.float64]) -> float:
        if x.ndim == 1 and self._over.reducible and not self._fallible:
            return float(windows.reduce(self._held).compiled(self._p, self._s, x, d))
        return super()._last(x, d)

    def _join(self) -> Callable[[Any, Any], None] | None:
        return None if self._memory() else self._over.join


class MeanMetric(Metric):
    """A metric that is made of plain sums, so that their rounding errors can be carried along."""

    compensated: bool = param(
        False, "whether the sums carry their rounding errors along", kw_only=True, fixed=True, slot=7
    )

    _probes = {**Metric._probes, "compensated": {"compensated": True, "window": 100}}

    def _check(self) -> None:
        super()._check()
        if self.compensated and (self.halflife is not None or self.halflife_seconds is not None):
            raise ValueError("compensated=True is for sums that do not fade: expected no half-life")

    def _widened(self) -> Statistic:
        return statistics.compensated(self._statistic(), self.weighted) if self.compensated else self._statistic()


def _sound(values: NDArray[np.float64], low: float, words: str) -> NDArray[np.float64]:
    """The values, where all are finite and none is below ``low``; else an error that names the first."""
    wrong = ~(np.isfinite(values) & (values >= low))
    if wrong.any():
        where = np.unravel_index(int(wrong.argmax()), values.shape)
        raise ValueError(f"{words}, got {values[where]} (sample {where[-1]})")
    return values


@loop("f8(i8,f8,f8,f8,f8)")
def _update_row(bound: int, y_true: float, y_pred: float, weight: float, time: float) -> float:
    """One pair from Python with its weight and its time."""
    x = np.empty(3)
    x[0], x[1], x[2] = y_pred, weight, time
    return float(call_vector_step(bound, x, y_true))


@cache
def _step(held: Statistic, over: Window, slot: int) -> Function:
    lift, lower, push = held.lift, held.lower, over.push

    @kernel
    def step(p, s, x, d):  # type: ignore[no-untyped-def]
        return lower(p, push(s, HEAD, lift(p, s, x, d), p[slot], 0.0))

    return step


@cache
def _row_step(held: Statistic, over: Window, slot: int) -> Function:
    """The same with x = (prediction, weight, time)."""
    lift, scale, lower, push = held.lift, held.scale, held.lower, over.push

    @vector_kernel
    def step(p, s, x, d):  # type: ignore[no-untyped-def]
        weight = x[1]
        a = scale(lift(p, s, x[0], d if weight > 0.0 else math.nan), weight)  # a weight of zero: a missing pair
        return lower(p, push(s, HEAD, a, p[slot], x[2]))

    return step
