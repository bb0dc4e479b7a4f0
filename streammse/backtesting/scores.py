"""From sums to scores: the table of models and horizons."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np

from .._jit import tiles
from ..node import Array
from . import loop
from .plan import Plan
from .table import Table
from .work import Sums


def mean_squares(sums: Sums) -> Array:
    """The mean squared error of each horizon, over all errors together."""
    with np.errstate(invalid="ignore", divide="ignore"):
        squares, number = (sums.totals[:, :, kind].sum(axis=0).reshape(-1) for kind in (tiles.SQUARED, tiles.COUNT))
        return np.asarray(squares / number)[: sums.horizon]


def figures(sums: Sums, plan: Plan, *, pooled: bool) -> dict[str, Array]:
    """Every score of one model: (horizon,) over all series, or (series, horizon) with ``pooled`` false.

    What is in a unit is taken over all errors together; what is scaled, and the further metrics, is the mean of the
    series that have it.
    """
    with np.errstate(invalid="ignore", divide="ignore"):
        each = sums.sums()
        scale = sums.scales[:, :, None]
        absolute = scale[:, loop.ABSOLUTE_DIFFERENCES] / scale[:, loop.DIFFERENCES]
        squared = scale[:, loop.SQUARED_DIFFERENCES] / scale[:, loop.DIFFERENCES]
        mase = each[tiles.ABSOLUTE] / each[tiles.COUNT] / absolute
        rmsse = np.sqrt(each[tiles.SQUARED] / each[tiles.COUNT] / squared)
        total = each.sum(axis=1) if pooled else each
        n = total[tiles.COUNT]
        mse = total[tiles.SQUARED] / n
        found = {
            "n": n,
            "MSE": mse,
            "RMSE": np.sqrt(mse),
            "MAE": total[tiles.ABSOLUTE] / n,
            "MASE": _mean(mase) if pooled else mase,
            "RMSSE": _mean(rmsse) if pooled else rmsse,
            "sMAPE": total[tiles.SYMMETRIC] / n,
            "MAPE": total[tiles.PERCENT] / (n - total[loop.ZEROS]),
            "bias": -total[tiles.SIGNED] / n,
        }
        if plan.interval is not None:
            c = sums.covers.transpose(1, 0, 2)
            c = c.sum(axis=1) if pooled else c
            found["coverage"] = c[loop.COVERED] / c[loop.ASKED]
            found["width"] = c[loop.WIDTH] / c[loop.BOUNDED]
            found["unbounded"] = 1.0 - c[loop.BOUNDED] / c[loop.ASKED]
        for q, name in enumerate(metric_names(plan)):
            values = sums.values[:, q * plan.horizon : (q + 1) * plan.horizon]
            found[name] = _mean(values) if pooled else values
    return found


def metric_names(plan: Plan) -> list[str]:
    """The further metrics, as they are called in tables; a name that is taken gets a number."""
    names: list[str] = []
    for one in plan.metrics:
        name, k = repr(one), 1
        while name in names:
            k += 1
            name = f"{one!r} #{k}"
        names.append(name)
    return names


def _mean(values: Array) -> Array:
    """Over the series that have a value; what a series has none of does not count."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # a horizon that no series has
        return np.asarray(np.nanmean(np.where(np.isinf(values), np.nan, values), axis=0))


def by_horizon(names: Sequence[str], sums: Sequence[Sums], plan: Plan) -> Table:
    """A row for each model and horizon."""
    H = plan.horizon
    columns: dict[str, Any] = {
        "model": np.repeat(np.array(names, dtype=object), H),
        "horizon": np.tile(np.arange(1, H + 1), len(names)),
    }
    return Table(columns | _joined([figures(one, plan, pooled=True) for one in sums]))


def by_series(names: Sequence[str], series: Sequence[Any], sums: Sequence[Sums], plan: Plan, column: str) -> Table:
    """A row for each model, series and horizon."""
    H, n = plan.horizon, len(series)
    columns: dict[str, Any] = {
        "model": np.repeat(np.array(names, dtype=object), n * H),
        column: np.tile(np.repeat(_labels(series), H), len(names)),
        "horizon": np.tile(np.arange(1, H + 1), len(names) * n),
    }
    return Table(columns | _joined([figures(one, plan, pooled=False) for one in sums]))


def _labels(series: Sequence[Any]) -> Any:
    labels = np.empty(len(series), dtype=object)
    labels[:] = list(series)
    return np.asarray(list(series)) if isinstance(series, range) else labels


def _joined(parts: list[dict[str, Array]]) -> dict[str, Any]:
    joined: dict[str, Any] = {name: np.concatenate([one[name].reshape(-1) for one in parts]) for name in parts[0]}
    joined["n"] = joined["n"].astype(np.int64)
    return joined


def ranking(names: Sequence[str], sums: Sequence[Sums], plan: Plan) -> Table:
    """The models, best first: by MSE over all horizons for one series, for several by mean RMSSE, which has no unit."""
    found = [figures(one, plan, pooled=True) for one in sums]
    by_rmsse = len(sums[0].totals) > 1 and all(np.isfinite(one["RMSSE"]).all() for one in found)
    key = "RMSSE" if by_rmsse else "MSE"
    with np.errstate(invalid="ignore", divide="ignore"):
        totals = [one.sums().sum(axis=(1, 2)) for one in sums]
        mse = np.array([one[tiles.SQUARED] / one[tiles.COUNT] for one in totals])
        mae = np.array([one[tiles.ABSOLUTE] / one[tiles.COUNT] for one in totals])
    scaled = {name: np.array([_mean(one[name]) for one in found]) for name in ("MASE", "RMSSE")}
    values = scaled["RMSSE"] if by_rmsse else mse
    curves = np.where(np.isnan(np.array([one[key] for one in found])), np.inf, [one[key] for one in found])
    wins = ((curves == curves.min(axis=0)) & np.isfinite(curves)).sum(axis=1)
    order = np.argsort(values, kind="stable")  # NaN comes last
    return Table(
        {
            "rank": np.arange(1, len(names) + 1),
            "model": np.array(names, dtype=object)[order],
            "MSE": mse[order],
            "RMSE": np.sqrt(mse)[order],
            "MAE": mae[order],
            "MASE": scaled["MASE"][order],
            "RMSSE": scaled["RMSSE"][order],
            "horizons won": wins[order],
        }
    )
