"""The same backtest while samples arrive: one at a time, in constant memory, the same numbers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike

from .. import snapshot
from ..metrics.base import Windowed
from ..node import Array, Predictor, real_array
from ..snapshot import Stored
from . import loop, scores, stored
from .field import Contestant, field, kind_of
from .intervals import Interval
from .plan import plan
from .table import Table
from .work import Sums, Work


class LiveBacktest:
    """A backtest that runs beside a live stream: forecasts wait for their truth, and scores are always up to date.

    After T samples ``scores`` equals `sm.backtest` on those T samples, bit for bit. Memory does not grow.

    Parameters
    ----------
    model : a forecaster, filter or kernel of one's own
        Whatever it has to estimate must be known: ``fit`` it on history first. It starts with nothing learnt.
    horizon, start, stride, gap, window, metrics, level, x_known, season
        As in `sm.backtest`.

    Examples
    --------
    >>> import streammse as sm
    >>> live = sm.LiveBacktest(sm.Drift(), horizon=2, start=3)
    >>> [live.update(y) for y in (1.0, 2.0, 3.0, 4.5)]
    [nan, nan, nan, 4.0]
    >>> live.forecasts.round(2).tolist(), live.mse.tolist()
    ([5.67, 6.83], [0.25, nan])
    """

    def __init__(
        self,
        model: Any,
        horizon: int = 12,
        start: int = 100,
        stride: int = 1,
        gap: int = 0,
        window: int | None = None,
        metrics: Sequence[Windowed] | None = None,
        level: float | Interval | None = None,
        *,
        x_known: bool = True,
        season: int | None = None,
    ) -> None:
        (one,) = field([model])
        if one.node is None:
            raise TypeError(f"{one.name} can only be fitted afresh: a live backtest needs a model that streams")
        if one.unfitted:
            raise ValueError(f"{one.name} has parameters to estimate: fit it on history first")
        if window is not None and one.by_window is not one:
            raise ValueError(f"{one.name} would have to be fitted to each window: expected window=None")
        if season is None:
            value = one.node.params.get("season")
            season = value if isinstance(value, int) and value > 1 else 1
        asked = plan(horizon, start, stride, gap, window, None, season, x_known, False, metrics, level)
        for enough, what in ((asked.start, "start"), (asked.window, "window")):
            if enough is not None and enough < one.needs:
                raise ValueError(f"{one.name} needs {one.needs} samples before it can forecast, got {what}={enough}")
        # a model of its own: what is set on the caller's afterwards is none of a backtest's that runs
        self._model = one.node.clone()
        self._one, self._plan = Contestant(one.name, self._model), asked
        self._values = {
            "model": self._model,
            "horizon": asked.horizon,
            "start": asked.start,
            "stride": asked.stride,
            "gap": asked.gap,
            "window": asked.window,
            "metrics": asked.metrics or None,
            "level": asked.interval,
            "x_known": asked.known,
            "season": asked.season,
        }
        self._inputs = _inputs(self._model)
        self._edges = np.zeros(2, dtype=np.int64)
        self._nothing = np.empty((0, 0, 0))
        self.reset()

    def __repr__(self) -> str:
        return f"<live backtest of {self._one.name}, {self.count:,} samples>"

    def reset(self) -> Self:
        """Forget everything. Returns self."""
        self._work = Work(self._plan, self._inputs, live=True)
        self._work.take(self._one.node)
        self._sums = Sums(self._plan, 1, 0, keep=False)
        return self

    def snapshot(self) -> bytes:
        """All of it as bytes, without pickle; ``restore`` or ``sm.load`` goes on from there, bit for bit."""
        return snapshot.dump(stored.NAME, stored.LAYOUT, self._values, stored.arrays(self._work, self._sums))

    def restore(self, data: bytes) -> Self:
        """Take over a snapshot of a live backtest of the same model and parameters. Returns self.

        Raises ValueError when the bytes are damaged or belong to something else, or when no such backtest could have
        got into this state; it is then as it was.
        """
        return self._take_over(snapshot.parse(data))

    def _take_over(self, found: Stored) -> Self:
        if found.name != stored.NAME:
            snapshot.refuse(f"expected a snapshot of a {stored.NAME}, got one of {found.name}")
        for name, value in self._values.items():
            if not snapshot.alike(snapshot.plain(value), found.params.get(name)):
                snapshot.refuse(f"the snapshot was made with another {name}: {found.params.get(name)!r}")
        with snapshot.refusing(stored.NAME):
            stored.take_over(self._model, self._plan, self._work, self._sums, found)
        return self

    @classmethod
    def _from(cls, values: dict[str, Any], found: Stored) -> Self:
        """One that goes on from a snapshot, whose parameters have been built; it takes the memory that those take."""
        stored.fits(values, _inputs(values["model"]), found)
        return cls(**values)._take_over(found)

    def __reduce__(self) -> Any:
        arrays = {name: array.copy() for name, array in stored.arrays(self._work, self._sums).items()}
        return _revive, (type(self), self._values, arrays)

    @property
    def count(self) -> int:
        """How many samples it has seen."""
        return int(self._work.b[loop.SEEN])

    def update(self, y: float, x: ArrayLike | None = None) -> float:
        """One sample: score what was said about it, learn it, and forecast on.

        Parameters
        ----------
        y : float
            NaN: a missing sample.
        x : array, shape (1 + K, m)
            For a model with regressors: their row beside y, and those of the next K samples as far as they are known;
            where none is known (``x_known=False``) the row alone.

        Returns
        -------
        forecast : float
            What the shortest horizon had said about y; NaN where it had said nothing.
        """
        plan, work, t = self._plan, self._work, self.count
        sample = np.array([y], dtype=np.float64)
        beside = np.empty((1, 0))
        if self._inputs:
            beside = real_array(np.atleast_2d(np.asarray(x, dtype=np.float64)), "x")
            if beside.ndim != 2 or beside.shape[1] != self._inputs or not len(beside):
                raise ValueError(f"x must have shape (1 + K, {self._inputs}), got {beside.shape}")
        elif x is not None:
            raise TypeError(f"{self._one.name} takes no regressors")
        since = t - plan.gap - plan.start
        stood = float(work.ring[t % len(work.ring), 0]) if since >= 0 and since % plan.stride == 0 else np.nan
        self._edges[1] = 1
        work.run(sample, self._edges, beside, self._nothing, self._sums, 0, 1, fresh=False, base=t)
        return stood

    def run(self, y: ArrayLike) -> Array:
        """A block: exactly ``[update(y[t]) for t in range(T)]``, for a model without regressors."""
        return np.array([self.update(one) for one in real_array(y, "y")])

    @property
    def forecasts(self) -> Array:
        """What was said at the last origin, (horizon,); NaN before the first."""
        return self._work.out[self._plan.gap :].copy()

    @property
    def mse(self) -> Array:
        """Mean squared error so far, (horizon,)."""
        return scores.figures(self._sums, self._plan, pooled=True)["MSE"]

    @property
    def scores(self) -> Table:
        """The table of `sm.backtest`, so far."""
        return scores.by_horizon([self._one.name], [self._sums], self._plan)


def _inputs(node: Predictor) -> int:
    """How many inputs stand beside a sample of a model that takes any."""
    return node._inputs() if kind_of(node) == loop.VECTOR else 0


def _revive(cls: type[LiveBacktest], values: dict[str, Any], arrays: dict[str, Array]) -> LiveBacktest:
    made = cls(**values)
    for name, array in stored.arrays(made._work, made._sums).items():
        array[...] = arrays[name]
    return made
