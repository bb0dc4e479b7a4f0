"""What a backtest found."""

from __future__ import annotations

from collections.abc import Callable
from os import PathLike, fspath
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..banks import bank
from ..metrics.errors import MSE
from ..node import Array
from ..scalar import shown
from . import compare, scores
from .field import Contestant
from .plan import Plan, whole
from .portion import Failure
from .series import Series
from .table import Table
from .work import Sums


class Result:
    """Scores of every model and horizon, and where to look further.

    ``scores``, ``by_series``, ``ranking`` and ``forecasts`` are tables with ``to_pandas``, ``to_polars``, ``to_arrow``,
    ``to_csv`` and ``to_parquet``; ``mse`` and ``errors`` are arrays.

    Whatever asks for single errors (``rolling``, ``diebold_mariano``, ``forecasts``, ``plot``) runs the pass once more
    where they were not kept.
    """

    def __init__(
        self,
        contestants: list[Contestant],
        series: Series,
        plan: Plan,
        sums: list[Sums],
        again: Callable[[], list[Sums]],
        *,
        keep_errors: bool,
        failures: list[Failure],
    ) -> None:
        self._contestants, self._series, self._plan, self._sums = contestants, series, plan, sums
        self._again, self._asked_for_errors = again, keep_errors
        #: (series, model, reason) of each model that failed, with ``errors="skip"``; such a series counts for no model
        self.failures = failures
        out = {one.series for one in failures}
        self._rows = np.array([name not in out for name in series.names])
        self._scored = [one.only(self._rows) for one in sums] if failures else sums

    def __repr__(self) -> str:
        n, k = len(self._series), len(self.models)
        about = f"{n:,} series, {k} model{'s' * (k != 1)}, horizon {self._plan.horizon}"
        left = int((~self._rows).sum())
        about += f", {left} series left out" if left else ""
        return f"<backtest of {about}>\n{self.ranking!r}"

    @property
    def models(self) -> list[str]:
        """The names of the models, in the order of all arrays."""
        return [one.name for one in self._contestants]

    @property
    def series(self) -> list[Any]:
        """The names of the series, in the order of all arrays."""
        return list(self._series.names)

    @property
    def origins(self) -> NDArray[np.int64]:
        """Samples known at each origin; a shorter series has the first of them."""
        plan = self._plan
        return plan.start + plan.stride * np.arange(plan.origins(int(self._series.lengths.max())))

    @property
    def mse(self) -> Array:
        """Mean squared error (models, horizon), over all series and origins."""
        return np.array([scores.mean_squares(one) for one in self._scored])

    @property
    def scores(self) -> Table:
        """A row for each model and horizon.

        Columns n, MSE, RMSE, MAE, MASE, RMSSE, sMAPE, MAPE, bias; with intervals coverage, width (mean of those that
        are finite) and unbounded (share of those that are not); then the further metrics.

        MSE, RMSE, MAE, sMAPE, MAPE and bias (forecast minus truth) are over all errors of all series together; MASE and
        RMSSE are scaled by the seasonal naive forecast over the first ``start`` samples of their series and averaged
        over the series, as are the further metrics.
        """
        return scores.by_horizon(self.models, self._scored, self._plan)

    @property
    def by_series(self) -> Table:
        """The same for every series by itself."""
        return scores.by_series(self.models, self._series.names, self._sums, self._plan, self._series.columns[0])

    @property
    def ranking(self) -> Table:
        """The models, best first, over all horizons: by MSE for one series, by mean RMSSE for several."""
        return scores.ranking(self.models, self._scored, self._plan)

    @property
    def metrics(self) -> dict[str, Array]:
        """The further metrics by name, each (models, series, horizon)."""
        H = self._plan.horizon
        values = np.array([one.values for one in self._sums])
        return {name: values[:, :, q * H : (q + 1) * H] for q, name in enumerate(scores.metric_names(self._plan))}

    # Single errors.

    def _kept(self) -> list[Sums]:
        if self._sums[0].kept.shape[1] == 0 and len(self.origins):
            self._sums = self._again()
        return self._sums

    def _targets(self) -> NDArray[np.int64]:
        """Which sample each origin and horizon is for."""
        return self.origins[:, None] + self._plan.gap + np.arange(self._plan.horizon)

    @property
    def errors(self) -> Array:
        """Truth minus forecast (models, series, origins, horizon); NaN where there is no truth.

        Only where the backtest ran with ``keep_errors=True``.
        """
        if not self._asked_for_errors:
            raise ValueError("errors were not kept: run the backtest with keep_errors=True")
        return self._errors()

    def _errors(self) -> Array:
        targets, series = self._targets(), self._series
        truth = np.full((len(series), *targets.shape), np.nan)
        for row in range(len(series)):
            y = series.one(row)
            there = targets < len(y)
            truth[row][there] = y[targets[there]]
        truth[~np.isfinite(truth)] = np.nan
        found: Array = truth[None] - np.array([one.kept for one in self._kept()])
        return found

    @property
    def forecasts(self) -> Table:
        """Every forecast beside its truth, a row for each series, origin and horizon, a column for each model.

        ``cutoff`` is the last sample that was known (its time where the series came with times, else its number).
        """
        series, targets, plan = self._series, self._targets(), self._plan
        kept = [one.kept for one in self._kept()]
        lengths = series.lengths
        if (lengths == lengths[0]).all():
            here = np.flatnonzero(targets.reshape(-1) < lengths[0])
            whole_block = here.size == targets.size
            places = (series.edges[:-1, None] + targets.reshape(-1)[here]).reshape(-1)
            h = np.tile(here % plan.horizon + 1, len(series))
            each = np.full(len(series), here.size)
            flat: list[Any] = [one.reshape(len(series), -1) for one in kept]
            told = [(one if whole_block else one[:, here]).reshape(-1) for one in flat]
        else:
            there = [np.flatnonzero(targets.reshape(-1) < T) for T in lengths]
            places = np.concatenate([series.edges[k] + targets.reshape(-1)[at] for k, at in enumerate(there)])
            h = np.concatenate([at % plan.horizon + 1 for at in there])
            each = np.array([len(at) for at in there])
            told = [np.concatenate([one[k].reshape(-1)[at] for k, at in enumerate(there)]) for one in kept]
        before = places - plan.gap - h
        id_, time, target = series.columns
        columns: dict[str, Any] = {id_: np.repeat(scores._labels(series.names), each)}
        if series.times is not None:
            columns[time] = series.times[places]
            columns["cutoff"] = series.times[before]
        else:
            begins = np.repeat(series.edges[:-1], each)
            columns[time] = places - begins
            columns["cutoff"] = before - begins
        columns["horizon"] = h
        columns[target] = series.y[places]
        zones = {} if series.zone is None else dict.fromkeys((time, "cutoff"), series.zone)
        return Table(columns | dict(zip(self.models, told, strict=True)), zones)

    def rolling(self, window: int | None = None, halflife: float | None = None) -> Array:
        """Rolling MSE over the origins: (models, series, origins, horizon), each over the errors up to its origin.

        Parameters
        ----------
        window : int, optional
            The last W errors of each horizon.
        halflife : float, optional
            Errors after which an error weighs half.

        Returns
        -------
        mse : ndarray
            At [m, i, k, h] the MSE of model m on series i at horizon h + 1, over its errors from the origins up to k.
        """
        if (window is None) == (halflife is None):
            raise ValueError("expected window or halflife, one of them")
        errors = self._errors()
        curves = np.ascontiguousarray(np.moveaxis(errors, 2, 3))
        rows = curves.reshape(-1, curves.shape[-1])
        metric = MSE(window=whole("window", window, 1)) if window is not None else MSE(halflife=halflife)
        made = bank(metric, len(rows)).run(rows, np.zeros_like(rows))
        return np.ascontiguousarray(np.moveaxis(made.reshape(curves.shape), 3, 2))

    def diebold_mariano(
        self,
        a: int | str,
        b: int | str,
        horizon: int = 1,
        *,
        loss: Callable[[Array], Array] = np.square,
        lags: int | None = None,
        harvey: bool = True,
    ) -> compare.DieboldMariano:
        """Whether model a forecasts better than model b at a horizon, by more than chance.

        The definition of ``statsmodels.tsa.stattools.diebold_mariano_test`` (Newey-West variance), with the correction
        of Harvey, Leybourne and Newbold unless ``harvey`` is false. Of several series the mean loss difference of each
        origin is tested.

        Parameters
        ----------
        a, b : int or str
            Number or name of a model.
        horizon : int
            Which horizon, from 1.
        loss : callable
            Of an array of errors; squared by default.
        lags : int, optional
            Autocovariances in the variance; by default max(h - 1, ceil(T^(1/3))), h in origins.
        harvey : bool
            The correction for small samples.

        Returns
        -------
        outcome : DieboldMariano
            ``statistic`` (negative: a is better), ``pvalue``, ``lags``, ``samples``.
        """
        plan = self._plan
        if not 1 <= whole("horizon", horizon, 1) <= plan.horizon:
            raise ValueError(f"horizon must be between 1 and {plan.horizon}, got {horizon}")
        errors = self._errors()[:, :, :, horizon - 1]
        difference = loss(errors[self._model(a)]) - loss(errors[self._model(b)])
        there = np.isfinite(difference)
        number = there.sum(axis=0)
        total = np.where(there, difference, 0.0).sum(axis=0)
        mean = np.divide(total, number, out=np.full(number.shape, np.nan), where=number > 0)
        return compare.diebold_mariano(mean, -(-(horizon + plan.gap) // plan.stride), lags, harvey)

    def weights(self, model: int | str, series: int = 0) -> Array:
        """The weights of an ensemble at each origin of a series: (origins, experts), those its forecasts were made of.

        Parameters
        ----------
        model : int or str
            Number or name of an ensemble that weighs its models, such as `sm.BOA`.
        series : int
            Number of the series.

        Raises
        ------
        ValueError
            When the model has no weights.
        """
        from .weights import weights

        row = _number("series", series, len(self._series))
        return weights(self._contestants[self._model(model)], self._series, row, self._plan)

    def _model(self, which: int | str) -> int:
        if isinstance(which, str):
            if which not in self.models:
                raise ValueError(f"no model {which!r}: there are {', '.join(self.models)}")
            return self.models.index(which)
        return _number("model", which, len(self.models))

    # Out.

    def plot(self, path: str | PathLike[str] | None = None, series: int = 0) -> Any:
        """A picture: forecasts against truth, MSE by horizon, rolling MSE, and the weights of the first ensemble.

        Parameters
        ----------
        path : path, optional
            Where to save it (.png, .svg, .pdf).
        series : int
            The series whose forecasts are drawn, by number; the errors are those of all.

        Returns
        -------
        figure : matplotlib.figure.Figure
        """
        from .picture import picture

        figure = picture(self, _number("series", series, len(self._series)))
        if path is not None:
            figure.savefig(fspath(path), dpi=120)
        return figure

    def to_csv(self, path: str | PathLike[str]) -> None:
        """Write ``scores`` as CSV."""
        self.scores.to_csv(path)

    def to_parquet(self, path: str | PathLike[str]) -> None:
        """Write ``scores`` as Parquet."""
        self.scores.to_parquet(path)


def _number(what: str, which: int, count: int) -> int:
    """A number from 0 to count - 1; one below zero counts from the end, as Python's do."""
    try:
        return range(count)[which]
    except (IndexError, TypeError):
        raise ValueError(f"{what} must be a number from 0 to {count - 1}, got {shown(which)}") from None
