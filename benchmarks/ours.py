"""What StreamMSE enters into each race, with its defaults and through its public names."""

from __future__ import annotations

import hashlib
from typing import Any

import streammse as sm

from .timing import Call
from .workloads import (
    ARMA,
    MU,
    backtest_start,
    complex_identification,
    identification,
    long_frame,
    m3_monthly,
    pairs,
    season,
    seasonal,
    walk,
)

BLOCK = 512
AGAIN = 10  # backtests in a row: one alone is over before the caches have forgotten the rival


def nlms(taps: int, samples: int) -> dict[str, Call]:
    data = identification(taps, samples)
    filt = sm.NLMS(taps=taps, mu=MU)
    return {"": Call(lambda: filt.run(data.x, data.d), samples)}


def complex_nlms(taps: int, samples: int) -> dict[str, Call]:
    data = complex_identification(taps, samples)
    filt = sm.NLMS(taps=taps, mu=MU, complex=True)
    return {"": Call(lambda: filt.run(data.x, data.d), samples)}


def nlms_one_by_one(taps: int, samples: int) -> dict[str, Call]:
    data = identification(taps, samples)
    filt = sm.NLMS(taps=taps, mu=MU)
    rows = list(zip(data.x.tolist(), data.d.tolist(), strict=True))

    def call() -> Any:
        update = filt.update
        for x, d in rows:
            y = update(x, d)
        return y

    return {"": Call(call, samples)}


def mse_one_by_one(samples: int) -> dict[str, Call]:
    truth, prediction = pairs(samples)
    rows = list(zip(truth.tolist(), prediction.tolist(), strict=True))
    metric = sm.MSE()

    def call() -> Any:
        update = metric.update
        for a, b in rows:
            value = update(a, b)
        return value

    return {"": Call(call, samples)}


def mse_in_blocks(samples: int, curve: bool) -> dict[str, Call]:
    """With the value after each pair, or with the value after each block."""
    truth, prediction = pairs(samples)
    metric = sm.MSE()
    blocks = [(truth[i : i + BLOCK], prediction[i : i + BLOCK]) for i in range(0, samples - BLOCK + 1, BLOCK)]

    def call() -> Any:
        for a, b in blocks:
            value = metric.run(a, b, curve=curve)
        return value[-1] if curve else value

    return {"": Call(call, BLOCK * len(blocks))}


def rolling_mse(window: int, samples: int) -> dict[str, Call]:
    a, b = pairs(samples)
    metric = sm.MSE(window=window)
    return {"": Call(lambda: metric.reset().run(a, b), samples)}


def one_mse(samples: int) -> dict[str, Call]:
    a, b = pairs(samples)
    metric = sm.MSE()
    return {"": Call(lambda: metric.reset().run(a, b, curve=False), samples)}


def bank(rows: int, taps: int, samples: int) -> dict[str, Call]:
    data = identification(taps, samples, rows)
    filters = sm.bank(sm.NLMS(taps=taps, mu=MU), rows)
    return {"": Call(lambda: filters.run(data.x, data.d), rows * samples)}


def snapshots(rows: int, taps: int, as_bank: bool) -> dict[str, Call]:
    """Seconds for all of them, in one piece or one by one, each its first."""
    if as_bank:
        return {"": Call(sm.bank(sm.NLMS(taps=taps, mu=MU), rows).snapshot)}
    filters = [sm.NLMS(taps=taps, mu=MU) for _ in range(rows)]

    def first() -> list[bytes]:
        for one in filters:
            one.__dict__.pop("_told", None)
        return [one.snapshot() for one in filters]

    return {"": Call(first)}


def digest(rows: int, taps: int) -> dict[str, Call]:
    """Nothing but the checksum of the bank's snapshot: no snapshot can be quicker."""
    data = sm.bank(sm.NLMS(taps=taps, mu=MU), rows).snapshot()
    return {"": Call(lambda: hashlib.sha256(data).digest())}


def one_after_another(rows: int, taps: int, samples: int) -> dict[str, Call]:
    """The same rows without a bank."""
    data = identification(taps, samples, rows)
    filters = [sm.NLMS(taps=taps, mu=MU) for _ in range(rows)]

    def call() -> Any:
        return [one.run(x, d) for one, x, d in zip(filters, data.x, data.d, strict=True)]

    return {"": Call(call, rows * samples)}


