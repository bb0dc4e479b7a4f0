"""The backtest itself: jobs of rows, done by threads, with everything that has to be said beforehand."""

from __future__ import annotations

import os
import threading
import warnings
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from ..metrics.base import Windowed
from .checks import TooShort, field_fits, too_short
from .field import Contestant, field
from .intervals import Interval
from .plan import Plan, plan, whole
from .portion import AT_ONCE, Failure, Portion, by_itself
from .progress import Bar
from .result import Result
from .series import Series, gather
from .work import Sums

#: errors in all below which a second thread costs more than it saves
FEW = 100_000


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
    errors: str = "raise",
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
        ``x``). And guests, in Python and slowly: a function ``(y, h)``; a function ``(y)`` that returns something
        fitted; an object with ``fit(y)`` and ``forecast(h)`` or ``predict(h)``, such as those of statsforecast; models
        and results of statsmodels. A model with parameters to estimate is fitted on the first ``start`` samples of each
        series, a guest at every origin; one that is fitted already keeps its numbers. None starts with what it has
        learnt.
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
        Parameters are estimated again every ``refit`` origins. A guest is fitted at those origins alone, if in between
        it can go on with its parameters (``apply(y)``, ``append(new)`` or ``forward(y, h)``), else at every one, as a
        function ``(y, h)`` always is.
    x : array (T, m), or for several series (n, T, m) or a list of arrays; for a frame the names of its columns
        What stands beside each sample, for models with regressors. A guest gets it as a parameter ``x`` (or ``X`` or
        ``exog``): its ``fit`` the rows beside y, its ``forecast`` those to come, a function ``(y, h, x)`` both in one.
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
    errors : str
        "raise": the first failure ends the backtest. "skip": a series that is too short, or on which a model fails, is
        left out of the scores of all models, so that they stay comparable; a warning and ``Result.failures`` name it.
    id, time, target : str
        The columns of a frame; those in the index of a pandas frame count as well. Times as text must be numbers or
        dates that can be read.

    Returns
    -------
    result : Result
        ``scores``, ``mse``, ``ranking``, ``rolling``, ``diebold_mariano``, ``plot`` and more.

    Raises
    ------
    ValueError
        When a series is too short for the protocol or for a model; it names both. What a model raises comes as one of
        ValueError, TypeError, ArithmeticError, LookupError and RuntimeError that names series, model and origin.

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
    if errors not in ("raise", "skip"):
        raise ValueError(f"errors must be 'raise' or 'skip', got {errors!r}")
    field_fits(contestants, series, asked)
    short = []
    for one in too_short(contestants, series, asked):
        if errors == "raise":
            raise ValueError(f"series {series.names[one.row]!r} {one.reason}")
        short.append(one)
    if asked.window is not None:
        contestants = [one.by_window for one in contestants]
    threads = None if workers is None else whole("workers", workers, 1)
    work = Backtest(contestants, series, asked, threads, progress, errors == "skip", short)
    sums, failures = work(bool(keep_errors))
    if failures:
        warnings.warn(_told(failures), RuntimeWarning, stacklevel=2)
    return Result(
        contestants, series, asked, sums, lambda: work(True)[0], keep_errors=bool(keep_errors), failures=failures
    )


def _told(failures: list[Failure]) -> str:
    """Those that failed in one line, the first few by name."""
    once = list({str(one.series): one for one in reversed(failures)}.values())[::-1]
    first = "; ".join(f"series {one.series!r}, {one.model}: {one.reason}" for one in once[:3])
    return f"{len(once)} series left out of all scores: {first}" + ("; ..." if len(once) > 3 else "")


def _season(contestants: list[Contestant]) -> int:
    """The season of the models, where they have one: a number, or the first of several."""
    for one in contestants:
        value = one.node.params.get("season") if one.node is not None else None
        if isinstance(value, int) and not isinstance(value, bool) and value > 1:
            return value
    return 1


@dataclass(frozen=True)
class Job:
    """Rows first to last - 1 for one model."""

    model: int
    first: int
    last: int


@dataclass
class Backtest:
    """Everything that is to be done, as often as it is asked for."""

    contestants: list[Contestant]
    series: Series
    asked: Plan
    workers: int | None
    progress: bool | None
    skip: bool
    short: list[TooShort]

    def __call__(self, keep: bool) -> tuple[list[Sums], list[Failure]]:
        """Every model on every series: sums, and what failed where failures are skipped."""
        contestants, series, asked = self.contestants, self.series, self.asked
        origins = asked.origins(int(series.lengths.max()))
        sums = [Sums(asked, len(series), origins, keep) for _ in contestants]
        jobs = _jobs(contestants, series, asked)
        total = len(series.y) * len(contestants)
        work = total * max(1, asked.horizon // asked.stride)
        threads = self.workers or (
            1 if work < FEW and not any(by_itself(one, asked) for one in contestants) else _cores()
        )
        threads = min(threads, len(jobs))
        stop, bar = threading.Event(), Bar(total, self.progress)
        failures = [
            (row, k, reason) for row, model, reason in self.short for k in range(len(sums)) if model in (None, k)
        ]
        hopeless = [frozenset(row for row, k, _ in failures if k == model) for model in range(len(sums))]

        def do(job: Job, tell: Callable[[int], None]) -> None:
            k = job.model
            part = Portion(contestants[k], series, asked, sums[k], stop, tell, self.skip, hopeless[k])
            part.run(job.first, job.last)
            failures.extend((row, k, reason) for row, reason in part.failures)

        try:
            if threads == 1:
                for job in jobs:
                    do(job, bar.add)
            else:
                _in_threads(jobs, do, threads, bar)
        except BaseException:
            stop.set()
            raise
        finally:
            bar.close()
        for row, k, _ in failures:
            sums[k].drop(row)
        return sums, [Failure(series.names[row], contestants[k].name, reason) for row, k, reason in sorted(failures)]


def _in_threads(jobs: list[Job], do: Callable[[Job, Callable[[int], None]], None], threads: int, bar: Bar) -> None:
    """The jobs by so many threads, of which one is ours: to wait and be woken up takes as long as a job."""
    waiting, failed = deque(jobs), list[BaseException]()

    def work(tell: Callable[[int], None]) -> None:
        while not failed:
            try:
                job = waiting.popleft()
            except IndexError:
                return
            do(job, tell)

    def beside() -> None:
        try:
            work(bar.count)  # only the thread that began may draw
        except BaseException as error:  # noqa: BLE001  it is raised where somebody sees it
            failed.append(error)

    others = [threading.Thread(target=beside) for _ in range(threads - 1)]
    for one in others:
        one.start()
    work(bar.add)
    for one in others:
        while one.is_alive():
            one.join(bar.patience)
            bar.look()
    if failed:
        raise failed[0]


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
        bounds = list(range(n + 1)) if by_itself(one, asked) else edges
        jobs += [Job(k, a, b) for a, b in pairwise(bounds)]
    return jobs
