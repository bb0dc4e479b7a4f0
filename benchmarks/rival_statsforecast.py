"""statsforecast: rolling-origin cross validation of Holt-Winters, its parameters estimated once.

It takes and gives long frames and nothing else, so that it stands against ours on arrays and ours on frames alike. Its
parameters cannot be given: the one fit at the first origin is part of its time.
"""

from __future__ import annotations

import warnings

from statsforecast import StatsForecast
from statsforecast.models import ARIMA, AutoETS, HoltWinters

from .timing import Call
from .workloads import ARMA, backtest_start, long_frame, m3_monthly, seasonal, walk

SOME = 50  # of many series: each takes as long as the other, and all of them would take a quarter of a minute


def cross_validation(rows: int, samples: int, season: int, horizon: int) -> dict[str, Call]:
    """Seconds a series, the same origins as ours."""
    some = min(rows, SOME)
    frame = long_frame(rows, samples, season)
    frame = frame[: some * samples]
    origins = samples - backtest_start(season) - horizon + 1

    def call() -> object:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            models = StatsForecast(models=[HoltWinters(season_length=season)], freq=1)
            return models.cross_validation(df=frame, h=horizon, n_windows=origins, step_size=1, refit=False)

    return {f"{some} of {rows} series" if some < rows else "": Call(call, some)}


def arima_forward(samples: int) -> dict[str, Call]:
    """One origin at the end of a series: ``forward`` is what its cross validation without refit calls there."""
    y = walk(samples)
    fixed = dict(zip(("ar1", "ma1"), ARMA, strict=True))
    model = ARIMA(order=(1, 1, 1), include_mean=False, fixed=fixed).fit(y[:200])

    def call() -> object:
        return model.forward(y, h=1)["mean"]

    return {"": Call(call)}


def fit_holt_winters(samples: int, season: int) -> dict[str, Call]:
    y = seasonal(1, samples, season)[0]
    return {"": Call(lambda: HoltWinters(season_length=season).fit(y))}


def fit_m3(few: int, auto: bool) -> dict[str, Call]:
    """Seconds a series, on one thread, without its frames."""
    many = m3_monthly(few)
    model = AutoETS(season_length=12) if auto else HoltWinters(season_length=12)
    return {"": Call(lambda: [model.new().fit(y) for y in many], len(many))}
