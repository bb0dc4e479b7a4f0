"""The backtest itself: jobs of rows, done by threads, with everything that has to be said beforehand."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_COMPLETED, ThreadPoolExecutor, wait
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from ..metrics.base import Windowed
from ..node import Array, Predictor
from . import loop
from .field import Contestant, field, given
from .intervals import Interval
from .plan import Plan, plan, whole
from .progress import Bar
from .result import Result
from .series import Series, gather
from .work import Sums, Work

#: errors that one thread works on before it looks around
AT_ONCE = 2_000_000
#: errors in all below which a second thread costs more than it saves
FEW = 100_000


@dataclass(frozen=True)
class Job:
    """Rows first to last - 1 for one model."""

    model: int
    first: int
    last: int


def backtest(
    y: Any,
    models: Any,
    horizon: int = 12,
    start: int = 100,
    stride: int = 1,
    gap: int = 0,
    window: int | None = None,
    refit: int | None = None,
    x: Any = None,
    complete: bool = False,
    keep_errors: bool = False,
    metrics: Sequence[Windowed] | None = None,
    level: float | Interval | None = None,
    workers: int | None = None,
    progress: bool | None = None,
    *,
    x_known: bool = True,
    season: int | None = None,
    id: str = "unique_id",  # noqa: A002
    time: str = "ds",
    target: str = "y",
) -> Result:
    r"""Rolling-origin backtest: from every origin the next values are forecast, and scored when their truth arrives.

    .. math::

        MSE_{m,h} = \frac{1}{|K|} \sum_{k \in K} (y_{k+g+h} - \hat y^{(m)}_{k+g+h|k})^2

    An origin k means that the first k samples are known. Every sample is forecast before it is learnt, in one compiled
    pass a series: the cost grows with samples times horizon, and never with their square.

    Parameters
    ----------
    y : array, list or frame
        One series (T,); several, (n, T), or a list or dict of series of any length; or a long frame (pandas, polars,
        pyarrow) with a row a sample. Samples are equally spaced; NaN marks a missing one.
    models : a model, a list of them, or a dict of name and model
        Forecasters; filters and kernels of one's own (`sm.kernel`), which get the series as desired signal and its
        last value as input, and forecast further ahead from their own forecasts (with several inputs: the rows of
        ``x``); any object with ``fit(y)`` and ``forecast(h)`` or ``predict(h)``, and any function ``(y, h)``, which are
        fitted afresh at every origin, in Python. A model with parameters to estimate is fitted on the first ``start``
        samples of each series; one that is fitted already keeps its numbers. None starts with what it has learnt.
    horizon : int
        How many values are forecast from each origin.
    start : int
        The first origin: samples known before the first forecast.
    stride : int
        Every how many samples there is an origin.
    gap : int
        Samples between the origin and the first value that is forecast.
    window : int, optional
        At each origin a fresh model learns the last ``window`` samples alone; by default all samples so far. A model
        whose ``fit`` finds the start as well (exponential smoothing, theta) is fitted to each window.
    refit : int, optional
        Parameters are estimated again every ``refit`` origins.
    x : array (T, m), or for several series (n, T, m) or a list of arrays; for a frame the names of its columns
        What stands beside each sample, for models with regressors.
    complete : bool
        True: only origins after which the whole horizon is in the data.
    keep_errors : bool
        True: `Result.errors`; otherwise memory does not grow with the number of origins.
    metrics : list of metrics, optional
        For instance ``[sm.TrimmedMSE(window=500)]``: one of each for every series and horizon.
    level : float or interval, optional
        Intervals with this share of the truths inside, by `sm.AdaptiveConformal`; or an interval of one's own choice.
    workers : int, optional
        Threads; by default all cores where that pays.
    progress : bool, optional
        A bar on standard error; by default on a terminal, once it lasts longer than a second.
    x_known : bool
        Whether x of the samples to come is known when they are forecast; if not, its last row stands for them.
    season : int, optional
        Season of the naive forecast that scales MASE and RMSSE, over the first ``start`` samples; by default that of
        the models, else 1.
    id, time, target : str
        The columns of a frame.

    Returns
    -------
    result : Result
        ``scores``, ``mse``, ``ranking``, ``rolling``, ``diebold_mariano``, ``plot`` and more.

    Raises
    ------
    ValueError
        When a series is too short for the protocol or for a model; it names both.

    Examples
    --------
    >>> import numpy as np, streammse as sm
    >>> y = np.cumsum(np.random.default_rng(0).standard_normal(5000))
    >>> result = sm.backtest(y, [sm.Naive(), sm.Drift()], horizon=3, start=50)
    >>> result.mse.round(1)
    array([[1., 2., 3.],
           [1., 2., 3.]])

    References
    ----------
    Tashman, "Out-of-sample tests of forecasting accuracy", Int. J. Forecasting 16, 2000. Origins and horizons at the
    end of the series as in ``tsCV`` of Hyndman's R package forecast.
    """
    contestants = field(models)
    series = gather(y, x, id, time, target)
    if season is None:
        season = _season(contestants)
    asked = plan(horizon, start, stride, gap, window, refit, season, x_known, complete, metrics, level)
    _long_enough(series, asked, contestants)
    if asked.window is not None:
        contestants = [one.by_window for one in contestants]
    threads = None if workers is None else whole("workers", workers, 1)
    slow = any(one.node is None or (one.estimates and asked.refit is not None) for one in contestants)

    def work(keep: bool) -> list[Sums]:
        return _all(contestants, series, asked, keep, threads, progress)

    keep = bool(keep_errors) or slow
    return Result(contestants, series, asked, work(keep), work, keep_errors=keep)


def _season(contestants: list[Contestant]) -> int:
    """The season of the models, where they have one: a number, or the first of several."""
    for one in contestants:
        value = one.node.params.get("season") if one.node is not None else None
        if isinstance(value, int) and not isinstance(value, bool) and value > 1:
            return value
    return 1


def _long_enough(series: Series, asked: Plan, contestants: list[Contestant]) -> None:
    lengths = series.lengths
    if int(lengths.min()) < asked.shortest:
        row = int(lengths.argmin())
        parts = f"start={asked.start}"
        parts += f", gap={asked.gap}" if asked.gap else ""
        parts += f", horizon={asked.horizon}, complete=True" if asked.complete else ""
        raise ValueError(
            f"series {series.names[row]!r} has {lengths[row]} samples: a backtest with {parts} needs at least "
            f"{asked.shortest}"
        )
    known = None
    for one in contestants:
        if one.kind == loop.VECTOR:
            assert one.node is not None
            m = one.node._inputs()
            if series.x.shape[1] != m:
                raise ValueError(f"{one.name} needs x with {m} columns, got {series.x.shape[1]}")
        if one.needs <= 1:
            continue
        if asked.window is not None and asked.window < one.needs:
            raise ValueError(f"{one.name} needs {one.needs} samples before it can forecast, got window={asked.window}")
        if known is None:
            known = _known(series, asked)
        few = np.flatnonzero(known < one.needs)
        if few.size:
            row = int(few[0])
            raise ValueError(
                f"series {series.names[row]!r} is too short for {one.name}: it needs {one.needs} samples before it can "
                f"forecast, and {known[row]} of the first start={asked.start} are known (not missing)"
            )


def _known(series: Series, asked: Plan) -> Any:
    """How many samples are not missing before the first origin."""
    finite = np.isfinite(series.y)
    if finite.all():
        return np.full(len(series), asked.start)
    total = np.concatenate(([0], np.cumsum(finite)))
    begin = series.edges[:-1]
    return total[begin + asked.start] - total[begin]


def _all(
    contestants: list[Contestant],
    series: Series,
    asked: Plan,
    keep: bool,
    workers: int | None,
    progress: bool | None,
) -> list[Sums]:
    """Every model on every series."""
    origins = asked.origins(int(series.lengths.max()))
    sums = [Sums(asked, len(series), origins, keep) for _ in contestants]
    jobs = _jobs(contestants, series, asked)
    total = len(series.y) * len(contestants)
    work = total * max(1, asked.horizon // asked.stride)
    threads = workers or (1 if work < FEW and not _by_python(contestants, asked) else _cores())
    threads = min(threads, len(jobs))
    stop = threading.Event()
    bar = Bar(total, progress)

    def do(job: Job, tell: Callable[[], None]) -> int:
        one = contestants[job.model]
        _do(one, series, asked, sums[job.model], job, stop, tell)
        return int(series.edges[job.last] - series.edges[job.first])

    try:
        if threads == 1:
            for job in jobs:
                bar.add(do(job, bar.look))
        else:
            _in_threads(jobs, do, threads, bar)
    except BaseException:
        stop.set()
        raise
    finally:
        bar.close()
    return sums


def _in_threads(jobs: list[Job], do: Callable[[Job, Callable[[], None]], int], threads: int, bar: Bar) -> None:
    pool = ThreadPoolExecutor(threads)
    try:
        waiting = {pool.submit(do, job, _nothing) for job in jobs}
        while waiting:
            done, waiting = wait(waiting, timeout=bar.patience, return_when=FIRST_COMPLETED)
            for one in done:
                bar.add(one.result())
            bar.look()
    finally:
        pool.shutdown(wait=False, cancel_futures=True)


def _nothing() -> None:
    """Only the thread that began may draw."""


def _by_python(contestants: list[Contestant], asked: Plan) -> bool:
    """Whether a row takes so long that a thread is worth its start."""
    return any(one.node is None or one.unfitted or (one.estimates and asked.refit) for one in contestants)


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _jobs(contestants: list[Contestant], series: Series, asked: Plan) -> list[Job]:
    """Rows in portions: short enough to be stopped between them, and so many that threads end together."""
    n = len(series)
    cost = len(series.y) * max(1, asked.horizon // asked.stride)
    pieces = max(1, cost // AT_ONCE, min(n, 8 if cost > FEW else 1))
    parts = min(n, pieces)
    edges = [n * k // parts for k in range(parts + 1)]
    jobs = []
    for k, one in enumerate(contestants):
        alone = one.node is None or one.unfitted or (one.estimates and asked.refit is not None)
        bounds = list(range(n + 1)) if alone else edges
        jobs += [Job(k, a, b) for a, b in pairwise(bounds)]
    return jobs


def _do(
    one: Contestant,
    series: Series,
    asked: Plan,
    sums: Sums,
    job: Job,
    stop: threading.Event,
    tell: Callable[[], None],
) -> None:
    """One portion."""
    work = Work(asked, series.x.shape[1])
    nothing = np.empty((0, 0, 0))
    row = job.first

    def on(until: int, fresh: bool, told: Array = nothing) -> None:
        work.run(series.y, series.edges, series.x, told, sums, row, row + 1, fresh=fresh, until=until)
        tell()
        if stop.is_set():
            raise KeyboardInterrupt

    try:
        if one.node is None:
            work.take(None)
            origins = range(asked.start, asked.start + asked.stride * asked.origins(len(series.one(row))), asked.stride)
            told = np.full((len(series), len(origins), asked.horizon), np.nan)
            for i, k in enumerate(origins):
                told[row, i] = given(one, series.one(row), range(k, k + 1), asked.gap + asked.horizon, asked.window)[
                    0, asked.gap :
                ]
                tell()
                if stop.is_set():
                    raise KeyboardInterrupt
            on(1 << 60, fresh=True, told=told)
            return
        if not one.unfitted and not (one.estimates and asked.refit is not None):
            work.take(one.node)
            if job.last - job.first > 1:
                work.run(series.y, series.edges, series.x, nothing, sums, job.first, job.last)
                tell()
                if stop.is_set():
                    raise KeyboardInterrupt
                return
            _in_pieces(asked, len(series.one(row)), lambda until, fresh: on(until, fresh=fresh))
            return
        node = one.node.clone()
        if one.unfitted:
            _fit(node, series, row, asked.start, asked)
        work.take(node)
        if asked.refit is None:
            _in_pieces(asked, len(series.one(row)), lambda until, fresh: on(until, fresh=fresh))
            return
        origin, fresh = asked.start + asked.stride * asked.refit, True
        while origin < len(series.one(row)):
            on(origin - 1, fresh=fresh)  # the sample before an origin is learnt when the model is fitted
            fresh = False
            _fit(node, series, row, origin, asked)
            _up_to(node, series, row, origin - 1)
            work.take(node, learnt=True)
            origin += asked.stride * asked.refit
        on(1 << 60, fresh=fresh)
    except (ValueError, TypeError, ArithmeticError, np.linalg.LinAlgError) as error:
        if len(series) == 1:
            raise type(error)(f"{one.name}: {error}") from error
        raise type(error)(f"series {series.names[row]!r}, {one.name}: {error}") from error


def _in_pieces(asked: Plan, samples: int, on: Callable[[int, bool], None]) -> None:
    """One long series in pieces, so that Ctrl-C need not wait for its end."""
    size = max(1000, AT_ONCE // max(1, asked.horizon * (asked.window or 1) // asked.stride))
    fresh = True
    for until in range(size, samples + size, size):
        on(until, fresh)
        fresh = False


def _fit(node: Predictor, series: Series, row: int, origin: int, asked: Plan) -> None:
    """Estimate what is to be estimated from what is known at an origin."""
    first = max(0, origin - asked.window) if asked.window is not None else 0
    beside: tuple[ArrayLike, ...] = ()
    if node._inputs() > 1 or series.x.shape[1]:
        exogenous = getattr(node, "_exogenous", lambda: 0)()
        beside = (series.beside(row)[first:origin],) if exogenous else ()
    node.fit(series.one(row)[first:origin], *beside)  # type: ignore[attr-defined]


def _up_to(node: Predictor, series: Series, row: int, origin: int) -> None:
    """Learn anew what came before, with the parameters as they are now."""
    exogenous = getattr(node, "_exogenous", lambda: 0)()
    node.reset()
    node.run(series.one(row)[:origin], *((series.beside(row)[:origin],) if exogenous else ()))