def _smoothing(rate: float) -> sm.HoltWinters:
    return sm.HoltWinters(season=12, alpha=rate, beta=0.02, gamma=0.1)


def ensemble(experts: int, samples: int) -> dict[str, Call]:
    """One sample of all experts and of the rule that weighs them, the slowest of those that learn."""
    y = season(samples)
    model = sm.ExponentialWeights([_smoothing(0.05 + 0.9 * k / experts) for k in range(experts)])
    return {"": Call(lambda: model.run(y), samples)}


def median_ensemble(experts: int, samples: int) -> dict[str, Call]:
    y = season(samples)
    model = sm.MedianEnsemble([_smoothing(0.05 + 0.9 * k / experts) for k in range(experts)])
    return {"": Call(lambda: model.run(y), samples)}


def so_many_times_one(experts: int, samples: int) -> dict[str, Call]:
    """The same experts one after another, each over the whole series."""
    y = season(samples)
    models = [_smoothing(0.05 + 0.9 * k / experts) for k in range(experts)]

    def call() -> Any:
        return [one.run(y)[-1] for one in models]

    return {"": Call(call, samples)}


def _arima() -> sm.ARIMA:
    return sm.ARIMA((1, 1, 1), ar=ARMA[:1], ma=ARMA[1:])


def arima(samples: int) -> dict[str, Call]:
    """The forecast of every sample, from the first to the last."""
    y, model = walk(samples), _arima()
    return {"": Call(lambda: model.reset().run(y), samples)}


def arima_one_by_one(samples: int) -> dict[str, Call]:
    model, rows = _arima(), walk(samples).tolist()

    def call() -> Any:
        update = model.reset().update
        for y in rows:
            forecast = update(y)
        return forecast

    return {"": Call(call, samples)}


def _holt_winters(season: int) -> Any:
    """With its parameters given."""
    return sm.HoltWinters(season, alpha=0.3, beta=0.05, gamma=0.1)


def backtest(rows: int, samples: int, season: int, horizon: int, workers: int | None = None) -> dict[str, Call]:
    """Every score of every horizon, from arrays."""
    y, model, start = seasonal(rows, samples, season), _holt_winters(season), backtest_start(season)
    y = y[0] if rows == 1 else y

    def call() -> Any:
        for _ in range(AGAIN):
            result = sm.backtest(y, model, horizon=horizon, start=start, complete=True, workers=workers)
        return result.mse

    return {"": Call(call, AGAIN * rows)}


def backtest_fitted(rows: int, samples: int, season: int, horizon: int) -> dict[str, Call]:
    """The same with parameters estimated once from the samples before the first origin, as the rival does."""
    y, start = seasonal(rows, samples, season), backtest_start(season)
    model = sm.HoltWinters(season)
    return {"": Call(lambda: sm.backtest(y, model, horizon=horizon, start=start, complete=True).mse, rows)}


def backtest_frames(rows: int, samples: int, season: int, horizon: int) -> dict[str, Call]:
    """From a long frame to the frame of all forecasts."""
    frame, model, start = long_frame(rows, samples, season), _holt_winters(season), backtest_start(season)

    def call() -> Any:
        result = sm.backtest(frame, model, horizon=horizon, start=start, complete=True, keep_errors=True)
        return result.forecasts.to_pandas()

    return {"": Call(call, rows)}


def fit_holt_winters(samples: int, season: int) -> dict[str, Call]:
    y = seasonal(1, samples, season)[0]
    return {"": Call(lambda: sm.HoltWinters(season).fit(y))}


def fit_m3(few: int, auto: bool) -> dict[str, Call]:
    """Seconds a series, on one thread."""
    many = m3_monthly(few)
    model = sm.AutoETS(12) if auto else sm.HoltWinters(12)
    return {"": Call(lambda: [model.clone().fit(y) for y in many], len(many))}


def holt_winters_one_by_one(samples: int) -> dict[str, Call]:
    rows = seasonal(1, samples, 24)[0].tolist()
    model = sm.HoltWinters(24, alpha=0.3, beta=0.05, gamma=0.1)

    def call() -> Any:
        update = model.update
        for y in rows:
            forecast = update(y)
        return forecast

    return {"": Call(call, samples)}
